//! What follows when the connection ends: a new one to the same server, looked at as the first one was, and a second
//! question where the first was not answered.

use std::time::{Duration, Instant};

use bicuspid_model::Endpoint;

use crate::connect::{SourceFacts, Wire};
use crate::error::SourceError;
use crate::extract::{Source, SourceOptions};

/// Rest before the second attempt to connect; each one after it is twice as long.
const PAUSE_FIRST: Duration = Duration::from_millis(100);
/// Longest rest between two attempts.
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// How far a run goes to go on after its connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Renewal {
    /// Time in which a new connection must be had: a server that is started again takes some seconds.
    pub within: Duration,
    /// How often the same rows are asked for again. Few: it may be this very question that brings the server down.
    pub tries: u32,
}

impl Default for Renewal {
    /// 30 s for a connection, and two more questions.
    fn default() -> Self {
        Self { within: Duration::from_secs(30), tries: 2 }
    }
}

impl Source {
    /// Whether a table whose reading ended in this error may be read again from its begin, after `tries` times already.
    /// What may be asked again by itself was asked again where it failed.
    #[must_use]
    pub fn may_begin_again(&self, error: &SourceError, tries: u32) -> bool {
        matches!(error, SourceError::Cut { .. }) && tries < self.options.renewal.tries
    }

    /// After an error: gives leave to ask once more, over a new connection if the old one has ended.
    ///
    /// # Errors
    /// The error itself, if it is of another kind or was met too often. [`SourceError::Cut`], if the connection took
    /// a snapshot with it: what was read in that does not fit what is read in another.
    pub(crate) async fn recover(&mut self, error: SourceError, tries: &mut u32) -> Result<(), SourceError> {
        let SourceError::Lost { table } = error else { return Err(error) };
        if self.snapshot.is_some() {
            return Err(SourceError::Cut { table });
        }
        if *tries >= self.options.renewal.tries {
            return Err(SourceError::Lost { table });
        }
        *tries += 1;
        self.renew().await
    }

    /// Exchanges the connection for a new one to the same server, which is looked at as the first one was.
    pub(crate) async fn renew(&mut self) -> Result<(), SourceError> {
        if self.wire.is_interrupted() {
            // Its snapshot ends with the connection.
            self.snapshot = None;
        }
        match self.end_snapshot().await {
            Ok(()) | Err(SourceError::Lost { .. }) => {}
            Err(error) => return Err(error),
        }
        let (wire, facts) = self.reached().await?;
        self.facts.server.compare(&facts.server)?;
        if facts.version != self.facts.version {
            return Err(SourceError::Protocol {
                what: "a server of another version behind the same address",
            });
        }
        std::mem::replace(&mut self.wire, wire).close().await;
        Ok(())
    }

    /// Connects, again and again while the server is not there.
    async fn reached(&self) -> Result<(Wire, SourceFacts), SourceError> {
        let until = Instant::now() + self.options.renewal.within;
        let mut pause = PAUSE_FIRST;
        loop {
            match judged(&self.endpoint, &self.options).await {
                Err(error) if error.may_pass() && Instant::now() + pause < until => {
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(PAUSE_MAX);
                }
                reached => return reached,
            }
        }
    }
}

/// Opens a connection whose account may do nothing but read.
pub(crate) async fn judged(
    endpoint: &Endpoint,
    options: &SourceOptions,
) -> Result<(Wire, SourceFacts), SourceError> {
    let (wire, facts) = Wire::open(endpoint, options).await?;
    match facts.judge(&endpoint.database).into_result() {
        Ok(()) => Ok((wire, facts)),
        Err(refusal) => {
            wire.close().await;
            Err(refusal.into())
        }
    }
}
