//! The synthetic practice: a simulation that yields rows. No driver, no I/O, no clock.
