//! Finds the fields in export text.

use crate::{
    entry::{FIELD_BYTES_MAX, FIELD_NAME_BYTES_MAX},
    error::{Error, Kind, Result},
    wire::LINE_BYTES_MAX,
};
use std::ops::Range;

/// What stands at the beginning of a text.
pub(super) enum Part {
    /// The empty line.
    Ends(usize),
    /// A field: where its name ends, where its value is, how long all of it is.
    Field(usize, Range<usize>, usize),
    /// A field so long that only the beginning of its value is taken; what to pass over then.
    Long(usize, Range<usize>, Rest),
    /// Not enough text to say.
    Begun,
}

/// What is left of a field that was too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rest {
    /// All up to the end of the line.
    Line,
    /// So many bytes and a newline.
    Bytes(u64),
}

/// Finds the field (or empty line) at the beginning of the text. One of more than `held_bytes_max` is not waited for.
pub(super) fn part(text: &[u8], held_bytes_max: usize) -> Result<Part> {
    let most = held_bytes_max.min(LINE_BYTES_MAX);
    let Some(line) = memchr::memchr(b'\n', text) else {
        if text.len() <= most {
            return Ok(Part::Begun);
        }
        let name = name(text)?;
        let end = text.len().min(name.saturating_add(1 + FIELD_BYTES_MAX + 1));
        return match text.get(name) {
            Some(b'=') => Ok(Part::Long(name, name + 1..end, Rest::Line)),
            _ => Err(no_field(text)),
        };
    };
    if line == 0 {
        return Ok(Part::Ends(1));
    }
    let name = name(&text[..line])?;
    if name < line {
        return Ok(Part::Field(name, name + 1..line, line + 1));
    }
    let from = line + 9;
    let Some(length) = text.get(line + 1..from) else { return Ok(Part::Begun) };
    let length = u64::from_le_bytes(length.try_into().unwrap_or_default());
    match usize::try_from(length).ok().filter(|length| *length <= most) {
        Some(length) => match text.get(from + length) {
            None => Ok(Part::Begun),
            Some(b'\n') => Ok(Part::Field(name, from..from + length, from + length + 1)),
            Some(_) => Err(unfinished()),
        },
        // One byte more than is kept shows that it was cut.
        None if text.len() < from + FIELD_BYTES_MAX + 1 => Ok(Part::Begun),
        None => {
            let end = from + FIELD_BYTES_MAX + 1;
            Ok(Part::Long(name, from..end, Rest::Bytes(length - (end - from) as u64)))
        }
    }
}

impl Rest {
    /// Passes over what of it stands at the beginning of the text: how much that is, and what is left.
    pub(super) fn pass(self, text: &[u8]) -> Result<(usize, Option<Self>)> {
        match self {
            Self::Line => Ok(match memchr::memchr(b'\n', text) {
                Some(end) => (end + 1, None),
                None => (text.len(), Some(self)),
            }),
            Self::Bytes(left) => match usize::try_from(left).ok().and_then(|left| Some((left, text.get(left)?))) {
                Some((left, b'\n')) => Ok((left + 1, None)),
                Some(_) => Err(unfinished()),
                None => Ok((text.len(), Some(Self::Bytes(left - text.len() as u64)))),
            },
        }
    }
}

/// The length of the first entry of a text, the empty line behind it included; `None` if it is not whole.
///
/// # Errors
/// `Corrupt` for text that is no export format, `Limit` for a field that is too long to be held.
pub fn entry_length(text: &[u8]) -> Result<Option<usize>> {
    let mut length = 0;
    loop {
        match part(&text[length..], LINE_BYTES_MAX)? {
            Part::Begun => return Ok(None),
            Part::Ends(more) => return Ok(Some(length + more)),
            Part::Field(_, _, more) => length += more,
            Part::Long(..) => {
                return Err(Error::new(Kind::Limit, format!("a field of more than {LINE_BYTES_MAX} bytes")));
            }
        }
    }
}

/// Where the name at the beginning of a line ends.
fn name(line: &[u8]) -> Result<usize> {
    let name = memchr::memchr(b'=', &line[..line.len().min(FIELD_NAME_BYTES_MAX + 1)]).unwrap_or(line.len());
    if name == 0 || name > FIELD_NAME_BYTES_MAX {
        return Err(no_field(line));
    }
    Ok(name)
}

fn no_field(line: &[u8]) -> Error {
    Error::corrupt(format!("`{}` is no field of the export format", line[..line.len().min(40)].escape_ascii()))
}

fn unfinished() -> Error {
    Error::corrupt("a binary field is not followed by a newline")
}
