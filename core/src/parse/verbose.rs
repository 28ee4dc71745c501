//! Reads the text of `journalctl -o verbose`: a line with time and cursor, then `    FIELD=value` lines.

use super::{
    piece::{Form, Miss, Piece},
    spec::FieldType,
};
use crate::{cursor::Cursor, fields::journal_names};
use std::ops::Range;

/// The fields, in the order of their pieces: named like an entry's own, which are read from the same journal fields.
pub(crate) fn fields() -> [(&'static str, FieldType); 8] {
    NAMES.map(|name| {
        let kind = match name {
            "time" => FieldType::Time("unix_us".into()),
            "pid" | "priority" => FieldType::Int,
            _ => FieldType::Text,
        };
        (name, kind)
    })
}
const NAMES: [&str; 8] = ["time", "host", "unit", "identifier", "command", "pid", "priority", "message"];

/// Spaces before a field's name.
const INDENT: &str = "    ";

/// Fills the eight pieces. Fits if a head with a cursor is followed by a field.
pub(crate) fn read(text: &str, pieces: &mut [Piece]) -> Result<(), Miss> {
    let (time, fields_at) = head(text).ok_or(Miss::new(0, 0))?;
    pieces[0] = time;
    let mut ranks = [usize::MAX; NAMES.len()];
    let mut lines = Lines { text, at: fields_at };
    let mut any = false;
    while let Some((name, value)) = lines.next_field() {
        any = true;
        for (index, own) in NAMES.iter().enumerate().skip(1) {
            let rank = journal_names(own).iter().position(|journal| *journal == name);
            if let Some(rank) = rank.filter(|rank| *rank < ranks[index]) {
                ranks[index] = rank;
                pieces[index] = value;
            }
        }
    }
    if any { Ok(()) } else { Err(Miss::new(fields_at, 1)) }
}

/// What was missing, for a message.
pub(crate) fn wanted(miss: Miss) -> &'static str {
    if miss.wanted == 0 { "a line with a time and a cursor in brackets" } else { "a line `    FIELD=value`" }
}

/// The time in the cursor of a head line, and where the next line begins.
fn head(text: &str) -> Option<(Piece, usize)> {
    let line_end = memchr::memchr(b'\n', text.as_bytes())?;
    let line = text.get(..line_end)?;
    let Range { start, end } = cursor_in(line)?;
    let time_at = start + line.get(start..end)?.find(";t=")? + 3;
    let digits = line.get(time_at..)?.find(|c: char| !c.is_ascii_hexdigit())?;
    Some((Piece { from: time_at as u32, to: (time_at + digits) as u32, form: Form::Hex }, line_end + 1))
}

/// Where the cursor stands in a head line.
fn cursor_in(line: &str) -> Option<Range<usize>> {
    let line = line.trim_ascii_end().strip_suffix(']')?;
    line.rfind(" [s=").map(|at| at + 2..line.len())
}

/// The cursor in a head line.
pub(crate) fn cursor(line: &str) -> Option<Cursor> {
    line.get(cursor_in(line)?)?.parse().ok()
}

/// Steps through the fields of one entry.
pub(crate) struct Lines<'t> {
    pub text: &'t str,
    pub at: usize,
}

impl<'t> Lines<'t> {
    /// The next field's name and where its value stands; lines indented to where the value begins belong to it.
    pub fn next_field(&mut self) -> Option<(&'t str, Piece)> {
        loop {
            let rest = self.text.get(self.at..).filter(|rest| !rest.is_empty())?;
            let line = rest.split('\n').next()?;
            let start = self.at;
            self.at = (start + line.len() + 1).min(self.text.len());
            let field = line.strip_prefix(INDENT).and_then(|field| field.split_once('='));
            let Some((name, value)) = field.filter(|(name, _)| !name.is_empty() && !name.starts_with(' ')) else {
                continue;
            };
            let from = start + INDENT.len() + name.len() + 1;
            let mut piece = Piece::raw(from, from + value.len());
            while let Some(more) = self.continued(from - start) {
                piece.to = more as u32;
                piece.form = Form::Indented;
            }
            return Some((name, piece));
        }
    }

    /// The end of the line that stands here, if it is indented that deep; steps over it.
    fn continued(&mut self, indent: usize) -> Option<usize> {
        let rest = self.text.get(self.at..).filter(|rest| !rest.is_empty())?;
        let line = rest.split('\n').next()?;
        let is_deep = line.len() >= indent && line.as_bytes()[..indent].iter().all(|byte| *byte == b' ');
        let end = self.at + line.len();
        is_deep.then(|| {
            self.at = (end + 1).min(self.text.len());
            end
        })
    }
}
