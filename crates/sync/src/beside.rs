//! Work on what was read, on a thread of its own beside the reading.

use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::error::SyncError;

/// A state that takes one thing after the other on its thread. Dropping it ends the thread.
#[derive(Debug)]
pub(crate) struct Beside<T, S> {
    things: mpsc::Sender<T>,
    thread: JoinSet<Result<S, SyncError>>,
}

impl<T: Send + 'static, S: Send + 'static> Beside<T, S> {
    pub(crate) fn start(mut state: S, take: fn(&mut S, T) -> Result<(), SyncError>) -> Self {
        // One thing waits while another is worked on: there is no more memory in it than in the queue behind.
        let (things, mut arriving) = mpsc::channel(1);
        let mut thread = JoinSet::new();
        thread.spawn_blocking(move || {
            while let Some(thing) = arriving.blocking_recv() {
                take(&mut state, thing)?;
            }
            Ok(state)
        });
        Self { things, thread }
    }

    /// Hands something over, between two statements; `false` if nothing is taken any more, which [`Self::end`] explains.
    pub(crate) async fn give(&self, thing: T) -> bool {
        self.things.send(thing).await.is_ok()
    }

    /// The state after the last thing.
    pub(crate) async fn end(self) -> Result<S, SyncError> {
        let Self { things, mut thread } = self;
        drop(things);
        match thread.join_next().await {
            Some(Ok(outcome)) => outcome,
            // Nobody ends the thread but the drop of its queue, and it does not panic.
            Some(Err(_)) | None => Err(SyncError::Pump),
        }
    }
}
