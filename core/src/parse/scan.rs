//! Steps through a text of known shape: up to a byte, over a word.

use super::{
    bytes,
    piece::{Miss, Piece},
};

/// A place in a text.
pub(crate) struct Scan<'t> {
    pub text: &'t str,
    pub at: usize,
}

impl<'t> Scan<'t> {
    pub fn new(text: &'t str) -> Self {
        Self { text, at: 0 }
    }

    pub fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or("")
    }

    /// Steps over a word if it stands here.
    #[inline]
    pub fn skip(&mut self, word: &str) -> bool {
        let found = self.text.as_bytes().get(self.at..).is_some_and(|rest| rest.starts_with(word.as_bytes()));
        self.at += if found { word.len() } else { 0 };
        found
    }

    /// Steps over a word that must stand here.
    pub fn expect(&mut self, word: &str, wanted: u16) -> Result<(), Miss> {
        if self.skip(word) { Ok(()) } else { Err(self.miss(wanted)) }
    }

    /// The piece up to an ASCII byte, which is stepped over.
    #[inline]
    pub fn until(&mut self, byte: u8, wanted: u16) -> Result<Piece, Miss> {
        let to = bytes::find(byte, self.text.as_bytes(), self.at).ok_or(self.miss(wanted))?;
        let piece = Piece::raw(self.at, to);
        self.at = to + 1;
        Ok(piece)
    }

    pub fn miss(&self, wanted: u16) -> Miss {
        Miss::new(self.at, wanted)
    }
}

/// A piece that is not there if it is just `-`.
#[inline]
pub(crate) fn dashed(piece: Piece, text: &str) -> Piece {
    let is_dash = piece.to == piece.from + 1 && text.as_bytes().get(piece.from as usize) == Some(&b'-');
    if is_dash { Piece::default() } else { piece }
}
