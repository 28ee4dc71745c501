//! The embedded store: SQLite in one file, written by one connection and read by a few.

mod commit;
mod connections;
mod cubes;
mod error;
mod query;
mod rebuild;
mod retain;
mod schema;

use connections::Connections;
use error::failed;
use infralogs_core::{
    cancel::Cancel,
    cursor::Cursor,
    error::{Error, Result},
    id::Id128,
    inventory::Target,
    plugin::{Build, Commit, Committed, Explained, Moment, Plugin, Process, Rebuild, Settings, Store, Stream, Take},
    query::{Frame, Query},
    sql::{self, Dialect, kept::Cube, rebuild::Prepared, retention::Keep},
    table::{ColumnDef, Rows, TableDef},
    time::{Time, Window},
};
use rusqlite::{OptionalExtension, params};
use serde::Deserialize;
use std::{path::PathBuf, sync::Arc, time::Duration};

/// The plugin's entry in the program's list.
pub const PLUGIN: Plugin = Plugin {
    name: "sqlite",
    about: "Keeps everything in one SQLite file on this machine.",
    sample: include_str!("../sample.yaml"),
    build: Build::Store(build),
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Chosen {
    url: String,
}

/// How long the distinct values of a column may take to find.
const CHOICES_TIMEOUT_MS: u32 = 5_000;

fn build(settings: &Settings) -> Result<Arc<dyn Store>> {
    let (keep, rest) = Keep::take(settings)?;
    let chosen: Chosen = rest.read()?;
    let store = Sqlite::new(path_of(&chosen.url).map_err(|error| error.at(&settings.place))?);
    Ok(Arc::new(Sqlite { keep, ..store }))
}

fn path_of(url: &str) -> Result<PathBuf> {
    let path = url.strip_prefix("sqlite://").or_else(|| url.strip_prefix("sqlite:"));
    match path.filter(|path| !path.is_empty()) {
        Some(path) => Ok(path.into()),
        None => Err(Error::invalid(format!("`{url}` names no SQLite file")).help("write sqlite://data/infralogs.db")),
    }
}

/// A store in one SQLite file. Nothing is opened before it is asked for something.
#[derive(Debug)]
pub struct Sqlite {
    connections: Connections,
    keep: Keep,
    prepared: Prepared,
}

impl Sqlite {
    /// A store in this file, which need not be there yet.
    pub fn new(path: PathBuf) -> Self {
        Self { connections: Connections::new(path), keep: Keep::default(), prepared: Prepared::default() }
    }
}

impl Store for Sqlite {
    fn name(&self) -> String {
        format!("SQLite {}", self.connections.path().display())
    }

    fn migrate(&self) -> Result<()> {
        self.connections.write(schema::migrate)
    }

    fn prepare(&self, tables: &[Arc<TableDef>]) -> Result<()> {
        let epoch = self.connections.write(|db| Ok(rebuild::look(db)?.epoch))?;
        self.connections.write(|db| schema::prepare(db, tables))?;
        self.prepared.set(epoch, tables);
        Ok(())
    }

    fn checkpoint(&self, stream: &Stream) -> Result<Option<Cursor>> {
        let text: Option<String> = self.connections.write(|db| {
            db.prepare_cached("SELECT cursor FROM checkpoints WHERE machine = ? AND seqnum_id = ?")
                .and_then(|mut statement| {
                    let key = params![stream.machine.to_string(), stream.seqnum_id.to_string()];
                    statement.query_row(key, |row| row.get(0)).optional()
                })
                .map_err(failed("reading a checkpoint"))
        })?;
        text.filter(|text| !text.is_empty()).map(|text| text.parse()).transpose()
    }

    fn last_stream(&self, target: &str) -> Result<Option<Stream>> {
        let ids: Option<(Option<String>, Option<String>)> = self.connections.write(|db| {
            db.query_row("SELECT machine, seqnum_id FROM agents WHERE host = ?", [target], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .optional()
            .map_err(failed("reading a target's last stream"))
        })?;
        let Some((Some(machine), Some(seqnum_id))) = ids else { return Ok(None) };
        Ok(Some(Stream { machine: machine.parse()?, seqnum_id: seqnum_id.parse()? }))
    }

    fn targets_of(&self, machine: Id128) -> Result<Vec<(String, Id128)>> {
        let doing = "reading whose machine it is";
        let known: Vec<(String, String)> = self.connections.write(|db| {
            let sql = "SELECT host, seqnum_id FROM agents WHERE machine = ? AND seqnum_id IS NOT NULL";
            let mut statement = db.prepare_cached(sql).map_err(failed(doing))?;
            let rows = statement.query_map([machine.to_string()], |row| Ok((row.get(0)?, row.get(1)?)));
            rows.and_then(Iterator::collect).map_err(failed(doing))
        })?;
        known.into_iter().map(|(target, id)| Ok((target, id.parse()?))).collect()
    }

    fn commit(&self, commit: &Commit<'_>) -> Result<Committed> {
        self.prepared.agrees(commit)?;
        let prepared = self.prepared.epoch();
        sql::rebuild::when_free(|| self.connections.write(|db| commit::commit(db, commit, prepared)))
    }

    fn replay(&self, parser: &str, records: &[Cursor], made: &Commit<'_>) -> Result<Committed> {
        self.connections.write(|db| commit::replay(db, parser, records, made))
    }

    fn columns(&self, table: &str) -> Result<Vec<ColumnDef>> {
        self.connections.read(|db| schema::columns(db, table))
    }

    fn rebuild(&self, table: &TableDef) -> Result<Box<dyn Rebuild + '_>> {
        Ok(Box::new(rebuild::Build::begin(&self.connections, table)?))
    }

    fn claim(&self, owner: &str, polls: &[String], hold: Duration) -> Result<Vec<String>> {
        self.connections.write(|db| commit::claim(db, owner, polls, hold))
    }

    fn release(&self, owner: &str) -> Result<()> {
        self.connections.write(|db| {
            db.execute("DELETE FROM leases WHERE owner = ?", [owner]).map(|_| ()).map_err(failed("releasing leases"))
        })
    }

    fn report(&self, target: &Target, stream: &str, at: Time, error: Option<&str>) -> Result<()> {
        self.connections.write(|db| commit::report(db, target, stream, at, error))
    }

    fn mark(&self, mark: &Moment) -> Result<()> {
        self.connections.write(|db| {
            let row = params![mark.at.0, mark.host, mark.version, mark.note];
            db.execute("INSERT INTO deploys (time, host, version, note) VALUES (?, ?, ?, ?)", row)
                .map(|_| ())
                .map_err(failed("storing a mark"))
        })
    }

    fn present(&self, process: &Process) -> Result<()> {
        self.connections.write(|db| commit::present(db, process))
    }

    fn bytes(&self) -> Result<Option<u64>> {
        let file = |suffix: &str| {
            let mut path = self.connections.path().as_os_str().to_owned();
            path.push(suffix);
            std::fs::metadata(path).map_or(0, |file| file.len())
        };
        Ok(Some(file("") + file("-wal")))
    }

    fn query(&self, query: &Query, table: &TableDef, frame: &Frame) -> Result<Rows> {
        self.query_until(query, table, frame, &Cancel::default())
    }

    fn query_until(&self, query: &Query, table: &TableDef, frame: &Frame, cancel: &Cancel) -> Result<Rows> {
        self.connections.read(|db| {
            let select = sql::select(query, table, frame, Dialect::Sqlite, &cubes::list(db)?)?;
            query::run(db, &select, frame.timeout_ms, cancel)
        })
    }

    fn stream(
        &self,
        query: &Query,
        table: &TableDef,
        frame: &Frame,
        cancel: &Cancel,
        take: &mut Take<'_>,
    ) -> Result<()> {
        self.connections.read(|db| {
            let select = sql::select(query, table, frame, Dialect::Sqlite, &cubes::list(db)?)?;
            query::stream(db, &select, frame.timeout_ms, cancel, take)
        })
    }

    fn choices(&self, table: &TableDef, column: &str, window: Window, limit: usize) -> Result<Vec<String>> {
        let select = sql::choices(table, column, window, limit, Dialect::Sqlite)?;
        let rows = self.connections.read(|db| query::run(db, &select, CHOICES_TIMEOUT_MS, &Cancel::default()))?;
        Ok(sql::texts(&rows))
    }

    fn retain(&self, tables: &[Arc<TableDef>], now: Time) -> Result<u64> {
        retain::retain(&self.connections, &self.keep, tables, now)
    }

    fn explain(&self, query: &Query, table: &TableDef, frame: &Frame) -> Result<Explained> {
        // A file that can't be read is taken to keep what the scripts say.
        let cubes = self.connections.read(|db| cubes::list(db)).unwrap_or_else(|_| Cube::declared(table));
        Ok(sql::select(query, table, frame, Dialect::Sqlite, &cubes)?.explained())
    }
}
