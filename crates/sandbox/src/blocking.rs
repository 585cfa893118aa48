//! Runs a future to its end on a thread of its own, so that callers inside and outside of a runtime are alike.

use crate::error::SandboxError;

/// Waits for the future that `make` makes. Works inside another runtime too, whose thread it then blocks.
pub(crate) fn wait<T: Send, F: Future<Output = Result<T, SandboxError>>>(
    make: impl FnOnce() -> F + Send,
) -> Result<T, SandboxError> {
    std::thread::scope(|scope| {
        let worker = scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .map_err(SandboxError::file("start", "a runtime"))?;
            runtime.block_on(make())
        });
        worker.join().unwrap_or(Err(SandboxError::Thread))
    })
}
