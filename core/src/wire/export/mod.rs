//! systemd's journal export format: what `journalctl -o export` writes and `systemd-journal-remote` reads.
//!
//! `NAME=value` lines, or for bytes that are no printable text `NAME`, a newline, the length as 64 bits (little
//! end first), the bytes, a newline. An empty line ends an entry. Written, it is byte for byte what
//! `journalctl -o export` (systemd 252) writes for the same entry.

mod part;
mod read;

pub use part::entry_length;
pub use read::Reader;

use super::{printable::is_printable, write::write_decimal};
use crate::{cursor::Cursor, entry::Entry};

/// Appends the entry. `_BOOT_ID` stands in its head, as systemd has it.
pub fn write_entry(entry: &Entry<'_>, out: &mut Vec<u8>) {
    write_head(&entry.cursor, out);
    for (name, value) in entry.fields() {
        if is_sent(name) {
            write_field(name, value, out);
        }
    }
    out.push(b'\n');
}

/// Whether a field is no part of the head, nor could pass for one.
pub(super) fn is_sent(name: &[u8]) -> bool {
    name != b"_BOOT_ID" && !name.starts_with(b"__") && !name.is_empty()
}

/// Appends what stands before the fields.
pub(super) fn write_head(cursor: &Cursor, out: &mut Vec<u8>) {
    out.extend_from_slice(b"__CURSOR=");
    cursor.write_to(out);
    out.extend_from_slice(b"\n__REALTIME_TIMESTAMP=");
    write_decimal(cursor.realtime, out);
    out.extend_from_slice(b"\n__MONOTONIC_TIMESTAMP=");
    write_decimal(cursor.monotonic, out);
    out.extend_from_slice(b"\n_BOOT_ID=");
    out.extend_from_slice(&cursor.boot.digits());
    out.push(b'\n');
}

/// Appends one field.
pub fn write_field(name: &[u8], value: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(name);
    if is_printable(value) {
        out.push(b'=');
    } else {
        out.push(b'\n');
        out.extend_from_slice(&(value.len() as u64).to_le_bytes());
    }
    out.extend_from_slice(value);
    out.push(b'\n');
}
