//! A folder to run the program in, and what came of it as one text.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use bicuspid_model::{Endpoint, Host, Password};
use bicuspid_sandbox::testing::{self, MariaDbDatabase, PostgresDatabase};
use serde_json::Value;

/// A folder with settings, in which the program runs with an empty environment.
pub(crate) struct Bench {
    dir: tempfile::TempDir,
    secrets: Vec<String>,
    filters: Vec<(String, String)>,
}

/// How a run ended.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), secrets: Vec::new(), filters: Vec::new() }
    }

    /// A folder with the settings of a source and a target for `--env test`, which asks for no consent.
    pub(crate) fn with(source: &Endpoint, target: &Endpoint) -> Self {
        let mut bench = Self::new();
        bench.env_file(".env_test", "TEST_", source, target, "");
        bench
    }

    /// A folder with settings for fresh databases on the shared servers.
    pub(crate) fn fresh() -> (Self, MariaDbDatabase, PostgresDatabase) {
        let source = testing::servers().mariadb_database("clinic");
        let target = testing::servers().postgres_database("analytics");
        (Self::with(&source.endpoint, &target.endpoint), source, target)
    }

    /// Writes an environment file for two endpoints; `more` is appended.
    pub(crate) fn env_file(
        &mut self,
        name: &str,
        prefix: &str,
        source: &Endpoint,
        target: &Endpoint,
        more: &str,
    ) {
        let mut text = format!("BICUSPID_STATE_DIR=state\n{more}");
        let families = [
            (source, "SOURCE_DB", "READONLY_USER", "READONLY_PASSWORD"),
            (target, "TARGET_DB", "USER", "PASSWORD"),
        ];
        for (end, family, user, password) in families {
            let Host::Tcp { host, port } = &end.host else { panic!("a test over TCP") };
            let Password::Given(secret) = &end.password else { panic!("a test with a password") };
            let secret = secret.reveal();
            write!(
                text,
                "{prefix}{family}_HOST={host}\n{prefix}{family}_PORT={port}\n{prefix}{family}_NAME={}\n\
                 {prefix}{family}_{user}={}\n{prefix}{family}_{password}={secret}\n",
                end.database, end.user
            )
            .unwrap();
            self.secrets.push(secret.to_owned());
            // Ports and numbers of databases are chosen anew in each run of the tests.
            self.filter(
                &format!(r"\b{port}\b"),
                &format!("[{}]", family.to_lowercase().replace("_db", " port")),
            );
            self.filter(
                &format!(r"\b{}\b", end.user),
                &format!("[{} user]", family.to_lowercase().replace("_db", "")),
            );
            self.filter(
                &format!(r"\b{}\b", end.database),
                &format!("[{} database]", family.to_lowercase().replace("_db", "")),
            );
        }
        self.private(name, &text);
    }

    /// Replaces what standard output and error show.
    pub(crate) fn filter(&mut self, pattern: &str, shown: &str) {
        self.filters.push((pattern.to_owned(), shown.to_owned()));
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// Writes a file that only its owner may read.
    pub(crate) fn private(&self, name: &str, text: &str) {
        self.write(name, text);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            std::fs::set_permissions(self.path(name), std::fs::Permissions::from_mode(0o600)).unwrap();
        }
    }

    /// Changes a line of a file.
    pub(crate) fn edit(&self, name: &str, variable: &str, value: &str) {
        let start = format!("{variable}=");
        let text = self.read(name);
        assert!(text.lines().any(|line| line.starts_with(&start)), "{variable} is not in {name}");
        let lines = text.lines().map(|line| {
            if line.starts_with(&start) { format!("{start}{value}\n") } else { format!("{line}\n") }
        });
        self.private(name, &lines.collect::<String>());
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bicuspid"));
        // HOME and the like stay out: nothing may depend on whose machine this is.
        command.args(args).current_dir(self.dir.path()).env_clear();
        command.env("HOME", self.dir.path()).env("USER", "tester");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs the program to its end.
    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        self.told(self.command(args).output().unwrap())
    }

    /// Runs the program with a text on standard input.
    pub(crate) fn run_with_input(&self, args: &[&str], input: &str) -> Ran {
        let mut child = self.command(args).stdin(Stdio::piped()).spawn().unwrap();
        // A program that does not read closes its end; that is no failure of the test.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        self.ended(child)
    }

    /// Runs the program on a terminal of its own, on which `typed` is typed.
    #[cfg(target_os = "linux")]
    pub(crate) fn run_on_terminal(&self, args: &[&str], typed: &str) -> Ran {
        let program = format!("{} {}", env!("CARGO_BIN_EXE_bicuspid"), args.join(" "));
        let mut command = Command::new("script");
        command
            .args(["--quiet", "--return", "--command", &program, "/dev/null"])
            .current_dir(self.dir.path());
        command.env_clear().env("PATH", "/usr/bin:/bin").env("HOME", self.dir.path());
        command.env("SHELL", "/bin/sh").env("TERM", "xterm");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.as_mut().unwrap().write_all(typed.as_bytes()).unwrap();
        // The pipe stays open: its end would be typed as the end of the input.
        let stdin = child.stdin.take();
        let output = child.wait_with_output().unwrap();
        drop(stdin);
        self.told(output)
    }

    /// Waits for a program that was started.
    pub(crate) fn ended(&self, child: Child) -> Ran {
        self.told(child.wait_with_output().unwrap())
    }

    fn told(&self, output: Output) -> Ran {
        let ran = Ran {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        };
        for secret in &self.secrets {
            assert!(!ran.stdout.contains(secret) && !ran.stderr.contains(secret), "a password was shown");
            let state = self.path("state");
            assert!(!holds(&state, secret), "a password was kept in {}", state.display());
        }
        assert!(!ran.stderr.contains("panicked"), "{}", ran.stderr);
        ran
    }

    /// Runs the program with `--json` and returns its object.
    pub(crate) fn json(&self, args: &[&str]) -> Value {
        let mut args = args.to_vec();
        args.push("--json");
        let ran = self.run(&args);
        let value: Value =
            serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("not JSON: {}", ran.stdout));
        assert_eq!(ran.stdout.lines().count(), 1, "one object on one line");
        assert_eq!(value["exit_code"], ran.code);
        for field in ["command", "env", "version", "outcome", "errors"] {
            assert!(value.get(field).is_some(), "{field} is missing in {value}");
        }
        value
    }

    /// Exit code, standard output and standard error as one text, with what changes from run to run replaced.
    fn shown(ran: &Ran) -> String {
        let mut text = format!("exit {}\n", ran.code);
        for (name, stream) in [("stdout", &ran.stdout), ("stderr", &ran.stderr)] {
            if !stream.is_empty() {
                write!(text, "--- {name}\n{stream}").unwrap();
            }
        }
        text
    }

    /// Compares a run with its snapshot.
    pub(crate) fn snapshot(&self, name: &str, ran: &Ran) {
        let mut settings = insta::Settings::clone_current();
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.set_snapshot_path("snapshots");
        let dir = self.dir.path().to_string_lossy().into_owned();
        settings.add_filter(&escaped(&dir), "[dir]");
        for (pattern, shown) in &self.filters {
            settings.add_filter(pattern, shown);
        }
        for (pattern, shown) in [
            // Columns are as wide as the names of databases, which differ from run to run.
            (" {3,}", "  "),
            (r"\d{8}T\d{6}Z-[0-9a-f]{12}", "[run]"),
            (r"\d{4}-\d\d-\d\d \d\d:\d\d(:\d\d)?", "[time]"),
            (r"\b\d+\.\d s\b", "[seconds]"),
            (r"\b\d+ of \d+ sessions", "[sessions]"),
            (r"about \d+\.\d MB a second", "about [rate]"),
            (r"process \d+ of the server", "process [pid] of the server"),
            (r"\b\d+(\.\d+)? ms\b", "[ms]"),
            (r"MariaDB [0-9][^ ]*", "MariaDB [version]"),
            (r"PostgreSQL [0-9][0-9.]*( \([^)]*\))?", "PostgreSQL [version]"),
            (r"(cluster|cluster identifier: expected|found) \d{10,}", "$1 [cluster]"),
            (r"(oid: expected|oid|found) \d+", "$1 [oid]"),
            (r"tester( \(uid \d+\))? on \S+", "tester on [machine]"),
        ] {
            settings.add_filter(pattern, shown);
        }
        settings.bind(|| insta::assert_snapshot!(name, Self::shown(ran)));
    }
}

/// A path as a pattern.
fn escaped(text: &str) -> String {
    text.chars().flat_map(|c| if c.is_ascii_punctuation() { vec!['\\', c] } else { vec![c] }).collect()
}

/// Whether a file below a folder holds a text.
fn holds(dir: &Path, text: &str) -> bool {
    let Ok(entries) = std::fs::read_dir(dir) else { return false };
    entries.flatten().any(|entry| {
        let path = entry.path();
        if path.is_dir() {
            holds(&path, text)
        } else {
            std::fs::read(&path).unwrap_or_default().windows(text.len()).any(|part| part == text.as_bytes())
        }
    })
}
