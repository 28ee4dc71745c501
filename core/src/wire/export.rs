//! systemd's journal export format: what `journalctl -o export` writes and `systemd-journal-remote` reads.
//!
//! `NAME=value` lines, or for bytes that are no printable text `NAME`, a newline, the length as 64 bits (little
//! end first), the bytes, a newline. An empty line ends an entry. Written, it is byte for byte what
//! `journalctl -o export` (systemd 252) writes for the same entry.

use super::{LINE_BYTES_MAX, Limits, Marks, end::End, printable::is_printable, write::write_decimal};
use crate::{
    cursor::Cursor,
    entry::{Batch, ENTRY_FIELDS_MAX, Entry, FIELD_BYTES_MAX, FIELD_NAME_BYTES_MAX},
    error::{Error, Kind, Result},
};

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

/// Reads export text as it arrives, in pieces of any size, into one batch.
#[derive(Debug)]
pub struct Reader {
    limits: Limits,
    batch: Batch,
    /// What came and is not read yet: at most one field, and the piece pushed last.
    begun: Vec<u8>,
    /// Whether `begun` holds no newline, so that it need not be searched again for every piece.
    one_line: bool,
    marks: Marks,
    fields: usize,
    cut: Option<String>,
    open: bool,
}

/// What stands at the beginning of the text.
enum Part {
    /// The empty line.
    Ends(usize),
    /// A field: where its name ends, where its value is, how long all of it is.
    Field(usize, std::ops::Range<usize>, usize),
    /// Not enough text to say.
    Begun,
}

impl Reader {
    /// A reader of one batch.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            batch: Batch::default(),
            begun: Vec::new(),
            one_line: true,
            marks: Marks::default(),
            fields: 0,
            cut: None,
            open: false,
        }
    }

    /// Takes the next piece.
    ///
    /// # Errors
    /// `Corrupt` for text that is no export format or an entry without a cursor, `Limit` when there is too much.
    pub fn push(&mut self, piece: &[u8]) -> Result<()> {
        let mut begun = std::mem::take(&mut self.begun);
        begun.extend_from_slice(piece);
        let mut read = 0;
        if self.one_line && memchr::memchr(b'\n', piece).is_none() && begun.len() <= self.limits.line_bytes {
            self.begun = begun;
            return Ok(());
        }
        loop {
            match part(&begun[read..], self.limits.line_bytes)? {
                Part::Begun => break,
                Part::Ends(length) => {
                    self.end_entry()?;
                    read += length;
                }
                Part::Field(name, value, length) => {
                    let text = &begun[read..];
                    self.field(&text[..name], &text[value])?;
                    read += length;
                }
            }
        }
        begun.drain(..read);
        self.one_line = memchr::memchr(b'\n', &begun).is_none();
        self.begun = begun;
        Ok(())
    }

    /// The entries read, and where they end; nothing may be left over. The answer's own end is not in the text:
    /// the HTTP trailer has it ([`End::from_json`]), or a stock gatewayd's chunked body ended properly.
    ///
    /// # Errors
    /// `Unavailable` when the text breaks off within an entry; `Corrupt` when `end` counts another number.
    pub fn finish(mut self, end: Option<End>) -> Result<Batch> {
        let read = self.batch.entries.len();
        if self.open || !self.begun.is_empty() {
            return Err(Error::unavailable(format!("the answer broke off within an entry, after {read}")));
        }
        if let Some(end) = end {
            if end.entries != read as u64 {
                return Err(Error::corrupt(format!("{read} entries came, the trailer counts {}", end.entries)));
            }
            end.close(&mut self.batch);
        } else {
            self.batch.next = self.batch.entries.last_cursor();
            if let Some(machine) = self.batch.entries.iter().find_map(|entry| entry.machine()) {
                self.batch.machine = machine;
            }
        }
        Ok(self.batch)
    }

    /// How many entries are whole.
    pub fn entries(&self) -> usize {
        self.batch.entries.len()
    }

    fn field(&mut self, name: &[u8], value: &[u8]) -> Result<()> {
        self.open = true;
        let text = || String::from_utf8_lossy(value);
        match name {
            b"__CURSOR" => self.marks.cursor = Some(text().parse()?),
            b"__REALTIME_TIMESTAMP" => self.marks.realtime = text().parse().ok(),
            b"__MONOTONIC_TIMESTAMP" => self.marks.monotonic = text().parse().ok(),
            _ if name.starts_with(b"__") => {}
            _ if self.fields == ENTRY_FIELDS_MAX => {
                self.cut.get_or_insert_with(|| String::from_utf8_lossy(name).into_owned());
            }
            _ => {
                if name == b"_BOOT_ID" {
                    self.marks.boot = text().parse().ok();
                }
                if value.len() > FIELD_BYTES_MAX {
                    self.cut.get_or_insert_with(|| String::from_utf8_lossy(name).into_owned());
                }
                self.fields += 1;
                self.batch.entries.push_field(name, &value[..value.len().min(FIELD_BYTES_MAX)]);
            }
        }
        // A single entry must not outgrow the batch either.
        self.fits()
    }

    fn end_entry(&mut self) -> Result<()> {
        if !self.open {
            return Ok(());
        }
        let number = self.batch.entries.len() + 1;
        let cursor = self.marks.cursor.take();
        let cursor = cursor.ok_or_else(|| Error::corrupt(format!("entry {number} has no `__CURSOR`")))?;
        if let Some(what) = self.cut.take() {
            self.batch.entries.push_field(super::CUT.as_bytes(), what.as_bytes());
        }
        self.batch.entries.end(cursor);
        (self.marks, self.fields, self.open) = (Marks::default(), 0, false);
        self.fits()
    }

    fn fits(&self) -> Result<()> {
        let Limits { batch_bytes, entries, .. } = self.limits;
        if self.batch.entries.len() <= entries && self.batch.entries.bytes() <= batch_bytes {
            return Ok(());
        }
        Err(Error::new(Kind::Limit, format!("a batch of more than {entries} entries or {batch_bytes} bytes")))
    }
}

/// The length of the first entry of a text, the empty line behind it included; `None` if it is not whole.
///
/// # Errors
/// As [`Reader::push`].
pub fn entry_length(text: &[u8]) -> Result<Option<usize>> {
    let mut length = 0;
    loop {
        match part(&text[length..], LINE_BYTES_MAX)? {
            Part::Begun => return Ok(None),
            Part::Ends(more) => return Ok(Some(length + more)),
            Part::Field(_, _, more) => length += more,
        }
    }
}

/// Finds the field (or empty line) at the beginning of the text.
fn part(text: &[u8], field_bytes_max: usize) -> Result<Part> {
    let most = field_bytes_max.min(LINE_BYTES_MAX);
    let too_long = || Error::new(Kind::Limit, format!("a field of more than {most} bytes"));
    let Some(line) = memchr::memchr(b'\n', text) else {
        return if text.len() > most { Err(too_long()) } else { Ok(Part::Begun) };
    };
    if line == 0 {
        return Ok(Part::Ends(1));
    }
    let name = memchr::memchr(b'=', &text[..line]).unwrap_or(line);
    if name == 0 || name > FIELD_NAME_BYTES_MAX {
        let shown = text[..line.min(40)].escape_ascii();
        return Err(Error::corrupt(format!("`{shown}` is no field of the export format")));
    }
    if name < line {
        return if line > most { Err(too_long()) } else { Ok(Part::Field(name, name + 1..line, line + 1)) };
    }
    let from = line + 9;
    let Some(length) = text.get(line + 1..from) else { return Ok(Part::Begun) };
    let length = u64::from_le_bytes(length.try_into().unwrap_or_default());
    let length = usize::try_from(length).ok().filter(|length| *length <= most).ok_or_else(too_long)?;
    match text.get(from + length) {
        None => Ok(Part::Begun),
        Some(b'\n') => Ok(Part::Field(name, from..from + length, from + length + 1)),
        Some(_) => Err(Error::corrupt("a binary field is not followed by a newline")),
    }
}
