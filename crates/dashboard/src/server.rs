//! The server: listens, lets in, answers, and ends when it is told to.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, body::Incoming};
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::error::DashboardError;
use crate::gate::{Gate, Token};
use crate::routes::{self, Site};

/// Most connections at a time; more wait.
const CONNECTIONS_MAX: usize = 64;
/// How long a request's head may take to arrive, and a handshake to end.
const HEAD_MAX: Duration = Duration::from_secs(10);
/// Largest head of a request, bytes.
const HEAD_BYTES_MAX: usize = 16 * 1024;
/// Most lines of it.
const HEADERS_MAX: usize = 64;
/// How long to wait after the system had no socket to give.
const PAUSE: Duration = Duration::from_millis(100);

/// A certificate and its key.
pub struct Tls(TlsAcceptor);

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tls(..)")
    }
}

impl Tls {
    /// Reads a chain of certificates and its private key from PEM files.
    ///
    /// # Errors
    /// [`DashboardError::Certificate`] with the file that is at fault.
    pub fn read(chain: &Path, key: &Path) -> Result<Self, DashboardError> {
        let of = |path: &Path, why: &str| DashboardError::Certificate {
            path: PathBuf::from(path),
            why: why.to_owned(),
        };
        let chain_of: Result<Vec<_>, _> =
            CertificateDer::pem_file_iter(chain).map_err(|_| of(chain, "it cannot be read"))?.collect();
        let certificates = chain_of.map_err(|_| of(chain, "it is not PEM"))?;
        if certificates.is_empty() {
            return Err(of(chain, "there is no certificate in it"));
        }
        let private = PrivateKeyDer::from_pem_file(key)
            .map_err(|_| of(key, "there is no private key in it that can be read"))?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|_| of(chain, "no version of TLS is there"))?
            .with_no_client_auth()
            .with_single_cert(certificates, private)
            .map_err(|_| of(key, "it is not the key of the certificate"))?;
        Ok(Self(TlsAcceptor::from(Arc::new(config))))
    }
}

/// A server that listens and answers nothing yet.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    gate: Arc<Gate>,
    tls: Option<Tls>,
}

impl Server {
    /// Listens on an address. One that others can reach needs both a token and TLS.
    ///
    /// # Errors
    /// [`DashboardError::Unprotected`] before anything was opened, [`DashboardError::Listen`] if the address is taken.
    pub async fn bind(
        address: SocketAddr,
        names: &[String],
        token: Option<Token>,
        tls: Option<Tls>,
    ) -> Result<Self, DashboardError> {
        if !address.ip().is_loopback() {
            let missing = match (&token, &tls) {
                (None, None) => "there is neither a token nor TLS",
                (None, Some(_)) => "there is no token",
                (Some(_), None) => "there is no TLS",
                (Some(_), Some(_)) => "",
            };
            if !missing.is_empty() {
                return Err(DashboardError::Unprotected { address, missing });
            }
        }
        let failed = |source| DashboardError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, address, gate: Arc::new(Gate::new(address, names, token)), tls })
    }

    /// Where it can be found.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}://{}/", if self.tls.is_some() { "https" } else { "http" }, self.address)
    }

    /// Answers until `end` comes. What is open by then is closed.
    pub async fn serve(self, site: Arc<Site>, end: impl Future<Output = ()>) {
        let Self { listener, gate, tls, .. } = self;
        let seats = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        let mut open = JoinSet::new();
        let accepting = async {
            loop {
                let Ok(seat) = Arc::clone(&seats).acquire_owned().await else { return };
                while open.try_join_next().is_some() {}
                let Ok((socket, _)) = listener.accept().await else {
                    tokio::time::sleep(PAUSE).await;
                    continue;
                };
                let (site, gate) = (Arc::clone(&site), Arc::clone(&gate));
                let acceptor = tls.as_ref().map(|tls| tls.0.clone());
                open.spawn(async move {
                    connection(socket, acceptor, &site, &gate).await;
                    drop(seat);
                });
            }
        };
        tokio::select! {
            () = accepting => {}
            () = end => {}
        }
        open.shutdown().await;
    }
}

async fn connection(socket: TcpStream, acceptor: Option<TlsAcceptor>, site: &Site, gate: &Gate) {
    // Small answers: waiting for more to send would only be felt.
    let _ = socket.set_nodelay(true);
    match acceptor {
        None => talk(socket, site, gate).await,
        Some(acceptor) => {
            if let Ok(Ok(stream)) = tokio::time::timeout(HEAD_MAX, acceptor.accept(socket)).await {
                talk(stream, site, gate).await;
            }
        }
    }
}

async fn talk(stream: impl AsyncRead + AsyncWrite + Unpin, site: &Site, gate: &Gate) {
    let service = service_fn(|request: Request<Incoming>| async move {
        let (head, _) = request.into_parts();
        let answer = match gate.judge(&head) {
            Ok(()) => site.answer(&head).await,
            Err(status) => routes::refused(status),
        };
        Ok::<_, std::convert::Infallible>(answer)
    });
    // A browser that goes away in the middle is nobody's trouble.
    let _ = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_MAX)
        .max_buf_size(HEAD_BYTES_MAX)
        .max_headers(HEADERS_MAX)
        .serve_connection(TokioIo::new(stream), service)
        .await;
}
