//! Generations on a real server.

#[cfg(test)]
mod demo;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod whole;
