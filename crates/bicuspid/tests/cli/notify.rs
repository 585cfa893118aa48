//! Who is told, of what, and that it is really us who tells.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};

use bicuspid_sandbox::testing::{Authority, MariaDbDatabase, PostgresDatabase};
use ring::hmac;
use serde_json::Value;

use crate::bench::Bench;

const SECRET: &str = "a secret of thirty-two characters";

/// A message as it came: its head, and its body.
struct Message {
    head: String,
    body: Vec<u8>,
}

impl Message {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    fn header(&self, name: &str) -> &str {
        let start = format!("{name}: ");
        self.head.lines().find_map(|line| line.strip_prefix(&start)).unwrap()
    }

    /// Whether the signature is that of the body under this secret.
    fn is_signed(&self, secret: &str) -> bool {
        let hex = self.header("X-Bicuspid-Signature").strip_prefix("sha256=").unwrap();
        let tag: Vec<u8> =
            (0..hex.len()).step_by(2).map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap()).collect();
        hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), &self.body, &tag).is_ok()
    }
}

/// Reads one request and answers it; what was no request is none.
fn serve(mut stream: impl Read + Write, answer: &str) -> Option<Message> {
    let mut bytes = Vec::new();
    let mut part = [0; 4096];
    loop {
        let read = stream.read(&mut part).ok().filter(|read| *read > 0)?;
        bytes.extend_from_slice(&part[..read]);
        let Some(end) = bytes.windows(4).position(|part| part == b"\r\n\r\n") else { continue };
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let message = Message { head, body: bytes[end + 4..].to_vec() };
        if message.body.len() == message.header("Content-Length").parse::<usize>().unwrap() {
            stream.write_all(answer.as_bytes()).ok()?;
            stream.flush().ok()?;
            return Some(message);
        }
    }
}

/// A server that takes messages, and its port.
fn listener(
    answer: &'static str,
    with: impl Fn(TcpStream) -> Box<dyn Stream> + Send + 'static,
) -> (u16, Receiver<Message>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let (send, receive) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            if let Some(message) = serve(with(stream), answer)
                && send.send(message).is_err()
            {
                break;
            }
        }
    });
    (port, receive)
}

trait Stream: Read + Write {}
impl<S: Read + Write> Stream for S {}

/// A folder whose settings tell this address.
fn bench(address: &str) -> (Bench, MariaDbDatabase, PostgresDatabase) {
    let (bench, source, target) = Bench::fresh();
    bench.private("hook.secret", &format!("{SECRET}\n"));
    bench.write(
        "bicuspid.toml",
        &format!(
            "proof_hours = 24\n[notify]\nwebhook = \"{address}\"\nwebhook_secret_file = \"hook.secret\"\n"
        ),
    );
    source.admin(
        "CREATE TABLE patient (PatNum BIGINT PRIMARY KEY, LName VARCHAR(20)) ENGINE=MyISAM;
         INSERT INTO patient SELECT seq, 'Canary' FROM seq_1_to_500",
    );
    (bench, source, target)
}

#[test]
fn what_a_person_should_know_is_told_once_and_signed() {
    let (port, messages) = listener("HTTP/1.1 204 No Content\r\n\r\n", |tcp| Box::new(tcp));
    let (bench, source, target) = bench(&format!("http://127.0.0.1:{port}/hook?token=hunter2"));
    let sync = bench.json(&["sync", "--env", "test"]);
    assert_eq!((&sync["exit_code"], &sync["notifications"]), (&0.into(), &Value::Array(Vec::new())));

    source.admin("DELETE FROM patient WHERE PatNum > 300");
    let sync = bench.json(&["sync", "--env", "test"]);
    assert_eq!(sync["exit_code"], 1);
    assert_eq!(
        (&sync["notifications"][0]["event"], &sync["notifications"][0]["sent"]),
        (&"held".into(), &true.into())
    );
    let message = messages.recv().unwrap();
    assert!(message.head.starts_with("POST /hook?token=hunter2 HTTP/1.1\r\n"));
    assert_eq!(message.header("Host"), format!("127.0.0.1:{port}"));
    assert_eq!(message.header("Content-Type"), "application/json");
    assert!(message.is_signed(SECRET) && !message.is_signed("another secret, of others"));
    let json = message.json();
    assert_eq!(
        (&json["event"], &json["env"], &json["command"]),
        (&"held".into(), &"test".into(), &"sync".into())
    );
    assert_eq!(
        (&json["run_id"], &json["exit_code"], &json["count"]),
        (&sync["run_id"], &1.into(), &1.into())
    );
    assert_eq!(json["tables"], serde_json::json!([{"name": "patient", "rule": "validate::shrink"}]));
    assert!(!String::from_utf8_lossy(&message.body).contains("Canary"));

    // The next run has nothing new to say; when it is well again it is forgotten, and told when it comes back.
    let again = bench.json(&["sync", "--env", "test"]);
    assert_eq!((&again["exit_code"], &again["notifications"]), (&1.into(), &Value::Array(Vec::new())));
    let well = ["sync", "--env", "test", "--accept-shrink", "patient", "--confirm", target.name()];
    assert_eq!(bench.json(&well)["exit_code"], 0);
    source.admin("DELETE FROM patient WHERE PatNum > 100");
    assert_eq!(bench.json(&["sync", "--env", "test"])["notifications"][0]["sent"], true);
    assert_eq!(messages.recv().unwrap().json()["event"], "held");

    // A refusal, before anything was opened for writing.
    let ran = bench.run(&["sync", "--env", "test", "--confirm", "another"]);
    assert_eq!(ran.code, 3);
    let json = messages.recv().unwrap().json();
    assert_eq!((&json["event"], &json["rules"][0]), (&"refused".into(), &"consent::other_database".into()));
    assert!(
        !ran.stderr.contains("hunter2") && !ran.stdout.contains("hunter2"),
        "the address may be a secret"
    );

    // A proof that no run has made for days.
    assert_eq!(bench.json(&well)["exit_code"], 0);
    target.admin("UPDATE bicuspid.table_state SET proved_at = now() - interval '3 days'");
    assert_eq!(bench.json(&["sync", "--env", "test", "--proof", "none"])["exit_code"], 0);
    let json = messages.recv().unwrap().json();
    assert_eq!((&json["event"], &json["tables"][0]["name"]), (&"overdue".into(), &"patient".into()));

    // Rows that differ, found by a proof.
    target.admin("UPDATE raw.patient SET \"LName\" = 'x' WHERE \"PatNum\" = 1");
    assert_eq!(bench.json(&["verify", "--env", "test"])["exit_code"], 1);
    let message = messages.recv().unwrap();
    assert_eq!((&message.json()["event"], &message.json()["command"]), (&"differs".into(), &"verify".into()));
    assert!(messages.try_recv().is_err(), "nothing else was told");
    for file in ["state/notified.json", "state/audit.jsonl"] {
        let text = bench.read(file);
        assert!(!text.contains(SECRET) && !text.contains("hunter2") && !text.contains("Canary"), "{file}");
    }
}

#[test]
fn a_message_that_is_lost_changes_nothing_and_is_sent_again() {
    let (port, messages) = listener("HTTP/1.1 503 Away\r\n\r\n", |tcp| Box::new(tcp));
    let (bench, source, _target) = bench(&format!("http://localhost:{port}/"));
    assert_eq!(bench.json(&["sync", "--env", "test"])["exit_code"], 0);
    source.admin("DELETE FROM patient WHERE PatNum > 10");
    for _ in 0..2 {
        let ran = bench.run(&["sync", "--env", "test"]);
        assert_eq!(ran.code, 1, "the run ends as it would have");
        assert!(
            ran.stderr.contains("not notified of `held` by webhook: it answered with status 503"),
            "{}",
            ran.stderr
        );
        assert!(messages.recv().unwrap().is_signed(SECRET));
    }
    // Nobody there, a secret that is too short, a secret that others may read: each is told, and no more.
    for (secret, mode, why) in [
        ("short", 0o600, "the secret has not 16 to 4096 bytes"),
        #[cfg(unix)]
        (SECRET, 0o644, "may be read by others"),
    ] {
        bench.private("hook.secret", secret);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            std::fs::set_permissions(bench.path("hook.secret"), std::fs::Permissions::from_mode(mode))
                .unwrap();
        }
        let _ = mode;
        let ran = bench.run(&["sync", "--env", "test"]);
        assert_eq!(ran.code, 1);
        assert!(ran.stderr.contains(why), "{}", ran.stderr);
    }
    assert!(messages.try_recv().is_err(), "nothing was sent unsigned");
}

#[test]
fn only_a_server_that_the_system_trusts_is_told() {
    let (trusted, stranger) = (Authority::new(), Authority::new());
    let (certificate, key) = {
        let issued = trusted.issue(&["localhost"]);
        (issued.certificate_pem().to_owned(), issued.key_pem().to_owned())
    };
    let config = server_config(&certificate, &key);
    let (port, messages) = listener("HTTP/1.1 200 OK\r\n\r\n", move |tcp| {
        let connection = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
        Box::new(rustls::StreamOwned::new(connection, tcp))
    });
    let (bench, _source, _target) = bench(&format!("https://localhost:{port}/"));
    let refused = |authority: &Authority| {
        let mut command = bench.command(&["sync", "--env", "test", "--confirm", "another"]);
        bench.ended(command.env("SSL_CERT_FILE", authority.file()).spawn().unwrap())
    };
    let ran = refused(&stranger);
    assert!(ran.stderr.contains("its certificate or its TLS was not accepted"), "{}", ran.stderr);
    let ran = refused(&trusted);
    assert_eq!(ran.code, 3);
    assert!(!ran.stderr.contains("not notified"), "{}", ran.stderr);
    assert!(messages.recv().unwrap().is_signed(SECRET));
    assert!(messages.try_recv().is_err(), "the stranger's run told nobody");
}

fn server_config(certificate: &str, key: &str) -> Arc<rustls::ServerConfig> {
    use rustls::pki_types::pem::PemObject as _;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    let chain = CertificateDer::pem_slice_iter(certificate.as_bytes()).map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
    let builder =
        rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    Arc::new(builder.with_single_cert(chain, key).unwrap())
}

#[cfg(unix)]
#[test]
fn a_program_is_given_the_message_and_no_password() {
    let (bench, source, target) = Bench::fresh();
    bench.write(
        "bicuspid.toml",
        "[notify]\ncommand = [\"/bin/sh\", \"-c\", \"cat > message.json; env > environment\"]\n",
    );
    source.admin("CREATE TABLE patient (PatNum BIGINT PRIMARY KEY) ENGINE=MyISAM");
    let password = bench.read(".env_test");
    let password =
        password.lines().find_map(|line| line.strip_prefix("TEST_TARGET_DB_PASSWORD=")).unwrap().to_owned();
    let mut command = bench.command(&["sync", "--env", "test", "--confirm", "another", "--json"]);
    let ran = bench.ended(command.env("TEST_TARGET_DB_PASSWORD", &password).spawn().unwrap());
    assert_eq!(ran.code, 3, "{}", ran.stderr);
    let json: Value = serde_json::from_str(&bench.read("message.json")).unwrap();
    assert_eq!((&json["event"], &json["env"]), (&"refused".into(), &"test".into()));
    let environment = bench.read("environment");
    assert!(environment.contains("USER=tester") && !environment.contains(&password));
    // A program that fails, or is not there, is told.
    for (program, why) in
        [("false", "it ended with exit code 1"), ("/nowhere/at/all", "it could not be started")]
    {
        bench.write("bicuspid.toml", &format!("[notify]\ncommand = [\"{program}\"]\n"));
        std::fs::remove_file(bench.path("state/notified.json")).ok();
        let mut command = bench.command(&["sync", "--env", "test", "--confirm", "another"]);
        let ran = bench.ended(command.env("PATH", "/usr/bin:/bin").spawn().unwrap());
        assert_eq!(ran.code, 3);
        assert!(ran.stderr.contains(why), "{}", ran.stderr);
    }
    let written =
        "SELECT 1 FROM pg_class WHERE relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = 'raw')";
    assert!(target.query(written).is_empty());
}

/// A refusal of `generate` and of `enroll` is told as one of `sync` is, and settled by a run that is none.
#[cfg(unix)]
#[test]
fn a_refused_generation_and_a_refused_enrolment_are_told() {
    let hook = "[notify]\ncommand = [\"/bin/sh\", \"-c\", \"cat >> messages\"]\n";
    let told = |bench: &Bench| -> Vec<(String, String, String)> {
        let text = std::fs::read_to_string(bench.path("messages")).unwrap_or_default();
        let text_of = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        serde_json::Deserializer::from_str(&text)
            .into_iter::<Value>()
            .map(|message| {
                let message = message.unwrap();
                (text_of(&message["command"]), text_of(&message["event"]), text_of(&message["rules"][0]))
            })
            .collect()
    };
    let expected = |command: &str, rule: &str| (command.to_owned(), "refused".to_owned(), rule.to_owned());

    let demo = crate::generate::Demo::new();
    demo.bench.write("bicuspid.toml", hook);
    let generate = ["generate", "--patients", "5", "--end-date", "2026-01-05"];
    for _ in 0..2 {
        let refused = demo.bench.json(&generate);
        assert_eq!(refused["errors"][0]["code"], "consent::unattended");
    }
    let once = expected("generate", "consent::unattended");
    assert_eq!(told(&demo.bench), std::slice::from_ref(&once), "the same is told once a day");
    let done = demo.bench.json(&[&generate[..], &["--yes"]].concat());
    assert_eq!((&done["exit_code"], &done["notifications"]), (&0.into(), &Value::Array(Vec::new())));
    assert_eq!(demo.bench.json(&generate)["notifications"][0]["sent"], true);
    assert_eq!(told(&demo.bench), [once.clone(), once], "and again once it was well in between");

    let (bench, source, _target) = Bench::fresh();
    bench.write("bicuspid.toml", hook);
    source.admin("CREATE TABLE patient (PatNum BIGINT PRIMARY KEY) ENGINE=MyISAM");
    assert_eq!(bench.run(&["enroll", "--env", "test", "--confirm", "another"]).code, 3);
    assert_eq!(told(&bench), [expected("enroll", "consent::other_database")]);
    assert_eq!(bench.run(&["enroll", "--env", "test"]).code, 0);
    assert_eq!(told(&bench).len(), 1);
}
