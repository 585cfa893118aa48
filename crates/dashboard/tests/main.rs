//! The server over real sockets: TLS, the token, and live runs as events.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test stops at what does not hold")]

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bicuspid_dashboard::live::{FOLDER, LiveRun};
use bicuspid_dashboard::view::{Copy, Log, Pending, Place, Practice, Safety};
use bicuspid_dashboard::{DashboardError, Feed, Server, Site, Tls, Token};
use bicuspid_model::Environment;
use rustls::pki_types::{CertificateDer, ServerName};
use time::OffsetDateTime;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;

const TOKEN: &str = "0123456789abcdef0123456789abcdef";

/// An environment with a state folder and without databases.
struct Empty(PathBuf);

impl Feed for Empty {
    fn now(&self) -> OffsetDateTime {
        OffsetDateTime::now_utc()
    }
    fn places(&self) -> Vec<Place> {
        vec![Place { environment: Environment::Test, site: None, folder: self.0.clone() }]
    }
    fn copies(&self) -> Pending<'_, Vec<Copy>> {
        Box::pin(async { Vec::new() })
    }
    fn safety(&self) -> Pending<'_, Vec<Safety>> {
        Box::pin(async { Vec::new() })
    }
    fn practice(&self) -> Pending<'_, Option<Practice>> {
        Box::pin(async { None })
    }
    fn logs(&self) -> Pending<'_, Vec<Log>> {
        Box::pin(async { Vec::new() })
    }
}

fn site(folder: &Path) -> Arc<Site> {
    Arc::new(Site::new(Box::new(Empty(folder.to_owned())), "0.0.0-test"))
}

async fn ask(stream: impl AsyncRead + AsyncWrite, request: &str) -> String {
    tokio::pin!(stream);
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.unwrap();
    String::from_utf8(bytes).unwrap()
}

/// A certificate that vouches for itself, and the server's side of it.
fn tls() -> (CertificateDer<'static>, Tls) {
    let make = || rcgen::generate_simple_self_signed(["valve.example".to_owned()]).unwrap();
    let (ours, stranger) = (make(), make());
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let chain = write("chain.pem", &ours.cert.pem());
    let tls = Tls::read(&chain, &write("key.pem", &ours.signing_key.serialize_pem())).unwrap();
    let other = Tls::read(&chain, &write("other.pem", &stranger.signing_key.serialize_pem()));
    assert!(matches!(other, Err(DashboardError::Certificate { .. })), "the key of another certificate");
    (ours.cert.der().clone(), tls)
}

#[tokio::test]
async fn pages_for_others_come_over_tls_and_ask_for_the_token() {
    let dir = tempfile::tempdir().unwrap();
    let everywhere: SocketAddr = "0.0.0.0:0".parse().unwrap();
    let names = ["valve.example".to_owned()];
    for (token, tls) in [(None, None), (Some(Token::new(TOKEN).unwrap()), None), (None, Some(tls().1))] {
        let refused = Server::bind(everywhere, &names, token, tls).await;
        assert!(matches!(refused, Err(DashboardError::Unprotected { .. })));
    }
    let (certificate, tls) = tls();
    let server = Server::bind(everywhere, &names, Some(Token::new(TOKEN).unwrap()), Some(tls)).await.unwrap();
    let url = server.url();
    let port = url.trim_end_matches('/').rsplit(':').next().unwrap().to_owned();
    assert!(url.starts_with("https://0.0.0.0:"), "{url}");
    let mut roots = rustls::RootCertStore::empty();
    roots.add(certificate).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let client = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(client));
    let asking = async {
        for (host, token, expected) in [
            ("valve.example", TOKEN, "HTTP/1.1 200 OK"),
            ("valve.example", "0000000000000000", "HTTP/1.1 401 Unauthorized"),
            ("evil.example", TOKEN, "HTTP/1.1 421 Misdirected Request"),
        ] {
            let socket = TcpStream::connect(format!("127.0.0.1:{port}")).await.unwrap();
            let name = ServerName::try_from("valve.example").unwrap();
            let stream = connector.connect(name, socket).await.unwrap();
            let request = format!(
                "GET /runs HTTP/1.1\r\nHost: {host}:{port}\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n"
            );
            let answer = ask(stream, &request).await;
            assert!(answer.starts_with(expected), "{answer}");
            assert_eq!(answer.contains("Nothing was run yet"), expected.contains("200"), "{answer}");
        }
        // Whoever speaks without TLS is not answered.
        let plain = TcpStream::connect(format!("127.0.0.1:{port}")).await.unwrap();
        let request = format!("GET / HTTP/1.1\r\nHost: valve.example:{port}\r\n\r\n");
        assert!(!ask(plain, &request).await.contains("HTTP/1.1 200"));
    };
    // It ends when the questions do: nothing is left open.
    server.serve(site(dir.path()), asking).await;
}

#[tokio::test]
async fn a_run_at_work_is_told_as_it_goes() {
    let dir = tempfile::tempdir().unwrap();
    let live = dir.path().join(FOLDER);
    std::fs::create_dir(&live).unwrap();
    let now = OffsetDateTime::now_utc().format(&time::format_description::well_known::Rfc3339).unwrap();
    let mut run = LiveRun {
        run_id: "20260302T211405Z-1".into(),
        command: "sync".into(),
        environment: "test".into(),
        site: None,
        started_at: now.clone(),
        updated_at: now,
        tables: 3,
        tables_done: 1,
        rows: 10,
        rows_estimate: 30,
        bytes: 100,
        table: "<b>odd".into(),
        step: "reading".into(),
    };
    let file = live.join("20260302T211405Z-1.json");
    std::fs::write(&file, serde_json::to_vec(&run).unwrap()).unwrap();
    let server = Server::bind("127.0.0.1:0".parse().unwrap(), &[], None, None).await.unwrap();
    let url = server.url();
    let host = url.trim_start_matches("http://").trim_end_matches('/').to_owned();
    let asking = async {
        let page = ask(
            TcpStream::connect(&host).await.unwrap(),
            &format!("GET /runs HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"),
        )
        .await;
        // Without a script the page says it too, and comes again by itself.
        assert!(page.contains("reading &lt;b&gt;odd: 1 of 3 tables, 10 rows"), "{page}");
        assert!(page.contains("<noscript><meta http-equiv=\"refresh\""), "{page}");
        let mut socket = TcpStream::connect(&host).await.unwrap();
        socket.write_all(format!("GET /live HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes()).await.unwrap();
        let mut seen = String::new();
        read_until(&mut socket, &mut seen, "\"rows\":10").await;
        assert!(seen.to_lowercase().contains("content-type: text/event-stream"), "{seen}");
        assert!(seen.contains("event: runs\ndata: [{\"run_id\":\"20260302T211405Z-1\""), "{seen}");
        run.rows = 20;
        std::fs::write(&file, serde_json::to_vec(&run).unwrap()).unwrap();
        read_until(&mut socket, &mut seen, "\"rows\":20").await;
        std::fs::remove_file(&file).unwrap();
        read_until(&mut socket, &mut seen, "data: []").await;
    };
    server.serve(site(dir.path()), asking).await;
}

/// Reads until a text was seen; the test's own limit ends one that never comes.
async fn read_until(socket: &mut TcpStream, seen: &mut String, text: &str) {
    let limit = std::time::Duration::from_mins(1);
    let reading = async {
        while !seen.contains(text) {
            let mut bytes = [0_u8; 4096];
            let count = socket.read(&mut bytes).await.unwrap();
            assert!(count > 0, "it ended: {seen}");
            seen.push_str(&String::from_utf8_lossy(&bytes[..count]));
        }
    };
    assert!(tokio::time::timeout(limit, reading).await.is_ok(), "{text} never came: {seen}");
}
