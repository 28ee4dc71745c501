//! Writes one entry as a line of NDJSON.

use super::{CUT, escape};
use crate::{
    cursor::Cursor,
    entry::{ENTRY_BYTES_MAX, Entry, FIELD_NAME_BYTES_MAX},
};

/// Appends the entry's line, with its newline. Fields beyond [`ENTRY_BYTES_MAX`] are left out and named by
/// `INFRALOGS_CUT`.
pub fn write_entry(entry: &Entry<'_>, out: &mut Vec<u8>) {
    write_head(&entry.cursor, out);
    let repeated = repeats(entry);
    let (mut room, mut cut) = (ENTRY_BYTES_MAX, None);
    for (index, (name, value)) in entry.fields().enumerate() {
        // Names with leading `__` are ours: a field of such a name could pass for a cursor.
        if name.starts_with(b"__") || (repeated && stood_before(entry, index, name)) {
            continue;
        }
        if name.is_empty() || name.len() > FIELD_NAME_BYTES_MAX || name.len() + value.len() > room {
            cut = Some(name);
            continue;
        }
        room -= name.len() + value.len();
        out.push(b',');
        escape::write_text(&String::from_utf8_lossy(name), out);
        out.push(b':');
        if repeated && entry.fields().skip(index + 1).any(|(other, _)| other == name) {
            write_all(entry, index, name, &mut room, out);
        } else {
            escape::write_value(value, out);
        }
    }
    if let Some(name) = cut {
        out.push(b',');
        escape::write_text(CUT, out);
        out.push(b':');
        escape::write_text(&String::from_utf8_lossy(&name[..name.len().min(FIELD_NAME_BYTES_MAX)]), out);
    }
    out.extend_from_slice(b"}\n");
}

/// Appends the beginning of a line: what stands before the fields.
pub(super) fn write_head(cursor: &Cursor, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"__CURSOR\":\"");
    cursor.write_to(out);
    out.extend_from_slice(b"\",\"__REALTIME_TIMESTAMP\":\"");
    write_decimal(cursor.realtime, out);
    out.extend_from_slice(b"\",\"__MONOTONIC_TIMESTAMP\":\"");
    write_decimal(cursor.monotonic, out);
    out.push(b'"');
}

/// Appends one field and the comma before it.
pub(super) fn write_field(name: &[u8], value: &[u8], out: &mut Vec<u8>) {
    out.push(b',');
    escape::write_text(&String::from_utf8_lossy(name), out);
    out.push(b':');
    escape::write_value(value, out);
}

/// All values of a name as an array.
fn write_all(entry: &Entry<'_>, from: usize, name: &[u8], room: &mut usize, out: &mut Vec<u8>) {
    let mut before = b'[';
    for (index, (_, value)) in entry.fields().enumerate().skip(from).filter(|(_, (other, _))| *other == name) {
        if index > from {
            let Some(left) = room.checked_sub(value.len()) else { break };
            *room = left;
        }
        out.push(before);
        escape::write_value(value, out);
        before = b',';
    }
    out.push(b']');
}

pub(super) fn stood_before(entry: &Entry<'_>, index: usize, name: &[u8]) -> bool {
    entry.fields().take(index).any(|(other, _)| other == name)
}

/// Whether any name comes twice. A small set of name hashes answers for almost all fields; only where two hashes
/// meet are the names compared.
fn repeats(entry: &Entry<'_>) -> bool {
    let mut seen = Seen::default();
    entry.fields().enumerate().any(|(index, (name, _))| seen.meets(mark(name)) && stood_before(entry, index, name))
}

/// A small set of marks.
#[derive(Default)]
pub(super) struct Seen([u64; 16]);

impl Seen {
    /// Adds a mark; whether it may have been there.
    pub(super) fn meets(&mut self, mark: u16) -> bool {
        let (word, bit) = (usize::from(mark >> 6 & 15), 1 << (mark & 63));
        let met = self.0[word] & bit != 0;
        self.0[word] |= bit;
        met
    }
}

/// Different marks: different names.
pub(super) fn mark(name: &[u8]) -> u16 {
    let hash = name.iter().fold(name.len() as u32, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193));
    (hash ^ hash >> 16) as u16
}

/// Appends a number in decimal.
pub fn write_decimal(mut number: u64, out: &mut Vec<u8>) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}
