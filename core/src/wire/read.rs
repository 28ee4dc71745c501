//! Reads NDJSON as it arrives, in pieces of any size, into one batch.

use super::{LINE_BYTES_MAX, Line, end::End, read_line};
use crate::{
    entry::{BATCH_BYTES_MAX, Batch},
    error::{Error, Kind, Result},
};

/// The most entries one answer may have.
pub const ENTRIES_MAX: usize = 100_000;

/// What is taken from the other side at most.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of one line, its newline not counted.
    pub line_bytes: usize,
    /// Bytes of all names and values.
    pub batch_bytes: usize,
    /// Entries of one batch.
    pub entries: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { line_bytes: LINE_BYTES_MAX, batch_bytes: BATCH_BYTES_MAX, entries: ENTRIES_MAX }
    }
}

/// Reads a batch. After an error it must not be used again, and nothing of the batch may be stored.
#[derive(Debug)]
pub struct Reader {
    limits: Limits,
    batch: Batch,
    /// The beginning of a line whose end has not come.
    begun: Vec<u8>,
    lines: u64,
    end: Option<End>,
}

impl Reader {
    /// A reader of one batch.
    pub fn new(limits: Limits) -> Self {
        Self { limits, batch: Batch::default(), begun: Vec::new(), lines: 0, end: None }
    }

    /// Takes the next piece.
    ///
    /// # Errors
    /// `Corrupt` for a line that is no entry, an entry without a cursor, or anything behind the closing line;
    /// `Limit` when there is too much.
    pub fn push(&mut self, mut piece: &[u8]) -> Result<()> {
        while let Some(at) = memchr::memchr(b'\n', piece) {
            let (line, rest) = piece.split_at(at);
            piece = &rest[1..];
            if self.begun.is_empty() {
                self.fits(line.len())?;
                self.line(line)?;
            } else {
                self.fits(self.begun.len() + line.len())?;
                let mut begun = std::mem::take(&mut self.begun);
                begun.extend_from_slice(line);
                self.line(&begun)?;
                begun.clear();
                self.begun = begun;
            }
        }
        self.fits(self.begun.len() + piece.len())?;
        self.begun.extend_from_slice(piece);
        Ok(())
    }

    /// The batch, if its closing line came.
    ///
    /// # Errors
    /// `Unavailable` when it did not: the connection broke off, read again from where you were.
    /// `Corrupt` when it speaks of another number of entries.
    pub fn finish(mut self) -> Result<Batch> {
        let begun = std::mem::take(&mut self.begun);
        if !begun.is_empty() && self.end.is_none() && begun.starts_with(b"{\"$end\"") {
            // The closing line is the last one: its newline may be missing. Cut short, it is no JSON.
            self.line(&begun).map_err(|_| broken_off(self.batch.entries.len()))?;
        } else if !begun.trim_ascii().is_empty() {
            return Err(if self.end.is_some() { behind_the_end() } else { broken_off(self.batch.entries.len()) });
        }
        let read = self.batch.entries.len();
        let end = self.end.ok_or_else(|| broken_off(read))?;
        if end.entries != read as u64 {
            return Err(Error::corrupt(format!("{read} entries came, the closing line counts {}", end.entries)));
        }
        end.close(&mut self.batch);
        Ok(self.batch)
    }

    fn fits(&self, bytes: usize) -> Result<()> {
        if bytes <= self.limits.line_bytes {
            return Ok(());
        }
        Err(Error::new(Kind::Limit, format!("a line of more than {} bytes", self.limits.line_bytes)))
    }

    fn line(&mut self, line: &[u8]) -> Result<()> {
        self.lines += 1;
        let at = |error: Error| Error { place: Some(format!("line {}", self.lines)), ..error };
        if self.end.is_some() && !line.trim_ascii().is_empty() {
            return Err(at(behind_the_end()));
        }
        let entries = &mut self.batch.entries;
        match read_line(line, entries).map_err(at)? {
            Line::Blank => {}
            Line::End(end) => self.end = Some(end),
            Line::Entry(marks) => {
                let cursor = marks.cursor.ok_or_else(|| at(Error::corrupt("an entry without `__CURSOR`")))?;
                entries.end(cursor);
            }
        }
        if entries.len() > self.limits.entries || entries.bytes() > self.limits.batch_bytes {
            let Limits { batch_bytes, entries, .. } = self.limits;
            return Err(at(Error::new(
                Kind::Limit,
                format!("a batch of more than {entries} entries or {batch_bytes} bytes"),
            )
            .help("ask for fewer with `limit`")));
        }
        Ok(())
    }
}

fn broken_off(entries: usize) -> Error {
    Error::unavailable(format!("the answer broke off after {entries} entries, before its closing line"))
}

fn behind_the_end() -> Error {
    Error::corrupt("something stands behind the closing line")
}
