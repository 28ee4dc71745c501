//! What a commit writes, as rows of stored columns: the same for every store.

mod account;
mod keep;
mod kept;
mod rollup;
mod whole;

use crate::{
    entry::Entry,
    error::Result,
    fields,
    id::Id128,
    plugin::Commit,
    table::{ColumnDef, ColumnType, ParsedRows, Rows},
    tables,
    value::Value,
};
use std::{borrow::Cow, ops::Range};

pub use account::{Account, accounts, hour};
pub use keep::fields_json;
pub(super) use keep::{COLUMNS, MACHINE_FIELD};
pub use kept::{Slot, Sums, kept};
pub use rollup::{Counted, counted, shard};
pub use whole::bare;

/// The most characters of `host`, `unit` and `identifier`; a longer one is cut, and of a journal entry the whole is
/// then in `fields`.
pub const NAME_CHARS_MAX: usize = 255;

/// A column every parser table has beside the declared ones: which parser's row it is and which of that entry's,
/// so that (machine, seqnum_id, seqnum, this) is unique and a row written again is found out.
pub const NTH_COLUMN: &str = "$nth";

/// The rows that a commit adds to one table.
pub struct Sheet<'c> {
    /// The table's name.
    pub table: &'c str,
    /// The columns of each row, in order.
    pub columns: Vec<ColumnDef>,
    rows: RowsOf<'c>,
    commit: &'c Commit<'c>,
}

enum RowsOf<'c> {
    Logs,
    Parsed(&'c ParsedRows),
    Whole(&'c Rows),
    Quarantine,
    Gaps,
}

/// The tables a commit writes to, without those it has nothing for. `logs` comes first.
pub fn sheets<'c>(commit: &'c Commit<'c>) -> Vec<Sheet<'c>> {
    let built_in = |table: &'static crate::table::TableDef, rows| Sheet {
        table: &table.name,
        columns: table.columns.clone(),
        rows,
        commit,
    };
    let parsed = commit.parsed.iter().map(|parsed| {
        let mut columns = tables::stored(&parsed.table);
        columns.push(ColumnDef::new(NTH_COLUMN, ColumnType::Int));
        Sheet { table: &parsed.table.name, columns, rows: RowsOf::Parsed(parsed), commit }
    });
    let all = std::iter::once(built_in(&tables::LOGS, RowsOf::Logs))
        .chain(parsed)
        .chain([built_in(&tables::QUARANTINE, RowsOf::Quarantine), built_in(&tables::GAPS, RowsOf::Gaps)]);
    all.filter(|sheet| !sheet.is_empty()).collect()
}

/// The tables that records replayed write to: their parser's and, for those that fail again, `quarantine`.
pub fn replayed<'c>(made: &'c Commit<'c>) -> Vec<Sheet<'c>> {
    let is_made = |sheet: &Sheet<'_>| matches!(sheet.rows, RowsOf::Parsed(_) | RowsOf::Quarantine);
    sheets(made).into_iter().filter(is_made).collect()
}

impl Sheet<'_> {
    /// How many rows.
    pub fn len(&self) -> usize {
        match self.rows {
            RowsOf::Logs => self.commit.entries.len(),
            RowsOf::Parsed(parsed) => parsed.rows.len().min(parsed.entry.len()),
            RowsOf::Whole(rows) => rows.len(),
            RowsOf::Quarantine => self.commit.quarantined.len(),
            RowsOf::Gaps => self.commit.gaps.len(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether its rows count as stored records: `logs` and parser tables.
    pub fn holds_records(&self) -> bool {
        matches!(self.rows, RowsOf::Logs | RowsOf::Parsed(_) | RowsOf::Whole(_))
    }

    /// Whether it is `logs`, whose rows are counted in the rollups.
    pub fn holds_entries(&self) -> bool {
        matches!(self.rows, RowsOf::Logs)
    }

    /// Whether it is of a parser's table, whose rows are counted where scripts ask for it.
    pub fn is_parsed(&self) -> bool {
        matches!(self.rows, RowsOf::Parsed(_) | RowsOf::Whole(_))
    }

    /// The entry a row was made of, if there is one.
    pub fn entry(&self, row: usize) -> Option<Entry<'_>> {
        let index = match self.rows {
            RowsOf::Logs => row,
            RowsOf::Parsed(parsed) => parsed.entry[row] as usize,
            RowsOf::Quarantine => self.commit.quarantined[row].entry as usize,
            RowsOf::Gaps | RowsOf::Whole(_) => return None,
        };
        (index < self.commit.entries.len()).then(|| self.commit.entries.get(index))
    }

    /// Calls `visit` with each row of the range: one value per column.
    pub fn each(&self, range: Range<usize>, visit: &mut dyn FnMut(&[Value<'_>]) -> Result<()>) -> Result<()> {
        let ids = Ids::default();
        match self.rows {
            RowsOf::Logs => keep::logs(self.commit, range, visit),
            RowsOf::Parsed(parsed) => self.parsed(parsed, range, ids, visit),
            RowsOf::Whole(rows) => whole::each(rows, range, visit),
            RowsOf::Quarantine => self.quarantine(range, ids, visit),
            RowsOf::Gaps => self.gaps(range, visit),
        }
    }

    fn parsed(
        &self,
        parsed: &ParsedRows,
        range: Range<usize>,
        mut ids: Ids,
        visit: &mut dyn FnMut(&[Value<'_>]) -> Result<()>,
    ) -> Result<()> {
        let columns: Vec<_> = self.columns.iter().map(|column| parsed.rows.column(&column.name)).collect();
        let machine = self.commit.machine.to_string();
        let parser = parser_number(&parsed.parser);
        let first = parsed.entry[range.start..range.end.max(range.start)].first().copied();
        let mut nth =
            first.map_or(0, |first| parsed.entry[..range.start].iter().rev().take_while(|e| **e == first).count());
        let mut row: Vec<Value<'_>> = Vec::with_capacity(columns.len());
        for at in range {
            let index = parsed.entry[at];
            nth = if at > 0 && parsed.entry[at - 1] == index { nth } else { 0 };
            let entry = self.commit.entries.get(index as usize);
            row.clear();
            let seqnum_id = ids.text(entry.cursor.seqnum_id).to_owned();
            for (def, column) in self.columns.iter().zip(&columns) {
                let own = column.map_or(Value::Missing, |column| column.get(at));
                row.push(match def.name.as_str() {
                    "time" if own.is_missing() => Value::Int(entry.time().0),
                    "host" if own.is_missing() => name(fields::read(&entry, "host")),
                    "host" => name(own),
                    "machine" => Value::text(&machine),
                    "seqnum_id" => Value::Text(Cow::Owned(seqnum_id.clone())),
                    "seqnum" => number(entry.cursor.seqnum),
                    "script" => Value::text(&parsed.script),
                    NTH_COLUMN => Value::Int(parser | nth as i64),
                    _ => own,
                });
            }
            nth += 1;
            visit(&row)?;
        }
        Ok(())
    }

    fn quarantine(
        &self,
        range: Range<usize>,
        mut ids: Ids,
        visit: &mut dyn FnMut(&[Value<'_>]) -> Result<()>,
    ) -> Result<()> {
        let machine = self.commit.machine.to_string();
        for failed in &self.commit.quarantined[range] {
            let index = failed.entry as usize;
            let entry = (index < self.commit.entries.len()).then(|| self.commit.entries.get(index));
            let read = |field| entry.as_ref().map_or(Value::Missing, |entry| fields::read(entry, field));
            visit(&[
                Value::Int(failed.cursor.time().0),
                name(read("host")),
                Value::text(&machine),
                Value::text(ids.text(failed.cursor.seqnum_id)),
                number(failed.cursor.seqnum),
                Value::text(&failed.parser),
                Value::text(&failed.script),
                Value::text(&failed.reason),
                read("message"),
            ])?;
        }
        Ok(())
    }

    fn gaps(&self, range: Range<usize>, visit: &mut dyn FnMut(&[Value<'_>]) -> Result<()>) -> Result<()> {
        let machine = self.commit.machine.to_string();
        for gap in &self.commit.gaps[range] {
            visit(&[
                Value::Int(self.commit.at.0),
                name(Value::text(&self.commit.target.name)),
                Value::text(&machine),
                Value::Text(gap.before.seqnum_id.to_string().into()),
                gap.after.map_or(Value::Missing, |after| number(after.seqnum)),
                number(gap.before.seqnum),
                gap.lost.map_or(Value::Missing, number),
            ])?;
        }
        Ok(())
    }
}

/// The row of `quarantine` for a row that the store would not take: with the entry whole, as it may be in no other row.
pub fn refused<'s>(sheet: &'s Sheet<'_>, row: usize, commit: &'s Commit<'_>, reason: &'s str) -> [Value<'s>; 9] {
    if let RowsOf::Whole(rows) = sheet.rows {
        let own = |name: &str| rows.column(name).map_or(Value::Missing, |column| column.get(row));
        let [time, host, machine] = ["time", "host", "machine"].map(own);
        let [id, number, script] = ["seqnum_id", "seqnum", "script"].map(own);
        let parser = Value::text(sheet.table);
        return [time, host, machine, id, number, parser, script, Value::text(reason), Value::Missing];
    }
    let entry = sheet.entry(row);
    let cursor = entry.as_ref().map_or(commit.next, |entry| entry.cursor);
    let (parser, script) = match sheet.rows {
        RowsOf::Parsed(parsed) => (&*parsed.parser, &*parsed.script),
        _ => (sheet.table, ""),
    };
    [
        Value::Int(cursor.time().0),
        entry.as_ref().map_or(Value::Missing, |entry| name(fields::read(entry, "host"))),
        Value::Text(commit.machine.to_string().into()),
        Value::Text(cursor.seqnum_id.to_string().into()),
        number(cursor.seqnum),
        Value::text(parser),
        Value::text(script),
        Value::text(reason),
        entry.as_ref().map_or(Value::Missing, |entry| Value::Text(fields_json(entry).into())),
    ]
}

/// The parser's part of [`NTH_COLUMN`]: the same for the same name; the low 20 bits count rows of an entry.
fn parser_number(parser: &str) -> i64 {
    let Id128(bytes) = Id128::of(&[parser.as_bytes()]);
    i64::from(u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]) >> 1) << 20
}

/// A name no longer than columns of names are.
fn name(value: Value<'_>) -> Value<'_> {
    match value {
        Value::Text(text) if text.len() > NAME_CHARS_MAX => {
            Value::Text(Cow::Owned(text.chars().take(NAME_CHARS_MAX).collect()))
        }
        short => short,
    }
}

fn number(number: u64) -> Value<'static> {
    Value::Int(i64::try_from(number).unwrap_or(i64::MAX))
}

/// The text of the last id, which is nearly always the next one too.
#[derive(Default)]
struct Ids {
    last: Option<(Id128, String)>,
}

impl Ids {
    fn text(&mut self, id: Id128) -> &str {
        if self.last.as_ref().is_none_or(|(last, _)| *last != id) {
            self.last = None;
        }
        &self.last.get_or_insert_with(|| (id, id.to_string())).1
    }
}
