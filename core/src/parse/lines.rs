//! Joins entries that are lines of one record, such as a stack trace that was logged line by line.
//!
//! Lines belong together when they come from the same stream (or the same unit, identifier and process) and follow a
//! line that begins a record. Only lines of one batch are joined: a record that a batch cuts in two is two records.

use super::{
    compile::Lines,
    entry_fields::{Found, Wanted},
    plan::Seat,
};
use crate::entry::Entries;
use std::{collections::HashMap, ops::Range};

/// The most bytes of one joined record; the line that goes beyond begins a new one.
const JOINED_BYTES_MAX: usize = 1 << 20;

/// All records of one parser in one batch.
#[derive(Debug, Default)]
pub(super) struct Joined {
    text: String,
    records: Vec<Record>,
}

#[derive(Debug)]
struct Record {
    /// The entry that began it.
    entry: u32,
    /// How many entries it is made of.
    lines: usize,
    text: Range<usize>,
}

/// A record that lines may still be added to.
struct Open {
    record: usize,
    bytes: usize,
    lines: usize,
}

/// Joins the selected entries, given by their numbers in order.
pub(super) fn join(seat: &Seat, lines: &Lines, wanted: &Wanted, entries: &Entries, selected: &[u32]) -> Joined {
    let mut found = Found::default();
    let mut open: HashMap<[Option<&[u8]>; 4], Open> = HashMap::new();
    // Which record each selected entry belongs to, and its text.
    let mut parts: Vec<(usize, u32, &[u8])> = Vec::new();
    let mut count = 0;
    let numbers = wanted.numbers(entries.names());
    for index in selected {
        wanted.find(&entries.get(*index as usize), &numbers, &mut found);
        let bytes = seat.reads.input.bytes(&found).unwrap_or_default();
        let stream = seat.reads.stream(&found);
        let begins = lines.start.is_match(bytes);
        let goes_on = open
            .get_mut(&stream)
            .filter(|open| !begins && open.lines < lines.lines_max && open.bytes + bytes.len() < JOINED_BYTES_MAX);
        let record = match goes_on {
            Some(open) => {
                open.lines += 1;
                open.bytes += bytes.len() + 1;
                open.record
            }
            None => {
                open.insert(stream, Open { record: count, bytes: bytes.len(), lines: 1 });
                count += 1;
                count - 1
            }
        };
        parts.push((record, *index, bytes));
    }
    parts.sort_by_key(|(record, index, _)| (*record, *index));
    let mut joined = Joined::default();
    for (record, index, bytes) in parts {
        joined.add(record, index, bytes);
    }
    joined
}

impl Joined {
    fn add(&mut self, record: usize, entry: u32, bytes: &[u8]) {
        if record == self.records.len() {
            let at = self.text.len();
            self.records.push(Record { entry, lines: 0, text: at..at });
        } else {
            self.text.push('\n');
        }
        self.text.push_str(&String::from_utf8_lossy(bytes));
        if let Some(last) = self.records.last_mut() {
            last.lines += 1;
            last.text.end = self.text.len();
        }
    }

    /// The entry that began each record, how many lines it has, and its text.
    pub fn records(&self) -> impl ExactSizeIterator<Item = (u32, usize, &str)> {
        self.records.iter().map(|one| (one.entry, one.lines, self.text.get(one.text.clone()).unwrap_or("")))
    }
}
