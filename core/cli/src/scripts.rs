//! The scripts of a running program: opened, watched, and every reload said on the terminal.

use infralogs_core::{
    Kind, Result,
    definitions::Definitions,
    plugin::Store,
    query::Query,
    script::{Reload, Scripts},
};
use std::{io::IsTerminal, path::PathBuf, sync::Arc};
use tokio::signal::unix::{SignalKind, signal};

/// Loads the scripts. Mistakes are drawn on standard error, and there is nothing to run.
pub fn open(roots: &[PathBuf]) -> Option<Arc<Scripts>> {
    match Scripts::open(roots) {
        Ok(scripts) => Some(scripts),
        Err(rejected) => {
            eprintln!("{}", rejected.draw(std::io::stderr().is_terminal()));
            None
        }
    }
}

/// Loads the scripts and a question typed beside them; mistakes are drawn on standard error.
pub fn ask(roots: &[PathBuf], question: &str) -> Option<(Arc<Definitions>, Query)> {
    let asked = infralogs_core::script::ask(roots, question);
    asked.map_err(|rejected| eprintln!("{}", rejected.draw(std::io::stderr().is_terminal()))).ok()
}

/// Watches the scripts from now on. Where there is a store to write to, its tables are made before a generation
/// is taken over; a store that is away does not hold it up, since the collector makes them before it stores.
pub fn follow(scripts: &Arc<Scripts>, store: Option<Arc<dyn Store>>) {
    if let Some(store) = store {
        scripts.set_gate(Box::new(move |definitions: &Definitions| match store.prepare(&definitions.tables) {
            Err(error) if error.kind != Kind::Unavailable => Err(error),
            _ => Ok(()),
        }));
    }
    scripts.watch();
    tokio::spawn(say_changes(scripts.clone()));
    tokio::spawn(reload_on_hangup(scripts.clone()));
}

/// The drawn problems of a rejected edit.
async fn say_changes(scripts: Arc<Scripts>) {
    let mut changes = scripts.changes();
    while changes.changed().await.is_ok() {
        let outcome = changes.borrow_and_update().outcome;
        match outcome {
            // What was loaded is said where it is loaded.
            Reload::Unchanged | Reload::Loaded => {}
            Reload::Rejected => {
                let Some(rejected) = scripts.rejected() else { continue };
                let drawn = rejected.draw(std::io::stderr().is_terminal());
                tracing::warn!("scripts rejected, {} goes on:\n{drawn}", scripts.current().hash);
            }
        }
    }
}

async fn reload_on_hangup(scripts: Arc<Scripts>) -> Result<()> {
    let Ok(mut hangup) = signal(SignalKind::hangup()) else { return Ok(()) };
    while hangup.recv().await.is_some() {
        let scripts = scripts.clone();
        let _ = tokio::task::spawn_blocking(move || scripts.reload()).await;
    }
    Ok(())
}
