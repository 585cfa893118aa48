//! Full batches on their way to the server, by table.

use std::pin::pin;

use bicuspid_model::Batch;
use tokio::sync::mpsc::Receiver;

/// Bytes of rows that may wait: what the simulation makes in about the time in which a server makes the tables.
const WAITING_BYTES_MAX: usize = 64 * 1024 * 1024;

/// A full batch and the position of its table.
pub(crate) type Full = (usize, Batch);

/// Batches that wait, those of each table in the order in which they came.
pub(crate) struct Queue {
    tables: Vec<Vec<Batch>>,
    bytes: usize,
}

impl Queue {
    pub(crate) fn new(tables: usize) -> Self {
        Self { tables: (0..tables).map(|_| Vec::new()).collect(), bytes: 0 }
    }

    /// Takes batches while something else goes on, and ends with it.
    pub(crate) async fn filled_during<T>(
        &mut self,
        batches: &mut Receiver<Full>,
        other: impl Future<Output = T>,
    ) -> T {
        let mut other = pin!(other);
        tokio::select! {
            biased;
            done = &mut other => return done,
            () = self.fill(batches) => {}
        }
        other.await
    }

    /// Takes batches until there is no more room, or until there are no more.
    ///
    /// Dropped in between it loses none.
    async fn fill(&mut self, batches: &mut Receiver<Full>) {
        while self.bytes < WAITING_BYTES_MAX
            && let Some(full) = batches.recv().await
        {
            self.put(full);
        }
    }

    /// The position of the table of which most waits, with all of it; waits if there is nothing. `None` at the end.
    pub(crate) async fn next(&mut self, batches: &mut Receiver<Full>) -> Option<(usize, Vec<Batch>)> {
        while self.bytes < WAITING_BYTES_MAX
            && let Ok(full) = batches.try_recv()
        {
            self.put(full);
        }
        if self.bytes == 0 {
            self.put(batches.recv().await?);
        }
        let waiting = |batches: &[Batch]| batches.iter().map(|batch| batch.bytes().len()).sum::<usize>();
        let (position, batches) =
            self.tables.iter_mut().enumerate().max_by_key(|(_, batches)| waiting(batches))?;
        let batches = std::mem::take(batches);
        self.bytes = self.bytes.saturating_sub(waiting(&batches));
        Some((position, batches))
    }

    fn put(&mut self, (position, batch): Full) {
        if let Some(table) = self.tables.get_mut(position) {
            self.bytes += batch.bytes().len();
            table.push(batch);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::mpsc::channel;

    fn batch(text: &[u8]) -> Batch {
        let mut batch = Batch::new();
        batch.begin_row(1);
        assert!(batch.raw(text) && batch.end_row());
        batch
    }

    fn sizes(batches: &[Batch]) -> Vec<usize> {
        batches.iter().map(|batch| batch.bytes().len() - 6).collect()
    }

    #[tokio::test(flavor = "current_thread")]
    async fn the_table_of_which_most_waits_goes_first_and_as_a_whole() {
        let (sender, mut receiver) = channel(8);
        for (position, text) in
            [(0, &b"long long text"[..]), (1, b"ten letters"), (2, b"x"), (1, b"and more")]
        {
            sender.send((position, batch(text))).await.unwrap();
        }
        drop(sender);
        let mut queue = Queue::new(3);
        let (position, rows) = queue.next(&mut receiver).await.unwrap();
        assert_eq!((position, sizes(&rows)), (1, vec![11, 8]));
        let (position, rows) = queue.next(&mut receiver).await.unwrap();
        assert_eq!((position, sizes(&rows)), (0, vec![14]));
        let (position, rows) = queue.next(&mut receiver).await.unwrap();
        assert_eq!((position, sizes(&rows)), (2, vec![1]));
        assert!(queue.next(&mut receiver).await.is_none());
        assert_eq!(queue.bytes, 0);
    }

    #[tokio::test(flavor = "current_thread")]
    async fn it_fills_while_something_else_goes_on_and_no_further_than_it_may() {
        let (sender, mut receiver) = channel(8);
        let large = vec![b'x'; WAITING_BYTES_MAX / 2];
        for _ in 0..3 {
            sender.send((0, batch(&large))).await.unwrap();
        }
        let mut queue = Queue::new(1);
        // The other work ends only when the queue has taken what it may.
        let other = async {
            while sender.capacity() < 7 {
                tokio::task::yield_now().await;
            }
            "done"
        };
        assert_eq!(queue.filled_during(&mut receiver, other).await, "done");
        assert!(queue.bytes >= WAITING_BYTES_MAX);
        let (_, rows) = queue.next(&mut receiver).await.unwrap();
        assert_eq!(rows.len(), 2, "there was no room for the third");
        let (_, rows) = queue.next(&mut receiver).await.unwrap();
        assert_eq!(rows.len(), 1);
    }

    #[tokio::test(flavor = "current_thread")]
    async fn it_does_not_hold_up_the_other_work() {
        let (sender, mut receiver) = channel::<Full>(1);
        let mut queue = Queue::new(1);
        assert_eq!(queue.filled_during(&mut receiver, async { 7 }).await, 7);
        drop(sender);
        assert!(queue.next(&mut receiver).await.is_none());
    }
}
