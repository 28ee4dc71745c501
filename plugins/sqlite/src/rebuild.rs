//! Builds a parser's table anew beside the one that is there; see [`infralogs_core::plugin::Rebuild`].

use crate::{commit, connections::Connections, cubes, error::failed, schema};
use infralogs_core::{
    cursor::Cursor,
    entry::Entries,
    error::{Error, Result},
    inventory::Target,
    plugin::{Arrived, Commit, Rebuild, Stream, Waiting},
    sql::{
        Dialect,
        rebuild::{self, Names, Standing, State, Verdict},
        write::{self, Sheet},
    },
    table::{ColumnDef, Rows, TableDef},
    tables,
    time::{Time, Window},
    value::Value,
};
use rusqlite::{Connection, Transaction, TransactionBehavior, params, types::ValueRef};
use std::sync::Arc;

const DOING: &str = "building a table anew";
/// Rows dropped in one transaction.
const ROWS_AT_ONCE: usize = 5_000;

/// What a commit does about a table that is being built, inside its transaction. `Note` and `Go` are gone on with.
pub(crate) fn ask(db: &Connection, prepared: Option<i64>) -> Result<Verdict> {
    let standing = look(db)?;
    match standing.asked(prepared) {
        Verdict::Stale => Err(rebuild::stale()),
        Verdict::Expire => {
            let sql = rebuild::expire(Dialect::Sqlite, &now());
            db.execute(&sql, [&standing.token]).map_err(failed(DOING))?;
            Ok(Verdict::Go)
        }
        other => Ok(other),
    }
}

/// Notes what a commit brings.
pub(crate) fn note(db: &Connection, commit: &Commit<'_>) -> Result<()> {
    let machine = commit.machine.to_string();
    let sql = "INSERT INTO \"$arrived\" (machine, seqnum_id, lowest, since, until) VALUES (?, ?, ?, ?, ?)";
    for (id, lowest, times) in rebuild::brought(commit) {
        let row = params![machine, id.to_string(), lowest as i64, times.from.0, times.to.0];
        db.prepare_cached(sql).and_then(|mut insert| insert.execute(row)).map_err(failed(DOING))?;
    }
    Ok(())
}

/// What the row says.
pub(crate) fn look(db: &Connection) -> Result<Standing> {
    let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?));
    let sql = rebuild::look(Dialect::Sqlite, "?");
    db.prepare_cached(&sql)
        .and_then(|mut look| look.query_row([Time::now().0], row))
        .map(Standing::stored)
        .map_err(failed(DOING))
}

/// Drops tables and counts that somebody left who is not at it any more.
pub(crate) fn clear(connections: &Connections) -> Result<()> {
    let of_table = "SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE '$%' UNION \
                    SELECT of_table FROM \"$cubes\" WHERE of_table LIKE '$%'";
    let listed: Vec<String> = connections.write(|db| {
        let mut list = db.prepare_cached(of_table).map_err(failed(DOING))?;
        list.query_map([], |row| row.get(0)).and_then(Iterator::collect).map_err(failed(DOING))
    })?;
    let live = connections.write(|db| look(db))?;
    for table in listed.iter().filter(|table| rebuild::is_left(table, &live)) {
        let name = Dialect::Sqlite.quote(table);
        let is_there = connections.write(|db| Ok(schema::stored_sql(db, table).map_err(failed(DOING))?.is_some()))?;
        if is_there {
            let rows = format!("DELETE FROM {name} WHERE rowid IN (SELECT rowid FROM {name} LIMIT {ROWS_AT_ONCE})");
            steps(connections, &rows)?;
            connections.write(|db| db.execute_batch(&format!("DROP TABLE IF EXISTS {name}")).map_err(failed(DOING)))?;
        }
        let cubes = connections.write(|db| cubes::list(db))?;
        for cube in cubes.iter().filter(|cube| cube.table == **table) {
            steps(
                connections,
                &format!(
                    "DELETE FROM \"$counts\" WHERE cube = {0} AND (cube, grain, bucket, slot, of_column, bin, shard) IN \
                     (SELECT cube, grain, bucket, slot, of_column, bin, shard FROM \"$counts\" WHERE cube = {0} LIMIT {ROWS_AT_ONCE})",
                    cube.number
                ),
            )?;
            let sql = "DELETE FROM \"$cubes\" WHERE number = ?";
            connections.write(|db| db.execute(sql, [cube.number]).map_err(failed(DOING)))?;
        }
        let sql = "DELETE FROM columns WHERE table_name = ?";
        connections.write(|db| db.execute(sql, [table]).map_err(failed(DOING)))?;
    }
    Ok(())
}

fn steps(connections: &Connections, sql: &str) -> Result<()> {
    while connections.write(|db| db.execute(sql, []).map_err(failed(DOING)))? == ROWS_AT_ONCE {}
    Ok(())
}

fn now() -> String {
    Time::now().0.to_string()
}

/// One table being built.
pub(crate) struct Build<'s> {
    connections: &'s Connections,
    table: String,
    token: String,
    names: Names,
    old: Vec<ColumnDef>,
    new: Vec<ColumnDef>,
    state: State,
    /// The last row that was read.
    last: i64,
    /// The last that was there when the first was read: what is behind it arrived since.
    end: Option<i64>,
}

impl<'s> Build<'s> {
    /// Takes over from whoever was at it, and makes the empty table.
    pub(crate) fn begin(connections: &'s Connections, table: &TableDef) -> Result<Self> {
        let token = rebuild::token();
        connections.write(|db| {
            let sql = rebuild::begin(Dialect::Sqlite, &now());
            db.execute(&sql, [&token, &table.name]).map_err(failed(DOING))?;
            db.execute("DELETE FROM \"$arrived\"", []).map(|_| ()).map_err(failed(DOING))
        })?;
        clear(connections)?;
        let names = Names::of(&token);
        let (old, new) = connections.write(|db| {
            if schema::columns(db, &table.name)?.is_empty() {
                schema::prepare(db, &[Arc::new(table.clone())])?;
            }
            let transaction = begin(db)?;
            let old = schema::columns(&transaction, &table.name)?;
            let new = rebuild::columns(table, &old);
            cubes::register(&transaction, &TableDef { name: names.new.clone(), ..table.clone() }, false)?;
            schema::make(&transaction, &names.new, &new)?;
            schema::make(&transaction, &names.failed, &tables::QUARANTINE.columns)?;
            transaction.commit().map_err(failed(DOING))?;
            Ok((old, new))
        })?;
        Ok(Self {
            connections,
            table: table.name.clone(),
            token,
            names,
            old,
            new,
            state: State::Filling,
            last: 0,
            end: None,
        })
    }

    /// Runs something in one transaction, if this is still at it; it then goes to a state.
    fn held<T>(&mut self, to: State, run: impl FnOnce(&Self, &Transaction<'_>) -> Result<T>) -> Result<T> {
        let done = self.connections.write(|db| {
            let transaction = begin(db)?;
            let sql = rebuild::step(Dialect::Sqlite, &now(), self.state, to);
            if transaction.execute(&sql, [&self.token]).map_err(failed(DOING))? != 1 {
                return Err(rebuild::ousted(&self.table));
            }
            let done = run(self, &transaction)?;
            transaction.commit().map_err(failed(DOING))?;
            Ok(done)
        })?;
        self.state = to;
        Ok(done)
    }

    /// Rows that the table does not take go where the failed ones are.
    fn store(&self, db: &Transaction<'_>, rows: &Rows, failed_rows: &Rows) -> Result<()> {
        let (target, entries) = (Target::default(), Entries::default());
        let bare = write::bare(&target, &entries);
        let sheet = Sheet::whole(&self.names.new, rows, &bare);
        let refused = commit::insert_into(db, &sheet, &mut |row, reason| {
            let mut refused = write::refused(&sheet, row, &bare, reason);
            refused[5] = Value::text(&self.table);
            commit::quarantine_in(db, &self.names.failed, &refused)
        })?;
        // Each machine's counts have a shard of their own, so that writers meet seldom; there is one writer here.
        cubes::add(db, &bare, &sheet, &cubes::list(db)?, &refused)?;
        let failed_sheet = Sheet::whole(&self.names.failed, failed_rows, &bare);
        commit::insert_into(db, &failed_sheet, &mut |_, reason| Err(Error::failed(reason))).map(|_| ())
    }
}

fn begin(db: &mut Connection) -> Result<Transaction<'_>> {
    db.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed(DOING))
}

impl Rebuild for Build<'_> {
    fn columns(&self) -> (&[ColumnDef], &[ColumnDef]) {
        (&self.old, &self.new)
    }

    fn arrived(&mut self) -> Result<Vec<Arrived>> {
        self.held(self.state, |_, db| {
            let sql = "SELECT machine, seqnum_id, lowest, since, until FROM \"$arrived\"";
            let mut list = db.prepare_cached(sql).map_err(failed(DOING))?;
            type Row = (String, String, i64, i64, i64);
            let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?));
            let rows: Vec<Row> = list.query_map([], row).and_then(Iterator::collect).map_err(failed(DOING))?;
            db.execute("DELETE FROM \"$arrived\"", []).map_err(failed(DOING))?;
            let arrived = |(machine, id, lowest, from, to): Row| {
                let stream = Stream { machine: machine.parse()?, seqnum_id: id.parse()? };
                Ok(Arrived { stream, lowest: lowest as u64, times: Window { from: Time(from), to: Time(to) } })
            };
            rows.into_iter().map(arrived).collect()
        })
    }

    fn old(&mut self, limit: usize) -> Result<Rows> {
        let names: Vec<String> = self.old.iter().map(|column| Dialect::Sqlite.quote(&column.name)).collect();
        let table = Dialect::Sqlite.quote(&self.table);
        let end = match self.end {
            Some(end) => end,
            None => self.connections.read(|db| {
                let sql = format!("SELECT coalesce(max(rowid), 0) FROM {table}");
                db.query_row(&sql, [], |row| row.get(0)).map_err(failed("reading the table that is there"))
            })?,
        };
        self.end = Some(end);
        let sql = format!(
            "SELECT {}, rowid FROM {table} WHERE rowid > ? AND rowid <= {end} ORDER BY rowid LIMIT {limit}",
            names.join(", ")
        );
        let mut rows = Rows::new(self.old.clone());
        let mut last = self.last;
        self.connections.read(|db| {
            let mut read = || -> rusqlite::Result<()> {
                let mut statement = db.prepare_cached(&sql)?;
                let mut found = statement.query([last])?;
                while let Some(row) = found.next()? {
                    let values = self.old.iter().enumerate().map(|(at, def)| crate::query::value(row, at, def));
                    rows.push(&values.collect::<rusqlite::Result<Vec<_>>>()?);
                    if let ValueRef::Integer(id) = row.get_ref(self.old.len())? {
                        last = id;
                    }
                }
                Ok(())
            };
            read().map_err(failed("reading the table that is there"))
        })?;
        self.last = last;
        Ok(rows)
    }

    fn put(&mut self, rows: &Rows, failed: &Rows) -> Result<()> {
        self.held(self.state, |build, db| build.store(db, rows, failed))
    }

    fn freeze(&mut self) -> Result<()> {
        // Transactions that write come one after the other: none is under way.
        self.held(State::Frozen, |_, _| Ok(()))
    }

    fn decide(&mut self, leave: &[Waiting]) -> Result<()> {
        self.held(State::Decided, |build, db| {
            for record in leave {
                leave_quarantine(db, record)?;
            }
            let (new, old) = (Dialect::Sqlite.quote(&build.names.new), Dialect::Sqlite.quote(&build.names.old));
            let (table, waiting) = (Dialect::Sqlite.quote(&build.table), Dialect::Sqlite.quote(&build.names.failed));
            let columns = commit::names(&tables::QUARANTINE.columns);
            db.execute_batch(&format!(
                "INSERT INTO quarantine ({columns}) SELECT {columns} FROM {waiting};
                 ALTER TABLE {table} RENAME TO {old}; ALTER TABLE {new} RENAME TO {table};"
            ))
            .map_err(failed(DOING))?;
            for sql in [
                "UPDATE \"$cubes\" SET of_table = ?2 WHERE of_table = ?1",
                "UPDATE columns SET table_name = ?2 WHERE table_name = ?1",
            ] {
                db.execute(sql, [&build.table, &build.names.old]).map_err(failed(DOING))?;
                db.execute(sql, [&build.names.new, &build.table]).map_err(failed(DOING))?;
            }
            db.execute(&rebuild::done(Dialect::Sqlite), [&build.token]).map(|_| ()).map_err(failed(DOING))
        })
    }

    fn finish(&mut self) -> Result<()> {
        clear(self.connections)
    }

    fn cancel(&mut self) {
        let sql = rebuild::give_up(Dialect::Sqlite);
        let given_up = self.connections.write(|db| db.execute(&sql, [&self.token]).map_err(failed(DOING)));
        if let Err(error) = given_up.and_then(|_| clear(self.connections)) {
            tracing::warn!("what was built of table `{}` is left for the next run: {error}", self.table);
        }
    }
}

fn leave_quarantine(db: &Transaction<'_>, Waiting { machine, cursor, parser }: &Waiting) -> Result<()> {
    let Cursor { seqnum_id, seqnum, .. } = cursor;
    let key = params![cursor.time().0, &**parser, machine.to_string(), seqnum_id.to_string(), *seqnum as i64];
    let sql = "DELETE FROM quarantine WHERE time = ? AND parser = ? AND machine = ? AND seqnum_id = ? AND seqnum = ?";
    db.prepare_cached(sql).and_then(|mut delete| delete.execute(key)).map(|_| ()).map_err(failed(DOING))
}
