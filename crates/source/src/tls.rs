//! Encrypted connections: whom we trust, and what is told when we do not.

use std::path::Path;

use bicuspid_model::trouble::reason_of_io;
use rustls::CertificateError;
use rustls::pki_types::{CertificateDer, pem::PemObject as _};

use crate::error::SourceError;

/// Reads the file of a private authority, and makes sure that it names one: the driver takes an empty file in silence.
///
/// The driver trusts the system's authorities besides; a certificate of one of them for the very name that was asked
/// for passes as well.
pub(crate) fn authority(path: &Path) -> Result<Vec<u8>, SourceError> {
    let fault = |why: String| SourceError::AuthorityFile { path: path.to_owned(), why };
    let text = std::fs::read(path).map_err(|e| fault(reason_of_io(&e)))?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    match certificates {
        Ok(certificates) if !certificates.is_empty() => Ok(text),
        Ok(_) => Err(fault("it holds no certificate in PEM".to_owned())),
        Err(_) => Err(fault("it is not a file of certificates in PEM".to_owned())),
    }
}

/// Where a private authority is named.
pub(crate) const AUTHORITY_REMEDY: &str = "SOURCE_DB_TLS=ca:FILE names a PEM file with the certificate of the authority that signed the server's; \
     ask whoever set the server up for it";
const NO_TLS_REMEDY: &str = "let the server's administrator switch TLS on, or reach the server through an SSH tunnel or VPN that ends on it";
const OTHER_REMEDY: &str =
    "let the server's administrator look at its certificate; servers older than TLS 1.2 need an SSH tunnel";

/// What the driver's trouble with TLS means, `None` if it is another trouble.
pub(crate) fn fault(error: &sqlx::Error, host: &str) -> Option<SourceError> {
    let (reason, remedy) = match error {
        // The only text of the driver's own in this class; the others come from the library below.
        sqlx::Error::Tls(cause) => match cause.downcast_ref::<rustls::Error>() {
            Some(cause) => reason(cause),
            None if cause.to_string().contains("does not support TLS") => {
                ("the server offers no encryption".to_owned(), NO_TLS_REMEDY)
            }
            None => ("the host's name is not one that a certificate can be for".to_owned(), OTHER_REMEDY),
        },
        sqlx::Error::Io(cause) => reason(cause.get_ref()?.downcast_ref::<rustls::Error>()?),
        _ => return None,
    };
    Some(SourceError::Tls { host: host.to_owned(), reason, remedy })
}

/// In a few words of our own: what a stranger's certificate says of itself is not repeated.
fn reason(error: &rustls::Error) -> (String, &'static str) {
    let (reason, remedy) = match error {
        rustls::Error::InvalidCertificate(why) => match why {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => (
                "the server's certificate has expired (or this machine's clock is wrong)",
                "let the server's administrator renew it",
            ),
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => (
                "the server's certificate is not valid yet (or this machine's clock is wrong)",
                "set this machine's clock, or let the server's administrator make a certificate that is valid now",
            ),
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => (
                "the server's certificate is for another name than the host that was asked for; \
                 this may be another server",
                "set SOURCE_DB_HOST to the name that the certificate is for",
            ),
            // The second is an authority of the same name with another key.
            CertificateError::UnknownIssuer | CertificateError::BadSignature => (
                "no authority that this machine trusts signed the server's certificate; \
                 anybody could have made it",
                AUTHORITY_REMEDY,
            ),
            CertificateError::Revoked => {
                ("the server's certificate was revoked", "let the server's administrator renew it")
            }
            // What a server makes for itself when nobody gives it a certificate is its own authority.
            CertificateError::Other(_) => (
                "the server's certificate vouches for itself; anybody could have made it",
                "let the server's administrator give it a certificate signed by an authority, \
                 and name that with SOURCE_DB_TLS=ca:FILE",
            ),
            _ => ("the server's certificate cannot be trusted", OTHER_REMEDY),
        },
        _ => ("the server and Bicuspid found no safe way to encrypt", OTHER_REMEDY),
    };
    (reason.to_owned(), remedy)
}
