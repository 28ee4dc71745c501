//! One parser at work on a batch: its memory, its rows, what failed, what is counted.

use super::{
    Counts, Parsed, Parser,
    block::{Block, Record},
    plan::Seat,
    record::{Of, Verdict, Work},
};
use crate::{
    entry::{Entries, Entry},
    table::{ParsedRows, Quarantined, Rows},
    time::Time,
};
use std::sync::atomic::{AtomicU32, Ordering};

/// A closure that was cut so often in one batch rests for the rest of it.
const CUTS_MAX: u32 = 3;
/// After so many rows, room is made for as many as the rest of the batch will give.
const ROWS_BEFORE_ROOM: usize = 64;
/// The most that room is made for, in times what there is.
const ROOM_TIMES_MAX: usize = 128;

/// What all threads that work on one batch share.
pub(super) struct Shared<'a> {
    /// By seat: how often its closure was cut.
    cuts: Vec<AtomicU32>,
    entries: &'a Entries,
    /// All bytes of the batch, if they are UTF-8: then they are looked at once, not field by field.
    all: Option<&'a str>,
}

impl<'a> Shared<'a> {
    pub fn new(seats: usize, entries: &'a Entries) -> Self {
        Self { cuts: (0..seats).map(|_| AtomicU32::new(0)).collect(), entries, all: entries.text() }
    }

    /// Bytes of the batch as text, if they are.
    #[inline]
    fn text(&self, bytes: &'a [u8]) -> Option<&'a str> {
        let known = self.all.and_then(|all| {
            let from = bytes.as_ptr().addr().checked_sub(all.as_ptr().addr())?;
            all.get(from..from + bytes.len())
        });
        known.or_else(|| simdutf8::basic::from_utf8(bytes).ok())
    }

    /// Whether a seat's closure rests.
    pub fn rests(&self, seat: usize) -> bool {
        self.cuts[seat].load(Ordering::Relaxed) >= CUTS_MAX
    }
}

/// One parser at work.
pub(super) struct Desk<'a> {
    seat: &'a Seat,
    /// The seat's number in the plan.
    number: usize,
    shared: &'a Shared<'a>,
    work: Work<'a>,
    /// The entry whose fields `.from` has read already.
    ready: Option<u32>,
    /// What a parser that only stores what it reads has read and not stored yet.
    block: Block<'a>,
    rows: ParsedRows,
    quarantined: Vec<Quarantined>,
    /// `selected` counts those that were shown.
    counts: Counts,
}

impl<'a> Desk<'a> {
    pub fn new(seat: &'a Seat, number: usize, shared: &'a Shared<'a>, now: Time) -> Self {
        let parser = &seat.parser;
        let rows = ParsedRows {
            table: parser.table.clone(),
            parser: parser.spec.name.clone(),
            script: parser.spec.script.clone(),
            entry: Vec::new(),
            rows: Rows::new(parser.table.columns.clone()),
        };
        let work = Work::new(&parser.program, now);
        let (block, quarantined, counts) = (Block::default(), Vec::new(), Counts::default());
        Self { seat, number, shared, work, ready: None, block, rows, quarantined, counts }
    }

    /// Whether `.from` wants an entry.
    pub fn selects(&mut self, index: u32, entry: &Entry<'a>, found: &[Option<&'a [u8]>]) -> bool {
        let parser: &'a Parser = &self.seat.parser;
        self.ready = Some(index);
        parser.selects(Of { entry, found, reads: &self.seat.reads }, &mut self.work)
    }

    /// An entry that `.from` wants; `left` entries of this part are still to come.
    pub fn entry(&mut self, index: u32, entry: &Entry<'a>, found: &[Option<&'a [u8]>], left: usize) {
        let parser: &'a Parser = &self.seat.parser;
        let of = Of { entry, found, reads: &self.seat.reads };
        self.counts.selected += 1;
        let bytes = of.reads.input.bytes(found).unwrap_or_default();
        let text = self.shared.text(bytes);
        if let (Some(text), Some((extract, _))) = (text, parser.program.straight()) {
            match self.block.read(extract, index, text, entry.time()) {
                Ok(()) if self.block.is_full() => self.store(left),
                Ok(()) => {}
                Err(miss) => self.count_other(index, entry, Verdict::Unmatched(0, miss), text),
            }
            return;
        }
        // Rows stand in the order of their entries.
        self.store(left);
        if self.ready != Some(index) {
            parser.prepare(of, &mut self.work);
        }
        match text {
            Some(text) => {
                self.work.resting = parser.program.has_closure && self.shared.rests(self.number);
                let verdict = parser.add_row(text, of, &mut self.work, &mut self.rows, index);
                self.make_room(index, left);
                self.count(index, entry, verdict, text);
            }
            // Rare: bytes that are no UTF-8. The mended text lives for this record only.
            None => {
                let text = String::from_utf8_lossy(bytes);
                let mut work = Work::new(&parser.program, self.work.slots.now);
                work.resting = parser.program.has_closure && self.shared.rests(self.number);
                parser.prepare(of, &mut work);
                let verdict = parser.add_row(&text, of, &mut work, &mut self.rows, index);
                self.count(index, entry, verdict, &text);
            }
        }
    }

    /// Stores what was read; `left` entries of this part are still to come.
    fn store(&mut self, left: usize) {
        let Some(Record { entry: last, .. }) = self.block.records.last().copied() else { return };
        let parser: &'a Parser = &self.seat.parser;
        let Some((extract, order)) = parser.program.straight() else { return };
        if self.block.fill(extract, order, &mut self.rows.rows.columns, &mut self.work.slots) {
            self.counts.matched += self.block.records.len() as u64;
            self.rows.entry.extend(self.block.records.iter().map(|record| record.entry));
            self.block.clear();
            self.make_room(last, left);
            return;
        }
        // Some field is not of its type: each record alone, which finds the field.
        for nth in 0..self.block.records.len() {
            let Record { entry: index, text, .. } = self.block.records[nth];
            let entry = self.shared.entries.get(index as usize);
            // A parser that only stores what it reads asks for no other field.
            let of = Of { entry: &entry, found: &[], reads: &self.seat.reads };
            parser.prepare(of, &mut self.work);
            let verdict = parser.add_row(text, of, &mut self.work, &mut self.rows, index);
            self.count(index, &entry, verdict, text);
        }
        self.block.clear();
    }

    /// A record of several lines, all selected.
    pub fn joined(&mut self, index: u32, entry: &Entry<'a>, found: &[Option<&'a [u8]>], lines: usize, text: &'a str) {
        let parser: &'a Parser = &self.seat.parser;
        let of = Of { entry, found, reads: &self.seat.reads };
        parser.prepare(of, &mut self.work);
        self.work.resting = parser.program.has_closure && self.shared.rests(self.number);
        self.counts.selected += lines as u64;
        self.counts.joined += lines as u64 - 1;
        let verdict = parser.add_row(text, of, &mut self.work, &mut self.rows, index);
        self.count(index, entry, verdict, text);
    }

    #[inline]
    fn count(&mut self, index: u32, entry: &Entry<'a>, verdict: Verdict, text: &str) {
        if matches!(verdict, Verdict::Row) {
            self.counts.matched += 1;
        } else {
            self.count_other(index, entry, verdict, text);
        }
    }

    fn count_other(&mut self, index: u32, entry: &Entry<'a>, verdict: Verdict, text: &str) {
        let reason = match verdict {
            Verdict::Row => return,
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
                self.shared.cuts[self.number].fetch_add(1, Ordering::Relaxed);
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

    /// Once, when enough is known of how many rows come and how long they are.
    #[inline]
    fn make_room(&mut self, index: u32, left: usize) {
        if self.rows.entry.len() == ROWS_BEFORE_ROOM {
            let seen = (index as usize).saturating_sub(self.rows.entry[0] as usize).max(ROWS_BEFORE_ROOM);
            let times = (left / seen + 1).min(ROOM_TIMES_MAX);
            self.rows.entry.reserve(ROWS_BEFORE_ROOM * times);
            self.rows.rows.columns.iter_mut().for_each(|column| column.reserve(times));
        }
    }

    /// Adds what was made of the entries that come after.
    pub fn append(&mut self, mut other: Self) {
        self.store(0);
        other.store(0);
        self.rows.entry.extend(other.rows.entry);
        for (own, more) in self.rows.rows.columns.iter_mut().zip(&other.rows.rows.columns) {
            own.append(more);
        }
        self.quarantined.extend(other.quarantined);
        self.counts.add(&other.counts);
    }

    /// Hands over what was made; `counts` holds what was selected, all of it counted as unmatched so far.
    pub fn end(mut self, parsed: &mut Parsed, counts: &mut Counts) {
        self.store(0);
        counts.unmatched = counts.unmatched - self.counts.selected + self.counts.unmatched;
        counts.add(&Counts { selected: 0, unmatched: 0, ..self.counts });
        if !self.rows.rows.is_empty() {
            parsed.rows.push(self.rows);
        }
        parsed.quarantined.extend(self.quarantined);
    }
}

impl Counts {
    fn add(&mut self, more: &Self) {
        self.selected += more.selected;
        self.joined += more.joined;
        self.matched += more.matched;
        self.unmatched += more.unmatched;
        self.dropped += more.dropped;
        self.failed += more.failed;
    }
}
