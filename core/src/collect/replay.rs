//! Runs a parser again on its records in quarantine, after it was mended.
//!
//! The entries are read back from `logs`. A record leaves quarantine in the transaction that stores its row, and only
//! who takes it out stores: however often this runs, beside itself or killed, a row is there once.

use crate::{
    cursor::Cursor,
    entry::Entries,
    error::{Error, Result},
    expr::{Compare, Expr},
    id::Id128,
    inventory::Target,
    parse::{Outcome, Parser, Plan},
    plugin::{Commit, Committed, Store},
    query::{Frame, Query, ROWS_MAX, Shape},
    sql,
    table::{Column, ParsedRows, Rows, TableDef},
    tables,
    time::{Time, Window},
    value::Value,
};
use std::{collections::BTreeMap, sync::Arc, time::Duration};

/// The most records of one transaction.
const RECORDS_MAX: usize = 1_000;
/// Entries read together lie no farther apart by their counter: with what follows the last record they are fewer than
/// a query answers.
const SPAN_MAX: u64 = 20_000;
/// How many entries behind a record may be lines of it.
const LINES_READ_MAX: u64 = 2_000;
/// The longest the store is waited for.
const TIMEOUT_MS: u32 = 60_000;

/// What became of the records.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Replayed {
    /// Records that were looked at.
    pub records: u64,
    /// Rows stored.
    pub rows: u64,
    /// Records that the parser drops now.
    pub dropped: u64,
    /// Records that failed again, and why the first of them did. They stay in quarantine with the new reason.
    pub failed: u64,
    /// Why the first of them failed.
    pub reason: Option<String>,
    /// Records that the parser has nothing to do with any more; they stay.
    pub unmatched: u64,
    /// Records whose entry is not in `logs` any more; they stay.
    pub gone: u64,
}

/// Records of one machine's counter.
type Group = ((Id128, Id128), Vec<Cursor>);

/// Replays all records of a parser in quarantine from a time on; blocks. With `pretend` nothing is written.
///
/// # Errors
/// Those of the store; what was done before stays done, run it again.
pub fn replay(store: &dyn Store, parser: &Arc<Parser>, since: Time, pretend: bool) -> Result<Replayed> {
    let mut done = Replayed::default();
    if !pretend {
        store.prepare(std::slice::from_ref(&parser.table))?;
    }
    let plan = Plan::new(vec![parser.clone()]);
    let mut until = Time::now().plus(Duration::from_secs(86_400));
    loop {
        // Those that stay are passed by: newest first, each window ends where the last answer did.
        let (groups, oldest, full) = quarantined(store, parser, Window { from: since, to: until })?;
        for (of, cursors) in &groups {
            for part in parts(cursors) {
                let replay = Part { store, plan: &plan, parser, of: *of, pretend };
                replay.run(part, &mut done)?;
            }
        }
        match oldest {
            // Others of the same moment may not have been in the answer.
            Some(oldest) if full => until = if oldest.0 + 1 < until.0 { Time(oldest.0 + 1) } else { oldest },
            _ => return Ok(done),
        }
    }
}

/// The parser's records in a window by machine and counter, the time of the oldest, and whether there may be more.
fn quarantined(store: &dyn Store, parser: &Parser, window: Window) -> Result<(Vec<Group>, Option<Time>, bool)> {
    let columns = ["time", "machine", "seqnum_id", "seqnum"];
    let own = Expr::compare(Compare::Eq, Expr::field("parser"), Expr::text(&parser.spec.name));
    let rows = newest(store, &tables::QUARANTINE, own, &columns, window)?;
    let mut groups: BTreeMap<(Id128, Id128), Vec<Cursor>> = BTreeMap::new();
    let full = rows.len() == ROWS_MAX;
    let oldest = rows.len().checked_sub(1).and_then(|last| int(&rows, "time", last)).map(Time);
    for row in 0..rows.len() {
        let (Some(time), Some(seqnum)) = (int(&rows, "time", row), int(&rows, "seqnum", row)) else { continue };
        let (Some(machine), Some(seqnum_id)) = (id(&rows, "machine", row), id(&rows, "seqnum_id", row)) else {
            continue;
        };
        let cursor = Cursor { seqnum_id, seqnum: seqnum as u64, realtime: time.max(0) as u64, ..Cursor::default() };
        groups.entry((machine, seqnum_id)).or_default().push(cursor);
    }
    for cursors in groups.values_mut() {
        cursors.sort_unstable_by_key(|cursor| cursor.seqnum);
        cursors.dedup();
    }
    Ok((groups.into_iter().collect(), oldest, full))
}

/// Records that are replayed together.
fn parts(mut cursors: &[Cursor]) -> Vec<&[Cursor]> {
    let mut parts = Vec::new();
    while let Some(first) = cursors.first() {
        let near = cursors.partition_point(|cursor| cursor.seqnum - first.seqnum < SPAN_MAX);
        let (part, rest) = cursors.split_at(near.min(RECORDS_MAX));
        parts.push(part);
        cursors = rest;
    }
    parts
}

/// Some records of one machine's counter.
struct Part<'r> {
    store: &'r dyn Store,
    plan: &'r Plan,
    parser: &'r Arc<Parser>,
    of: (Id128, Id128),
    pretend: bool,
}

impl Part<'_> {
    fn run(&self, records: &[Cursor], done: &mut Replayed) -> Result<()> {
        let joins = self.parser.spec.lines.is_some();
        let entries = self.entries(records, joins)?;
        let at = |seqnum: u64| records.binary_search_by_key(&seqnum, |cursor| cursor.seqnum).ok();
        let is_record = |entry: u32| at(entries.get(entry as usize).cursor.seqnum);
        let now = Time::now();
        let mut parsed = self.plan.run(&entries, now);
        parsed.rows = parsed.rows.iter().map(|rows| only(rows, &|entry| is_record(entry).is_some())).collect();
        parsed.quarantined.retain(|failed| is_record(failed.entry).is_some());

        let mut ended = vec![None; records.len()];
        for entry in entries.iter() {
            let Some(record) = at(entry.cursor.seqnum) else { continue };
            let outcome = if joins { Outcome::Unselected } else { self.parser.run(&entry, now) };
            ended[record] = Some(matches!(outcome, Outcome::Dropped(_)));
        }
        let made = parsed.rows.iter().flat_map(|rows| &rows.entry).copied();
        let made: Vec<usize> = made.filter_map(is_record).collect();
        let failed: Vec<usize> = parsed.quarantined.iter().filter_map(|failed| is_record(failed.entry)).collect();
        let leaves = |record: &usize| ended[*record] == Some(true) || made.contains(record) || failed.contains(record);
        let leaving: Vec<Cursor> = (0..records.len()).filter(leaves).map(|record| records[record]).collect();

        let target = Target::default();
        let commit = Commit {
            target: &target,
            stream: crate::plugin::LOGS,
            machine: self.of.0,
            expect: None,
            next: leaving.last().copied().unwrap_or_default(),
            entries: &entries,
            parsed: &parsed.rows,
            quarantined: &parsed.quarantined,
            gaps: &[],
            dropped: 0,
            unreadable: 0,
            at: now,
        };
        let stored = match (leaving.is_empty(), self.pretend) {
            (true, _) => 0,
            (_, true) => parsed.rows.iter().map(|rows| rows.entry.len() as u64).sum(),
            _ => match self.store.replay(&self.parser.spec.name, &leaving, &commit)? {
                Committed::Stored { rows } => rows,
                // Somebody else replays them at this moment.
                Committed::Lost => return Ok(()),
            },
        };
        let dropped = ended.iter().filter(|ended| **ended == Some(true)).count();
        let gone = ended.iter().filter(|ended| ended.is_none()).count();
        done.records += records.len() as u64;
        done.rows += stored;
        done.dropped += dropped as u64;
        done.failed += failed.len() as u64;
        done.gone += gone as u64;
        done.unmatched += (records.len() - leaving.len() - gone) as u64;
        if done.reason.is_none() {
            done.reason = parsed.quarantined.first().map(|failed| failed.reason.clone());
        }
        Ok(())
    }

    /// The records' entries, oldest first; where lines are joined, with all that follow.
    fn entries(&self, records: &[Cursor], joins: bool) -> Result<Entries> {
        let (Some(first), Some(last)) = (records.first(), records.last()) else { return Ok(Entries::default()) };
        let beyond = last.seqnum + if joins { LINES_READ_MAX } else { 0 };
        let compare = |how, field, value| Expr::compare(how, Expr::field(field), value);
        let number = |number: u64| Expr::int(i64::try_from(number).unwrap_or(i64::MAX));
        let filter = compare(Compare::Eq, "machine", Expr::text(&self.of.0.to_string()))
            .and(compare(Compare::Eq, "seqnum_id", Expr::text(&self.of.1.to_string())))
            .and(compare(Compare::Ge, "seqnum", number(first.seqnum)))
            .and(compare(Compare::Le, "seqnum", number(beyond)));
        // Clocks jump: the times of the records bound those between them only nearly.
        let times = || records.iter().map(Cursor::time);
        let (from, to) = (times().min().unwrap_or(first.time()), times().max().unwrap_or(last.time()));
        let behind = Duration::from_secs(if joins { 600 } else { 0 }) + Duration::from_micros(1);
        let rows = newest(self.store, &tables::LOGS, filter, &[], Window { from, to: to.plus(behind) })?;
        let seqnum = |row: usize| int(&rows, "seqnum", row).unwrap_or(0) as u64;
        let mut order: Vec<usize> = (0..rows.len()).collect();
        order.retain(|row| joins || records.binary_search_by_key(&seqnum(*row), |record| record.seqnum).is_ok());
        order.sort_by_key(|row| seqnum(*row));
        let mut entries = Entries::default();
        for row in order {
            sql::restore(&rows, row, &mut entries)?;
        }
        Ok(entries)
    }
}

/// The rows of some entries.
fn only(rows: &ParsedRows, is_wanted: &dyn Fn(u32) -> bool) -> ParsedRows {
    let kept: Vec<usize> = (0..rows.entry.len()).filter(|row| is_wanted(rows.entry[*row])).collect();
    let column = |(all, def): (&Column, &crate::table::ColumnDef)| {
        let mut column = Column::new(def.kind.storage());
        for row in &kept {
            column.push(&all.get(*row));
        }
        column
    };
    let columns = rows.rows.columns.iter().zip(&rows.rows.defs).map(column).collect();
    ParsedRows {
        entry: kept.iter().map(|row| rows.entry[*row]).collect(),
        rows: Rows { defs: rows.rows.defs.clone(), columns },
        ..rows.clone()
    }
}

fn newest(store: &dyn Store, table: &Arc<TableDef>, filter: Expr, columns: &[&str], window: Window) -> Result<Rows> {
    let columns = columns.iter().map(|name| Arc::from(*name)).collect();
    let shape = Shape::Latest { columns, limit: ROWS_MAX };
    let query = Query { table: table.name.as_str().into(), filter: Some(filter), last: None, shape };
    let rows = store.query(&query, table, &Frame { window, zone_s: 0, timeout_ms: TIMEOUT_MS })?;
    match rows.len() {
        ROWS_MAX if table.name == tables::LOGS.name => {
            Err(Error::failed("more entries than a query answers stand between two records in quarantine"))
        }
        _ => Ok(rows),
    }
}

fn int(rows: &Rows, name: &str, row: usize) -> Option<i64> {
    match rows.column(name)?.get(row) {
        Value::Int(int) => Some(int),
        _ => None,
    }
}

fn id(rows: &Rows, name: &str, row: usize) -> Option<Id128> {
    match rows.column(name)?.get(row) {
        Value::Text(text) => text.parse().ok(),
        _ => None,
    }
}
