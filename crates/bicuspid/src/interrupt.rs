//! Ctrl-C: once ends the run cleanly, twice stops at once.

use bicuspid_model::{Class, Side, Trouble};

use crate::printer::Printer;
use crate::report::{Ended, Stop};

/// Runs a command until it ends or a person interrupts it.
///
/// An interrupted command is dropped: its connections close and the servers roll back what was not committed. That
/// takes no statement and no waiting, so a second interrupt finds nothing left to stop.
pub(crate) async fn unless_interrupted(printer: Printer, command: impl Future<Output = Ended>) -> Ended {
    tokio::select! {
        // The command first: one that reads a pipe before it ever waits is then ended by the system's own Ctrl-C.
        biased;
        ended = command => ended,
        () = interrupted() => {
            if printer.is_watched() {
                // The terminal has just shown ^C in the middle of a line.
                Printer::note("");
            }
            Err(Stop::from(trouble()))
        }
    }
}

/// The interruption as it is told to a person.
pub(crate) fn trouble() -> Trouble {
    Trouble {
        code: "bicuspid::interrupted".to_owned(),
        side: Side::Local,
        class: Class::Interrupted,
        what: "stopped on request".to_owned(),
        why: String::new(),
        state: "what was not committed was rolled back; the target shows the last published state".to_owned(),
        hint: "run the same command again; it begins where the data says it must".to_owned(),
    }
}

/// Waits until a person interrupts the program, or the system asks it to end.
#[cfg(unix)]
pub(crate) async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    // Services are stopped by SIGTERM; it is the same wish.
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        return ctrl_c().await;
    };
    tokio::select! {
        () = ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}

/// Waits until a person interrupts the program.
#[cfg(not(unix))]
pub(crate) async fn interrupted() {
    ctrl_c().await;
}

async fn ctrl_c() {
    if tokio::signal::ctrl_c().await.is_err() {
        // Signals cannot be listened to here; the system's own way of ending a program still works.
        std::future::pending::<()>().await;
    }
}
