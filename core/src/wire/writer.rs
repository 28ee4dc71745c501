//! Writes the entries of a batch, and remembers what it made of fields that stand in many of them.

use super::{
    export,
    write::{self, Seen, mark, stood_before},
};
use crate::entry::{ENTRY_BYTES_MAX, Entry, FIELD_NAME_BYTES_MAX};

/// How many written fields are remembered; a power of two.
const SLOTS: usize = 1 << 11;
/// How many bytes of them; when they are full all is forgotten.
const ARENA_BYTES_MAX: usize = 512 << 10;
/// Longer fields are written anew each time.
const FIELD_BYTES_MAX: usize = 4 << 10;

/// Writes what [`super::write_entry`] or [`export::write_entry`] write, faster for the fields of a batch that were
/// [pushed again](crate::entry::Entries::push_again).
#[derive(Debug)]
pub struct Writer {
    export: bool,
    batch: u32,
    slots: Vec<Slot>,
    arena: Vec<u8>,
}

/// A written field.
#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    batch: u32,
    key: u32,
    at: u32,
    length: u16,
    mark: u16,
}

impl Writer {
    /// Writes NDJSON.
    pub fn ndjson() -> Self {
        Self { export: false, batch: 1, slots: vec![Slot::default(); SLOTS], arena: Vec::new() }
    }

    /// Writes journal export format.
    pub fn export() -> Self {
        Self { export: true, ..Self::ndjson() }
    }

    /// Another batch begins: what is remembered of the last one is void.
    pub fn begin(&mut self) {
        if self.batch == u32::MAX {
            (self.slots, self.batch) = (vec![Slot::default(); SLOTS], 0);
        }
        self.batch += 1;
        self.arena.clear();
    }

    /// Appends an entry.
    pub fn write(&mut self, entry: &Entry<'_>, out: &mut Vec<u8>) {
        let from = out.len();
        if !self.write_fast(entry, out) {
            out.truncate(from);
            write::write_entry(entry, out);
        }
    }

    /// False if a name may come twice, or something must be left out: then it takes the long way.
    fn write_fast(&mut self, entry: &Entry<'_>, out: &mut Vec<u8>) -> bool {
        let (mut seen, mut bytes) = (Seen::default(), 0);
        if self.export {
            export::write_head(&entry.cursor, out)
        } else {
            write::write_head(&entry.cursor, out)
        }
        for (index, (place, name, value)) in entry.placed_fields().enumerate() {
            bytes += name.len() + value.len();
            let again = entry.is_again(place);
            let mark = match self.known(place.key()).filter(|_| again) {
                Some(slot) => {
                    out.extend_from_slice(&self.arena[slot.at as usize..slot.at as usize + usize::from(slot.length)]);
                    slot.mark
                }
                None => {
                    let from = out.len();
                    if !self.write_field(name, value, out) {
                        return false;
                    }
                    let mark = if self.export { 0 } else { mark(name) };
                    if again {
                        self.remember(place.key(), mark, &out[from..]);
                    }
                    mark
                }
            };
            if !self.export && (bytes > ENTRY_BYTES_MAX || seen.meets(mark) && stood_before(entry, index, name)) {
                return false;
            }
        }
        out.extend_from_slice(if self.export { b"\n" } else { b"}\n" });
        true
    }

    /// False if NDJSON says it otherwise, or not at all.
    fn write_field(&self, name: &[u8], value: &[u8], out: &mut Vec<u8>) -> bool {
        if self.export {
            if export::is_sent(name) {
                export::write_field(name, value, out);
            }
            return true;
        }
        if name.is_empty() || name.starts_with(b"__") || name.len() > FIELD_NAME_BYTES_MAX {
            return false;
        }
        write::write_field(name, value, out);
        true
    }

    fn slot(key: u32) -> usize {
        (key.wrapping_mul(0x9e37_79b1) >> 16) as usize & (SLOTS - 1)
    }

    fn known(&self, key: u32) -> Option<Slot> {
        Some(self.slots[Self::slot(key)]).filter(|slot| slot.batch == self.batch && slot.key == key)
    }

    fn remember(&mut self, key: u32, mark: u16, written: &[u8]) {
        if written.len() > FIELD_BYTES_MAX {
            return;
        }
        if self.arena.len() + written.len() > ARENA_BYTES_MAX {
            self.begin();
        }
        let (at, length, batch) = (self.arena.len() as u32, written.len() as u16, self.batch);
        self.arena.extend_from_slice(written);
        self.slots[Self::slot(key)] = Slot { batch, key, at, length, mark };
    }
}
