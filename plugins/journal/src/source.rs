//! The journal as a source: blocking reads on blocking threads, and waiting for new entries.

use crate::{
    entry::filter::Judge,
    journal::Reader,
    settings::{self, Paths},
};
use infralogs_core::{
    entry::Batch,
    error::{Error, Result},
    plugin::{Ask, Build, Later, Plugin, Settings, Source},
};
use std::{
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// How often the files are looked at while somebody waits. While nobody does they are not looked at at all.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// The plugin's entry in the program's list.
pub static PLUGIN: Plugin = Plugin {
    name: "journal",
    about: "Reads this machine's systemd journal, or any journal files.",
    sample: include_str!("../sample.yaml"),
    build: Build::Source(build),
};

fn build(settings: &Settings) -> Result<Box<dyn Source>> {
    Ok(Box::new(with(settings)?))
}

/// The journal that these settings of the plugin say.
///
/// # Errors
/// `Invalid` for unknown settings.
pub fn with(settings: &Settings) -> Result<Journal> {
    Ok(Journal::at(settings::read(settings)?))
}

/// The journal in these folders and files, or this machine's own if there are none.
///
/// # Errors
/// `Invalid` when one of them is not there. (Whether it can be read shows when it is.)
pub fn open(paths: &[PathBuf]) -> Result<Journal> {
    if let Some(missing) = paths.iter().find(|path| matches!(path.try_exists(), Ok(false))) {
        return Err(Error::invalid("no such file or folder")
            .at(missing.display().to_string())
            .help("name a folder such as /var/log/journal, or a file that ends in .journal"));
    }
    Ok(Journal::at(Paths::new(paths.to_vec())))
}

/// A systemd journal: many files read as one sequence. Files are open only during a read.
/// Clones share what they remember, and read one after the other.
#[derive(Debug, Clone)]
pub struct Journal {
    shared: Arc<Shared>,
}

/// Files that are read in another way than they should be, or not at all, as of the last read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Noted {
    /// Files of a newer systemd, read through its `journalctl`.
    pub through_journalctl: Vec<PathBuf>,
    /// Files of which no entry can be read; their entries are counted as unreadable.
    pub unreadable: Vec<PathBuf>,
    /// Files we may not read.
    pub denied: Vec<PathBuf>,
}

#[derive(Debug)]
struct Shared {
    reader: Mutex<Reader>,
    noted: Mutex<Noted>,
    /// Whose turn it is, in the order they came: who waits for it holds no thread.
    turn: Arc<tokio::sync::Mutex<()>>,
}

impl Journal {
    fn at(paths: Paths) -> Self {
        let reader = Mutex::new(Reader::new(paths));
        Self { shared: Arc::new(Shared { reader, noted: Mutex::default(), turn: Arc::default() }) }
    }

    /// What a person should know of the files. Never waits.
    pub fn noted(&self) -> Noted {
        lock(&self.shared.noted).clone()
    }

    /// Whether there is any entry now. Reads headers only; blocks.
    pub fn has_entries(&self) -> bool {
        lock(&self.shared.reader).has_entries()
    }

    /// Reads without waiting; blocks.
    ///
    /// # Errors
    /// `Unavailable`, with what to do about it, when there is no journal or it may not be read; `Limit` when the
    /// filter asks for too much.
    pub fn read_now(&self, ask: &Ask) -> Result<Batch> {
        Judge::new(&ask.filter)?;
        let mut reader = lock(&self.shared.reader);
        let batch = reader.read(ask);
        *lock(&self.shared.noted) = reader.noted();
        batch
    }
}

impl Source for Journal {
    fn read<'a>(&'a mut self, ask: &'a Ask) -> Later<'a, Result<Batch>> {
        Box::pin(wait(self.shared.clone(), ask))
    }
}

async fn wait(shared: Arc<Shared>, ask: &Ask) -> Result<Batch> {
    Judge::new(&ask.filter)?;
    let deadline = Instant::now() + ask.wait;
    let mut ask = ask.clone();
    let mut passed = Batch::default();
    loop {
        let asked = ask.clone();
        let (mut batch, seen) = blocking(&shared, move |reader| Ok((reader.read(&asked)?, reader.changes()))).await?;
        // What was passed while waiting is not read again, but it counts.
        batch.dropped += passed.dropped;
        batch.unreadable += passed.unreadable;
        batch.unread += passed.unread;
        let said = !batch.entries.is_empty() || !batch.gaps.is_empty() || batch.more || ask.limit == 0;
        if said || Instant::now() >= deadline {
            return Ok(batch);
        }
        while blocking(&shared, |reader| Ok(reader.look())).await? == seen {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(batch);
            }
            tokio::time::sleep(LOOK_EVERY.min(left)).await;
        }
        ask.after = batch.next;
        passed = batch;
    }
}

/// The one place where blocking reads leave the asynchronous world. Who stops waiting leaves the read to end alone.
async fn blocking<T: Send + 'static>(
    shared: &Arc<Shared>,
    read: impl FnOnce(&mut Reader) -> Result<T> + Send + 'static,
) -> Result<T> {
    let (shared, turn) = (shared.clone(), shared.turn.clone().lock_owned().await);
    let read = move || {
        let mut reader = lock(&shared.reader);
        let read = read(&mut reader);
        *lock(&shared.noted) = reader.noted();
        drop((reader, turn));
        read
    };
    tokio::task::spawn_blocking(read)
        .await
        .map_err(|error| Error::failed("reading the journal ended early").because(error))?
}

/// A read that panicked left nothing half done that the next one would trust.
fn lock<T>(held: &Mutex<T>) -> MutexGuard<'_, T> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}
