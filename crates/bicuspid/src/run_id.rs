//! Names of runs.

use ring::rand::{SecureRandom as _, SystemRandom};
use time::OffsetDateTime;

use crate::clock;
use crate::report::{Stop, fault};

/// A name that sorts by time and never comes again.
#[derive(Debug, Clone)]
pub(crate) struct RunId {
    /// `20260302T211405Z-0a1b2c3d4e5f`.
    pub(crate) text: String,
    /// When the run began.
    pub(crate) began: OffsetDateTime,
}

impl RunId {
    /// Draws the name of a run that begins now.
    pub(crate) fn draw() -> Result<Self, Stop> {
        let mut random = [0_u8; 6];
        SystemRandom::new()
            .fill(&mut random)
            .map_err(|_| Stop::from(fault("the system gave no random bytes")))?;
        let began = clock::now();
        let tail = random.iter().fold(0_u64, |tail, byte| (tail << 8) | u64::from(*byte));
        Ok(Self { text: format!("{}-{tail:012x}", clock::compact(began)), began })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_runs_have_one_name() {
        let (a, b) = (RunId::draw().unwrap(), RunId::draw().unwrap());
        assert_ne!(a.text, b.text);
        assert_eq!(a.text.len(), "20260302T211405Z-0a1b2c3d4e5f".len());
    }
}
