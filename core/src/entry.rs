//! Entries as read from a source: one arena for a whole batch, so that parsing only ever borrows.

use crate::{cursor::Cursor, id::Id128, time::Time};
use std::ops::Range;

/// The most bytes one batch may hold; a source ends its batch before it.
pub const BATCH_BYTES_MAX: usize = 64 << 20;
/// The most bytes one field may have; a longer one is cut and the entry marked with `INFRALOGS_CUT`.
pub const FIELD_BYTES_MAX: usize = 4 << 20;
/// The most bytes one entry may have; fields that would go beyond are left out and the entry marked with
/// `INFRALOGS_CUT`.
pub const ENTRY_BYTES_MAX: usize = 16 << 20;
/// The most bytes the name of a field may have; a field with a longer one is left out. journald allows 64.
pub const FIELD_NAME_BYTES_MAX: usize = 256;
/// The most fields one entry may have; further ones are left out and the entry marked with `INFRALOGS_CUT`.
pub const ENTRY_FIELDS_MAX: usize = 1024;

/// Many entries in the order they were read. Field names may repeat; values are any bytes.
#[derive(Debug, Clone, Default)]
pub struct Entries {
    bytes: Vec<u8>,
    fields: Vec<Field>,
    heads: Vec<Head>,
}

#[derive(Debug, Clone, Copy)]
struct Field {
    name_at: u32,
    value_at: u32,
    end: u32,
}

#[derive(Debug, Clone, Copy)]
struct Head {
    cursor: Cursor,
    fields_end: u32,
}

impl Entries {
    /// How many entries.
    pub fn len(&self) -> usize {
        self.heads.len()
    }
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.heads.is_empty()
    }
    /// Bytes held by names and values.
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }
    /// Forgets all entries, keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.fields.clear();
        self.heads.clear();
    }
    /// Begins a new entry; the fields pushed from now on are its own once [`Entries::end`] is called.
    pub fn push_field(&mut self, name: &[u8], value: &[u8]) {
        let name_at = self.bytes.len() as u32;
        self.bytes.extend_from_slice(name);
        let value_at = self.bytes.len() as u32;
        self.bytes.extend_from_slice(value);
        self.fields.push(Field { name_at, value_at, end: self.bytes.len() as u32 });
    }
    /// Ends the entry that the fields pushed since the last end belong to.
    pub fn end(&mut self, cursor: Cursor) {
        self.heads.push(Head { cursor, fields_end: self.fields.len() as u32 });
    }
    /// Takes back the fields pushed since the last end.
    pub fn abandon(&mut self) {
        let keep = self.heads.last().map_or(0, |head| head.fields_end as usize);
        if let Some(first) = self.fields.get(keep) {
            self.bytes.truncate(first.name_at as usize);
        }
        self.fields.truncate(keep);
    }
    /// Takes back the last whole entry.
    pub fn pop(&mut self) {
        self.abandon();
        self.heads.pop();
        self.abandon();
    }
    /// Entry `index`; panics beyond the end, like a slice.
    pub fn get(&self, index: usize) -> Entry<'_> {
        let start = if index == 0 { 0 } else { self.heads[index - 1].fields_end as usize };
        let head = &self.heads[index];
        Entry { entries: self, cursor: head.cursor, fields: start..head.fields_end as usize }
    }
    /// All entries in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Entry<'_>> {
        (0..self.len()).map(|index| self.get(index))
    }
    /// The cursor of the last entry.
    pub fn last_cursor(&self) -> Option<Cursor> {
        self.heads.last().map(|head| head.cursor)
    }
}

/// One entry, borrowed from its batch.
#[derive(Debug, Clone)]
pub struct Entry<'a> {
    entries: &'a Entries,
    /// Its place in the source.
    pub cursor: Cursor,
    fields: Range<usize>,
}

impl<'a> Entry<'a> {
    /// Names and values in the order they were written.
    pub fn fields(&self) -> impl ExactSizeIterator<Item = (&'a [u8], &'a [u8])> + use<'a> {
        let entries = self.entries;
        entries.fields[self.fields.clone()].iter().map(move |field| {
            (
                &entries.bytes[field.name_at as usize..field.value_at as usize],
                &entries.bytes[field.value_at as usize..field.end as usize],
            )
        })
    }
    /// The first value of a journal field such as `MESSAGE`.
    pub fn field(&self, name: &str) -> Option<&'a [u8]> {
        self.fields().find(|(own, _)| *own == name.as_bytes()).map(|(_, value)| value)
    }
    /// When the journal received it.
    pub fn time(&self) -> Time {
        self.cursor.time()
    }
    /// The machine that wrote it, if it says so.
    pub fn machine(&self) -> Option<Id128> {
        self.field("_MACHINE_ID").and_then(|id| std::str::from_utf8(id).ok()?.parse().ok())
    }
}

/// Entries known to be lost: rotated away before they were read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// The last entry before the hole, if one was ever read.
    pub after: Option<Cursor>,
    /// The first entry behind it.
    pub before: Cursor,
    /// How many are missing; `None` where the counter was reset and nobody can know.
    pub lost: Option<u64>,
}

/// What one read of a source gave.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// The entries, oldest first.
    pub entries: Entries,
    /// The machine whose source this is.
    pub machine: Id128,
    /// Where to read on. It also moves over dropped and unreadable entries; `None` only if the source was always empty.
    pub next: Option<Cursor>,
    /// The newest entry the source has, read or not.
    pub head: Option<Cursor>,
    /// Entries that a rule or filter dropped on purpose.
    pub dropped: u64,
    /// Entries that are there but damaged.
    pub unreadable: u64,
    /// Entries in files we may not or need not read (per-user journals): not lost.
    pub unread: u64,
    /// Entries known to be lost.
    pub gaps: Vec<Gap>,
    /// Whether there is more to read at once.
    pub more: bool,
}
