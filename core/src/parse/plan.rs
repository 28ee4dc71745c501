//! Runs several parsers over a batch: entries in, columns out.

use super::{
    Counts, Parsed, Parser, Plan,
    compile::Reads,
    entry_fields::{Found, Wanted},
    lines::{self, Joined},
    record::{Of, Verdict, Work},
};
use crate::{
    entry::{Entries, Entry},
    table::{ParsedRows, Quarantined, Rows},
    time::Time,
};
use std::{borrow::Cow, sync::Arc};

/// A closure that was cut so often in one batch rests for the rest of it.
pub(super) const CUTS_MAX: u32 = 3;

/// One parser's place in a plan: it reads the entry's fields by the plan's numbers.
#[derive(Debug)]
pub(super) struct Seat {
    pub parser: Arc<Parser>,
    pub reads: Reads,
}

impl Plan {
    /// Parsers that run together.
    pub fn new(mut parsers: Vec<Arc<Parser>>) -> Self {
        parsers.sort_by(|a, b| a.spec.name.cmp(&b.spec.name));
        let mut wanted = Wanted::default();
        let seats = parsers.iter().map(|parser| Seat { parser: parser.clone(), reads: moved(parser, &mut wanted) });
        let seats = seats.collect();
        Self { parsers, seats, wanted }
    }

    /// Runs all parsers over all entries. Never fails: what can't be parsed is counted or quarantined.
    pub fn run(&self, entries: &Entries, now: Time) -> Parsed {
        let join = |seat: &Seat| {
            let lines = seat.parser.program.lines.as_ref()?;
            Some(lines::join(seat, lines, &self.wanted, entries, true, now))
        };
        let joined: Vec<Option<Joined>> = self.seats.iter().map(join).collect();
        let mut desks: Vec<Desk<'_>> = self.seats.iter().map(|seat| Desk::new(seat, now)).collect();
        let mut found = Found::default();
        for (index, entry) in entries.iter().enumerate() {
            self.wanted.find(&entry, &mut found);
            for (desk, _) in desks.iter_mut().zip(&joined).filter(|(_, joined)| joined.is_none()) {
                desk.entry(index as u32, &entry, &found, now);
            }
        }
        for (desk, joined) in desks.iter_mut().zip(&joined) {
            for (index, lines, text) in joined.iter().flat_map(Joined::records) {
                let entry = entries.get(index as usize);
                self.wanted.find(&entry, &mut found);
                desk.joined(index, &entry, &found, lines, text);
            }
        }
        finish(desks)
    }
}

/// The joined records of one parser: the number of the first entry and the text.
pub(super) fn joined(parser: &Arc<Parser>, entries: &Entries, select: bool, now: Time) -> Vec<(usize, String)> {
    let mut wanted = Wanted::default();
    let seat = Seat { parser: parser.clone(), reads: moved(parser, &mut wanted) };
    let Some(own) = &seat.parser.program.lines else { return Vec::new() };
    let joined = lines::join(&seat, own, &wanted, entries, select, now);
    joined.records().map(|(first, _, text)| (first as usize, text.to_owned())).collect()
}

/// What the desks have done, put together.
fn finish(desks: Vec<Desk<'_>>) -> Parsed {
    let mut parsed = Parsed::default();
    for desk in desks {
        parsed.counts.push(desk.counts);
        if !desk.rows.rows.is_empty() {
            parsed.rows.push(desk.rows);
        }
        parsed.quarantined.extend(desk.quarantined);
        if desk.cuts >= CUTS_MAX {
            parsed.resting.push(desk.seat.parser.spec.name.clone());
        }
    }
    parsed.quarantined.sort_by_key(|one| one.entry);
    parsed
}

fn moved(parser: &Parser, wanted: &mut Wanted) -> Reads {
    let (own, reads) = (&parser.program.wanted, &parser.program.reads);
    Reads {
        input: own.moved(&reads.input, wanted),
        before: reads.before.iter().map(|(slot, field)| (*slot, own.moved(field, wanted))).collect(),
        stream: reads.stream.iter().map(|field| own.moved(field, wanted)).collect(),
        after: reads.after.iter().map(|(slot, field)| (*slot, own.moved(field, wanted))).collect(),
    }
}

/// One parser at work on a batch.
struct Desk<'a> {
    seat: &'a Seat,
    work: Work<'a>,
    rows: ParsedRows,
    quarantined: Vec<Quarantined>,
    counts: Counts,
    cuts: u32,
}

impl<'a> Desk<'a> {
    fn new(seat: &'a Seat, now: Time) -> Self {
        let parser = &seat.parser;
        let rows = ParsedRows {
            table: parser.table.clone(),
            parser: parser.spec.name.clone(),
            script: parser.spec.script.clone(),
            entry: Vec::new(),
            rows: Rows::new(parser.table.columns.clone()),
        };
        let work = Work::new(&parser.program, now);
        Self { seat, work, rows, quarantined: Vec::new(), counts: Counts::default(), cuts: 0 }
    }

    fn entry(&mut self, index: u32, entry: &Entry<'a>, found: &[Option<&'a [u8]>], now: Time) {
        let parser: &'a Parser = &self.seat.parser;
        let of = Of { entry, found, reads: &self.seat.reads };
        if !parser.selects(of, &mut self.work) {
            return;
        }
        self.counts.selected += 1;
        match String::from_utf8_lossy(of.reads.input.bytes(found).unwrap_or_default()) {
            Cow::Borrowed(text) => {
                let verdict = parser.record(text, of, &mut self.work);
                if matches!(verdict, Verdict::Row) {
                    emit(parser, &self.work, &mut self.rows, index);
                }
                self.end(index, entry, verdict, text);
            }
            // Rare: bytes that are no UTF-8. The mended text lives for this record only.
            Cow::Owned(text) => {
                let mut work = Work::new(&parser.program, now);
                parser.selects(of, &mut work);
                let verdict = parser.record(&text, of, &mut work);
                if matches!(verdict, Verdict::Row) {
                    emit(parser, &work, &mut self.rows, index);
                }
                self.end(index, entry, verdict, &text);
            }
        }
    }

    /// A record of several lines, all selected.
    fn joined(&mut self, index: u32, entry: &Entry<'a>, found: &[Option<&'a [u8]>], lines: usize, text: &'a str) {
        let parser: &'a Parser = &self.seat.parser;
        let of = Of { entry, found, reads: &self.seat.reads };
        parser.selects(of, &mut self.work);
        self.counts.selected += lines as u64;
        self.counts.joined += lines as u64 - 1;
        let verdict = parser.record(text, of, &mut self.work);
        if matches!(verdict, Verdict::Row) {
            emit(parser, &self.work, &mut self.rows, index);
        }
        self.end(index, entry, verdict, text);
    }

    fn end(&mut self, index: u32, entry: &Entry<'a>, verdict: Verdict, text: &str) {
        let reason = match verdict {
            Verdict::Row => {
                self.counts.matched += 1;
                return;
            }
            Verdict::Dropped(_) => {
                self.counts.dropped += 1;
                return;
            }
            Verdict::Unmatched(..) if !self.seat.parser.spec.strict => {
                self.counts.unmatched += 1;
                return;
            }
            Verdict::Unmatched(nth, miss) => {
                self.counts.unmatched += 1;
                self.seat.parser.unmatched(nth, miss, text)
            }
            Verdict::Failed(reason) => {
                self.counts.failed += 1;
                reason
            }
            Verdict::Cut(reason) => {
                self.counts.failed += 1;
                self.cuts += 1;
                reason
            }
        };
        let spec = &self.seat.parser.spec;
        self.quarantined.push(Quarantined {
            entry: index,
            cursor: entry.cursor,
            parser: spec.name.clone(),
            script: spec.script.clone(),
            reason,
        });
    }
}

/// Copies a record out of its slots into the columns.
fn emit(parser: &Parser, work: &Work<'_>, rows: &mut ParsedRows, index: u32) {
    for (column, emit) in rows.rows.columns.iter_mut().zip(&parser.program.columns) {
        column.push(&work.slots.value(work.slots.values[usize::from(emit.slot)]));
    }
    rows.entry.push(index);
}
