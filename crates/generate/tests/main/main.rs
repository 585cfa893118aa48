//! Generations on a real server.

#[cfg(test)]
mod anomalies;
#[cfg(test)]
mod demo;
#[cfg(test)]
mod files;
#[cfg(test)]
mod group;
#[cfg(test)]
mod quality;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod whole;
