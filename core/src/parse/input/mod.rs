//! Entries out of files, for the dry run and for cases: lines of text, syslog, and what `journalctl` writes.

mod guess;
mod journal;
mod lines;

use crate::{
    cursor::Cursor,
    entry::{ENTRY_BYTES_MAX, Entries, FIELD_BYTES_MAX},
    error::{Error, Result},
    fields::journal_names,
    time::Time,
};
use std::io::BufRead;

/// The most entries of one batch.
const BATCH_ENTRIES_MAX: usize = 20_000;
/// A batch ends when it holds this many bytes.
const BATCH_BYTES: usize = 16 << 20;
/// The longest line, in bytes; what is beyond is left out, and said.
const LINE_BYTES_MAX: usize = FIELD_BYTES_MAX;

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Each line is an entry whose `message` is that line.
    Text,
    /// RFC 3164 or RFC 5424, also without `<PRI>`: what `journalctl` writes by itself.
    Syslog,
    /// `journalctl -o json`, or what our agents answer.
    Json,
    /// `journalctl -o export`.
    Export,
    /// `journalctl -o verbose`.
    Verbose,
}

/// The next entries of a file.
#[derive(Debug, Default)]
pub struct Read {
    /// In the order of the file.
    pub entries: Entries,
    /// For each entry the line it begins on, from 1.
    pub lines: Vec<u64>,
    /// Lines that could not be read as they should, and why.
    pub odd: Vec<(u64, String)>,
}

/// Reads a file batch by batch, so that memory stays flat whatever its size.
#[derive(Debug)]
pub struct Input<R> {
    from: R,
    format: Format,
    /// Journal fields that every entry gets; they win over its own.
    given: Vec<(String, String)>,
    now: Time,
    /// The line read last.
    line: u64,
    /// Entries so far.
    entries: u64,
    /// A line that was read too far.
    kept: Option<Vec<u8>>,
    /// Bytes of an entry that is not whole.
    begun: Vec<u8>,
}

impl Format {
    /// All names, in the order they are documented.
    pub const NAMES: [&'static str; 5] = ["text", "syslog", "json", "export", "verbose"];

    /// A format by its name.
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "text" => Self::Text,
            "syslog" => Self::Syslog,
            "json" => Self::Json,
            "export" => Self::Export,
            "verbose" => Self::Verbose,
            _ => return None,
        })
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Syslog => "syslog",
            Self::Json => "json",
            Self::Export => "export",
            Self::Verbose => "verbose",
        }
    }
}

impl<R: BufRead> Input<R> {
    /// Begins to read. Without a format it is guessed by the first lines; [`Input::format`] says which it is.
    ///
    /// `given` are fields by the names scripts use, such as `identifier`. Entries that have no time get `now`.
    ///
    /// # Errors
    /// When nothing can be read, or a given field is none of an entry's.
    pub fn new(mut from: R, format: Option<Format>, given: &[(String, String)], now: Time) -> Result<Self> {
        let given = given.iter().map(|(name, value)| Ok((journal_name(name)?, value.clone())));
        let given = given.collect::<Result<_>>()?;
        let format = match format {
            Some(format) => format,
            None => guess::format(from.fill_buf().map_err(unreadable)?),
        };
        Ok(Self { from, format, given, now, line: 0, entries: 0, kept: None, begun: Vec::new() })
    }

    /// What the file holds.
    pub fn format(&self) -> Format {
        self.format
    }

    /// The next batch; `None` at the end.
    ///
    /// # Errors
    /// When the file can't be read any further. A line that is not as it should be is no error: see [`Read::odd`].
    pub fn next_batch(&mut self) -> Result<Option<Read>> {
        let mut read = Read::default();
        while read.entries.len() < BATCH_ENTRIES_MAX && read.entries.bytes() < BATCH_BYTES {
            let more = match self.format {
                Format::Text | Format::Syslog | Format::Json => self.line_entry(&mut read)?,
                Format::Verbose => self.verbose_entry(&mut read)?,
                Format::Export => self.export_entry(&mut read)?,
            };
            if !more {
                break;
            }
        }
        Ok((!read.entries.is_empty() || !read.odd.is_empty()).then_some(read))
    }

    /// Pushes the fields that every entry gets.
    fn begin(&self, entries: &mut Entries) {
        for (name, value) in &self.given {
            entries.push_field(name.as_bytes(), value.as_bytes());
        }
    }

    /// Ends an entry that began on this line.
    fn end(&mut self, read: &mut Read, line: u64, cursor: Option<Cursor>, time: Option<u64>) {
        self.entries += 1;
        let realtime = time.unwrap_or(u64::try_from(self.now.0).unwrap_or(0));
        read.entries.end(cursor.unwrap_or(Cursor { seqnum: self.entries, realtime, ..Cursor::default() }));
        read.lines.push(line);
    }
}

fn unreadable(error: std::io::Error) -> Error {
    Error::failed("the input can't be read").because(error)
}

/// The journal field behind a name that scripts use.
fn journal_name(name: &str) -> Result<String> {
    if !crate::fields::is_entry_field(name) || matches!(name, "time" | "level") {
        let help = crate::suggest::hint(name, "an entry's fields are", crate::fields::ENTRY_FIELDS);
        return Err(Error::invalid(format!("`{name}` is no field that an entry can be given")).help(help));
    }
    Ok(journal_names(name).first().copied().unwrap_or(name).to_owned())
}
