//! Turns Ctrl-C and SIGTERM into one stop signal for everything that runs.

use infralogs_core::{Error, Result};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
};

/// Becomes true at the first Ctrl-C or SIGTERM; a second one ends the process at once.
pub fn on_signal() -> Result<watch::Receiver<bool>> {
    let cannot = |error| Error::failed("cannot listen for signals").because(error);
    let mut interrupt = signal(SignalKind::interrupt()).map_err(cannot)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(cannot)?;
    let (stop, stopped) = watch::channel(false);
    tokio::spawn(async move {
        let mut next = async || {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        };
        next().await;
        let _ = stop.send(true);
        next().await;
        std::process::exit(130);
    });
    Ok(stopped)
}
