//! The scripts while the program runs: the current generation behind one pointer, and reloads that keep the last good.

use super::{
    load::load_from,
    problem::{Problem, Rejected},
    source::Sources,
    watch,
};
use crate::{definitions::Definitions, error::Error};
use arc_swap::{ArcSwap, ArcSwapOption};
use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use tokio::sync::watch as channel;

/// Asked before a new generation becomes current; an error refuses it.
pub type Gate = Box<dyn Fn(&Definitions) -> Result<(), Error> + Send + Sync>;

/// How often the gate is asked again about what it refused.
const ASK_AGAIN_EVERY: Duration = Duration::from_secs(4);

/// All scripts below some roots, live.
pub struct Scripts {
    roots: Vec<PathBuf>,
    current: ArcSwap<Definitions>,
    rejected: ArcSwapOption<Rejected>,
    changes: channel::Sender<Change>,
    gate: Mutex<Option<Gate>>,
    /// What only the gate refused, and when it last did: it is asked again, as a store may change its mind.
    refused: Mutex<Option<(Arc<Definitions>, Instant)>>,
    /// The hash of the contents last looked at. Held while a reload runs, so that they come one after the other.
    seen: Mutex<String>,
}

/// What came of the last change of the scripts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Counts the generations that became current, from 1.
    pub generation: u64,
    /// The content hash that was looked at.
    pub hash: String,
    /// What became of it.
    pub outcome: Reload,
}

/// What a reload did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reload {
    /// The contents are those of the current generation.
    Unchanged,
    /// They are current now.
    Loaded,
    /// They were refused: the last good generation goes on, [`Scripts::rejected`] says why.
    Rejected,
}

impl Scripts {
    /// Loads the first generation, which has to be right. Blocks.
    pub fn open(roots: &[PathBuf]) -> Result<Arc<Self>, Rejected> {
        let sources = Sources::read(roots);
        let definitions = load_from(&sources)?;
        let hash = definitions.hash.clone();
        let (changes, _) = channel::channel(Change { generation: 1, hash: hash.clone(), outcome: Reload::Loaded });
        Ok(Arc::new(Self {
            roots: roots.to_vec(),
            current: ArcSwap::new(definitions),
            rejected: ArcSwapOption::empty(),
            changes,
            gate: Mutex::default(),
            refused: Mutex::default(),
            seen: Mutex::new(hash),
        }))
    }

    /// The current generation. Take it once for each batch or page.
    pub fn current(&self) -> Arc<Definitions> {
        self.current.load_full()
    }

    /// Why the newest contents are not current, if they are not.
    pub fn rejected(&self) -> Option<Arc<Rejected>> {
        self.rejected.load_full()
    }

    /// Tells of every reload that changed something.
    pub fn changes(&self) -> channel::Receiver<Change> {
        self.changes.subscribe()
    }

    /// From now on asked before a new generation becomes current. The collector prepares its store here.
    pub fn set_gate(&self, gate: Gate) {
        *self.gate.lock().unwrap_or_else(PoisonError::into_inner) = Some(gate);
    }

    /// Where the scripts are.
    pub fn roots(&self) -> &[PathBuf] {
        &self.roots
    }

    /// Reads everything again, now (SIGHUP). Contents that were refused are tried again. Blocks.
    pub fn reload(&self) -> Reload {
        self.look(self.rejected().is_some())
    }

    /// Watches the roots from now on, on a thread that ends after the last owner of these scripts let go.
    pub fn watch(self: &Arc<Self>) {
        watch::start(self, watch::Watching::default());
    }

    /// Watches by looking every so often only, as where the system can't notify.
    pub fn watch_by_polling(self: &Arc<Self>, every: std::time::Duration) {
        watch::start(self, watch::Watching { notified: false, poll: every });
    }

    /// Looks whether the contents changed, and loads them if so.
    pub(super) fn look(&self, even_if_seen: bool) -> Reload {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let sources = Sources::read(&self.roots);
        let hash = sources.hash();
        if *seen == hash && !even_if_seen {
            return Reload::Unchanged;
        }
        seen.clone_from(&hash);
        *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = None;
        let outcome = if hash == self.current.load().hash {
            self.back_to_current()
        } else {
            match load_from(&sources).and_then(|new| self.ask_gate(&sources, new)) {
                Ok(new) => self.accept(new),
                Err(rejected) => self.refuse(rejected),
            }
        };
        self.tell(hash, outcome);
        outcome
    }

    /// Asks the gate now and then about what it alone refused: a column's type is no conflict any more once its table
    /// was built anew.
    pub(super) fn ask_gate_again(&self) {
        let _one_at_a_time = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((new, _)) = refused.take_if(|(_, at)| at.elapsed() >= ASK_AGAIN_EVERY) else { return };
        let gate = self.gate.lock().unwrap_or_else(PoisonError::into_inner);
        if gate.as_ref().is_some_and(|gate| gate(&new).is_err()) {
            *refused = Some((new, Instant::now()));
            return;
        }
        let hash = new.hash.clone();
        let outcome = self.accept(new);
        self.tell(hash, outcome);
    }

    fn tell(&self, hash: String, outcome: Reload) {
        self.changes.send_modify(|change| {
            let generation = change.generation + u64::from(outcome == Reload::Loaded);
            *change = Change { generation, hash, outcome };
        });
    }

    /// A bad edit was taken back: nothing to load, nothing wrong any more.
    fn back_to_current(&self) -> Reload {
        if self.rejected.swap(None).is_some() {
            tracing::info!(hash = self.current.load().hash, "scripts are again as they were loaded");
        }
        Reload::Unchanged
    }

    fn accept(&self, new: Arc<Definitions>) -> Reload {
        let (hash, files, parsers, dashboards) = (&new.hash, new.files.len(), new.parsers.len(), new.dashboards.len());
        tracing::info!(%hash, files, parsers, dashboards, "scripts loaded");
        self.current.store(new);
        self.rejected.store(None);
        Reload::Loaded
    }

    fn refuse(&self, rejected: Rejected) -> Reload {
        // Said by the caller, who knows whether a person or a machine reads it.
        self.rejected.store(Some(Arc::new(rejected)));
        Reload::Rejected
    }

    fn ask_gate(&self, sources: &Sources, new: Arc<Definitions>) -> Result<Arc<Definitions>, Rejected> {
        let gate = self.gate.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(Err(error)) = gate.as_ref().map(|gate| gate(&new)) else { return Ok(new) };
        // The store speaks of a table: point at the parser that writes it.
        let named = |table: &str| error.what.split('`').skip(1).step_by(2).any(|word| word == table);
        let parser = new.parsers.iter().find(|parser| named(&parser.table.name));
        let place = parser.and_then(|parser| sources.place(&parser.spec.place));
        let mut problem = match place {
            Some(place) => Problem::at(&place, error.what.clone()),
            None => Problem::file(error.place.clone().unwrap_or_else(|| "store".into()), error.what.clone()),
        };
        problem.help = error.help.clone();
        *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = Some((new.clone(), Instant::now()));
        Err(Rejected::new(new.hash.clone(), vec![problem]))
    }
}

impl std::fmt::Debug for Scripts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scripts").field("roots", &self.roots).field("hash", &self.current.load().hash).finish()
    }
}
