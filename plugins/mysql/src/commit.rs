//! Writes a batch: its rows and its checkpoint in one transaction, behind the checkpoint as fence.

use crate::{
    cubes,
    dialect::Flavour,
    error::{code, failed},
    insert::{self, Refused, bound, bytes_of},
    packet::Packet,
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
        kept::Cube,
        rebuild::{Standing, Verdict},
        write::{self, Sheet, Slot, Sums},
    },
    time::Time,
};
use mysql::{Value as Bound, params, prelude::Queryable};
use std::{
    collections::{BTreeMap, HashSet},
    panic::resume_unwind,
    thread::ScopedJoinHandle,
};

const DOING: &str = "storing a batch";
const DUPLICATE_KEY: u16 = 1062;
/// Fewer rows are counted sooner than a thread begins.
const AHEAD_ROWS_MIN: usize = 500;

/// Stores everything or nothing; see [`infralogs_core::plugin::Store::commit`]. After an error the connection is
/// closed by the pool, which ends an open transaction. `None` while a table changes places.
pub(crate) fn commit(session: &mut Session, commit: &Commit<'_>, prepared: Option<i64>) -> Result<Option<Committed>> {
    let machine = commit.machine.to_string();
    let stream = commit.expect.map_or(commit.next.seqnum_id, |expect| expect.seqnum_id).to_string();
    let (stored, standing) = begin(session, &machine, &stream, commit.expect.is_none())?;
    if stored != Some(commit.expect.map_or(String::new(), |cursor| cursor.to_string())) {
        return lost(session).map(Some);
    }
    match rebuild::ask(session, standing, prepared)? {
        Verdict::Go => {}
        Verdict::Note => rebuild::note(session, commit)?,
        _ => return Ok(None),
    }
    let (rows, mut rest) = store(session, write::sheets(commit), commit)?;
    move_on(&mut rest, &machine, &stream, commit);
    account(&mut rest, &machine, commit);
    upsert_agent(&mut rest, commit);
    rest.add("COMMIT");
    match rest.run(&mut session.conn) {
        Ok(_) => Ok(Some(Committed::Stored { rows })),
        // All others add to what is there: the stream's new key is another checkpoint's already.
        Err(error) if code(&error) == Some(DUPLICATE_KEY) => lost(session).map(Some),
        Err(error) => Err(failed(DOING)(error)),
    }
}

/// Begins the transaction behind the lock of the checkpoint: the stored cursor, and how a table stands that is built.
fn begin(session: &mut Session, machine: &str, stream: &str, first: bool) -> Result<(Option<String>, Standing)> {
    let key: [Bound; 2] = [machine.into(), stream.into()];
    let mut packet = Packet::default();
    packet.add("START TRANSACTION");
    if first {
        // Two first polls meet at one row; locked at once for writing, so that none of three waits in a circle.
        let sql = "INSERT INTO checkpoints (machine, seqnum_id, `cursor`) VALUES (?, ?, '') \
                   ON DUPLICATE KEY UPDATE machine = machine";
        packet.add_with(sql, &key);
    }
    packet.add_with("SELECT `cursor` FROM checkpoints WHERE machine = ? AND seqnum_id = ? FOR UPDATE", &key);
    packet.add(&rebuild::looking());
    let mut answers = packet.run(&mut session.conn).map_err(failed(DOING))?;
    let mut last = || answers.pop().and_then(|rows| rows.into_iter().next());
    let standing = rebuild::standing(last())?;
    Ok((last().map(mysql::from_row), standing))
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
    let (rows, mut rest) = store(session, write::replayed(made), made)?;
    rest.add("COMMIT");
    rest.run(&mut session.conn).map_err(failed(doing))?;
    Ok(Committed::Stored { rows })
}

/// Inserts the rows of all sheets and counts them; those refused go to quarantine. How many records are stored, and the
/// counts of `logs` that are still to be added: at the end, as writers of other machines wait for them.
fn store(session: &mut Session, sheets: Vec<Sheet<'_>>, commit: &Commit<'_>) -> Result<(u64, Packet)> {
    // Whatever this collector's scripts say: others count on every row being counted.
    let kept = if commit.parsed.is_empty() { Vec::new() } else { cubes::list(session)? };
    let (mut rows, mut rest) = (0, Packet::default());
    for sheet in sheets {
        let (refused, counts) = insert_and_count(session, &sheet, commit, &kept)?;
        cubes::add(session, commit, counts.of_rows)?;
        let mut of_logs = counts.of_logs.into_iter();
        let last = of_logs.next_back();
        of_logs.try_for_each(|sql| session.conn.query_drop(sql)).map_err(failed("counting rows for the rollups"))?;
        last.iter().for_each(|sql| rest.add(sql));
        rows += if sheet.holds_records() { (sheet.len() - refused.len()) as u64 } else { 0 };
        for refused in refused {
            quarantine_in(session, "quarantine", &write::refused(&sheet, refused.row, commit, &refused.reason))?;
        }
    }
    Ok((rows, rest))
}

/// What is added to the counts for the rows of a sheet.
#[derive(Default)]
struct Counts {
    /// Statements, for `logs`.
    of_logs: Vec<String>,
    /// For a parser's table.
    of_rows: BTreeMap<Slot, Sums>,
}

impl Counts {
    fn of(
        sheet: &Sheet<'_>,
        commit: &Commit<'_>,
        kept: &[Cube],
        how: Flavour,
        without: &HashSet<usize>,
    ) -> Result<Self> {
        let mut counts = Self::default();
        if sheet.holds_entries() {
            counts.of_logs = rollups::statements(commit, without, how);
        }
        if sheet.is_parsed() {
            counts.of_rows = write::kept(sheet, kept, without)?;
        }
        Ok(counts)
    }
}

/// Counts while the server is at the rows. Where it refuses some, they are counted again without those.
fn insert_and_count(
    session: &mut Session,
    sheet: &Sheet<'_>,
    commit: &Commit<'_>,
    kept: &[Cube],
) -> Result<(Vec<Refused>, Counts)> {
    let how = session.flavour;
    let count = |without: &HashSet<usize>| Counts::of(sheet, commit, kept, how, without);
    let (refused, ahead) = std::thread::scope(|scope| {
        let counting = (sheet.len() >= AHEAD_ROWS_MIN).then(|| scope.spawn(|| count(&HashSet::new())));
        let refused = insert::insert(session, sheet);
        let join = |thread: ScopedJoinHandle<'_, _>| thread.join().unwrap_or_else(|panic| resume_unwind(panic));
        (refused, counting.map(join))
    });
    let refused = refused?;
    let without: HashSet<usize> = refused.iter().map(|refused| refused.row).collect();
    let counts = ahead.filter(|_| without.is_empty()).unwrap_or_else(|| count(&without))?;
    Ok((refused, counts))
}

fn lost(session: &mut Session) -> Result<Committed> {
    session.conn.query_drop("ROLLBACK").map_err(failed(DOING))?;
    Ok(Committed::Lost)
}

/// Moves the checkpoint. Refused as a duplicate where the stream's new key is another checkpoint's already.
fn move_on(packet: &mut Packet, machine: &str, stream: &str, commit: &Commit<'_>) {
    let sql = "UPDATE checkpoints SET seqnum_id = ?, `cursor` = ? WHERE machine = ? AND seqnum_id = ?";
    let (id, cursor) = (commit.next.seqnum_id.to_string(), commit.next.to_string());
    packet.add_with(sql, &[id.into(), cursor.into(), machine.into(), stream.into()]);
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
    let mut values: Vec<Bound> = row.iter().map(bound).collect();
    if bytes_of(row) > session.row_bytes_max {
        // The entry whole is more than the server takes; the reason says so or another.
        values.pop();
        values.push(Bound::NULL);
    }
    session.conn.exec_drop(sql, values).map_err(failed("storing a refused row in quarantine"))
}

/// Adds to `audit` how far the journal's counter went.
fn account(packet: &mut Packet, machine: &str, commit: &Commit<'_>) {
    let sql = "INSERT INTO audit (time, host, machine, seqnum_id, counted, dropped, unreadable, lost)
               VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON DUPLICATE KEY UPDATE host = VALUES(host),
               counted = counted + VALUES(counted), dropped = dropped + VALUES(dropped),
               unreadable = unreadable + VALUES(unreadable), lost = lost + VALUES(lost)";
    for one in write::accounts(commit) {
        let (host, id) = (&*commit.target.name, one.seqnum_id.to_string());
        let numbers = [one.counted, one.dropped, one.unreadable, one.lost].map(Bound::from);
        let key: [Bound; 4] = [one.hour.into(), host.into(), machine.into(), id.into()];
        packet.add_with(sql, &[key, numbers].concat());
    }
}

fn upsert_agent(packet: &mut Packet, commit: &Commit<'_>) {
    let last = commit.entries.last_cursor().map(|cursor| cursor.time().0);
    let lag = last.map(|last| (commit.at.0.saturating_sub(last)).max(0) / 1_000);
    let of_logs = commit.stream == LOGS;
    let sql = "
        INSERT INTO agents (time, host, url, machine, seqnum_id, last_seen, last_entry, lag_ms, entries, dropped,
            unreadable, at_seqnum, at_time)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        ON DUPLICATE KEY UPDATE time = VALUES(time), url = VALUES(url), machine = VALUES(machine),
            last_seen = VALUES(last_seen), seqnum_id = COALESCE(VALUES(seqnum_id), seqnum_id),
            at_seqnum = COALESCE(VALUES(at_seqnum), at_seqnum), at_time = COALESCE(VALUES(at_time), at_time),
            last_entry = COALESCE(VALUES(last_entry), last_entry), lag_ms = COALESCE(VALUES(lag_ms), lag_ms),
            entries = COALESCE(entries, 0) + VALUES(entries), dropped = COALESCE(dropped, 0) + VALUES(dropped),
            unreadable = COALESCE(unreadable, 0) + VALUES(unreadable),
            last_error = CASE WHEN COALESCE(failing, ?) = ? THEN NULL ELSE last_error END,
            failing = NULLIF(failing, ?)";
    let values: [Bound; 16] = [
        commit.at.0.into(),
        (&*commit.target.name).into(),
        (&commit.target.url).into(),
        commit.machine.to_string().into(),
        of_logs.then(|| commit.next.seqnum_id.to_string()).into(),
        commit.at.0.into(),
        last.into(),
        lag.into(),
        commit.entries.len().into(),
        commit.dropped.into(),
        commit.unreadable.into(),
        of_logs.then_some(commit.next.seqnum).into(),
        of_logs.then_some(commit.next.time().0).into(),
        commit.stream.into(),
        commit.stream.into(),
        commit.stream.into(),
    ];
    packet.add_with(sql, &values);
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

/// Stores how a process of ours does, a row for each of its credentials.
pub(crate) fn present(session: &mut Session, own: &Process) -> Result<()> {
    let mut values: Vec<Bound> = Vec::new();
    for credential in own.told() {
        values.extend([
            own.at.0.into(),
            (&own.host).into(),
            (&own.process).into(),
            own.pid.into(),
            (&own.version).into(),
            (&own.scripts).into(),
            (&own.rejected).into(),
            credential.map(|it| &it.path).into(),
            credential.and_then(|it| it.age_us).into(),
            credential.and_then(|it| it.left_us).into(),
            credential.and_then(|it| it.problem.as_ref()).into(),
        ]);
        values.extend(own.bytes.map(Bound::from));
    }
    let row = "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    let sql = format!(
        "INSERT INTO processes (time, host, process, pid, version, scripts, rejected, credentials, credentials_age, \
         credentials_left, problem, store_bytes, growth_bytes, forecast_bytes) VALUES {}",
        vec![row; own.told().count()].join(", ")
    );
    session.conn.exec_drop(sql, values).map_err(failed("storing how this process does"))
}
