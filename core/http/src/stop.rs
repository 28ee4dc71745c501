//! Tells routes that the program stops, so that streams and long polls end at once.

use std::sync::OnceLock;
use tokio::sync::watch;

/// Resolves when the server is told to stop. Every request carries one.
#[derive(Debug, Clone)]
pub struct Stop(watch::Receiver<bool>);

impl Stop {
    /// A stop that follows the given flag; a flag whose sender is gone counts as set.
    pub fn new(flag: watch::Receiver<bool>) -> Self {
        Self(flag)
    }
    /// Waits for the stop.
    pub async fn stopped(&mut self) {
        // The sender is gone only when the program is going too.
        let _ = self.0.wait_for(|stop| *stop).await;
    }
    /// Whether it has come already.
    pub fn is_stopped(&self) -> bool {
        *self.0.borrow() || self.0.has_changed().is_err()
    }
}

/// The stop signal of the server that took this request. Without such a server (a test calling `respond` itself)
/// it never comes.
pub fn stop<S>(request: &tide::Request<S>) -> Stop {
    static NEVER: OnceLock<watch::Sender<bool>> = OnceLock::new();
    match request.ext::<Stop>() {
        Some(stop) => stop.clone(),
        None => Stop(NEVER.get_or_init(|| watch::channel(false).0).subscribe()),
    }
}
