//! Gates by the text of a field: compared one by one while they are few, else found by a quick hash.

use crate::parse::bytes::same;
use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
};

/// Up to so many texts comparing each is quicker than hashing.
const COMPARED_MAX: usize = 4;

/// The numbers that stand by each text.
#[derive(Debug, Default)]
pub(super) struct Table {
    numbers: Vec<(Box<[u8]>, Vec<u16>)>,
    /// Where a text stands in `numbers`.
    places: HashMap<Box<[u8]>, usize, BuildHasherDefault<Quick>>,
}

impl Table {
    /// Adds a number to a text, once.
    pub fn add(&mut self, text: &[u8], number: u16) {
        let at = *self.places.entry(text.into()).or_insert_with(|| {
            self.numbers.push((text.into(), Vec::new()));
            self.numbers.len() - 1
        });
        let (_, numbers) = &mut self.numbers[at];
        if !numbers.contains(&number) {
            numbers.push(number);
        }
    }

    /// The numbers by a text.
    #[inline]
    pub fn get(&self, text: &[u8]) -> Option<&[u16]> {
        let found = if self.numbers.len() <= COMPARED_MAX {
            self.numbers.iter().find(|(own, _)| same(own, text))
        } else {
            self.places.get(text).map(|at| &self.numbers[*at])
        };
        found.map(|(_, numbers)| &**numbers)
    }
}

/// A quick hash of short texts. What is in a table comes from scripts, so nobody can make its texts collide.
#[derive(Debug, Default)]
struct Quick(u64);

impl Hasher for Quick {
    fn write(&mut self, bytes: &[u8]) {
        for eight in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..eight.len()].copy_from_slice(eight);
            self.0 = (self.0.rotate_left(5) ^ u64::from_le_bytes(word)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        }
    }
    fn write_usize(&mut self, length: usize) {
        self.0 = (self.0.rotate_left(5) ^ length as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 32)
    }
}
