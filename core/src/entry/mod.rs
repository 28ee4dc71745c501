//! Entries as read from a source: one arena for a whole batch, so that parsing only ever borrows.

mod names;

use crate::{cursor::Cursor, id::Id128, time::Time};
use names::Names;
use std::{ops::Range, sync::Arc};

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
///
/// Most fields of a journal repeat from entry to entry: names are held once, and a value that the entry before has
/// in the same field is not held again.
#[derive(Debug, Clone, Default)]
pub struct Entries {
    names: Names,
    /// Every value with [`MARK`] before it, so that no two places are the same, even of empty values.
    bytes: Vec<u8>,
    fields: Vec<Place>,
    heads: Vec<Head>,
    logical_bytes: usize,
    /// The field of the entry before that the next one is compared with: they mostly come in the same order.
    guess: usize,
}

/// What stands before each value.
const MARK: u8 = b'=';
/// So many fields of the entry before may be missing in one where another was expected.
const SKIPPED_MAX: usize = 4;

/// Where a field stands in its batch. A field that repeats is kept once and pushed again by its place, and who reads
/// the batch may remember what it made of a place (equal places hold equal bytes).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Place {
    name: u32,
    value_at: u32,
    end: u32,
}

impl Place {
    /// Tells places of one batch apart; below [`Entries::arena_bytes`].
    pub fn key(self) -> u32 {
        self.value_at - 1
    }
    /// The number of its name among [`Entries::names`].
    #[inline]
    pub fn name(self) -> usize {
        self.name as usize
    }
}

#[derive(Debug, Clone, Copy)]
struct Head {
    cursor: Cursor,
    fields_end: u32,
    bytes_end: u32,
    logical_bytes: usize,
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
    /// Bytes of all names and values, those of a field pushed again counted again.
    pub fn bytes(&self) -> usize {
        self.logical_bytes
    }
    /// The names of all fields, each once, and maybe some that no field has.
    pub fn names(&self) -> &[Arc<[u8]>] {
        self.names.all()
    }
    /// Bytes of values really held.
    pub fn arena_bytes(&self) -> usize {
        self.bytes.len()
    }
    /// Everything held as one text, if all of it is UTF-8 and looking at all of it is no great cost for each entry.
    pub(crate) fn text(&self) -> Option<&str> {
        const ENTRY_BYTES_LOOKED_AT_MAX: usize = 512;
        let pays = self.bytes.len() <= self.len().saturating_mul(ENTRY_BYTES_LOOKED_AT_MAX);
        if pays { simdutf8::basic::from_utf8(&self.bytes).ok() } else { None }
    }
    /// Forgets all entries, keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.fields.clear();
        self.heads.clear();
        self.logical_bytes = 0;
        self.guess = 0;
        self.names.end_batch();
    }
    /// Begins a new entry; the fields pushed from now on are its own once [`Entries::end`] is called.
    pub fn push_field(&mut self, name: &[u8], value: &[u8]) {
        self.place_field(name, value);
    }
    /// Like [`Entries::push_field`], and says where the field stands, for [`Entries::push_again`].
    pub fn place_field(&mut self, name: &[u8], value: &[u8]) -> Place {
        self.logical_bytes += name.len() + value.len();
        let before = self.before(name);
        let place = match before {
            Some(place) if self.value(place) == value => place,
            _ => {
                let name = before.map_or_else(|| self.names.number(name), |place| place.name);
                self.bytes.push(MARK);
                let value_at = self.bytes.len() as u32;
                self.bytes.extend_from_slice(value);
                Place { name, value_at, end: self.bytes.len() as u32 }
            }
        };
        self.fields.push(place);
        place
    }
    /// Pushes a field that this batch already holds, without copying it. Places end with [`Entries::clear`], and
    /// those of an entry taken back with it.
    pub fn push_again(&mut self, place: Place) {
        debug_assert!(place.end as usize <= self.bytes.len(), "a place of another batch");
        self.fields.push(place);
        self.logical_bytes += self.names.get(place.name).len() + (place.end - place.value_at) as usize;
    }
    /// The field of this name in the entry before, if it stands about where it is expected.
    #[inline]
    fn before(&mut self, name: &[u8]) -> Option<Place> {
        let end = self.heads.last().map_or(0, |head| head.fields_end as usize);
        let expected = self.fields.get(self.guess..end.min(self.guess + SKIPPED_MAX))?;
        let skipped = expected.iter().position(|place| self.names.get(place.name) == name)?;
        self.guess += skipped + 1;
        Some(expected[skipped])
    }
    #[inline]
    fn value(&self, place: Place) -> &[u8] {
        &self.bytes[place.value_at as usize..place.end as usize]
    }
    /// Ends the entry that the fields pushed since the last end belong to.
    pub fn end(&mut self, cursor: Cursor) {
        self.guess = self.heads.last().map_or(0, |head| head.fields_end as usize);
        let fields_end = self.fields.len() as u32;
        let bytes_end = self.bytes.len() as u32;
        self.heads.push(Head { cursor, fields_end, bytes_end, logical_bytes: self.logical_bytes });
    }
    /// Takes back the fields pushed since the last end.
    pub fn abandon(&mut self) {
        let (fields, bytes, logical) =
            self.heads.last().map_or((0, 0, 0), |head| (head.fields_end, head.bytes_end, head.logical_bytes));
        self.fields.truncate(fields as usize);
        self.bytes.truncate(bytes as usize);
        self.logical_bytes = logical;
        self.guess = self.heads.len().checked_sub(2).map_or(0, |before| self.heads[before].fields_end as usize);
    }
    /// Takes back the last whole entry.
    pub fn pop(&mut self) {
        self.heads.pop();
        self.abandon();
    }
    /// Gives every entry these fields too, held once. Only between entries: after an [`Entries::end`].
    pub fn give_all(&mut self, fields: &[(String, String)]) {
        if self.is_empty() || fields.is_empty() {
            return;
        }
        let given: Vec<Place> =
            fields.iter().map(|(name, value)| self.place_field(name.as_bytes(), value.as_bytes())).collect();
        let bytes: usize = fields.iter().map(|(name, value)| name.len() + value.len()).sum();
        let mut own = std::mem::take(&mut self.fields);
        own.truncate(own.len() - given.len());
        self.fields.reserve(own.len() + given.len() * self.heads.len());
        let (mut from, mut logical_bytes) = (0, 0);
        for head in &mut self.heads {
            self.fields.extend_from_slice(&own[from..head.fields_end as usize]);
            self.fields.extend_from_slice(&given);
            from = head.fields_end as usize;
            logical_bytes += bytes;
            head.fields_end = self.fields.len() as u32;
            head.logical_bytes += logical_bytes;
            head.bytes_end = self.bytes.len() as u32;
            self.logical_bytes = head.logical_bytes;
        }
        self.guess = self.fields.len();
    }
    /// Entry `index`; panics beyond the end, like a slice.
    #[inline]
    pub fn get(&self, index: usize) -> Entry<'_> {
        let (start, own_from) =
            index.checked_sub(1).map_or((0, 0), |before| (self.heads[before].fields_end, self.heads[before].bytes_end));
        let head = &self.heads[index];
        Entry { entries: self, cursor: head.cursor, fields: start as usize..head.fields_end as usize, own_from }
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
    /// Where the bytes begin that came with it.
    own_from: u32,
}

impl<'a> Entry<'a> {
    /// Names and values in the order they were written.
    #[inline]
    pub fn fields(&self) -> impl ExactSizeIterator<Item = (&'a [u8], &'a [u8])> + use<'a> {
        self.placed_fields().map(|(_, name, value)| (name, value))
    }
    /// Like [`Entry::fields`], each with its place.
    #[inline]
    pub fn placed_fields(&self) -> impl ExactSizeIterator<Item = (Place, &'a [u8], &'a [u8])> + use<'a> {
        let entries = self.entries;
        let places = entries.fields[self.fields.clone()].iter();
        places.map(move |place| (*place, entries.names.get(place.name), entries.value(*place)))
    }
    /// The values by the numbers of their names among [`Entries::names`].
    #[inline]
    pub(crate) fn numbered_fields(&self) -> impl ExactSizeIterator<Item = (usize, &'a [u8])> + use<'a> {
        let entries = self.entries;
        entries.fields[self.fields.clone()].iter().map(move |place| (place.name(), entries.value(*place)))
    }
    /// The names of all fields of its batch, each once.
    pub(crate) fn batch_names(&self) -> &'a [Arc<[u8]>] {
        self.entries.names()
    }
    /// Whether an earlier entry of the batch has the field that stands there.
    pub fn is_again(&self, place: Place) -> bool {
        place.key() < self.own_from
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Entry `index` as text.
    fn text(entries: &Entries, index: usize) -> String {
        let fields = entries.get(index).fields().map(|(name, value)| [name, b"=", value].concat()).collect::<Vec<_>>();
        String::from_utf8(fields.join(&b' ')).unwrap()
    }

    #[test]
    fn a_field_is_held_once_and_taking_back_leaves_the_rest() {
        let mut entries = Entries::default();
        let host = entries.place_field(b"HOST", b"a");
        entries.end(Cursor::default());
        entries.push_again(host);
        entries.push_field(b"N", b"1");
        entries.end(Cursor::default());
        assert_eq!((entries.arena_bytes(), entries.bytes()), (4, 12));
        entries.push_again(host);
        entries.push_field(b"N", b"2");
        entries.abandon();
        assert_eq!((text(&entries, 0), text(&entries, 1)), ("HOST=a".into(), "HOST=a N=1".into()));
        entries.pop();
        assert_eq!((entries.len(), entries.arena_bytes(), entries.bytes()), (1, 2, 5));
        assert_eq!(text(&entries, 0), "HOST=a");

        entries.push_field(b"N", b"3");
        entries.end(Cursor::default());
        entries.give_all(&[("LABEL".into(), "x".into())]);
        assert_eq!((text(&entries, 0), text(&entries, 1)), ("HOST=a LABEL=x".into(), "N=3 LABEL=x".into()));
        assert_eq!(entries.bytes(), 5 + 2 + 2 * 6);
        entries.pop();
        assert_eq!((text(&entries, 0), entries.bytes()), ("HOST=a LABEL=x".into(), 5 + 6));
    }

    #[test]
    fn what_the_entry_before_has_is_not_held_again() {
        let mut entries = Entries::default();
        let mut push = |fields: &[(&str, &str)]| {
            let places = fields.iter().map(|(name, value)| entries.place_field(name.as_bytes(), value.as_bytes()));
            let places: Vec<Place> = places.collect();
            entries.end(Cursor::default());
            places
        };
        let first = push(&[("HOST", "a"), ("UNIT", "x"), ("PID", ""), ("N", "1")]);
        let again = push(&[("HOST", "a"), ("PID", ""), ("N", "2")]);
        let turned = push(&[("N", "2"), ("HOST", "a"), ("HOST", "b")]);
        assert_eq!((again[0], again[1]), (first[0], first[2]));
        assert_eq!(turned[0], again[2]);
        assert!(entries.get(1).is_again(again[0]) && !entries.get(1).is_again(again[2]));
        assert_eq!(entries.names().len(), 4);
        assert_eq!(text(&entries, 1), "HOST=a PID= N=2");
        assert_eq!(text(&entries, 2), "N=2 HOST=a HOST=b");
    }

    proptest! {
        #[test]
        fn every_batch_gives_back_what_was_pushed(all in proptest::collection::vec(
            (proptest::collection::vec(("[A-D]{1,2}", "[xy]{0,2}"), 0..8), 0..10_u8), 0..12)
        ) {
            let (mut entries, mut kept) = (Entries::default(), Vec::new());
            for (fields, fate) in all {
                fields.iter().for_each(|(name, value)| entries.push_field(name.as_bytes(), value.as_bytes()));
                match fate {
                    0 => entries.abandon(),
                    _ => {
                        entries.end(Cursor::default());
                        kept.push(fields);
                    }
                }
                if fate == 1 {
                    entries.pop();
                    kept.pop();
                }
            }
            let texts: Vec<String> = (0..entries.len()).map(|index| text(&entries, index)).collect();
            let wanted = kept.iter().map(|fields| {
                fields.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
            });
            prop_assert_eq!(texts, wanted.collect::<Vec<_>>());
            prop_assert_eq!(entries.bytes(), kept.iter().flatten().map(|(n, v)| n.len() + v.len()).sum::<usize>());
        }
    }
}
