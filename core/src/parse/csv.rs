//! Reads one line of separated values, with `"` around values and `""` for a quote in them.

use super::piece::{Form, Miss, Piece};

/// The separator and, for each value in order, the piece it fills.
#[derive(Debug)]
pub(crate) struct Csv {
    separator: u8,
    takes: Vec<Option<u16>>,
}

const MORE: u16 = 0;
const FEWER: u16 = 1;
const QUOTE: u16 = 2;

impl Csv {
    /// `takes` names the piece of each value; `None` skips it.
    pub fn new(separator: u8, takes: Vec<Option<u16>>) -> Self {
        Self { separator, takes }
    }

    /// Fills the pieces. Fits if the line has exactly as many values as there are names.
    pub fn read(&self, text: &str, pieces: &mut [Piece]) -> Result<(), Miss> {
        let line = text.strip_suffix('\n').unwrap_or(text);
        let bytes = line.strip_suffix('\r').unwrap_or(line).as_bytes();
        let mut at = 0;
        for (index, take) in self.takes.iter().enumerate() {
            let (piece, end) = self.value(bytes, at)?;
            if let Some(take) = take {
                pieces[usize::from(*take)] = piece;
            }
            let is_last = index + 1 == self.takes.len();
            match (bytes.get(end), is_last) {
                (None, true) => {}
                (None, false) => return Err(Miss::new(end, MORE)),
                (Some(_), true) => return Err(Miss::new(end, FEWER)),
                (Some(_), false) => {}
            }
            at = end + 1;
        }
        Ok(())
    }

    /// The value that begins at `at`, and where its separator is.
    fn value(&self, bytes: &[u8], at: usize) -> Result<(Piece, usize), Miss> {
        if bytes.get(at) != Some(&b'"') {
            let end = memchr::memchr(self.separator, &bytes[at..]).map_or(bytes.len(), |more| at + more);
            return Ok((Piece::raw(at, end), end));
        }
        let from = at + 1;
        let mut at = from;
        let mut form = Form::Raw;
        while let Some(more) = memchr::memchr(b'"', &bytes[at..]) {
            let quote = at + more;
            match bytes.get(quote + 1) {
                Some(b'"') => {
                    form = Form::Doubled;
                    at = quote + 2;
                }
                next if next.is_none_or(|next| *next == self.separator) => {
                    return Ok((Piece { from: from as u32, to: quote as u32, form }, quote + 1));
                }
                _ => break,
            }
        }
        Err(Miss::new(from, QUOTE))
    }

    /// What was missing, for a message.
    pub fn wanted(&self, miss: Miss) -> String {
        match miss.wanted {
            MORE => format!("more values, {} in all", self.takes.len()),
            FEWER => format!("the end of the line after {} values", self.takes.len()),
            _ => "the end of a quoted value".into(),
        }
    }
}
