//! Rows from staging into the target, on a task of their own: decoding and hashing the next rows then goes on beside
//! it, on another core.

use bicuspid_target::Intake;
use tokio::task::JoinSet;

use crate::error::SyncError;
use crate::staging::Staging;

/// The task that empties a staging queue into a table. Dropping it ends the task, and with it the stream of rows,
/// which the server then undoes.
#[derive(Debug)]
pub(crate) struct Pump<P> {
    task: JoinSet<Result<P, SyncError>>,
}

impl<P: Intake> Pump<P> {
    /// Begins to send what arrives.
    pub(crate) fn start(staging: &Staging, mut intake: P) -> Self {
        let staging = staging.clone();
        let mut task = JoinSet::new();
        task.spawn(async move {
            while let Some(rows) = staging.pop().await? {
                intake.send(&rows).await?;
            }
            Ok(intake)
        });
        Self { task }
    }

    /// Waits until the queue is closed and empty.
    pub(crate) async fn end(&mut self) -> Result<P, SyncError> {
        match self.task.join_next().await {
            Some(Ok(outcome)) => outcome,
            // Nobody ends the task but the drop of its set, and it does not panic.
            Some(Err(_)) | None => Err(SyncError::Pump),
        }
    }
}
