//! Writes a batch: its rows and its checkpoint in one transaction, behind the checkpoint as fence.

use crate::{cubes, error::failed, rebuild};
use infralogs_core::{
    cursor::Cursor,
    error::Result,
    inventory::Target,
    plugin::{Commit, Committed, LOGS, Process},
    sql::{
        Dialect,
        rebuild::{Verdict, busy},
        write::{self, Sheet},
    },
    table::ColumnDef,
    time::Time,
    value::Value,
};
use rusqlite::{
    Connection, ErrorCode, OptionalExtension, Statement, ToSql, Transaction, TransactionBehavior, params,
    types::{ToSqlOutput, ValueRef},
};
use std::{collections::HashSet, time::Duration};

const DOING: &str = "storing a batch";

/// Stores everything or nothing; see [`infralogs_core::plugin::Store::commit`]. `None` while a table changes places.
pub(crate) fn commit(db: &mut Connection, commit: &Commit<'_>, prepared: Option<i64>) -> Result<Option<Committed>> {
    let machine = commit.machine.to_string();
    let stream = commit.expect.map_or(commit.next.seqnum_id, |expect| expect.seqnum_id).to_string();
    if commit.expect.is_none() {
        // Alone and before the transaction, so that two first polls meet at one row.
        db.execute("INSERT OR IGNORE INTO checkpoints VALUES (?, ?, '')", params![machine, stream])
            .map_err(failed(DOING))?;
    }
    let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed(DOING))?;
    if !is_expected(&transaction, &machine, &stream, commit.expect)? {
        return Ok(Some(Committed::Lost));
    }
    match rebuild::ask(&transaction, prepared)? {
        Verdict::Go => {}
        Verdict::Note => rebuild::note(&transaction, commit)?,
        _ => return Ok(None),
    }
    let rows = store(&transaction, write::sheets(commit), commit)?;
    if !move_on(&transaction, &machine, &stream, commit)? {
        return Ok(Some(Committed::Lost));
    }
    account(&transaction, &machine, commit)?;
    upsert_agent(&transaction, commit)?;
    transaction.commit().map_err(failed(DOING))?;
    Ok(Some(Committed::Stored { rows }))
}

/// Stores what became of records in quarantine; see [`infralogs_core::plugin::Store::replay`].
pub(crate) fn replay(db: &mut Connection, parser: &str, records: &[Cursor], made: &Commit<'_>) -> Result<Committed> {
    let doing = "replaying records";
    let machine = made.machine.to_string();
    let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed(doing))?;
    if rebuild::ask(&transaction, None)? != Verdict::Go {
        return Err(busy(&rebuild::look(&transaction)?.table));
    }
    for record in records {
        let key = params![record.time().0, parser, machine, record.seqnum_id.to_string(), record.seqnum as i64];
        let sql =
            "DELETE FROM quarantine WHERE time = ? AND parser = ? AND machine = ? AND seqnum_id = ? AND seqnum = ?";
        if transaction.prepare_cached(sql).and_then(|mut delete| delete.execute(key)).map_err(failed(doing))? == 0 {
            return Ok(Committed::Lost);
        }
    }
    let rows = store(&transaction, write::replayed(made), made)?;
    transaction.commit().map_err(failed(doing))?;
    Ok(Committed::Stored { rows })
}

/// Inserts the rows of all sheets and counts them. How many records are stored.
fn store(db: &Transaction<'_>, sheets: Vec<Sheet<'_>>, commit: &Commit<'_>) -> Result<u64> {
    let kept = if commit.parsed.is_empty() { Vec::new() } else { cubes::list(db)? };
    let mut rows = 0;
    for sheet in sheets {
        let refused = insert(db, &sheet, commit)?;
        rows += if sheet.holds_records() { (sheet.len() - refused.len()) as u64 } else { 0 };
        if sheet.holds_entries() {
            count(db, commit, &refused)?;
        }
        if sheet.is_parsed() {
            cubes::add(db, commit, &sheet, &kept, &refused)?;
        }
    }
    Ok(rows)
}

fn is_expected(db: &Transaction<'_>, machine: &str, stream: &str, expect: Option<Cursor>) -> Result<bool> {
    let stored: Option<String> = db
        .prepare_cached("SELECT cursor FROM checkpoints WHERE machine = ? AND seqnum_id = ?")
        .and_then(|mut statement| statement.query_row([machine, stream], |row| row.get(0)).optional())
        .map_err(failed(DOING))?;
    Ok(stored == Some(expect.map_or(String::new(), |cursor| cursor.to_string())))
}

/// False where the stream's new key is another checkpoint's already.
fn move_on(db: &Transaction<'_>, machine: &str, stream: &str, commit: &Commit<'_>) -> Result<bool> {
    let sql = "UPDATE checkpoints SET seqnum_id = ?, cursor = ? WHERE machine = ? AND seqnum_id = ?";
    let next = params![commit.next.seqnum_id.to_string(), commit.next.to_string(), machine, stream];
    match db.prepare_cached(sql).and_then(|mut statement| statement.execute(next)) {
        Ok(1) => Ok(true),
        Ok(_) => Ok(false),
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => Ok(false),
        Err(error) => Err(failed(DOING)(error)),
    }
}

/// Adds to the rollups what is stored now, in the order of their keys.
fn count(db: &Transaction<'_>, commit: &Commit<'_>, refused: &HashSet<usize>) -> Result<()> {
    let doing = "counting rows for the rollups";
    let sql = "INSERT INTO rollups VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
               ON CONFLICT DO UPDATE SET n = n + excluded.n";
    let mut statement = db.prepare_cached(sql).map_err(failed(doing))?;
    let shard = write::shard(commit);
    for (key, n) in write::counted(commit, refused) {
        statement
            .execute(params![key.cube, key.bucket, key.host, key.unit, key.priority, key.has, shard, n])
            .map_err(failed(doing))?;
    }
    Ok(())
}

/// Inserts the rows of a sheet; one that is there already (or breaks another constraint) goes to quarantine.
fn insert(db: &Transaction<'_>, sheet: &Sheet<'_>, commit: &Commit<'_>) -> Result<HashSet<usize>> {
    let refuse =
        &mut |row: usize, reason: &str| quarantine_in(db, "quarantine", &write::refused(sheet, row, commit, reason));
    insert_into(db, sheet, refuse)
}

/// The names of columns with commas between.
pub(crate) fn names(columns: &[ColumnDef]) -> String {
    columns.iter().map(|column| Dialect::Sqlite.quote(&column.name)).collect::<Vec<_>>().join(", ")
}

/// Inserts the rows of a sheet and calls `refuse` with each that a constraint refuses, and why; which those are.
pub(crate) fn insert_into(
    db: &Transaction<'_>,
    sheet: &Sheet<'_>,
    refuse: &mut dyn FnMut(usize, &str) -> Result<()>,
) -> Result<HashSet<usize>> {
    let doing = format!("storing rows of `{}`", sheet.table);
    let sql = format!(
        "INSERT INTO {} ({}) VALUES ({})",
        Dialect::Sqlite.quote(sheet.table),
        names(&sheet.columns),
        vec!["?"; sheet.columns.len()].join(", ")
    );
    let mut statement = db.prepare_cached(&sql).map_err(failed(&doing))?;
    let (mut at, mut refused) = (0, HashSet::new());
    sheet.each(0..sheet.len(), &mut |row| {
        match execute(&mut statement, row) {
            Ok(()) => {}
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => {
                refused.insert(at);
                refuse(at, &error.to_string())?;
            }
            Err(error) => return Err(failed(&doing)(error)),
        }
        at += 1;
        Ok(())
    })?;
    Ok(refused)
}

fn execute(statement: &mut Statement<'_>, row: &[Value<'_>]) -> rusqlite::Result<()> {
    for (at, value) in row.iter().enumerate() {
        statement.raw_bind_parameter(at + 1, Bound(value))?;
    }
    statement.raw_execute().map(|_| ())
}

/// Stores a refused row in a table like `quarantine`.
pub(crate) fn quarantine_in(db: &Transaction<'_>, table: &str, row: &[Value<'_>]) -> Result<()> {
    let values: Vec<Bound<'_>> = row.iter().map(Bound).collect();
    let sql = format!(
        "INSERT INTO {} (time, host, machine, seqnum_id, seqnum, parser, script, reason, raw)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        Dialect::Sqlite.quote(table)
    );
    db.prepare_cached(&sql)
        .and_then(|mut statement| statement.execute(rusqlite::params_from_iter(values)))
        .map(|_| ())
        .map_err(failed("storing a refused row in quarantine"))
}

/// Adds to `audit` how far the journal's counter went.
fn account(db: &Transaction<'_>, machine: &str, commit: &Commit<'_>) -> Result<()> {
    let sql = "INSERT INTO audit (time, host, machine, seqnum_id, counted, dropped, unreadable, lost)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
               ON CONFLICT (time, machine, seqnum_id) DO UPDATE SET host = ?2, counted = counted + ?5,
               dropped = dropped + ?6, unreadable = unreadable + ?7, lost = lost + ?8";
    let doing = "counting entries for the audit";
    let mut statement = db.prepare_cached(sql).map_err(failed(doing))?;
    for one in write::accounts(commit) {
        let id = one.seqnum_id.to_string();
        let key =
            params![one.hour, &*commit.target.name, machine, id, one.counted, one.dropped, one.unreadable, one.lost];
        statement.execute(key).map_err(failed(doing))?;
    }
    Ok(())
}

fn upsert_agent(db: &Transaction<'_>, commit: &Commit<'_>) -> Result<()> {
    let last = commit.entries.last_cursor().map(|cursor| cursor.time().0);
    let sql = "
        INSERT INTO agents (time, host, url, machine, seqnum_id, last_seen, last_entry, lag_ms, entries, dropped,
            unreadable, at_seqnum, at_time)
        VALUES (?1, ?2, ?3, ?4, ?5, ?1, ?6, max(?1 - ?6, 0) / 1000, ?7, ?8, ?9, ?11, ?12)
        ON CONFLICT (host) DO UPDATE SET time = ?1, url = ?3, machine = ?4, last_seen = ?1,
            seqnum_id = coalesce(?5, seqnum_id), at_seqnum = coalesce(?11, at_seqnum), at_time = coalesce(?12, at_time),
            last_entry = coalesce(?6, last_entry), lag_ms = coalesce(excluded.lag_ms, lag_ms),
            entries = coalesce(entries, 0) + ?7, dropped = coalesce(dropped, 0) + ?8,
            unreadable = coalesce(unreadable, 0) + ?9,
            last_error = CASE WHEN coalesce(failing, ?10) = ?10 THEN NULL ELSE last_error END,
            failing = nullif(failing, ?10)";
    let values = params![
        commit.at.0,
        &*commit.target.name,
        commit.target.url,
        commit.machine.to_string(),
        (commit.stream == LOGS).then(|| commit.next.seqnum_id.to_string()),
        last,
        commit.entries.len() as i64,
        commit.dropped as i64,
        commit.unreadable as i64,
        commit.stream,
        (commit.stream == LOGS).then_some(commit.next.seqnum as i64),
        (commit.stream == LOGS).then_some(commit.next.time().0),
    ];
    db.prepare_cached(sql)
        .and_then(|mut statement| statement.execute(values))
        .map(|_| ())
        .map_err(failed("storing how a target does"))
}

/// How a stream of a target does, outside of any commit. `?6` says whether it may speak over another stream.
pub(crate) fn report(db: &Connection, target: &Target, stream: &str, at: Time, error: Option<&str>) -> Result<()> {
    let sql = "
        INSERT INTO agents (time, host, url, last_seen, last_error, failed_at, failing, entries, dropped, unreadable)
        VALUES (?1, ?2, ?3, CASE WHEN ?4 IS NULL THEN ?1 END, ?4, CASE WHEN ?4 IS NOT NULL THEN ?1 END,
            CASE WHEN ?4 IS NOT NULL THEN ?5 END, 0, 0, 0)
        ON CONFLICT (host) DO UPDATE SET time = ?1, url = ?3,
            last_error = CASE WHEN ?6 OR coalesce(failing, ?5) = ?5 THEN ?4 ELSE last_error END,
            failing = CASE WHEN ?6 OR coalesce(failing, ?5) = ?5 THEN excluded.failing ELSE failing END,
            last_seen = coalesce(excluded.last_seen, last_seen), failed_at = coalesce(excluded.failed_at, failed_at)";
    let over = error.is_some() && stream == LOGS;
    db.prepare_cached(sql)
        .and_then(|mut statement| statement.execute(params![at.0, &*target.name, target.url, error, stream, over]))
        .map(|_| ())
        .map_err(failed("storing how a target does"))
}

/// Takes the leases that nobody else holds.
pub(crate) fn claim(db: &mut Connection, owner: &str, polls: &[String], hold: Duration) -> Result<Vec<String>> {
    let doing = "claiming leases";
    let now = Time::now();
    let until = now.plus(hold);
    let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed(doing))?;
    let mut claimed = Vec::new();
    for poll in polls {
        let sql = "INSERT INTO leases VALUES (?1, ?2, ?3) ON CONFLICT (target) DO UPDATE SET owner = ?2, until = ?3
                   WHERE owner = ?2 OR until < ?4";
        let changed = transaction
            .prepare_cached(sql)
            .and_then(|mut statement| statement.execute(params![poll, owner, until.0, now.0]))
            .map_err(failed(doing))?;
        if changed == 1 {
            claimed.push(poll.clone());
        }
    }
    transaction.commit().map_err(failed(doing))?;
    Ok(claimed)
}

/// Our value as SQLite takes it, text by its bytes.
struct Bound<'v>(&'v Value<'v>);

impl ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self.0 {
            Value::Missing => ValueRef::Null,
            Value::Bool(b) => ValueRef::Integer(i64::from(*b)),
            Value::Int(i) => ValueRef::Integer(*i),
            Value::Float(f) => ValueRef::Real(*f),
            Value::Text(t) => ValueRef::Text(t.as_bytes()),
        }))
    }
}

/// Stores how a process of ours does, a row for each of its credentials.
pub(crate) fn present(db: &mut Connection, own: &Process) -> Result<()> {
    let failed = || failed("storing how this process does");
    let [bytes, growth, forecast] = own.bytes;
    let sql = "INSERT INTO processes (time, host, process, pid, version, scripts, rejected, credentials, \
               credentials_age, credentials_left, problem, store_bytes, growth_bytes, forecast_bytes) \
               VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed())?;
    for credential in own.told() {
        let row = params![
            own.at.0,
            own.host,
            own.process,
            own.pid,
            own.version,
            own.scripts,
            own.rejected,
            credential.map(|it| &it.path),
            credential.and_then(|it| it.age_us),
            credential.and_then(|it| it.left_us),
            credential.and_then(|it| it.problem.as_ref()),
            bytes,
            growth,
            forecast,
        ];
        transaction.execute(sql, row).map_err(failed())?;
    }
    transaction.commit().map_err(failed())
}
