//! A chain of entry arrays: the entries of a file, or those that hold one field, in the order they were written.

use crate::format::{
    blocks::{Blocks, Disk},
    header::Header,
    object::{ARRAY_HEAD_BYTES, ArrayItem, ObjectHead, TYPE_ARRAY, item_bytes, may_begin, offset},
    u64_at,
};

/// The arrays found so far. Each is longer than the one before, so there are few.
#[derive(Debug, Default)]
pub(crate) struct Chain {
    arrays: Vec<Array>,
}

#[derive(Debug, Clone, Copy)]
struct Array {
    at: u64,
    first: u64,
    items: u64,
}

impl Chain {
    /// How many entries the arrays found so far have room for.
    pub(crate) fn covers(&self) -> u64 {
        self.arrays.last().map_or(0, |last| last.first + last.items)
    }

    /// Follows the chain that begins at `first` until it covers `wanted` entries. `None`: it breaks before. Arrays
    /// are written one behind the other, so a chain that goes back is damaged, and no cycle is ever walked.
    pub(crate) fn follow(
        &mut self,
        (blocks, disk, header): (&mut Blocks, &Disk, &Header),
        first: u64,
        wanted: u64,
    ) -> Option<()> {
        while self.covers() < wanted {
            let at = match self.arrays.last() {
                None => first,
                Some(last) => {
                    let next = u64_at(blocks.bytes(disk, last.at, ARRAY_HEAD_BYTES as usize)?, 16)?;
                    (next > last.at).then_some(next)?
                }
            };
            if !may_begin(header, at) {
                return None;
            }
            let head = ObjectHead::parse(blocks.bytes(disk, at, ARRAY_HEAD_BYTES as usize)?)?;
            let items = head.size.checked_sub(ARRAY_HEAD_BYTES)? / item_bytes(header, ArrayItem);
            if head.kind != TYPE_ARRAY || items == 0 || items > u64::MAX / 64 {
                return None;
            }
            self.arrays.push(Array { at, first: self.covers(), items });
        }
        Some(())
    }

    /// Where entry `index` stands.
    pub(crate) fn get(&self, (blocks, disk, header): (&mut Blocks, &Disk, &Header), index: u64) -> Option<u64> {
        let after = self.arrays.partition_point(|array| array.first <= index);
        let array = self.arrays.get(after.checked_sub(1)?)?;
        let within = index - array.first;
        if within >= array.items {
            return None;
        }
        let item = item_bytes(header, ArrayItem);
        let at = array.at.checked_add(ARRAY_HEAD_BYTES)?.checked_add(within.checked_mul(item)?)?;
        Some(offset(blocks.bytes(disk, at, item as usize)?)).filter(|entry| *entry != 0)
    }
}
