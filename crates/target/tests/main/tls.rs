//! Encrypted connections: what is trusted, and what is not.

use std::path::PathBuf;

use bicuspid_model::{Class, Endpoint, Host, Tls};
use bicuspid_sandbox::PostgresOptions;
use bicuspid_sandbox::testing::{self, Authority, PostgresServer, ServerCertificate};
use bicuspid_target::{Analytics, Demo, DemoEndpoint, Schemas, TargetError};

/// The endpoint under another name and protection.
fn at(endpoint: &Endpoint, name: &str, tls: Tls) -> Endpoint {
    let Host::Tcp { port, .. } = endpoint.host else { panic!("TCP") };
    Endpoint { host: Host::new(name, port), tls, ..endpoint.clone() }
}

/// Connects as each of the two roles and says whether the connections are encrypted.
async fn look(endpoint: &Endpoint) -> Result<bool, TargetError> {
    let look = Analytics::connect(endpoint, &Schemas::alone()).await?;
    let demo = DemoEndpoint {
        host: endpoint.host.clone(),
        user: endpoint.user.clone(),
        password: endpoint.password.clone(),
        tls: endpoint.tls.clone(),
    };
    let demo = Demo::connect(&demo).await?;
    assert_eq!(look.facts().tls, demo.facts().tls);
    Ok(look.facts().tls)
}

/// What a person reads when a connection is refused: the reason and what to do.
async fn refused(endpoint: &Endpoint) -> String {
    let error = look(endpoint).await.unwrap_err();
    assert_eq!(error.code(), "target::tls", "{error:?}");
    let trouble = error.trouble();
    assert_eq!(trouble.class, Class::Refused);
    format!("{}: {}; {}", trouble.what, trouble.why, trouble.hint)
}

fn options() -> PostgresOptions {
    PostgresOptions { durable: false, settings: Vec::new() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_good_for_one_name_one_time_and_one_authority() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let good = authority.issue(&["127.0.0.1"]);
    let server = PostgresServer::start_encrypted(options(), &good);
    let database = server.named_database("opendental_demo", "tls_demo");
    let ca = |authority: &Authority| Tls::Ca(authority.file());
    let by_address = at(&database.endpoint, "127.0.0.1", ca(&authority));
    assert!(look(&by_address).await.unwrap());

    // Another name of the same machine is another name.
    let told = refused(&at(&database.endpoint, "localhost", ca(&authority))).await;
    assert!(told.contains("another name"), "{told}");
    // Neither the system's authorities nor another practice's know this server.
    for tls in [Tls::Require, ca(&stranger)] {
        let told = refused(&at(&database.endpoint, "127.0.0.1", tls)).await;
        assert!(told.contains("no authority that this machine"), "{told}");
    }

    server.present(&authority.issue_expired(&["127.0.0.1"]));
    let told = refused(&by_address).await;
    assert!(told.contains("expired"), "{told}");

    server.present(&ServerCertificate::self_signed(&["127.0.0.1"]));
    let told = refused(&by_address).await;
    assert!(told.contains("anybody could have made it"), "{told}");

    server.present(&authority.issue(&["clinic.example"]));
    let told = refused(&by_address).await;
    assert!(told.contains("another name") && !told.contains("clinic.example"), "{told}");

    server.present(&authority.issue(&["127.0.0.1", "localhost"]));
    assert!(look(&by_address).await.unwrap());
    assert!(look(&at(&database.endpoint, "localhost", ca(&authority))).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_encryption_is_refused_and_told_so() {
    let authority = Authority::new();
    let database = testing::servers().postgres_database("plain");
    for tls in [Tls::Require, Tls::Ca(authority.file())] {
        let error = Analytics::connect(&at(&database.endpoint, "127.0.0.1", tls.clone()), &Schemas::alone())
            .await
            .unwrap_err();
        let trouble = error.trouble();
        if tls == Tls::Require && trouble.why.contains("knows no certificate authority") {
            // A machine without any authority trusts nobody, before it asks the server anything.
            continue;
        }
        assert_eq!((trouble.code.as_str(), trouble.class), ("target::tls", Class::Refused));
        assert!(trouble.why.contains("offers no encryption"), "{}", trouble.why);
        assert!(trouble.hint.contains("ssl = on"), "{}", trouble.hint);
    }
    assert!(!Analytics::connect(&database.endpoint, &Schemas::alone()).await.unwrap().facts().tls);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_or_empty_authority_file_trusts_nobody() {
    let authority = Authority::new();
    let server = PostgresServer::start_encrypted(options(), &authority.issue(&["127.0.0.1"]));
    let database = server.named_database("opendental_demo", "tls_demo");
    let folder = tempfile::tempdir().unwrap();
    let (empty, text) = (folder.path().join("empty"), folder.path().join("text"));
    std::fs::write(&empty, "").unwrap();
    std::fs::write(&text, "not a certificate").unwrap();
    for (file, why) in [
        (PathBuf::from("/nonexistent/ca.pem"), "there is no such file"),
        (empty, "it holds no certificate"),
        (text, "it holds no certificate"),
    ] {
        let error = look(&at(&database.endpoint, "127.0.0.1", Tls::Ca(file))).await.unwrap_err();
        let trouble = error.trouble();
        assert_eq!((trouble.code.as_str(), trouble.class), ("target::authority_file", Class::Usage));
        assert!(trouble.why.contains(why), "{}", trouble.why);
    }
    assert!(look(&at(&database.endpoint, "127.0.0.1", Tls::Ca(authority.file()))).await.unwrap());
}
