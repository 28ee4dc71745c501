//! The journal's file format: what stands where, how it is packed, and how values are hashed.

pub(crate) mod blocks;
pub(crate) mod hash;
pub(crate) mod header;
pub(crate) mod lz4;
pub(crate) mod object;
pub(crate) mod unpack;
pub(crate) mod xz;

/// A little-endian number at `at`, if the bytes reach that far.
pub(crate) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at.checked_add(8)?)?.try_into().ok()?))
}

/// A little-endian number at `at`, if the bytes reach that far.
pub(crate) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

/// An id at `at`, if the bytes reach that far.
pub(crate) fn id_at(bytes: &[u8], at: usize) -> Option<infralogs_core::id::Id128> {
    Some(infralogs_core::id::Id128(bytes.get(at..at.checked_add(16)?)?.try_into().ok()?))
}
