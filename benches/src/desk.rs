//! A desk at which somebody writes into the clinic's tables.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use bicuspid_sandbox::testing::MariaDbServer;

use crate::pairs::Fault;

/// One writing connection, by the command-line client: this program has no driver that could write.
pub(crate) struct Desk {
    client: Child,
    statements: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Desk {
    pub(crate) fn open(server: &MariaDbServer, database: &str) -> Result<Self, Fault> {
        let mut client = Command::new("mariadb")
            .args(["--no-defaults", "--batch", "--skip-column-names", "--unbuffered", "-u", "root", "-S"])
            .arg(server.socket())
            .arg(database)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let statements = client.stdin.take().ok_or("no pipe to the client")?;
        let answers = BufReader::new(client.stdout.take().ok_or("no pipe from the client")?);
        let mut desk = Self { client, statements, answers };
        desk.run("DO 0")?;
        Ok(desk)
    }

    pub(crate) fn run(&mut self, sql: &str) -> std::io::Result<()> {
        writeln!(self.statements, "{sql}; SELECT 'done';")?;
        self.statements.flush()?;
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        if line.trim() == "done" { Ok(()) } else { Err(std::io::ErrorKind::BrokenPipe.into()) }
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        // The client ends when its pipe does; if it is gone already there is nothing to wait for.
        let _ = self.client.kill();
        let _ = self.client.wait();
    }
}
