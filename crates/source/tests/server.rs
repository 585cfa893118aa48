//! Servers that are not what they were, or do not do as they are told.

use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use bicuspid_model::{Class, Endpoint, Host, Password, TableName};
use bicuspid_sandbox::testing::{self, MariaDbServer};
use bicuspid_source::{Engine, Source, SourceOptions};
use futures_util::FutureExt as _;

fn port(endpoint: &Endpoint) -> u16 {
    let Host::Tcp { port, .. } = endpoint.host else { panic!("TCP") };
    port
}

/// A port that leads to another one, which may change; connections that stand stay where they are.
fn tunnel(to: &Arc<AtomicU16>) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let here = listener.local_addr().unwrap().port();
    let to = Arc::clone(to);
    std::thread::spawn(move || {
        for near in listener.incoming().flatten() {
            let Ok(far) = TcpStream::connect(("127.0.0.1", to.load(Ordering::SeqCst))) else { continue };
            for (mut from, mut into) in [(near.try_clone().unwrap(), far.try_clone().unwrap()), (far, near)] {
                std::thread::spawn(move || {
                    let _ = std::io::copy(&mut from, &mut into);
                    let _ = into.shutdown(std::net::Shutdown::Write);
                });
            }
        }
    });
    here
}

#[tokio::test(flavor = "multi_thread")]
async fn a_setting_that_the_server_keeps_back_is_noticed() {
    let mut options = testing::test_options();
    // Such a server says yes to more, and stays at its own limit.
    options.arguments.push("--maximum-net-write-timeout=2".to_owned());
    let server = MariaDbServer::start(options);
    let database = server.database("limited");
    let error = Source::inspect(&database.endpoint, &SourceOptions::default()).await.unwrap_err();
    assert_eq!(error.code(), "session::read_back", "{error:?}");
    let trouble = error.trouble();
    assert_eq!(trouble.class, Class::Refused);
    assert_eq!(trouble.why, "net_write_timeout did not keep the value that was set");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_connection_of_a_run_leads_to_the_same_server_or_ends_it() {
    let server = MariaDbServer::start(testing::test_options());
    let right = server.database("clinic");
    right.admin("CREATE TABLE patient (PatNum BIGINT PRIMARY KEY) ENGINE=MyISAM");
    let other = MariaDbServer::start(testing::test_options());
    let Password::Given(password) = &right.endpoint.password else { panic!("a password") };
    let (name, user) = (right.name(), &right.endpoint.user);
    other.admin(&format!(
        "CREATE DATABASE {name}; CREATE USER {user}@'127.0.0.1' IDENTIFIED BY '{}';
         GRANT SELECT ON `{}`.* TO {user}@'127.0.0.1'; CREATE TABLE {name}.patient (PatNum BIGINT PRIMARY KEY)",
        password.reveal(),
        name.replace('_', "\\_")
    ));
    let to = Arc::new(AtomicU16::new(port(&right.endpoint)));
    let host = Host::new("127.0.0.1", tunnel(&to));
    let through = Endpoint { host, ..right.endpoint.clone() };
    let mut source = Source::connect(&through, SourceOptions::default()).await.unwrap();
    let (patient, engine) = (TableName::new("patient").unwrap(), Engine::TableLock("MyISAM".to_owned()));
    source.enter(&engine).await.unwrap();

    to.store(other.port(), Ordering::SeqCst);
    // A question whose answer nobody waits for: the connection is given up for a new one.
    server.pause();
    assert!(source.count(&patient).now_or_never().is_none());
    server.resume();
    for _ in 0..2 {
        let error = source.enter(&engine).await.unwrap_err();
        assert_eq!(error.code(), "identity::source_server", "{error:?}");
        assert_eq!(error.trouble().class, Class::Refused);
    }
    to.store(port(&right.endpoint), Ordering::SeqCst);
    source.enter(&engine).await.unwrap();
    assert_eq!(source.count(&patient).await.unwrap(), Some(0));
}
