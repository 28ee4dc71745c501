//! Builds a parser's table anew beside the one that is there; see [`infralogs_core::plugin::Rebuild`].
//!
//! Names are changed by DDL, which ends a transaction: so it is *decided* in one that the new table is the one, and
//! then its name is changed, by this process or, if it died between the two, by the next that wants to store something.

use crate::{
    commit, cubes,
    error::failed,
    insert, partitions,
    pool::{Pool, Session},
    reads::NOW_US,
    schema,
};
use infralogs_core::{
    entry::Entries,
    error::{Error, Kind, Result},
    inventory::Target,
    plugin::{Arrived, Commit, Rebuild, Stream, Waiting},
    sql::{
        Dialect,
        kept::{COUNTS, CUBES},
        rebuild::{self, ARRIVED, Names, Standing, State, TABLE, Verdict},
        write::{self, Sheet},
    },
    table::{ColumnDef, Rows, TableDef},
    tables,
    time::{Time, Window},
    value::Value,
};
use mysql::{Row, Value as Bound, prelude::Queryable};
use std::sync::Arc;

const DOING: &str = "building a table anew";
/// Rows dropped in one transaction.
const ROWS_AT_ONCE: u64 = 5_000;
/// Arrivals read at once.
const ARRIVED_AT_ONCE: usize = 10_000;
/// How often commits that had begun are waited for.
const WAITS_MAX: usize = 4;

/// What a commit does about a table that is being built, behind its checkpoint's lock: `Go` and `Note` are gone on
/// with, for all others the transaction was rolled back and it begins again.
pub(crate) fn ask(session: &mut Session, standing: Standing, prepared: Option<i64>) -> Result<Verdict> {
    let verdict = standing.asked(prepared);
    if matches!(verdict, Verdict::Go | Verdict::Note) {
        return Ok(verdict);
    }
    session.conn.query_drop("ROLLBACK").map_err(failed(DOING))?;
    match verdict {
        Verdict::Stale => return Err(rebuild::stale()),
        // Waits for who decides at this moment, and changes nothing then.
        Verdict::Expire => run(session, &rebuild::expire(Dialect::Mysql, NOW_US), &standing.token).map(|_| ())?,
        Verdict::Finish => finish(session, &standing.table, &standing.token)?,
        _ => {}
    }
    Ok(verdict)
}

/// Notes what a commit brings, in its transaction.
pub(crate) fn note(session: &mut Session, commit: &Commit<'_>) -> Result<()> {
    let machine = commit.machine.to_string();
    let sql = format!(
        "INSERT INTO {} (machine, seqnum_id, lowest, since, until) VALUES (?, ?, ?, ?, ?)",
        Dialect::Mysql.quote(ARRIVED)
    );
    for (id, lowest, times) in rebuild::brought(commit) {
        let row = (&machine, id.to_string(), lowest, times.from.0, times.to.0);
        session.conn.exec_drop(&sql, row).map_err(failed(DOING))?;
    }
    Ok(())
}

/// Locks out whoever begins to build a table, until the end of the transaction; an error if somebody is at it.
pub(crate) fn keep_out(session: &mut Session) -> Result<()> {
    let sql = format!("{} FOR UPDATE", looking());
    let standing = standing(session.conn.query_first(sql).map_err(failed(DOING))?)?;
    match standing.asked(None) {
        Verdict::Go | Verdict::Expire => Ok(()),
        _ => {
            session.conn.query_drop("ROLLBACK").map_err(failed(DOING))?;
            Err(rebuild::busy(&standing.table))
        }
    }
}

/// What the row says.
pub(crate) fn look(session: &mut Session) -> Result<Standing> {
    standing(session.conn.query_first(looking()).map_err(failed(DOING))?)
}

/// The statement that reads it.
pub(crate) fn looking() -> String {
    rebuild::look(Dialect::Mysql, NOW_US)
}

/// The row, if there is one.
pub(crate) fn standing(row: Option<Row>) -> Result<Standing> {
    row.map(|row| Standing::stored(mysql::from_row(row))).ok_or_else(|| {
        Error::invalid(format!("the row of `{TABLE}` is gone")).help("run `infralogs migrate`, which writes it again")
    })
}

/// Runs a statement with the token as its parameter; how many rows changed.
fn run(session: &mut Session, sql: &str, token: &str) -> Result<u64> {
    session.conn.exec_drop(sql, (token,)).map_err(failed(DOING))?;
    Ok(session.conn.affected_rows())
}

/// Puts a table that was decided on in its place. Several may do so at once.
fn finish(session: &mut Session, table: &str, token: &str) -> Result<()> {
    let names = Names::of(token);
    let [own, new, old] = [table, &names.new, &names.old].map(|name| Dialect::Mysql.quote(name));
    if schema::is_there(session, &names.new)? {
        let renamed = partitions::ddl(
            session,
            &format!("RENAME TABLE {own} TO {old}, {new} TO {own}"),
            "putting a table in its place",
        );
        if renamed.is_err() && schema::is_there(session, &names.new)? {
            return renamed;
        }
    }
    run(session, &rebuild::done(Dialect::Mysql), token).map(|_| ())
}

/// Drops tables and counts that somebody left who is not at it any more.
pub(crate) fn clear(session: &mut Session) -> Result<()> {
    let sql = format!(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name LIKE '$%' \
         UNION SELECT of_table FROM {} WHERE of_table LIKE '$%'",
        Dialect::Mysql.quote(CUBES)
    );
    let listed: Vec<String> = session.conn.query(sql).map_err(failed(DOING))?;
    let live = look(session)?;
    for table in listed.iter().filter(|table| rebuild::is_left(table, &live)) {
        let sql = format!("DROP TABLE IF EXISTS {}", Dialect::Mysql.quote(table));
        partitions::ddl(session, &sql, "dropping a table that was left behind")?;
        let cubes = cubes::list(session)?;
        for cube in cubes.iter().filter(|cube| cube.table == **table) {
            let counts = Dialect::Mysql.quote(COUNTS);
            let sql = format!("DELETE FROM {counts} WHERE cube = {} LIMIT {ROWS_AT_ONCE}", cube.number);
            loop {
                session.conn.query_drop(&sql).map_err(failed(DOING))?;
                if session.conn.affected_rows() < ROWS_AT_ONCE {
                    break;
                }
            }
            let sql = format!("DELETE FROM {} WHERE number = {}", Dialect::Mysql.quote(CUBES), cube.number);
            session.conn.query_drop(sql).map_err(failed(DOING))?;
        }
    }
    Ok(())
}

/// When this answers, every commit that began before it is over: each holds the lock of its checkpoint to its end.
fn wait_for_commits(session: &mut Session) -> Result<()> {
    let mut tries = 0;
    loop {
        tries += 1;
        let waited: mysql::Result<Option<u64>> =
            session.conn.query_first("SELECT COUNT(*) FROM checkpoints FOR UPDATE");
        match waited.map_err(failed("waiting for commits to end")) {
            Err(error) if error.kind == Kind::Unavailable && tries < WAITS_MAX => {}
            other => return other.map(|_| ()),
        }
    }
}

/// One table being built.
pub(crate) struct Build<'s> {
    pool: &'s Pool,
    table: String,
    token: String,
    names: Names,
    old: Vec<ColumnDef>,
    new: Vec<ColumnDef>,
    state: State,
    /// The key of the last row that was read.
    last: Option<[Bound; 5]>,
    /// The newest time that was there when the first was read: what is behind it arrived since.
    end: Option<i64>,
}

impl<'s> Build<'s> {
    /// Takes over from whoever was at it, and makes the empty table.
    pub(crate) fn begin(pool: &'s Pool, table: &TableDef) -> Result<Self> {
        let token = rebuild::token();
        let names = Names::of(&token);
        let (old, new) = pool.with(|session| {
            let standing = look(session)?;
            if standing.state == State::Decided {
                finish(session, &standing.table, &standing.token)?;
            }
            let sql = rebuild::begin(Dialect::Mysql, NOW_US);
            session.conn.exec_drop(sql, (&token, &table.name)).map_err(failed(DOING))?;
            if session.conn.affected_rows() != 1 {
                return Err(rebuild::ousted(&table.name));
            }
            wait_for_commits(session)?;
            session.conn.query_drop(format!("DELETE FROM {}", Dialect::Mysql.quote(ARRIVED))).map_err(failed(DOING))?;
            clear(session)?;
            if !schema::is_there(session, &table.name)? {
                schema::prepare(session, &[Arc::new(table.clone())])?;
            }
            let old = schema::columns(session, &table.name)?;
            let new = rebuild::columns(table, &old);
            cubes::register(session, &TableDef { name: names.new.clone(), ..table.clone() }, false)?;
            schema::make_like(session, &table.name, &names.new, &new)?;
            schema::make(session, &names.failed, &tables::QUARANTINE.columns, "")?;
            Ok((old, new))
        })?;
        Ok(Self {
            pool,
            table: table.name.clone(),
            token,
            names,
            old,
            new,
            state: State::Filling,
            last: None,
            end: None,
        })
    }

    /// Runs something in one transaction, if this is still at it; it then goes to a state.
    fn held<T>(&mut self, to: State, work: impl FnOnce(&Self, &mut Session) -> Result<T>) -> Result<T> {
        let done = self.pool.with(|session| {
            session.conn.query_drop("START TRANSACTION").map_err(failed(DOING))?;
            let sql = rebuild::step(Dialect::Mysql, NOW_US, self.state, to);
            if run(session, &sql, &self.token)? != 1 {
                session.conn.query_drop("ROLLBACK").map_err(failed(DOING))?;
                return Err(rebuild::ousted(&self.table));
            }
            let done = work(self, session)?;
            session.conn.query_drop("COMMIT").map_err(failed(DOING))?;
            Ok(done)
        })?;
        self.state = to;
        Ok(done)
    }

    /// Rows that the table does not take go where the failed ones are.
    fn store(&self, session: &mut Session, rows: &Rows, failed_rows: &Rows) -> Result<()> {
        let (target, entries) = (Target::default(), Entries::default());
        let bare = write::bare(&target, &entries);
        let sheet = Sheet::whole(&self.names.new, rows, &bare);
        let refused = insert::insert(session, &sheet)?;
        let without = refused.iter().map(|refused| refused.row).collect();
        let cubes = cubes::list(session)?;
        cubes::add(session, &bare, write::kept(&sheet, &cubes, &without)?)?;
        for refused in &refused {
            let mut row = write::refused(&sheet, refused.row, &bare, &refused.reason);
            row[5] = Value::text(&self.table);
            commit::quarantine_in(session, &self.names.failed, &row)?;
        }
        let failed_sheet = Sheet::whole(&self.names.failed, failed_rows, &bare);
        match insert::insert(session, &failed_sheet)?.first() {
            Some(refused) => Err(Error::failed(refused.reason.clone())),
            None => Ok(()),
        }
    }
}

impl Rebuild for Build<'_> {
    fn columns(&self) -> (&[ColumnDef], &[ColumnDef]) {
        (&self.old, &self.new)
    }

    fn arrived(&mut self) -> Result<Vec<Arrived>> {
        type Row = (u64, String, String, u64, i64, i64);
        let table = Dialect::Mysql.quote(ARRIVED);
        let mut all = Vec::new();
        loop {
            // Removed by their numbers: one with a smaller number may only now be committed.
            let rows = self.held(self.state, |_, session| {
                let sql = format!(
                    "SELECT nth, machine, seqnum_id, lowest, since, until FROM {table} LIMIT {ARRIVED_AT_ONCE}"
                );
                let rows: Vec<Row> = session.conn.query(sql).map_err(failed(DOING))?;
                for some in rows.chunks(1_000) {
                    let numbers: Vec<String> = some.iter().map(|row| row.0.to_string()).collect();
                    let sql = format!("DELETE FROM {table} WHERE nth IN ({})", numbers.join(", "));
                    session.conn.query_drop(sql).map_err(failed(DOING))?;
                }
                Ok(rows)
            })?;
            let full = rows.len() == ARRIVED_AT_ONCE;
            for (_, machine, id, lowest, from, to) in rows {
                let stream = Stream { machine: machine.parse()?, seqnum_id: id.parse()? };
                all.push(Arrived { stream, lowest, times: Window { from: Time(from), to: Time(to) } });
            }
            if !full {
                return Ok(all);
            }
        }
    }

    fn old(&mut self, limit: usize) -> Result<Rows> {
        let names: Vec<String> = self.old.iter().map(|column| Dialect::Mysql.quote(&column.name)).collect();
        let key = KEY.map(|name| Dialect::Mysql.quote(name)).join(", ");
        let table = Dialect::Mysql.quote(&self.table);
        let end = match self.end {
            Some(end) => end,
            None => self.pool.with(|session| {
                let sql = format!("SELECT MAX(time) FROM {table}");
                let newest: Option<Option<i64>> = session.conn.query_first(sql).map_err(failed(DOING))?;
                Ok(newest.flatten().unwrap_or(i64::MIN))
            })?,
        };
        self.end = Some(end);
        // The first condition alone finds the partition and the place in it.
        let (behind, values) = match &self.last {
            None => (String::new(), Vec::new()),
            Some(last) => (
                format!("AND time >= ? AND (time > ? OR ({}) > (?, ?, ?, ?))", key.replacen("`time`, ", "", 1)),
                [vec![last[0].clone()], last.to_vec()].concat(),
            ),
        };
        let sql = format!(
            "SELECT {}, {key} FROM {table} WHERE time <= {end} {behind} ORDER BY {key} LIMIT {limit}",
            names.join(", ")
        );
        let mut rows = Rows::new(self.old.clone());
        let last = self.pool.with(|session| {
            let doing = "reading the table that is there";
            let mut last = None;
            for row in session.conn.exec_iter(sql, values).map_err(failed(doing))? {
                let mut bounds = row.map_err(failed(doing))?.unwrap();
                let own = bounds.split_off(self.old.len());
                let values =
                    bounds.iter().zip(&self.old).map(|(bound, def)| crate::query::value(bound, def.kind.storage()));
                rows.push(&values.collect::<Result<Vec<_>>>()?);
                last = <[Bound; 5]>::try_from(own).ok();
            }
            Ok(last)
        })?;
        self.last = last.or(self.last.take());
        Ok(rows)
    }

    fn put(&mut self, rows: &Rows, failed: &Rows) -> Result<()> {
        self.held(self.state, |build, session| build.store(session, rows, failed))
    }

    fn freeze(&mut self) -> Result<()> {
        self.held(State::Frozen, |_, _| Ok(()))?;
        self.pool.with(wait_for_commits)?;
        // It may have taken long.
        self.held(State::Frozen, |_, _| Ok(()))
    }

    fn decide(&mut self, leave: &[Waiting]) -> Result<()> {
        self.held(State::Decided, |build, session| {
            let sql =
                "DELETE FROM quarantine WHERE time = ? AND parser = ? AND machine = ? AND seqnum_id = ? AND seqnum = ?";
            for Waiting { machine, cursor, parser } in leave {
                let (id, time) = (cursor.seqnum_id.to_string(), cursor.time().0);
                let key = (time, &**parser, machine.to_string(), id, cursor.seqnum);
                session.conn.exec_drop(sql, key).map_err(failed(DOING))?;
            }
            let columns: Vec<&str> = tables::QUARANTINE.columns.iter().map(|column| column.name.as_str()).collect();
            let columns = columns.join(", ");
            let waiting = Dialect::Mysql.quote(&build.names.failed);
            let sql = format!("INSERT INTO quarantine ({columns}) SELECT {columns} FROM {waiting}");
            session.conn.query_drop(sql).map_err(failed(DOING))?;
            let sql = format!("UPDATE {} SET of_table = ? WHERE of_table = ?", Dialect::Mysql.quote(CUBES));
            for (to, from) in [(&build.names.old, &build.table), (&build.table, &build.names.new)] {
                session.conn.exec_drop(&sql, (to, from)).map_err(failed(DOING))?;
            }
            Ok(())
        })
    }

    fn finish(&mut self) -> Result<()> {
        self.pool.with(|session| {
            finish(session, &self.table, &self.token)?;
            clear(session)
        })
    }

    fn cancel(&mut self) {
        let given_up = self.pool.with(|session| {
            run(session, &rebuild::give_up(Dialect::Mysql), &self.token)?;
            clear(session)
        });
        if let Err(error) = given_up {
            tracing::warn!("what was built of table `{}` is left for the next run: {error}", self.table);
        }
    }
}

/// What every row of a parser's table is found and sorted by.
const KEY: [&str; 5] = ["time", "machine", "seqnum_id", "seqnum", write::NTH_COLUMN];
