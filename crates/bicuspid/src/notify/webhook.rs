//! One HTTP request with a signed body, and no more of HTTP than that takes.

use std::path::Path;
use std::sync::Arc;

use ring::hmac;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::cli::VERSION;
use crate::settings::{Url, Webhook};

/// Fewest bytes of a secret.
const SECRET_BYTES_MIN: usize = 16;
/// Most bytes of a secret's file that are read.
const SECRET_BYTES_MAX: usize = 4096;
/// Most bytes of an answer that are read: its first line is all that counts.
const ANSWER_BYTES_MAX: u64 = 1024;

/// Sends the body, signed. The error is a reason without the address, the secret or the body.
pub(super) async fn send(webhook: &Webhook, body: &[u8]) -> Result<(), String> {
    let secret = secret(&webhook.secret_file)?;
    let request = request(&webhook.url, body, &signature(&secret, body));
    let url = &webhook.url;
    let tcp = TcpStream::connect((url.host.as_str(), url.port))
        .await
        .map_err(|error| format!("no connection: {}", error.kind()))?;
    let answer = if url.is_encrypted {
        let name =
            ServerName::try_from(url.host.clone()).map_err(|_| "its name is not one of a host".to_owned())?;
        let connector = TlsConnector::from(Arc::new(trust()?));
        let tls = connector.connect(name, tcp).await;
        exchange(tls.map_err(|_| "its certificate or its TLS was not accepted".to_owned())?, &request).await?
    } else {
        exchange(tcp, &request).await?
    };
    judge(&answer)
}

/// The secret, without the line's end that editors leave.
fn secret(path: &Path) -> Result<Vec<u8>, String> {
    crate::settings::refuse_readable_by_others(path)
        .map_err(|_| "the secret's file may be read by others, or cannot be read (chmod 600)".to_owned())?;
    let text = std::fs::read(path).map_err(|error| format!("the secret's file: {}", error.kind()))?;
    let text = text.trim_ascii();
    if (SECRET_BYTES_MIN..=SECRET_BYTES_MAX).contains(&text.len()) {
        Ok(text.to_vec())
    } else {
        Err(format!("the secret has not {SECRET_BYTES_MIN} to {SECRET_BYTES_MAX} bytes"))
    }
}

/// `sha256=` and the HMAC-SHA256 of the body in hexadecimal.
fn signature(secret: &[u8], body: &[u8]) -> String {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), body);
    tag.as_ref().iter().fold("sha256=".to_owned(), |text, byte| format!("{text}{byte:02x}"))
}

fn request(url: &Url, body: &[u8], signature: &str) -> Vec<u8> {
    let mut request = format!(
        "POST {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: bicuspid/{VERSION}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nX-Bicuspid-Signature: {signature}\r\nConnection: close\r\n\r\n",
        url.path,
        url.authority,
        body.len()
    )
    .into_bytes();
    request.extend_from_slice(body);
    request
}

/// The authorities that the system trusts, and TLS 1.2 or later.
fn trust() -> Result<ClientConfig, String> {
    let mut roots = RootCertStore::empty();
    for certificate in rustls_native_certs::load_native_certs().certs {
        // A root that the library cannot read is one that cannot vouch for anybody; the others still can.
        let _ = roots.add(certificate);
    }
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|_| "the TLS library has no safe protocol version".to_owned())?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

async fn exchange(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    request: &[u8],
) -> Result<Vec<u8>, String> {
    let lost = |error: std::io::Error| format!("the connection was lost: {}", error.kind());
    stream.write_all(request).await.map_err(lost)?;
    stream.flush().await.map_err(lost)?;
    let mut answer = Vec::new();
    let mut limited = stream.take(ANSWER_BYTES_MAX);
    let mut part = [0; 256];
    // The first line says all; a server that keeps the connection open need not be waited for.
    while !answer.contains(&b'\n') {
        match limited.read(&mut part).await {
            Ok(0) => break,
            Ok(read) => answer.extend_from_slice(part.get(..read).unwrap_or_default()),
            Err(error) => return Err(lost(error)),
        }
    }
    Ok(answer)
}

/// Whether the first line of an answer says that the message was taken. A server that points elsewhere has not taken it.
fn judge(answer: &[u8]) -> Result<(), String> {
    let line = answer.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = std::str::from_utf8(line).unwrap_or_default();
    let status = line
        .strip_prefix("HTTP/1.")
        .and_then(|rest| rest.split(' ').nth(1))
        .and_then(|status| status.trim().parse::<u16>().ok());
    match status {
        Some(200..=299) => Ok(()),
        Some(status) => Err(format!("it answered with status {status}")),
        None => Err("its answer was not one of HTTP".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_that_of_rfc_4231() {
        // Test case 2 of the RFC, whose key is shorter than we take.
        assert_eq!(
            signature(b"Jefe", b"what do ya want for nothing?"),
            "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }

    #[test]
    fn only_a_status_of_success_is_success() {
        for (answer, verdict) in [
            ("HTTP/1.1 200 OK\r\n", Ok(())),
            ("HTTP/1.0 204\r\n", Ok(())),
            ("HTTP/1.1 302 Found\r\nLocation: https://elsewhere/", Err("it answered with status 302")),
            ("HTTP/1.1 500 \r\n", Err("it answered with status 500")),
            ("HTTP/2 200\r\n", Err("its answer was not one of HTTP")),
            ("", Err("its answer was not one of HTTP")),
            ("\u{fffd}", Err("its answer was not one of HTTP")),
        ] {
            assert_eq!(judge(answer.as_bytes()), verdict.map_err(str::to_owned), "{answer}");
        }
    }
}
