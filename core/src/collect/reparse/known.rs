//! Which entries were read, exactly: a bit for each number of a counter.

use crate::{
    error::{Error, Kind, Result},
    plugin::Stream,
};
use std::collections::HashMap;

/// Numbers in one piece of the map: 64 words of 64 bits.
const PIECE_BITS: u64 = 4_096;
/// The most pieces: about 250 MB. Entries that follow one another fill them, so that is over a billion.
const PIECES_MAX: usize = 400_000;

/// The set of entries that were read.
#[derive(Debug, Default)]
pub(super) struct Known {
    pieces: HashMap<(Stream, u64), Box<[u64; 64]>>,
}

impl Known {
    /// Whether an entry was read.
    pub(super) fn has(&self, stream: &Stream, seqnum: u64) -> bool {
        let (piece, word, bit) = place(seqnum);
        self.pieces.get(&(*stream, piece)).is_some_and(|words| words[word] & bit != 0)
    }

    /// Takes note of an entry; false if it was known already.
    pub(super) fn add(&mut self, stream: Stream, seqnum: u64) -> Result<bool> {
        let (piece, word, bit) = place(seqnum);
        if self.pieces.len() >= PIECES_MAX && !self.pieces.contains_key(&(stream, piece)) {
            let what = "too many entries, too far apart, to be read in one run";
            return Err(Error::new(Kind::Limit, what).help("build the table anew from a later time on"));
        }
        let words = self.pieces.entry((stream, piece)).or_insert_with(|| Box::new([0; 64]));
        let is_new = words[word] & bit == 0;
        words[word] |= bit;
        Ok(is_new)
    }
}

fn place(seqnum: u64) -> (u64, usize, u64) {
    let within = seqnum % PIECE_BITS;
    (seqnum / PIECE_BITS, (within / 64) as usize, 1 << (within % 64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Id128;

    #[test]
    fn each_entry_is_known_once() {
        let stream = |name: &[u8]| Stream { machine: Id128::of(&[name]), seqnum_id: Id128::default() };
        let mut known = Known::default();
        for seqnum in [0, 63, 64, 4_095, 4_096, u64::MAX] {
            assert!(!known.has(&stream(b"a"), seqnum));
            assert!(known.add(stream(b"a"), seqnum).expect("room"));
            assert!(!known.add(stream(b"a"), seqnum).expect("room"));
            assert!(known.has(&stream(b"a"), seqnum) && !known.has(&stream(b"b"), seqnum));
        }
        assert!(!known.has(&stream(b"a"), 1) && !known.has(&stream(b"a"), 4_097));
    }
}
