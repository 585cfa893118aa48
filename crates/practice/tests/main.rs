//! Whole practices, looked at from outside: only what reached the sink counts.

#[cfg(test)]
mod whole;
