//! Reads entries of `logs` and parses them as the scripts say now: what comes out are rows of the new table, and of
//! quarantine.

use super::{Into, Run, Step};
use crate::{
    cancel::Cancel,
    entry::Entries,
    error::{Error, Kind, Result},
    expr::{Compare, Expr},
    id::Id128,
    inventory::Target,
    parse::Parsed,
    plugin::{Commit, LOGS, Stream},
    query::{Frame, Query, ROWS_MAX, Shape},
    sql::{self, write},
    table::{ColumnDef, Rows},
    tables,
    time::{Time, Window},
    value::Value,
};
use std::collections::BTreeMap;

/// About how many bytes of entries are read at once.
const BYTES_AT_ONCE: usize = 32 << 20;
/// The longest the store is waited for.
pub(super) const TIMEOUT_MS: u32 = 60_000;

impl Run<'_, '_> {
    /// Reads the entries of a window that are to be read and were not, newest first.
    pub(super) fn scan(&mut self, into: &mut Into<'_, '_>, window: Window, only: Option<Stream>) -> Result<()> {
        let (mut until, mut limit) = (window.to, self.sizes.entries);
        loop {
            self.tell(Step::Read)?;
            let (rows, more) = self.newest(only, Window { from: window.from, to: until }, limit)?;
            let mut fresh: BTreeMap<(Stream, u64), usize> = BTreeMap::new();
            for row in 0..rows.len() {
                let Some((stream, seqnum)) = key(&rows, row) else { continue };
                // After the rows were taken over, only of what arrived: all else is settled.
                let in_scope = !self.settled || self.marks.get(&stream).is_some_and(|mark| seqnum >= *mark);
                if in_scope && self.known.add(stream, seqnum)? {
                    fresh.insert((stream, seqnum), row);
                }
            }
            let oldest = rows.len().checked_sub(1).and_then(|row| int(&rows, "time", row)).map(Time);
            self.done.back_to = oldest.or(self.done.back_to);
            self.fill(into, &rows, &fresh)?;
            if let Some(build) = into {
                self.arrivals(&mut **build)?;
            }
            match oldest {
                // Others of the same moment may not have been in the answer.
                Some(oldest) if more && oldest.0.saturating_add(1) < until.0 => until = Time(oldest.0 + 1),
                Some(_) if more && limit < ROWS_MAX => limit = ROWS_MAX,
                Some(oldest) if more => {
                    let what = format!("over {ROWS_MAX} entries have one and the same time, {oldest}");
                    return Err(Error::new(Kind::Limit, what).help("build the table anew from a later time on"));
                }
                _ => return Ok(()),
            }
        }
    }

    /// Parses entries, a machine's counter at a time and oldest first, and stores what comes out.
    fn fill(&mut self, into: &mut Into<'_, '_>, rows: &Rows, fresh: &BTreeMap<(Stream, u64), usize>) -> Result<()> {
        let columns = into.as_ref().map(|build| build.columns().1.to_vec());
        let (mut made, mut failed) = (Rows::new(columns.unwrap_or_default()), quarantine());
        let mut all: Vec<(Stream, Entries)> = Vec::new();
        for ((stream, _), row) in fresh {
            if all.last().is_none_or(|(last, _)| last != stream) {
                all.push((*stream, Entries::default()));
            }
            let Some((_, entries)) = all.last_mut() else { continue };
            sql::restore(rows, *row, entries)?;
        }
        let now = Time::now();
        let before = self.done.rows;
        for (stream, entries) in &all {
            let parsed = self.plan.run_on_cores(entries, now);
            self.done.entries += entries.len() as u64;
            self.done.rows += parsed.rows.iter().map(|rows| rows.entry.len() as u64).sum::<u64>();
            self.done.failed += parsed.quarantined.len() as u64;
            if self.done.reason.is_none() {
                self.done.reason = parsed.quarantined.first().map(|failed| failed.reason.clone());
            }
            if into.is_some() {
                collect(*stream, entries, &parsed, now, &mut made, &mut failed)?;
            }
        }
        match into {
            Some(build) if self.done.rows > before || !failed.is_empty() => {
                self.tell(Step::Fill)?;
                build.put(&made, &failed)
            }
            _ => Ok(()),
        }
    }

    /// The newest entries in a window, and whether there may be more.
    fn newest(&self, only: Option<Stream>, window: Window, limit: usize) -> Result<(Rows, bool)> {
        let same = |field, id: Id128| Expr::compare(Compare::Eq, Expr::field(field), Expr::text(&id.to_string()));
        let filter = only.map(|one| same("machine", one.machine).and(same("seqnum_id", one.seqnum_id)));
        let shape = Shape::Latest { columns: Vec::new(), limit };
        let query = Query { table: tables::LOGS.name.as_str().into(), filter, last: None, shape };
        let frame = Frame { window, zone_s: 0, timeout_ms: TIMEOUT_MS };
        let (mut all, mut bytes) = (Rows::new(tables::LOGS.columns.clone()), 0);
        self.store.stream(&query, &tables::LOGS, &frame, &Cancel::default(), &mut |rows| {
            let texts = |row: usize| rows.columns.iter().map(move |column| column.get(row));
            let long = |value: Value<'_>| if let Value::Text(text) = value { text.len() } else { 0 };
            bytes += (0..rows.len()).flat_map(texts).map(long).sum::<usize>();
            all.columns.iter_mut().zip(&rows.columns).for_each(|(all, more)| all.append(more));
            Ok(bytes < BYTES_AT_ONCE)
        })?;
        let more = all.len() == limit || bytes >= BYTES_AT_ONCE;
        Ok((all, more))
    }
}

/// What was made of entries, as rows of the new table and of quarantine.
fn collect(
    stream: Stream,
    entries: &Entries,
    parsed: &Parsed,
    at: Time,
    made: &mut Rows,
    failed: &mut Rows,
) -> Result<()> {
    let target = Target::default();
    let commit = Commit {
        target: &target,
        stream: LOGS,
        machine: stream.machine,
        expect: None,
        next: entries.last_cursor().unwrap_or_default(),
        entries,
        parsed: &parsed.rows,
        quarantined: &parsed.quarantined,
        gaps: &[],
        dropped: 0,
        unreadable: 0,
        at,
    };
    for sheet in write::replayed(&commit) {
        let to = if sheet.table == tables::QUARANTINE.name { &mut *failed } else { &mut *made };
        let from = |def: &ColumnDef| sheet.columns.iter().position(|own| own.name == def.name);
        let places: Vec<Option<usize>> = to.defs.iter().map(from).collect();
        sheet.each(0..sheet.len(), &mut |row| {
            for (column, place) in to.columns.iter_mut().zip(&places) {
                column.push(place.map_or(&Value::Missing, |place| &row[place]));
            }
            Ok(())
        })?;
    }
    Ok(())
}

pub(super) fn quarantine() -> Rows {
    Rows::new(tables::QUARANTINE.columns.clone())
}

pub(super) fn int(rows: &Rows, name: &str, row: usize) -> Option<i64> {
    match rows.column(name)?.get(row) {
        Value::Int(int) => Some(int),
        _ => None,
    }
}

/// Whose entry a row is of.
pub(super) fn key(rows: &Rows, row: usize) -> Option<(Stream, u64)> {
    let id = |name: &str| match rows.column(name)?.get(row) {
        Value::Text(text) => text.parse().ok(),
        _ => None,
    };
    let stream = Stream { machine: id("machine")?, seqnum_id: id("seqnum_id")? };
    Some((stream, u64::try_from(int(rows, "seqnum", row)?).ok()?))
}
