//! Encrypted connections: what is trusted, and what is not.

use std::path::PathBuf;

use bicuspid_model::{Class, Endpoint, Host, Tls};
use bicuspid_sandbox::testing::{self, Authority, MariaDbServer, ServerCertificate};
use bicuspid_source::{Source, SourceError, SourceFacts, SourceOptions};

/// The endpoint under another name and protection.
fn at(endpoint: &Endpoint, name: &str, tls: Tls) -> Endpoint {
    let Host::Tcp { port, .. } = endpoint.host else { panic!("TCP") };
    Endpoint { host: Host::Tcp { host: name.to_owned(), port }, tls, ..endpoint.clone() }
}

async fn look(endpoint: &Endpoint) -> Result<SourceFacts, SourceError> {
    Source::inspect(endpoint, &SourceOptions::default()).await
}

/// What a person reads when a connection is refused: the reason and what to do.
async fn refused(endpoint: &Endpoint) -> String {
    let error = look(endpoint).await.unwrap_err();
    assert_eq!(error.code(), "source::tls", "{error:?}");
    let trouble = error.trouble();
    assert_eq!(trouble.class, Class::Refused);
    format!("{}: {}; {}", trouble.what, trouble.why, trouble.hint)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_good_for_one_name_one_time_and_one_authority() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let good = authority.issue(&["127.0.0.1"]);
    let server = MariaDbServer::start_encrypted(testing::test_options(), &good);
    let database = server.database("tls");
    let ca = |authority: &Authority| Tls::Ca(authority.file());
    let by_address = at(&database.endpoint, "127.0.0.1", ca(&authority));

    let facts = look(&by_address).await.unwrap();
    assert!(facts.tls, "{facts:?}");

    // Another name of the same machine is another name.
    let told = refused(&at(&database.endpoint, "localhost", ca(&authority))).await;
    assert!(told.contains("another name"), "{told}");
    // Neither the system's authorities nor another practice's know this server.
    for tls in [Tls::Require, ca(&stranger)] {
        let told = refused(&at(&database.endpoint, "127.0.0.1", tls)).await;
        assert!(told.contains("no authority that this machine trusts"), "{told}");
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
    assert!(look(&by_address).await.unwrap().tls);
    assert!(look(&at(&database.endpoint, "localhost", ca(&authority))).await.unwrap().tls);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_encryption_is_refused_and_told_so() {
    let authority = Authority::new();
    let server = testing::servers().mariadb();
    let database = server.database("plain");
    for tls in [Tls::Require, Tls::Ca(authority.file())] {
        let told = refused(&at(&database.endpoint, "127.0.0.1", tls)).await;
        assert!(told.contains("offers no encryption"), "{told}");
    }
    assert!(!look(&database.endpoint).await.unwrap().tls);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_or_empty_authority_file_trusts_nobody() {
    let authority = Authority::new();
    let server = MariaDbServer::start_encrypted(testing::test_options(), &authority.issue(&["127.0.0.1"]));
    let database = server.database("tls");
    let empty = tempfile::NamedTempFile::new().unwrap();
    for (file, why) in [
        (PathBuf::from("/nonexistent/ca.pem"), "there is no such file"),
        (empty.path().to_owned(), "it holds no certificate"),
    ] {
        let error = look(&at(&database.endpoint, "127.0.0.1", Tls::Ca(file))).await.unwrap_err();
        let trouble = error.trouble();
        assert_eq!((trouble.code.as_str(), trouble.class), ("source::authority_file", Class::Usage));
        assert!(trouble.why.contains(why), "{}", trouble.why);
    }
    assert!(look(&at(&database.endpoint, "127.0.0.1", Tls::Ca(authority.file()))).await.unwrap().tls);
}
