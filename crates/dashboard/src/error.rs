//! What can go wrong with the server of the pages.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use bicuspid_model::{Class, Side, Trouble};

/// An error of the server; none of them touches a database.
#[derive(Debug, thiserror::Error)]
pub enum DashboardError {
    /// The address could not be listened on.
    #[error("could not listen on {address}")]
    Listen {
        /// Which address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// An address that others can reach was asked for without what protects it.
    #[error("pages for other machines were refused")]
    Unprotected {
        /// Which address.
        address: SocketAddr,
        /// What is missing.
        missing: &'static str,
    },
    /// A token that can be guessed.
    #[error("the token is too short")]
    WeakToken,
    /// A certificate or key that is none.
    #[error("{} could not be used", path.display())]
    Certificate {
        /// Its file.
        path: PathBuf,
        /// Why, in our words.
        why: String,
    },
}

impl DashboardError {
    /// The error as it is told to a person.
    #[must_use]
    pub fn trouble(&self) -> Trouble {
        let (code, class, why, hint) = match self {
            Self::Listen { source, .. } => (
                "dashboard::listen",
                Class::Local,
                source.to_string(),
                "end the other program, or give another port with --listen".to_owned(),
            ),
            Self::Unprotected { address, missing } => (
                "dashboard::unprotected",
                Class::Refused,
                format!("{address} can be reached by others, and {missing}"),
                "give --token-file, --tls-cert and --tls-key, or leave --listen away and use an SSH tunnel"
                    .to_owned(),
            ),
            Self::WeakToken => (
                "dashboard::weak_token",
                Class::Refused,
                format!("it has fewer than {} characters", crate::gate::TOKEN_CHARS_MIN),
                "make one with `openssl rand -hex 32` in a file that only its owner can read".to_owned(),
            ),
            Self::Certificate { why, .. } => (
                "dashboard::certificate",
                Class::Usage,
                why.clone(),
                "give a chain of certificates and its private key, both as PEM".to_owned(),
            ),
        };
        Trouble {
            code: code.to_owned(),
            side: Side::Local,
            class,
            what: self.to_string(),
            why,
            state: "no page was served, and no server was asked for anything".to_owned(),
            hint,
        }
    }
}
