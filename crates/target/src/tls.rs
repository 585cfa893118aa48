//! Encrypted connections: whom we trust, and what is told when we do not.

use std::path::Path;
use std::sync::Arc;

use bicuspid_model::trouble::reason_of_io;
use bicuspid_model::{Endpoint, Tls};
use rustls::pki_types::{CertificateDer, pem::PemObject as _};
use rustls::{CertificateError, ClientConfig, RootCertStore};

use crate::error::TargetError;

/// Where a private authority is named.
pub(crate) const AUTHORITY_REMEDY: &str = "TARGET_DB_TLS=ca:FILE names a PEM file with the certificate of the authority that signed the server's; \
     ask whoever set the server up for it";
const NO_TLS_REMEDY: &str = "let the server's administrator switch TLS on (ssl = on in postgresql.conf), or reach the server through an SSH \
     tunnel or VPN that ends on it";
const OTHER_REMEDY: &str = "let the server's administrator look at its certificate; TLS 1.2 is the least";

/// What a connection demands of the server. With a private authority it is the only one that is trusted.
pub(crate) fn config(endpoint: &Endpoint) -> Result<ClientConfig, TargetError> {
    let mut roots = RootCertStore::empty();
    if let Tls::Ca(path) = &endpoint.tls {
        for certificate in authority(path)? {
            roots.add(certificate).map_err(|_| TargetError::AuthorityFile {
                path: path.clone(),
                why: "it holds a certificate that is not one of an authority".to_owned(),
            })?;
        }
    } else {
        for certificate in rustls_native_certs::load_native_certs().certs {
            // A root that the library cannot read is one that cannot vouch for anybody; the others still can.
            let _ = roots.add(certificate);
        }
    }
    let fault = |reason: &str| TargetError::Tls {
        host: endpoint.host.to_string(),
        reason: reason.to_owned(),
        remedy: AUTHORITY_REMEDY,
    };
    if roots.is_empty() {
        return Err(fault("this machine knows no certificate authority"));
    }
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|_| fault("the TLS library has no safe protocol version"))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(config)
}

/// Reads the file of a private authority, and makes sure that it names one.
fn authority(path: &Path) -> Result<Vec<CertificateDer<'static>>, TargetError> {
    let fault = |why: String| TargetError::AuthorityFile { path: path.to_owned(), why };
    let text = std::fs::read(path).map_err(|e| fault(reason_of_io(&e)))?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    match certificates {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        Ok(_) => Err(fault("it holds no certificate in PEM".to_owned())),
        Err(_) => Err(fault("it is not a file of certificates in PEM".to_owned())),
    }
}

/// What the driver's trouble with TLS means, `None` if it is another trouble.
pub(crate) fn fault(error: &tokio_postgres::Error, host: &str) -> Option<TargetError> {
    let told = |(reason, remedy): (&str, &'static str)| {
        Some(TargetError::Tls { host: host.to_owned(), reason: reason.to_owned(), remedy })
    };
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        let of_io = inner.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        let of_library = of_io.and_then(|inner| inner.downcast_ref::<rustls::Error>());
        if let Some(library) = of_library.or_else(|| inner.downcast_ref::<rustls::Error>()) {
            return told(reason(library));
        }
        cause = inner.source();
    }
    // The driver has no kind of its own for these.
    let cause = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    if cause == "server does not support TLS" {
        return told(("the server offers no encryption", NO_TLS_REMEDY));
    }
    if error.to_string().contains("TLS") {
        return told(("the host's name is not one that a certificate can be for", OTHER_REMEDY));
    }
    None
}

/// In a few words of our own: what a stranger's certificate says of itself is not repeated.
fn reason(error: &rustls::Error) -> (&'static str, &'static str) {
    let rustls::Error::InvalidCertificate(why) = error else {
        return ("the server and Bicuspid found no safe way to encrypt", OTHER_REMEDY);
    };
    match why {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => (
            "the server's certificate has expired (or this machine's clock is wrong)",
            "let the server's administrator renew it",
        ),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => (
            "the server's certificate is not valid yet (or this machine's clock is wrong)",
            "set this machine's clock, or let the server's administrator make a certificate that is valid now",
        ),
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => (
            "the server's certificate is for another name than the host that was asked for; this may be another server",
            "set TARGET_DB_HOST to the name that the certificate is for",
        ),
        // The second is an authority of the same name with another key.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => (
            "no authority that this machine trusts signed the server's certificate; anybody could have made it",
            AUTHORITY_REMEDY,
        ),
        CertificateError::Revoked => {
            ("the server's certificate was revoked", "let the server's administrator renew it")
        }
        // What a server makes for itself when nobody gives it a certificate is its own authority.
        CertificateError::Other(_) => (
            "the server's certificate vouches for itself; anybody could have made it",
            "let the server's administrator give it a certificate signed by an authority, and name that with \
             TARGET_DB_TLS=ca:FILE",
        ),
        _ => ("the server's certificate cannot be trusted", OTHER_REMEDY),
    }
}
