//! The store for databases that speak MySQL's protocol: MariaDB, MySQL, TiDB, Galera clusters.

mod commit;
mod cubes;
mod dialect;
mod door;
mod error;
mod insert;
mod leases;
mod packet;
mod partitions;
mod pool;
mod query;
mod reads;
mod rebuild;
mod retain;
mod rollups;
mod rotation;
mod schema;
mod settings;
mod turns;

use error::failed;
use infralogs_core::{
    cancel::Cancel,
    cursor::Cursor,
    error::{Error, Result},
    id::Id128,
    inventory::Target,
    plugin::{
        Build, Commit, Committed, Connections, Explained, Holder, Moment, Plugin, Process, Rebuild, Settings, Store,
        Stream, Take,
    },
    query::{Frame, Query},
    sql::{self, Dialect, kept::Cube, rebuild::Prepared, retention::Keep},
    table::{ColumnDef, Rows, TableDef},
    tables,
    time::{Time, Window},
};
use mysql::prelude::Queryable;
use pool::Pool;
use reads::Reads;
use std::{
    cell::{Cell, RefCell},
    sync::Arc,
    time::Duration,
};
use turns::Turns;

/// The plugin's entry in the program's list.
pub const PLUGIN: Plugin = Plugin {
    name: "mysql",
    about: "Keeps everything in a MariaDB, MySQL or TiDB database.",
    sample: include_str!("../sample.yaml"),
    build: Build::Store(|settings| Ok(Arc::new(Mysql::new(settings)?))),
};

/// How long the distinct values of a column may take to find.
const CHOICES_TIMEOUT_MS: u32 = 5_000;

/// A store in one database. Nothing connects before it is asked for something.
#[derive(Debug)]
pub struct Mysql {
    pool: Pool,
    reads: Reads,
    keep: Keep,
    prepared: Prepared,
    turns: Turns,
}

impl Mysql {
    /// A store by its settings, which are checked.
    pub fn new(settings: &Settings) -> Result<Self> {
        let (keep, rest) = Keep::take(settings)?;
        let (reads, rest) = Reads::take(rest)?;
        Ok(Self {
            pool: Pool::new(settings::Access::of(&rest)?),
            reads,
            keep,
            prepared: Prepared::default(),
            turns: Turns::default(),
        })
    }

    /// The rollups that queries of a table may be answered from.
    fn cubes(&self, table: &TableDef) -> Result<Vec<Cube>> {
        match tables::built_in(&table.name) {
            Some(_) => Ok(Vec::new()),
            None => self.reads.ask(&self.pool, cubes::list),
        }
    }

    /// Every pool that logs in with our credentials.
    fn pools(&self) -> impl Iterator<Item = &Pool> {
        std::iter::once(&self.pool).chain(self.reads.fallback())
    }
}

impl Store for Mysql {
    fn name(&self) -> String {
        self.pool.name()
    }

    fn migrate(&self) -> Result<()> {
        self.pool.with(schema::migrate)
    }

    fn prepare(&self, tables: &[Arc<TableDef>]) -> Result<()> {
        let epoch = self.pool.with(|session| {
            let epoch = rebuild::look(session)?.epoch;
            schema::prepare(session, tables).map(|()| epoch)
        })?;
        self.prepared.set(epoch, tables);
        Ok(())
    }

    fn checkpoint(&self, stream: &Stream) -> Result<Option<Cursor>> {
        // A locking read: it waits for a commit whose answer was lost and which may still be running.
        let sql = "SELECT `cursor` FROM checkpoints WHERE machine = ? AND seqnum_id = ? FOR UPDATE";
        let key = (stream.machine.to_string(), stream.seqnum_id.to_string());
        let text: Option<String> =
            self.pool.with(|session| session.conn.exec_first(sql, key).map_err(failed("reading a checkpoint")))?;
        text.filter(|text| !text.is_empty()).map(|text| text.parse()).transpose()
    }

    fn last_stream(&self, target: &str) -> Result<Option<Stream>> {
        let ids: Option<(Option<String>, Option<String>)> = self.pool.with(|session| {
            let sql = "SELECT machine, seqnum_id FROM agents WHERE host = ?";
            session.conn.exec_first(sql, (target,)).map_err(failed("reading a target's last stream"))
        })?;
        let Some((Some(machine), Some(seqnum_id))) = ids else { return Ok(None) };
        Ok(Some(Stream { machine: machine.parse()?, seqnum_id: seqnum_id.parse()? }))
    }

    fn targets_of(&self, machine: Id128) -> Result<Vec<(String, Id128)>> {
        let known: Vec<(String, String)> = self.pool.with(|session| {
            let sql = "SELECT host, seqnum_id FROM agents WHERE machine = ? AND seqnum_id IS NOT NULL";
            session.conn.exec(sql, (machine.to_string(),)).map_err(failed("reading whose machine it is"))
        })?;
        known.into_iter().map(|(target, id)| Ok((target, id.parse()?))).collect()
    }

    fn commit(&self, commit: &Commit<'_>) -> Result<Committed> {
        self.prepared.agrees(commit)?;
        let prepared = self.prepared.epoch();
        sql::rebuild::when_free(|| {
            let _turn = self.turns.take(commit.entries.len());
            self.pool.with(|session| commit::commit(session, commit, prepared))
        })
    }

    fn replay(&self, parser: &str, records: &[Cursor], made: &Commit<'_>) -> Result<Committed> {
        self.pool.with(|session| commit::replay(session, parser, records, made))
    }

    fn columns(&self, table: &str) -> Result<Vec<ColumnDef>> {
        self.reads.ask(&self.pool, |session| schema::columns(session, table))
    }

    fn rebuild(&self, table: &TableDef) -> Result<Box<dyn Rebuild + '_>> {
        Ok(Box::new(rebuild::Build::begin(&self.pool, table)?))
    }

    fn claim(&self, owner: &str, polls: &[String], hold: Duration) -> Result<Vec<String>> {
        self.pool.with(|session| leases::claim(session, owner, polls, hold))
    }

    fn release(&self, owner: &str) -> Result<()> {
        self.pool.with(|session| leases::release(session, owner))
    }

    fn report(&self, target: &Target, stream: &str, at: Time, error: Option<&str>) -> Result<()> {
        self.pool.with(|session| commit::report(session, target, stream, at, error))
    }

    fn mark(&self, mark: &Moment) -> Result<()> {
        self.pool.with(|session| commit::mark(session, mark))
    }

    fn present(&self, process: &Process) -> Result<()> {
        self.pool.with(|session| commit::present(session, process))
    }

    fn bytes(&self) -> Result<Option<u64>> {
        self.pool.with(reads::bytes)
    }

    fn query(&self, query: &Query, table: &TableDef, frame: &Frame) -> Result<Rows> {
        self.query_until(query, table, frame, &Cancel::default())
    }

    fn query_until(&self, query: &Query, table: &TableDef, frame: &Frame, cancel: &Cancel) -> Result<Rows> {
        let select = sql::select(query, table, frame, Dialect::Mysql, &self.cubes(table)?)?;
        self.reads.ask(&self.pool, |session| query::run(session, &select, frame.timeout_ms, cancel))
    }

    fn stream(
        &self,
        query: &Query,
        table: &TableDef,
        frame: &Frame,
        cancel: &Cancel,
        take: &mut Take<'_>,
    ) -> Result<()> {
        let select = sql::select(query, table, frame, Dialect::Mysql, &self.cubes(table)?)?;
        // Another server is not asked once some of the answer was given.
        let (begun, take) = (Cell::new(false), RefCell::new(take));
        self.reads.ask(&self.pool, |session| {
            if begun.get() {
                return Err(Error::failed("the database went away in the middle of the answer").help("ask again"));
            }
            query::stream(session, &select, frame.timeout_ms, cancel, &mut |rows| {
                begun.set(true);
                (take.borrow_mut())(rows)
            })
        })
    }

    fn choices(&self, table: &TableDef, column: &str, window: Window, limit: usize) -> Result<Vec<String>> {
        let select = sql::choices(table, column, window, limit, Dialect::Mysql)?;
        let ask = |session: &mut _| query::run(session, &select, CHOICES_TIMEOUT_MS, &Cancel::default());
        let rows = self.reads.ask(&self.pool, ask)?;
        Ok(sql::texts(&rows))
    }

    fn retain(&self, tables: &[Arc<TableDef>], now: Time) -> Result<u64> {
        retain::retain(&self.pool, &self.keep, tables, now)
    }

    fn explain(&self, query: &Query, table: &TableDef, frame: &Frame) -> Result<Explained> {
        // A database that can't be asked is taken to keep what the scripts say.
        let cubes = self.cubes(table).unwrap_or_else(|_| Cube::declared(table));
        Ok(sql::select(query, table, frame, Dialect::Mysql, &cubes)?.explained())
    }

    fn beat(&self, owner: &str) -> Result<()> {
        self.pool.with(|session| reads::beat(session, owner))
    }

    fn lag(&self) -> Result<Duration> {
        self.reads.lag(&self.pool)
    }

    fn position(&self) -> Result<Option<String>> {
        self.pool.with(reads::position)
    }

    fn wait_for(&self, position: &str, wait: Duration) -> Result<bool> {
        self.pool.with(|session| reads::wait_for(session, position, wait))
    }

    fn connections(&self) -> Option<Connections> {
        Some(self.pool.connections())
    }

    fn holder(&self) -> Option<&dyn Holder> {
        self.pool.rotates().then_some(self)
    }
}
