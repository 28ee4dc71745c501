//! Formats of several lines an entry: what `journalctl -o verbose` and `-o export` write.

use super::{ENTRY_BYTES_MAX, Input, Read, unreadable};
use crate::{
    entry::Entries,
    error::Result,
    parse::{unescape::unescape, verbose},
    wire::{Limits, export},
};
use std::io::BufRead;

/// How much is read at once of text whose entries end anywhere, in bytes.
const PIECE_BYTES: usize = 64 << 10;

impl<R: BufRead> Input<R> {
    /// One entry of `journalctl -o verbose`; whether there was one.
    pub(super) fn verbose_entry(&mut self, read: &mut Read) -> Result<bool> {
        let Some(head) = self.next_line(read)? else { return Ok(false) };
        let begins = self.line;
        let mut text = String::from_utf8_lossy(&head).into_owned();
        let Some(cursor) = verbose::cursor(&text) else {
            if !text.trim().is_empty() && !text.starts_with("-- ") {
                read.odd.push((begins, "no head of an entry: a time and a cursor in brackets".into()));
            }
            return Ok(true);
        };
        while let Some(line) = self.next_line(read)? {
            let is_field = line.first() == Some(&b' ');
            if !is_field || text.len() + line.len() > ENTRY_BYTES_MAX {
                self.kept = Some(line);
                break;
            }
            text.push('\n');
            text.push_str(&String::from_utf8_lossy(&line));
        }
        self.begin(&mut read.entries);
        let mut lines = verbose::Lines { text: &text, at: text.find('\n').map_or(text.len(), |at| at + 1) };
        let mut value = String::new();
        while let Some((name, piece)) = lines.next_field() {
            value.clear();
            unescape(piece, &text, &mut value);
            read.entries.push_field(name.as_bytes(), value.as_bytes());
        }
        self.end(read, begins, Some(cursor), None);
        Ok(true)
    }

    /// One entry of `journalctl -o export`; whether there was one.
    pub(super) fn export_entry(&mut self, read: &mut Read) -> Result<bool> {
        let mut text = std::mem::take(&mut self.begun);
        let begins = self.line + 1;
        let length = loop {
            match export::entry_length(&text) {
                Ok(Some(length)) => break length,
                Ok(None) => {}
                Err(error) => {
                    read.odd.push((begins, error.to_string()));
                    return Ok(false);
                }
            }
            let piece = self.from.fill_buf().map_err(unreadable)?;
            let taken = piece.len().min(PIECE_BYTES);
            if taken == 0 {
                if !text.is_empty() {
                    read.odd.push((begins, "the file ends within an entry".into()));
                }
                return Ok(false);
            }
            text.extend_from_slice(&piece[..taken]);
            self.from.consume(taken);
        };
        let entry = &text[..length];
        self.line += memchr::memchr_iter(b'\n', entry).count() as u64;
        match entries_of(entry) {
            Ok(entries) => {
                for entry in entries.iter() {
                    self.begin(&mut read.entries);
                    entry.fields().for_each(|(name, value)| read.entries.push_field(name, value));
                    self.end(read, begins, Some(entry.cursor), None);
                }
            }
            Err(error) => read.odd.push((begins, error.to_string())),
        }
        text.drain(..length);
        self.begun = text;
        Ok(true)
    }
}

fn entries_of(text: &[u8]) -> Result<Entries> {
    let mut reader = export::Reader::new(Limits::default());
    reader.push(text)?;
    reader.finish(None).map(|batch| batch.entries)
}
