//! Random passwords and tokens.

use std::fmt::Write as _;

use ring::rand::{SecureRandom as _, SystemRandom};

use crate::error::SandboxError;

/// 128 random bits in 32 hexadecimal digits, which need no quoting in any file or statement.
pub(crate) fn random() -> Result<String, SandboxError> {
    let mut bytes = [0_u8; 16];
    SystemRandom::new().fill(&mut bytes).map_err(|_| SandboxError::Random)?;
    let mut text = String::with_capacity(32);
    for byte in bytes {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    Ok(text)
}
