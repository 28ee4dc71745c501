//! Reads asked-for keys out of `key=value key="two words" flag` in one pass.

use super::{
    bytes::{find_either, find_space_or, same},
    piece::{Form, Miss, Piece},
};

/// Keys and the pieces they fill.
#[derive(Debug)]
pub(crate) struct Logfmt {
    keys: Vec<(Box<[u8]>, u16)>,
    /// By a hash of the key: one more than the number of the last key that has it, 0 for none.
    buckets: [u16; BUCKETS],
    /// By a key's number: the one before it that has the same hash, in the same way.
    before: Vec<u16>,
}

const BUCKETS: usize = 64;

#[inline]
fn bucket(key: &[u8]) -> usize {
    let (first, last) = (key.first().copied().unwrap_or(0), key.last().copied().unwrap_or(0));
    (key.len() + usize::from(first) * 5 + usize::from(last) * 9) % BUCKETS
}

const KEYS: u16 = 0;
const QUOTE: u16 = 1;

impl Default for Logfmt {
    fn default() -> Self {
        Self { keys: Vec::new(), buckets: [0; BUCKETS], before: Vec::new() }
    }
}

impl Logfmt {
    /// Adds a key.
    pub fn add(&mut self, key: &str, take: u16) {
        let bucket = &mut self.buckets[bucket(key.as_bytes())];
        self.before.push(*bucket);
        self.keys.push((key.as_bytes().into(), take));
        *bucket = self.keys.len() as u16;
    }

    /// Fills the pieces. Fits if at least one of the keys is there; a key without `=` is the text `true`.
    pub fn read(&self, text: &str, pieces: &mut [Piece]) -> Result<(), Miss> {
        let bytes = text.as_bytes();
        let mut at = 0;
        let mut found = false;
        loop {
            while bytes.get(at).is_some_and(u8::is_ascii_whitespace) {
                at += 1;
            }
            if at >= bytes.len() {
                return if found { Ok(()) } else { Err(Miss::new(0, KEYS)) };
            }
            let from = at;
            at = find_space_or(b'=', bytes, at);
            let key = &bytes[from..at];
            let piece = if bytes.get(at) == Some(&b'=') {
                let (piece, next) = value(bytes, at + 1)?;
                at = next;
                piece
            } else {
                Piece::flag(true)
            };
            let mut next = usize::from(self.buckets[bucket(key)]);
            while next > 0 {
                let (wanted, take) = &self.keys[next - 1];
                if same(wanted, key) {
                    pieces[usize::from(*take)] = piece;
                    found = true;
                }
                next = usize::from(self.before[next - 1]);
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

/// The value that begins at `at`, and where to go on.
#[inline]
fn value(bytes: &[u8], at: usize) -> Result<(Piece, usize), Miss> {
    if bytes.get(at) != Some(&b'"') {
        let to = find_space_or(b' ', bytes, at);
        return Ok((Piece::raw(at, to), to));
    }
    let from = at + 1;
    let mut at = from;
    let mut form = Form::Raw;
    loop {
        match find_either(b'"', b'\\', bytes, at) {
            Some(to) if bytes[to] == b'"' => {
                return Ok((Piece { from: from as u32, to: to as u32, form }, to + 1));
            }
            Some(escape) if escape + 1 < bytes.len() => {
                form = Form::Escaped;
                at = escape + 2;
            }
            _ => return Err(Miss::new(from, QUOTE)),
        }
    }
}
