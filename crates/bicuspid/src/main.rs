//! Bicuspid: a one-way valve for dental data.
fn main() {}
