//! Reads asked-for keys out of `key=value key="two words" flag` in one pass.

use super::piece::{Form, Miss, Piece};

/// Keys and the pieces they fill.
#[derive(Debug, Default)]
pub(crate) struct Logfmt(Vec<(Box<[u8]>, u16)>);

const KEYS: u16 = 0;
const QUOTE: u16 = 1;

impl Logfmt {
    /// Adds a key.
    pub fn add(&mut self, key: &str, take: u16) {
        self.0.push((key.as_bytes().into(), take));
    }

    /// Fills the pieces. Fits if at least one of the keys is there; a key without `=` is the text `true`.
    pub fn read(&self, text: &str, pieces: &mut [Piece]) -> Result<(), Miss> {
        let bytes = text.as_bytes();
        let mut at = 0;
        let mut found = false;
        loop {
            at += bytes[at..].iter().take_while(|byte| byte.is_ascii_whitespace()).count();
            if at >= bytes.len() {
                return if found { Ok(()) } else { Err(Miss::new(0, KEYS)) };
            }
            let from = at;
            at += key_end(&bytes[at..]);
            let key = &bytes[from..at];
            let piece = if bytes.get(at) == Some(&b'=') {
                let (piece, next) = value(bytes, at + 1)?;
                at = next;
                piece
            } else {
                Piece::flag(true)
            };
            for (wanted, take) in &self.0 {
                if **wanted == *key {
                    pieces[usize::from(*take)] = piece;
                    found = true;
                }
            }
            // A lone `=` or quote has no key before it: step over it, so that the loop always moves on.
            at += usize::from(at == from);
        }
    }

    /// What was missing, for a message.
    pub fn wanted(miss: Miss) -> &'static str {
        if miss.wanted == QUOTE { "the end of a quoted value" } else { "any of the asked-for keys" }
    }
}

/// A key ends at `=` or white space.
fn key_end(text: &[u8]) -> usize {
    text.iter().position(|byte| *byte == b'=' || byte.is_ascii_whitespace()).unwrap_or(text.len())
}

/// The value that begins at `at`, and where to go on.
fn value(bytes: &[u8], at: usize) -> Result<(Piece, usize), Miss> {
    if bytes.get(at) != Some(&b'"') {
        let len = bytes[at..].iter().position(u8::is_ascii_whitespace).unwrap_or(bytes.len() - at);
        return Ok((Piece::raw(at, at + len), at + len));
    }
    let from = at + 1;
    let mut at = from;
    let mut form = Form::Raw;
    loop {
        match memchr::memchr2(b'"', b'\\', &bytes[at..]) {
            Some(more) if bytes[at + more] == b'"' => {
                let to = at + more;
                return Ok((Piece { from: from as u32, to: to as u32, form }, to + 1));
            }
            Some(more) if at + more + 1 < bytes.len() => {
                form = Form::Escaped;
                at += more + 2;
            }
            _ => return Err(Miss::new(from, QUOTE)),
        }
    }
}
