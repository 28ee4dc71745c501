//! Connections to the file: one that writes, a few that read, opened when first needed.

use crate::error::failed;
use infralogs_core::error::{Error, Result};
use rusqlite::{Connection, OpenFlags};
use std::{
    path::{Path, PathBuf},
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// The most queries that run at once.
const READERS_MAX: usize = 4;
/// How long a query waits for its turn.
const READER_WAIT: Duration = Duration::from_secs(10);
/// How long another process may hold the file.
const BUSY_WAIT: Duration = Duration::from_secs(10);
/// Statements kept prepared on each connection.
const STATEMENTS_MAX: usize = 64;

#[derive(Debug)]
pub(crate) struct Connections {
    path: PathBuf,
    writer: Mutex<Option<Connection>>,
    readers: Mutex<Readers>,
    returned: Condvar,
}

#[derive(Debug, Default)]
struct Readers {
    idle: Vec<Connection>,
    busy: usize,
}

impl Connections {
    pub fn new(path: PathBuf) -> Self {
        Self { path, writer: Mutex::default(), readers: Mutex::default(), returned: Condvar::new() }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Runs something on the one connection that writes.
    pub fn write<T>(&self, run: impl FnOnce(&mut Connection) -> Result<T>) -> Result<T> {
        let mut writer = lock(&self.writer);
        let connection = match writer.take() {
            Some(connection) => writer.insert(connection),
            None => writer.insert(open_writer(&self.path)?),
        };
        run(connection)
    }

    /// Runs something on a connection that reads, waiting for one if all are busy.
    pub fn read<T>(&self, run: impl FnOnce(&mut Connection) -> Result<T>) -> Result<T> {
        let mut reader = Reader { connections: self, connection: Some(self.take_reader()?) };
        reader.connection.as_mut().map_or_else(|| Err(Error::failed("no connection to read with")), run)
    }

    fn take_reader(&self) -> Result<Connection> {
        let until = Instant::now() + READER_WAIT;
        let mut readers = lock(&self.readers);
        while readers.busy >= READERS_MAX {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Error::unavailable(format!("{READERS_MAX} queries are running already")).help("try again"));
            }
            readers = self.returned.wait_timeout(readers, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        readers.busy += 1;
        if let Some(idle) = readers.idle.pop() {
            return Ok(idle);
        }
        drop(readers);
        open_reader(&self.path).inspect_err(|_| self.put_back(None))
    }

    fn put_back(&self, connection: Option<Connection>) {
        let mut readers = lock(&self.readers);
        readers.busy -= 1;
        readers.idle.extend(connection);
        self.returned.notify_one();
    }
}

/// A connection taken out of the pool; back there when dropped, whatever happens.
struct Reader<'c> {
    connections: &'c Connections,
    connection: Option<Connection>,
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        self.connections.put_back(self.connection.take());
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn open_writer(path: &Path) -> Result<Connection> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(|error| cannot(path, error))?;
    }
    let db = Connection::open(path).map_err(|error| cannot(path, error))?;
    prepare(&db).map_err(|error| cannot(path, error))?;
    // Rows and checkpoint go back together if power fails, and are read again: no fsync for each commit is needed.
    db.execute_batch(
        "PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;
         PRAGMA wal_autocheckpoint = 4000; PRAGMA journal_size_limit = 67108864; PRAGMA cache_size = -16384;",
    )
    .map_err(|error| cannot(path, error))?;
    if db.is_readonly("main").map_err(failed("opening the store"))? {
        return Err(cannot(path, "it is read-only"));
    }
    Ok(db)
}

fn open_reader(path: &Path) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags).map_err(|error| cannot(path, error))?;
    prepare(&db).map_err(|error| cannot(path, error))?;
    Ok(db)
}

fn prepare(db: &Connection) -> rusqlite::Result<()> {
    db.busy_timeout(BUSY_WAIT)?;
    db.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    db.execute_batch("PRAGMA temp_store = MEMORY")
}

fn cannot(path: &Path, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::invalid("the SQLite file can't be opened for writing")
        .at(path.display().to_string())
        .because(cause)
        .help("name a file in a folder you may write to: --data DIR, or store: sqlite://PATH")
}
