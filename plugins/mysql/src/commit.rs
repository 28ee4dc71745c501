//! Writes a batch: its rows and its checkpoint in one transaction, behind the checkpoint as fence.

use crate::{
    cubes,
    error::{code, failed},
    insert::{self, bound},
    pool::Session,
    rebuild, rollups,
};
use infralogs_core::{
    cursor::Cursor,
    error::Result,
    inventory::Target,
    plugin::{Commit, Committed, LOGS, Moment, Process},
    sql::{
        Dialect,
        rebuild::Verdict,
        write::{self, Sheet},
    },
    time::Time,
};
use mysql::{Value as Bound, params, prelude::Queryable};

const DOING: &str = "storing a batch";
const DUPLICATE_KEY: u16 = 1062;

/// Stores everything or nothing; see [`infralogs_core::plugin::Store::commit`]. After an error the connection is
/// closed by the pool, which ends an open transaction. `None` while a table changes places.
pub(crate) fn commit(session: &mut Session, commit: &Commit<'_>, prepared: Option<i64>) -> Result<Option<Committed>> {
    let machine = commit.machine.to_string();
    let stream = commit.expect.map_or(commit.next.seqnum_id, |expect| expect.seqnum_id).to_string();
    if commit.expect.is_none() {
        // Alone and before the transaction, so that two first polls meet at one row.
        let sql = "INSERT IGNORE INTO checkpoints (machine, seqnum_id, `cursor`) VALUES (?, ?, '')";
        session.conn.exec_drop(sql, (&machine, &stream)).map_err(failed(DOING))?;
    }
    session.conn.query_drop("START TRANSACTION").map_err(failed(DOING))?;
    if !is_expected(session, &machine, &stream, commit.expect)? {
        return lost(session).map(Some);
    }
    match rebuild::ask(session, prepared)? {
        Verdict::Go => {}
        Verdict::Note => rebuild::note(session, commit)?,
        _ => return Ok(None),
    }
    let rows = store(session, write::sheets(commit), commit)?;
    if !move_on(session, &machine, &stream, commit)? {
        return lost(session).map(Some);
    }
    account(session, &machine, commit)?;
    upsert_agent(session, commit)?;
    session.conn.query_drop("COMMIT").map_err(failed(DOING))?;
    Ok(Some(Committed::Stored { rows }))
}

/// Stores what became of records in quarantine; see [`infralogs_core::plugin::Store::replay`].
pub(crate) fn replay(session: &mut Session, parser: &str, records: &[Cursor], made: &Commit<'_>) -> Result<Committed> {
    let doing = "replaying records";
    let machine = made.machine.to_string();
    session.conn.query_drop("START TRANSACTION").map_err(failed(doing))?;
    rebuild::keep_out(session)?;
    for record in records {
        // The time finds the partition; deleted rows stay locked, so that nobody else replays them meanwhile.
        let sql =
            "DELETE FROM quarantine WHERE time = ? AND parser = ? AND machine = ? AND seqnum_id = ? AND seqnum = ?";
        let key = (record.time().0, parser, &machine, record.seqnum_id.to_string(), record.seqnum);
        session.conn.exec_drop(sql, key).map_err(failed(doing))?;
        if session.conn.affected_rows() == 0 {
            return lost(session);
        }
    }
    let rows = store(session, write::replayed(made), made)?;
    session.conn.query_drop("COMMIT").map_err(failed(doing))?;
    Ok(Committed::Stored { rows })
}

/// Inserts the rows of all sheets and counts them; those refused go to quarantine. How many records are stored.
fn store(session: &mut Session, sheets: Vec<Sheet<'_>>, commit: &Commit<'_>) -> Result<u64> {
    // Whatever this collector's scripts say: others count on every row being counted.
    let kept = if commit.parsed.is_empty() { Vec::new() } else { cubes::list(session)? };
    let mut rows = 0;
    for sheet in sheets {
        let refused = insert::insert(session, &sheet)?;
        let without = refused.iter().map(|refused| refused.row).collect();
        if sheet.holds_entries() {
            rollups::add(session, commit, &without)?;
        }
        if sheet.is_parsed() {
            cubes::add(session, commit, &sheet, &kept, &without)?;
        }
        rows += if sheet.holds_records() { (sheet.len() - refused.len()) as u64 } else { 0 };
        for refused in refused {
            quarantine_in(session, "quarantine", &write::refused(&sheet, refused.row, commit, &refused.reason))?;
        }
    }
    Ok(rows)
}

fn lost(session: &mut Session) -> Result<Committed> {
    session.conn.query_drop("ROLLBACK").map_err(failed(DOING))?;
    Ok(Committed::Lost)
}

fn is_expected(session: &mut Session, machine: &str, stream: &str, expect: Option<Cursor>) -> Result<bool> {
    let sql = "SELECT `cursor` FROM checkpoints WHERE machine = ? AND seqnum_id = ? FOR UPDATE";
    let stored: Option<String> = session.conn.exec_first(sql, (machine, stream)).map_err(failed(DOING))?;
    Ok(stored == Some(expect.map_or(String::new(), |cursor| cursor.to_string())))
}

/// False where the stream's new key is another checkpoint's already.
fn move_on(session: &mut Session, machine: &str, stream: &str, commit: &Commit<'_>) -> Result<bool> {
    let sql = "UPDATE checkpoints SET seqnum_id = ?, `cursor` = ? WHERE machine = ? AND seqnum_id = ?";
    let values = (commit.next.seqnum_id.to_string(), commit.next.to_string(), machine, stream);
    match session.conn.exec_drop(sql, values) {
        Ok(()) => Ok(true),
        Err(error) if code(&error) == Some(DUPLICATE_KEY) => Ok(false),
        Err(error) => Err(failed(DOING)(error)),
    }
}

/// Stores a refused row in a table like `quarantine`.
pub(crate) fn quarantine_in(
    session: &mut Session,
    table: &str,
    row: &[infralogs_core::value::Value<'_>],
) -> Result<()> {
    let sql = format!(
        "INSERT INTO {} (time, host, machine, seqnum_id, seqnum, parser, script, reason, raw)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        Dialect::Mysql.quote(table)
    );
    let values: Vec<Bound> = row.iter().map(bound).collect();
    session.conn.exec_drop(sql, values).map_err(failed("storing a refused row in quarantine"))
}

/// Adds to `audit` how far the journal's counter went.
fn account(session: &mut Session, machine: &str, commit: &Commit<'_>) -> Result<()> {
    let sql = "INSERT INTO audit (time, host, machine, seqnum_id, counted, dropped, unreadable, lost)
               VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON DUPLICATE KEY UPDATE host = VALUES(host),
               counted = counted + VALUES(counted), dropped = dropped + VALUES(dropped),
               unreadable = unreadable + VALUES(unreadable), lost = lost + VALUES(lost)";
    for one in write::accounts(commit) {
        let (host, id) = (&*commit.target.name, one.seqnum_id.to_string());
        let row = (one.hour, host, machine, id, one.counted, one.dropped, one.unreadable, one.lost);
        session.conn.exec_drop(sql, row).map_err(failed("counting entries for the audit"))?;
    }
    Ok(())
}

fn upsert_agent(session: &mut Session, commit: &Commit<'_>) -> Result<()> {
    let last = commit.entries.last_cursor().map(|cursor| cursor.time().0);
    let lag = last.map(|last| (commit.at.0.saturating_sub(last)).max(0) / 1_000);
    let sql = "
        INSERT INTO agents (time, host, url, machine, seqnum_id, last_seen, last_entry, lag_ms, entries, dropped,
            unreadable, at_seqnum, at_time)
        VALUES (:at, :host, :url, :machine, :stream, :at, :last, :lag, :entries, :dropped, :unreadable, :seqnum, :read_to)
        ON DUPLICATE KEY UPDATE time = :at, url = :url, machine = :machine, last_seen = :at,
            seqnum_id = COALESCE(:stream, seqnum_id), at_seqnum = COALESCE(:seqnum, at_seqnum),
            at_time = COALESCE(:read_to, at_time),
            last_entry = COALESCE(:last, last_entry), lag_ms = COALESCE(:lag, lag_ms),
            entries = COALESCE(entries, 0) + :entries, dropped = COALESCE(dropped, 0) + :dropped,
            unreadable = COALESCE(unreadable, 0) + :unreadable,
            last_error = CASE WHEN COALESCE(failing, :of) = :of THEN NULL ELSE last_error END,
            failing = NULLIF(failing, :of)";
    let values = params! {
        "at" => commit.at.0,
        "host" => &*commit.target.name,
        "url" => &commit.target.url,
        "machine" => commit.machine.to_string(),
        "stream" => (commit.stream == LOGS).then(|| commit.next.seqnum_id.to_string()),
        "seqnum" => (commit.stream == LOGS).then_some(commit.next.seqnum),
        "read_to" => (commit.stream == LOGS).then_some(commit.next.time().0),
        "last" => last,
        "lag" => lag,
        "entries" => commit.entries.len(),
        "dropped" => commit.dropped,
        "unreadable" => commit.unreadable,
        "of" => commit.stream,
    };
    session.conn.exec_drop(sql, values).map_err(failed("storing how a target does"))
}

/// How a stream of a target does, outside of any commit. `:over` says whether it may speak over another stream.
pub(crate) fn report(
    session: &mut Session,
    target: &Target,
    stream: &str,
    at: Time,
    error: Option<&str>,
) -> Result<()> {
    // The assignments are carried out from left to right: `failing` is still what it was for `last_error`.
    let sql = "
        INSERT INTO agents (time, host, url, last_seen, last_error, failed_at, failing, entries, dropped, unreadable)
        VALUES (:at, :host, :url, :seen, :error, :failed, :failing, 0, 0, 0)
        ON DUPLICATE KEY UPDATE time = :at, url = :url,
            last_error = CASE WHEN :over OR COALESCE(failing, :of) = :of THEN :error ELSE last_error END,
            failing = CASE WHEN :over OR COALESCE(failing, :of) = :of THEN :failing ELSE failing END,
            last_seen = COALESCE(:seen, last_seen), failed_at = COALESCE(:failed, failed_at)";
    let values = params! {
        "at" => at.0,
        "host" => &*target.name,
        "url" => &target.url,
        "seen" => error.is_none().then_some(at.0),
        "error" => error,
        "failed" => error.is_some().then_some(at.0),
        "failing" => error.is_some().then_some(stream),
        "over" => error.is_some() && stream == LOGS,
        "of" => stream,
    };
    session.conn.exec_drop(sql, values).map_err(failed("storing how a target does"))
}

/// Stores a moment to be drawn over charts.
pub(crate) fn mark(session: &mut Session, mark: &Moment) -> Result<()> {
    let sql = "INSERT INTO deploys (time, host, version, note) VALUES (?, ?, ?, ?)";
    let row = (mark.at.0, &mark.host, &mark.version, &mark.note);
    session.conn.exec_drop(sql, row).map_err(failed("storing a mark"))
}

/// Stores how a process of ours does.
pub(crate) fn present(session: &mut Session, own: &Process) -> Result<()> {
    let [bytes, growth, forecast] = own.bytes;
    let sql = "INSERT INTO processes (time, host, process, pid, version, scripts, rejected, credentials, \
               credentials_age, credentials_left, problem, store_bytes, growth_bytes, forecast_bytes) \
               VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    let row: Vec<mysql::Value> = vec![
        own.at.0.into(),
        (&own.host).into(),
        (&own.process).into(),
        own.pid.into(),
        (&own.version).into(),
        (&own.scripts).into(),
        (&own.rejected).into(),
        (&own.credentials).into(),
        own.age_us.into(),
        own.left_us.into(),
        (&own.problem).into(),
        bytes.into(),
        growth.into(),
        forecast.into(),
    ];
    session.conn.exec_drop(sql, row).map_err(failed("storing how this process does"))
}
