//! Writes one entry as a line of NDJSON.

use super::{CUT, escape};
use crate::entry::{ENTRY_BYTES_MAX, Entry, FIELD_NAME_BYTES_MAX};

/// Appends the entry's line, with its newline. Fields beyond [`ENTRY_BYTES_MAX`] are left out and named by
/// `INFRALOGS_CUT`.
pub fn write_entry(entry: &Entry<'_>, out: &mut Vec<u8>) {
    let cursor = &entry.cursor;
    out.extend_from_slice(b"{\"__CURSOR\":\"");
    cursor.write_to(out);
    out.extend_from_slice(b"\",\"__REALTIME_TIMESTAMP\":\"");
    write_decimal(cursor.realtime, out);
    out.extend_from_slice(b"\",\"__MONOTONIC_TIMESTAMP\":\"");
    write_decimal(cursor.monotonic, out);
    out.push(b'"');
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

fn stood_before(entry: &Entry<'_>, index: usize, name: &[u8]) -> bool {
    entry.fields().take(index).any(|(other, _)| other == name)
}

/// Whether any name comes twice. A small set of name hashes answers for almost all fields; only where two hashes
/// meet are the names compared.
fn repeats(entry: &Entry<'_>) -> bool {
    let mut seen = [0u64; 4];
    entry.fields().enumerate().any(|(index, (name, _))| {
        let mut hash = name.len() as u32;
        for byte in name {
            hash = (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
        }
        let (word, bit) = (hash as usize >> 6 & 3, 1 << (hash & 63));
        let met = seen[word] & bit != 0;
        seen[word] |= bit;
        met && stood_before(entry, index, name)
    })
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
