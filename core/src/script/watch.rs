//! Notices that scripts changed: the system's notifications, and a look at every file beside them.
//!
//! Folders are watched, never files (a watched file is lost when it is replaced). Whatever is noticed only makes us
//! look: the hash of all contents decides whether anything is loaded.

use super::{
    listing::{Found, Stamp, list},
    live::Scripts,
    nearby::Nearby,
};
use arc_swap::ArcSwap;
use notify::{
    Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher,
    event::{AccessKind, AccessMode, ModifyKind},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::{
        Arc, Weak,
        mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

/// How long it has to be quiet before we look.
const QUIET: Duration = Duration::from_millis(150);
/// We look after this long even if it never gets quiet.
const QUIET_AT_MOST: Duration = Duration::from_millis(600);
/// How often every file is looked at beside notifications.
const POLL_BESIDE: Duration = Duration::from_secs(2);
/// How often where there are no notifications.
const POLL_ALONE: Duration = Duration::from_secs(1);
/// Notifications waiting; when it is full we will look at everything anyway.
const WAITING_MAX: usize = 256;

/// How to watch.
pub(super) struct Watching {
    /// Whether to use the system's notifications.
    pub notified: bool,
    /// How often to look without them.
    pub poll: Duration,
}

impl Default for Watching {
    fn default() -> Self {
        Self { notified: true, poll: POLL_ALONE }
    }
}

/// Something happened in a folder we watch.
enum Hint {
    /// A file is being written.
    Writing(PathBuf),
    /// Its writer is done.
    Written(PathBuf),
    /// Anything else.
    Other,
}

/// Starts the thread. It holds the scripts only while it looks.
pub(super) fn start(scripts: &Arc<Scripts>, watching: Watching) {
    let weak = Arc::downgrade(scripts);
    let roots = scripts.roots().to_vec();
    // Armed before this returns, so that nothing that happens from now on is missed.
    let mut watch = Watch::new(roots, &watching);
    watch.arm();
    let started = thread::Builder::new().name("script-watch".into()).spawn(move || watch.run(&weak));
    if let Err(error) = started {
        tracing::error!("scripts are not watched, no thread can be started: {error}");
    }
}

struct Watch {
    roots: Vec<PathBuf>,
    watcher: Option<RecommendedWatcher>,
    hints: Receiver<Hint>,
    /// Keeps the channel open when there is no watcher.
    _sender: SyncSender<Hint>,
    poll: Duration,
    /// What is under watch; the watcher's own thread asks it what matters.
    watched: Arc<ArcSwap<Nearby>>,
    /// Every script and folder, and what can't be one yet, as last looked at.
    stamps: BTreeMap<PathBuf, Option<Stamp>>,
    /// Files whose writers are not done, as far as we were told.
    writing: BTreeSet<PathBuf>,
}

impl Watch {
    fn new(roots: Vec<PathBuf>, watching: &Watching) -> Self {
        let (sender, hints) = sync_channel(WAITING_MAX);
        let watched = Arc::<ArcSwap<Nearby>>::default();
        let watcher = if watching.notified { watcher(sender.clone(), watched.clone()) } else { None };
        let mut watch = Self {
            roots,
            poll: if watcher.is_some() { POLL_BESIDE } else { watching.poll },
            watcher,
            hints,
            _sender: sender,
            watched,
            stamps: BTreeMap::new(),
            writing: BTreeSet::new(),
        };
        watch.stamps = watch.walk();
        watch
    }

    fn run(mut self, scripts: &Weak<Scripts>) {
        // What changed between the first load and the first watch; it may be changing still.
        let mut look = true;
        self.wait_for_quiet();
        loop {
            {
                let Some(scripts) = scripts.upgrade() else { return };
                if look || self.differs() {
                    let stamps = self.walk();
                    if !self.emptied(&stamps) {
                        self.stamps = stamps;
                        scripts.look(false);
                        self.arm();
                    }
                }
                scripts.ask_gate_again();
            }
            look = match self.hints.recv_timeout(self.poll) {
                Ok(hint) => {
                    self.note(hint);
                    self.wait_for_quiet();
                    true
                }
                Err(RecvTimeoutError::Timeout) => {
                    self.writing.clear();
                    false
                }
                Err(RecvTimeoutError::Disconnected) => return,
            };
        }
    }

    fn note(&mut self, hint: Hint) {
        match hint {
            Hint::Writing(path) => drop(self.writing.insert(path)),
            Hint::Written(path) => drop(self.writing.remove(&path)),
            Hint::Other => {}
        }
    }

    /// Until nothing happened for a while and no file is half written, but not for ever.
    fn wait_for_quiet(&mut self) {
        let end = Instant::now() + QUIET_AT_MOST;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            match self.hints.recv_timeout(left.min(QUIET)) {
                Ok(hint) => self.note(hint),
                Err(RecvTimeoutError::Timeout) if self.writing.is_empty() => return,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Whether anything is not as it was. One call to the system a file, for this runs for ever: a new or gone name
    /// shows in its folder's time, a turned link in what it leads to.
    fn differs(&self) -> bool {
        self.stamps.iter().any(|(path, stamp)| Stamp::at(path) != *stamp)
    }

    fn walk(&self) -> BTreeMap<PathBuf, Option<Stamp>> {
        let paths = list(&self.roots).into_iter().map(|found| match found {
            Found::Script(script) => script.path,
            Found::Folder(path) | Found::Odd(path, _) => path,
        });
        paths.map(|path| (Stamp::at(&path), path)).map(|(stamp, path)| (path, stamp)).collect()
    }

    /// Whether a script stands empty because its writer is in the middle of replacing what was there.
    fn emptied(&self, stamps: &BTreeMap<PathBuf, Option<Stamp>>) -> bool {
        let bytes = |stamp: Option<&Option<Stamp>>| stamp.and_then(Option::as_ref).map(|stamp| stamp.bytes);
        let emptied = |path| bytes(stamps.get(path)) == Some(0) && bytes(self.stamps.get(path)) > Some(0);
        stamps.keys().any(|path| emptied(path) && self.is_being_written(path))
    }

    fn is_being_written(&self, path: &Path) -> bool {
        self.writing.iter().any(|one| one.file_name() == path.file_name())
    }

    /// Watches the folders that matter now: new ones, and those that are other folders under an old name.
    fn arm(&mut self) {
        let Some(watcher) = &mut self.watcher else { return };
        let (old, mut wanted) = (self.watched.load_full(), Nearby::of(&self.roots));
        for (path, _) in old.folders.iter().filter(|(path, folder)| !wanted.is_same(path, folder)) {
            let _ = watcher.unwatch(path); // it may be gone already
        }
        let before = wanted.folders.len();
        wanted.folders.retain(|path, folder| {
            old.is_same(path, folder) || watcher.watch(path, RecursiveMode::NonRecursive).is_ok()
        });
        let failed = wanted.folders.len() < before;
        self.watched.store(Arc::new(wanted));
        let poll = if failed { POLL_ALONE } else { POLL_BESIDE };
        if failed && self.poll != poll {
            tracing::warn!("some script folders can't be watched: looking at them every second instead");
        }
        self.poll = poll;
    }
}

/// The system's notifications, turned into hints.
fn watcher(sender: SyncSender<Hint>, watched: Arc<ArcSwap<Nearby>>) -> Option<RecommendedWatcher> {
    let send = move |hint: Hint| match sender.try_send(hint) {
        // When it is full, we are about to look at everything.
        Ok(()) | Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {}
    };
    let made = notify::recommended_watcher(move |event: notify::Result<Event>| {
        let Ok(event) = event else { return send(Hint::Other) };
        if !event.need_rescan() && !event.paths.iter().any(|path| watched.load().matters(path)) {
            return; // a root's parent may be busy with what is none of ours
        }
        let path = event.paths.first().cloned().unwrap_or_default();
        match event.kind {
            EventKind::Access(AccessKind::Close(AccessMode::Write)) => send(Hint::Written(path)),
            EventKind::Access(_) => {} // our own reading
            EventKind::Modify(ModifyKind::Data(_)) => send(Hint::Writing(path)),
            _ => send(Hint::Other),
        }
    });
    match made {
        Ok(watcher) => Some(watcher),
        Err(error) => {
            tracing::warn!("no notifications of changed scripts, looking every second instead: {error}");
            None
        }
    }
}
