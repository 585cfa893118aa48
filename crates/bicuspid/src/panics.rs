//! Faults of Bicuspid that end a piece of work: where they happened, never what they say, which may hold a value.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::{Mutex, PoisonError};
use std::task::Poll;

use crate::report::{Ended, Stop, fault};

/// The place of the first panic of this process: the others follow from it.
static FIRST: Mutex<String> = Mutex::new(String::new());

thread_local! {
    /// The place of the last panic of this thread.
    static HERE: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Remembers places of panics from now on, and prints nothing.
pub(crate) fn remember_places() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(|at| format!("{}:{}", at.file(), at.line())).unwrap_or_default();
        HERE.with(|here| here.replace(place.clone()));
        let mut first = FIRST.lock().unwrap_or_else(PoisonError::into_inner);
        if first.is_empty() {
            *first = place;
        }
    }));
}

/// The fault that ended the program's work.
pub(crate) fn first() -> Stop {
    Stop::from(fault(&FIRST.lock().unwrap_or_else(PoisonError::into_inner)))
}

/// Does some work of several, and turns a panic of it into its end: the others are not concerned.
pub(crate) async fn contained(work: impl Future<Output = Ended>) -> Ended {
    let mut work = pin!(work);
    std::future::poll_fn(|context| {
        // What the work held is not looked at again: it is dropped, and its connections roll back.
        match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context))) {
            Ok(polled) => polled,
            Err(_) => Poll::Ready(Err(Stop::from(fault(&HERE.with(RefCell::take))))),
        }
    })
    .await
}
