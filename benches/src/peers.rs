//! What else people copy a table with, as its manuals tell to use it.

use std::path::Path;
use std::process::Command;

use bicuspid_model::Endpoint;

use crate::frontdesk::{is_there, url};

/// One of them; without a command it is absent.
pub(crate) struct Peer {
    pub(crate) name: &'static str,
    pub(crate) command: Option<Command>,
    /// Where its copy is.
    pub(crate) table: String,
}

/// All of them, for one table of a database; `python` has the libraries. None is let to tell anybody of its use, which hangs
/// where nobody can be reached.
pub(crate) fn all(
    from: &Endpoint,
    to: &Endpoint,
    (database, table): (&str, &str),
    python: Option<&str>,
    folder: &Path,
) -> [Peer; 5] {
    let (mysql, postgresql) = (url("mysql", from), url("postgresql", to));
    let stream = format!("{database}.{table}");
    let place = |name: &str| match name {
        "pgloader" => format!("\"{database}\".\"{table}\""),
        "dlt" => format!("peers_dlt.\"{table}\""),
        name => format!("peers.{name}_{table}"),
    };
    let program = |name: &'static str, arguments: &[&str]| {
        let command = is_there(name).then(|| {
            let mut command = Command::new(name);
            command.args(arguments);
            quiet(&mut command, folder);
            command
        });
        Peer { name, command, table: place(name) }
    };
    let library = |name: &'static str| {
        let command = python.map(|python| {
            let mut command = Command::new(python);
            let script = concat!(env!("CARGO_MANIFEST_DIR"), "/peers.py");
            command.args([script, name, database, table]);
            command.env("SOURCE", &mysql).env("TARGET", &postgresql);
            quiet(&mut command, folder);
            command
        });
        Peer { name, command, table: place(name) }
    };
    let plain = format!("{postgresql}?sslmode=disable");
    let to_sling = ["--tgt-conn", &plain, "--tgt-object", &place("sling"), "--mode", "full-refresh"];
    let from_sling = ["run", "--src-conn", &mysql, "--src-stream", &stream];
    let pymysql = mysql.replace("mysql:", "mysql+pymysql:");
    let to_ingestr = ["--dest-uri", &postgresql, "--dest-table", &place("ingestr")];
    let from_ingestr = ["ingest", "--yes", "--source-uri", &pymysql, "--source-table", &stream];
    [
        program("pgloader", &[&mysql, &postgresql]),
        program("sling", &[&from_sling[..], &to_sling].concat()),
        program("ingestr", &[&from_ingestr[..], &to_ingestr].concat()),
        library("connectorx"),
        library("dlt"),
    ]
}

fn quiet(command: &mut Command, folder: &Path) {
    command
        .current_dir(folder)
        .env("SLING_HOME_DIR", folder.join("sling"))
        .env("SLING_DISABLE_TELEMETRY", "true")
        .env("DISABLE_TELEMETRY", "true")
        .env("RUNTIME__DLTHUB_TELEMETRY", "false");
}
