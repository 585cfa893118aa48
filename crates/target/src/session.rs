//! The questions of a connection, each watched until it is answered.
//!
//! A network or a server that falls silent says nothing about itself, and a statement that takes an hour, as a key over
//! a large table does, says just as little. No limit of time tells the two apart. So after a while of silence a second
//! connection asks what the server thinks that the first one is doing: while it works, we wait; if it is not there any
//! more, waits for us, or cannot be asked, the connection is given up.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bicuspid_model::Endpoint;
use tokio::task::AbortHandle;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, CopyInSink, CopyOutStream, Error, Row, Statement, ToStatement};

use crate::error::TargetError;
use crate::link;

/// Silence after which the server is asked, and then again.
pub(crate) const QUIET: Duration = Duration::from_mins(1);
/// How often in a row the answer must be that nobody works for us.
const STRIKES: u32 = 2;

/// A client whose every answer is watched.
pub(crate) struct Session {
    client: Client,
    watch: Watch,
    /// Statements that the server knows already, by their texts.
    known: Mutex<HashMap<String, Statement>>,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").finish_non_exhaustive()
    }
}

/// Looks after the answers of one connection.
#[derive(Clone)]
pub(crate) struct Watch {
    about: Arc<About>,
}

struct About {
    endpoint: Endpoint,
    /// The server's process that answers.
    pid: i32,
    quiet: Duration,
    driver: AbortHandle,
}

impl Session {
    /// Watches a client whose connection `driver` drives.
    pub(crate) async fn new(
        client: Client,
        driver: AbortHandle,
        endpoint: &Endpoint,
        quiet: Duration,
    ) -> Result<Self, Error> {
        let pid = client.query_one("SELECT pg_catalog.pg_backend_pid()", &[]).await?.try_get(0)?;
        let about = About { endpoint: endpoint.clone(), pid, quiet, driver };
        Ok(Self { client, watch: Watch { about: Arc::new(about) }, known: Mutex::default() })
    }

    /// Looks after streams of this connection.
    pub(crate) fn watch(&self) -> Watch {
        self.watch.clone()
    }

    pub(crate) async fn query<T: ?Sized + ToStatement>(
        &self,
        statement: &T,
        params: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, Error> {
        self.watch.over(self.client.query(statement, params)).await
    }

    pub(crate) async fn query_one<T: ?Sized + ToStatement>(
        &self,
        statement: &T,
        params: &[&(dyn ToSql + Sync)],
    ) -> Result<Row, Error> {
        self.watch.over(self.client.query_one(statement, params)).await
    }

    pub(crate) async fn query_opt<T: ?Sized + ToStatement>(
        &self,
        statement: &T,
        params: &[&(dyn ToSql + Sync)],
    ) -> Result<Option<Row>, Error> {
        self.watch.over(self.client.query_opt(statement, params)).await
    }

    pub(crate) async fn execute<T: ?Sized + ToStatement>(
        &self,
        statement: &T,
        params: &[&(dyn ToSql + Sync)],
    ) -> Result<u64, Error> {
        self.watch.over(self.client.execute(statement, params)).await
    }

    pub(crate) async fn batch_execute(&self, sql: &str) -> Result<(), Error> {
        self.watch.over(self.client.batch_execute(sql)).await
    }

    pub(crate) async fn prepare(&self, sql: &str) -> Result<Statement, Error> {
        self.watch.over(self.client.prepare(sql)).await
    }

    /// A statement that is asked for each table of a run, and told to the server once. For texts that do not depend on the
    /// table: each stays until the connection ends.
    pub(crate) async fn known(&self, sql: &str) -> Result<Statement, Error> {
        let remembered = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(statement) = remembered().get(sql).cloned() {
            return Ok(statement);
        }
        let statement = self.prepare(sql).await?;
        remembered().insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }

    pub(crate) async fn copy_in(&self, statement: &Statement) -> Result<CopyInSink<bytes::Bytes>, Error> {
        self.watch.over(self.client.copy_in(statement)).await
    }

    pub(crate) async fn copy_out(&self, sql: &str) -> Result<CopyOutStream, Error> {
        self.watch.over(self.client.copy_out(sql)).await
    }
}

impl Watch {
    /// Waits for an answer for as long as somebody works on it. If nobody does, the connection is ended, and the answer
    /// says so.
    pub(crate) async fn over<T>(&self, answer: impl Future<Output = T>) -> T {
        let mut answer = pin!(answer);
        let mut strikes = 0;
        loop {
            if let Ok(answer) = tokio::time::timeout(self.about.quiet, &mut answer).await {
                return answer;
            }
            tokio::select! {
                biased;
                answer = &mut answer => return answer,
                is_at_work = Box::pin(self.about.is_at_work()) => {
                    strikes = if is_at_work { 0 } else { strikes + 1 };
                }
            }
            if strikes >= STRIKES {
                // Whoever waits for something of the connection is told that it ended.
                self.about.driver.abort();
                return answer.await;
            }
        }
    }
}

impl About {
    /// Whether the server works on what it was asked, as far as it can be learnt.
    async fn is_at_work(&self) -> bool {
        let looked = async {
            let (client, driver) = link::open(&self.endpoint).await?;
            let found = client
                .query_opt(
                    "SELECT state = 'active' AND wait_event_type IS DISTINCT FROM 'Client' \
                     FROM pg_catalog.pg_stat_activity WHERE pid = $1",
                    &[&self.pid],
                )
                .await;
            driver.abort();
            let row = found.map_err(|e| crate::error::of_driver(&e, "look after a statement"))?;
            // What another role may not see is taken for work.
            Ok(row.is_some_and(|row| {
                row.try_get::<_, Option<bool>>(0).is_ok_and(|active| active.unwrap_or(true))
            }))
        };
        let limit = self.quiet.max(Duration::from_secs(1)).min(link::CONNECT_MAX);
        match tokio::time::timeout(limit, looked).await {
            Ok(Ok(is_at_work)) => is_at_work,
            Err(_) => false,
            // It is there and has no room for a second connection: nothing is known.
            Ok(Err(error)) => !is_absence(&error),
        }
    }
}

/// Whether no server answered, or one that is being started or stopped.
fn is_absence(error: &TargetError) -> bool {
    match error {
        TargetError::Unreachable { .. } | TargetError::Tls { .. } | TargetError::Lost => true,
        TargetError::Server { code, .. } => code == "57P03",
        _ => false,
    }
}
