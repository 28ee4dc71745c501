//! Formats of one entry a line: text, syslog, JSON.

use super::{Format, Input, LINE_BYTES_MAX, Read, unreadable};
use crate::{
    error::Result,
    parse::{
        convert::Reading,
        piece::{Form, Piece},
        spec::FieldType,
        syslog,
    },
    wire::{self, Line},
};
use std::io::{BufRead, Read as _};

/// The pieces of a syslog line that become fields of the entry as they stand, and which.
const SYSLOG_FIELDS: [(usize, &str); 5] = [
    (syslog::FACILITY, "SYSLOG_FACILITY"),
    (syslog::PRIORITY, "PRIORITY"),
    (syslog::HOST, "_HOSTNAME"),
    (syslog::IDENTIFIER, "SYSLOG_IDENTIFIER"),
    (syslog::PID, "SYSLOG_PID"),
];

impl<R: BufRead> Input<R> {
    /// The next line without its end; `None` at the end of the file. `kept` comes first.
    pub(super) fn next_line(&mut self, read: &mut Read) -> Result<Option<Vec<u8>>> {
        if let Some(line) = self.kept.take() {
            return Ok(Some(line));
        }
        let mut line = Vec::new();
        let limit = LINE_BYTES_MAX as u64 + 1;
        let length = self.from.by_ref().take(limit).read_until(b'\n', &mut line).map_err(unreadable)?;
        if length == 0 {
            return Ok(None);
        }
        self.line += 1;
        if line.last() == Some(&b'\n') {
            line.pop();
        } else if line.len() > LINE_BYTES_MAX {
            read.odd.push((self.line, format!("longer than {LINE_BYTES_MAX} bytes: what is beyond is left out")));
            line.truncate(LINE_BYTES_MAX);
            self.from.skip_until(b'\n').map_err(unreadable)?;
        }
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        Ok(Some(line))
    }

    /// One line; whether there was one.
    pub(super) fn line_entry(&mut self, read: &mut Read) -> Result<bool> {
        let Some(line) = self.next_line(read)? else { return Ok(false) };
        let number = self.line;
        match self.format {
            Format::Json => self.json(read, &line, number),
            Format::Syslog => self.syslog(read, &line, number)?,
            _ => {
                self.begin(&mut read.entries);
                read.entries.push_field(b"MESSAGE", &line);
                self.end(read, number, None, None);
            }
        }
        Ok(true)
    }

    fn json(&mut self, read: &mut Read, line: &[u8], number: u64) {
        self.begin(&mut read.entries);
        match wire::read_line(line, &mut read.entries) {
            Ok(Line::Entry(marks)) => self.end(read, number, marks.cursor, marks.realtime),
            Ok(Line::Blank | Line::End(_)) => read.entries.abandon(),
            Err(error) => {
                read.entries.abandon();
                read.odd.push((number, error.what));
            }
        }
    }

    fn syslog(&mut self, read: &mut Read, line: &[u8], number: u64) -> Result<()> {
        let text = String::from_utf8_lossy(line);
        // Rulers that journalctl draws.
        if text.trim().is_empty() || text.starts_with("-- ") && text.ends_with(" --") {
            return Ok(());
        }
        self.begin(&mut read.entries);
        let mut pieces = [Piece::default(); syslog::FIELDS];
        if syslog::read(&text, &syslog::Structured::default(), &mut pieces).is_err() {
            read.odd.push((number, "no syslog line: taken as a message".into()));
            read.entries.push_field(b"MESSAGE", line);
            self.end(read, number, None, None);
            return Ok(());
        }
        for (index, name) in SYSLOG_FIELDS {
            let piece = pieces[index];
            match piece.form {
                Form::Absent => {}
                Form::Number => read.entries.push_field(name.as_bytes(), piece.from.to_string().as_bytes()),
                _ => read.entries.push_field(name.as_bytes(), piece.of(&text).as_bytes()),
            }
        }
        let message = pieces[syslog::MESSAGE];
        let indent = text.get(..message.from as usize).map_or(0, |head| head.chars().count());
        let message = self.continued(read, message.of(&text), indent)?;
        read.entries.push_field(b"MESSAGE", message.as_bytes());
        let time = Reading::compile(&FieldType::Time("syslog".into())).ok();
        let time = time.and_then(|reading| reading.time(pieces[syslog::TIME].of(&text), self.now));
        self.end(read, number, None, time.and_then(|time| u64::try_from(time).ok()));
        Ok(())
    }

    /// A message with the lines below it that journalctl indents to where it begins.
    fn continued(&mut self, read: &mut Read, first: &str, indent: usize) -> Result<String> {
        let mut message = first.to_owned();
        while let Some(line) = self.next_line(read)? {
            let is_more = indent > 0 && line.len() >= indent && line[..indent].iter().all(|byte| *byte == b' ');
            if !is_more || message.len() + line.len() > LINE_BYTES_MAX {
                self.kept = Some(line);
                break;
            }
            message.push('\n');
            message.push_str(&String::from_utf8_lossy(&line[indent..]));
        }
        Ok(message)
    }
}
