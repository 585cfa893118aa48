//! Certificates for servers of tests: good ones, and each kind that must be refused.
#![expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "a test without its certificates has nothing to say"
)]

use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};

use crate::account::Account;
use crate::home::Home;

/// A certificate authority that nobody trusts but who is given its file.
#[derive(Debug)]
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    folder: tempfile::TempDir,
}

/// A server's certificate and its key, both in PEM.
#[derive(Clone)]
pub struct ServerCertificate {
    certificate: String,
    key: String,
}

impl std::fmt::Debug for ServerCertificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServerCertificate").finish_non_exhaustive()
    }
}

impl ServerCertificate {
    /// The certificate.
    #[must_use]
    pub fn certificate_pem(&self) -> &str {
        &self.certificate
    }

    /// Its key.
    #[must_use]
    pub fn key_pem(&self) -> &str {
        &self.key
    }
}

impl Authority {
    /// Makes an authority with a new key.
    #[must_use]
    pub fn new() -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = params(&[], "Authority of a test");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = params.self_signed(&key).expect("a certificate");
        let folder = tempfile::tempdir().expect("a folder for the authority");
        std::fs::write(folder.path().join("ca.pem"), certificate.pem()).expect("the authority's file");
        Self { issuer: Issuer::new(params, key), folder }
    }

    /// The PEM file with the authority's own certificate, for `ca:FILE`.
    #[must_use]
    pub fn file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// Issues a certificate for these names and addresses that is good today.
    #[must_use]
    pub fn issue(&self, names: &[&str]) -> ServerCertificate {
        self.sign(&params(names, "server"))
    }

    /// Issues one that was good until the end of 2019.
    #[must_use]
    pub fn issue_expired(&self, names: &[&str]) -> ServerCertificate {
        let mut params = params(names, "server");
        params.not_before = rcgen::date_time_ymd(2019, 1, 1);
        params.not_after = rcgen::date_time_ymd(2019, 12, 31);
        self.sign(&params)
    }

    fn sign(&self, params: &CertificateParams) -> ServerCertificate {
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        ServerCertificate { certificate: certificate.pem(), key: key.serialize_pem() }
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

impl ServerCertificate {
    /// Makes one that vouches for itself, as servers make theirs when nobody gives them one.
    #[must_use]
    pub fn self_signed(names: &[&str]) -> Self {
        let key = KeyPair::generate().expect("a key");
        let certificate = params(names, "server").self_signed(&key).expect("a certificate");
        Self { certificate: certificate.pem(), key: key.serialize_pem() }
    }

    /// Puts both into a server's folder, in the place of what was there.
    pub(super) fn write(&self, home: &Home, account: Account) {
        for (path, text) in [(certificate_file(home), &self.certificate), (key_file(home), &self.key)] {
            let _ = std::fs::remove_file(&path);
            account.write_file(&path, text).expect("the certificate's file");
            make_private(&path);
        }
    }
}

/// Where the server's certificate is.
pub(super) fn certificate_file(home: &Home) -> PathBuf {
    home.path.join("server.pem")
}

/// Where its key is.
pub(super) fn key_file(home: &Home) -> PathBuf {
    home.path.join("server.key")
}

/// PostgreSQL takes no key that others may read.
fn make_private(path: &Path) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).expect("its permissions");
    }
    #[cfg(not(unix))]
    let _ = path;
}

fn params(names: &[&str], common_name: &str) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).expect("plain names");
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    params.not_after = rcgen::date_time_ymd(2120, 1, 1);
    params
}
