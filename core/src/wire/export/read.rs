//! Reads export text as it arrives, within the limits of an entry.

use super::part::{Part, Rest, part};
use crate::{
    entry::{Batch, ENTRY_BYTES_MAX, ENTRY_FIELDS_MAX, FIELD_BYTES_MAX},
    error::{Error, Kind, Result},
    wire::{CUT, Limits, Marks, end::End},
};

/// Reads export text as it arrives, in pieces of any size, into one batch. What is too long for an entry is cut or
/// left out, and the entry marked with `INFRALOGS_CUT`.
#[derive(Debug)]
pub struct Reader {
    limits: Limits,
    batch: Batch,
    /// What came and is not read yet: at most one field, and the piece pushed last.
    begun: Vec<u8>,
    /// Whether `begun` holds no newline, so that it need not be searched again for every piece.
    one_line: bool,
    /// What is to be passed over before all else.
    rest: Option<Rest>,
    marks: Marks,
    fields: usize,
    /// Where the entry begins in the batch.
    from_bytes: usize,
    cut: Option<String>,
    open: bool,
}

impl Reader {
    /// A reader of one batch.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            batch: Batch::default(),
            begun: Vec::new(),
            one_line: true,
            rest: None,
            marks: Marks::default(),
            fields: 0,
            from_bytes: 0,
            cut: None,
            open: false,
        }
    }

    /// Takes the next piece.
    ///
    /// # Errors
    /// `Corrupt` for text that is no export format or an entry without a cursor, `Limit` when there is too much.
    pub fn push(&mut self, piece: &[u8]) -> Result<()> {
        self.read(piece, usize::MAX).map(|_| ())
    }

    /// Takes of the next piece what belongs to the entry that is begun, or to the first one in it; how much that is.
    ///
    /// # Errors
    /// As [`Reader::push`].
    pub fn push_one(&mut self, piece: &[u8]) -> Result<usize> {
        self.read(piece, self.entries() + 1)
    }

    /// Reads until there are so many entries; how much of the piece was taken.
    fn read(&mut self, piece: &[u8], entries: usize) -> Result<usize> {
        let mut begun = std::mem::take(&mut self.begun);
        let before = begun.len();
        begun.extend_from_slice(piece);
        let mut read = 0;
        if self.rest.is_none()
            && self.one_line
            && memchr::memchr(b'\n', piece).is_none()
            && begun.len() <= self.limits.line_bytes
        {
            self.begun = begun;
            return Ok(piece.len());
        }
        while self.entries() < entries {
            if let Some(rest) = self.rest.take() {
                let (passed, left) = rest.pass(&begun[read..])?;
                (self.rest, read) = (left, read + passed);
                if left.is_some() {
                    break;
                }
            }
            let text = &begun[read..];
            match part(text, self.limits.line_bytes)? {
                Part::Begun => break,
                Part::Ends(length) => {
                    self.end_entry()?;
                    read += length;
                }
                Part::Field(name, value, length) => {
                    self.field(&text[..name], &text[value])?;
                    read += length;
                }
                Part::Long(name, value, rest) => {
                    read += value.end;
                    self.field(&text[..name], &text[value])?;
                    self.rest = Some(rest);
                }
            }
        }
        if self.entries() >= entries {
            // No entry ends in what was there before.
            return Ok(read - before);
        }
        begun.drain(..read);
        self.one_line = memchr::memchr(b'\n', &begun).is_none();
        self.begun = begun;
        Ok(piece.len())
    }

    /// The entries read, and where they end; nothing may be left over. The answer's own end is not in the text:
    /// the HTTP trailer has it ([`End::from_json`]), or a stock gatewayd's chunked body ended properly.
    ///
    /// # Errors
    /// `Unavailable` when the text breaks off within an entry; `Corrupt` when `end` counts another number.
    pub fn finish(mut self, end: Option<End>) -> Result<Batch> {
        let read = self.batch.entries.len();
        if self.is_within() {
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

    /// The whole entries alone, for who sends on and on: one that is begun is left out.
    pub fn whole(mut self) -> Batch {
        self.batch.entries.abandon();
        self.batch
    }

    /// The bytes that are held.
    pub fn bytes(&self) -> usize {
        self.batch.entries.bytes() + self.begun.len()
    }

    /// How many entries are whole.
    pub fn entries(&self) -> usize {
        self.batch.entries.len()
    }

    /// Whether an entry is begun and not ended.
    pub fn is_within(&self) -> bool {
        self.open || !self.begun.is_empty()
    }

    fn field(&mut self, name: &[u8], value: &[u8]) -> Result<()> {
        self.open = true;
        let text = || String::from_utf8_lossy(value);
        match name {
            b"__CURSOR" => self.marks.cursor = Some(text().parse()?),
            b"__REALTIME_TIMESTAMP" => self.marks.realtime = text().parse().ok(),
            b"__MONOTONIC_TIMESTAMP" => self.marks.monotonic = text().parse().ok(),
            _ if name.starts_with(b"__") => {}
            _ => {
                if name == b"_BOOT_ID" {
                    self.marks.boot = text().parse().ok();
                }
                let kept = &value[..value.len().min(FIELD_BYTES_MAX)];
                let bytes = self.batch.entries.bytes() - self.from_bytes + name.len() + kept.len();
                let fits = self.fields < ENTRY_FIELDS_MAX && bytes <= ENTRY_BYTES_MAX;
                if !fits || kept.len() < value.len() {
                    self.cut.get_or_insert_with(|| String::from_utf8_lossy(name).into_owned());
                }
                if fits {
                    self.fields += 1;
                    self.batch.entries.push_field(name, kept);
                }
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
            self.batch.entries.push_field(CUT.as_bytes(), what.as_bytes());
        }
        self.batch.entries.end(cursor);
        self.from_bytes = self.batch.entries.bytes();
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads in pieces of this size, holding no more of a field than some bytes beyond what is kept.
    fn read(text: &[u8], piece: usize) -> Batch {
        let limits = Limits { line_bytes: FIELD_BYTES_MAX + 100, ..Limits::default() };
        let mut reader = Reader::new(limits);
        text.chunks(piece).try_for_each(|piece| reader.push(piece)).expect("export text");
        reader.finish(None).expect("whole")
    }

    #[test]
    fn a_field_too_long_to_be_held_costs_its_end_alone() {
        let cursor =
            |number: u64| format!("__CURSOR=s={:032x};i={number:x};b={:032x};m=1;t=1;x=1\n", 1, 2).into_bytes();
        let long = FIELD_BYTES_MAX + 3_000_000;
        let mut text = [&cursor(1)[..], b"A=1\nMESSAGE=", &vec![b'm'; long], b"\nB=2\n\n"].concat();
        let binary = [&b"BLOB\n"[..], &(long as u64).to_le_bytes(), &vec![b'\n'; long], b"\n"].concat();
        text.extend_from_slice(&[&cursor(2)[..], &binary, b"C=3\n\n"].concat());
        text.extend_from_slice(&[&cursor(3)[..], b"MESSAGE=short\n\n"].concat());
        for piece in [text.len(), 65_536, 999_983] {
            let batch = read(&text, piece);
            assert_eq!(batch.entries.len(), 3);
            let length = |entry: usize, name: &str| batch.entries.get(entry).field(name).map(<[u8]>::len);
            assert_eq!(
                (length(0, "MESSAGE"), length(0, "B"), length(0, CUT)),
                (Some(FIELD_BYTES_MAX), Some(1), Some(7))
            );
            assert_eq!((length(1, "BLOB"), length(1, "C"), length(1, CUT)), (Some(FIELD_BYTES_MAX), Some(1), Some(4)));
            assert_eq!((length(2, "MESSAGE"), length(2, CUT)), (Some(5), None));
        }
    }

    #[test]
    fn an_entry_too_large_loses_fields_and_one_at_a_time_is_taken() {
        let mut text = format!("__CURSOR=s={:032x};i=1;b={:032x};m=1;t=1;x=1\n", 1, 2).into_bytes();
        for number in 0..6 {
            text.extend_from_slice(&[format!("F{number}=").as_bytes(), &vec![b'x'; FIELD_BYTES_MAX], b"\n"].concat());
        }
        text.extend_from_slice(b"LAST=1\n\n");
        let all = [&text[..], &text].concat();
        let mut reader = Reader::new(Limits::default());
        let mut taken = 0;
        while reader.entries() == 0 {
            taken += reader.push_one(&all[taken..(taken + 100_000).min(all.len())]).expect("export text");
        }
        assert_eq!((taken, reader.is_within()), (text.len(), false));
        let batch = reader.finish(None).expect("whole");
        let entry = batch.entries.get(0);
        assert!(entry.field("F2").is_some() && entry.field("F3").is_none() && entry.field("LAST").is_some());
        assert_eq!(entry.field(CUT), Some(&b"F3"[..]));
    }
}
