//! Objects: the head every one has, and entries. A bad one is `None`, whatever is wrong with it.

use super::{blocks::Blocks, blocks::Disk, header::Header, id_at, u64_at};
use infralogs_core::{cursor::Cursor, entry::ENTRY_FIELDS_MAX, id::Id128};

pub(crate) const OBJECT_HEAD_BYTES: usize = 16;
pub(crate) const ENTRY_HEAD_BYTES: usize = 64;
pub(crate) const ARRAY_HEAD_BYTES: u64 = 24;
pub(crate) const TYPE_DATA: u8 = 1;
pub(crate) const TYPE_ENTRY: u8 = 3;
pub(crate) const TYPE_ARRAY: u8 = 6;
pub(crate) const TYPE_LAST: u8 = 7;
/// The most items of an entry that are looked at: those beyond are not kept anyway.
const ENTRY_ITEMS_MAX: u64 = ENTRY_FIELDS_MAX as u64 + 1;
/// systemd takes moments at or beyond this for nonsense.
const TIMESTAMP_MAX: u64 = 1 << 55;

/// What every object begins with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ObjectHead {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) size: u64,
}

impl ObjectHead {
    /// From its first 16 bytes.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let size = u64_at(bytes, 8)?;
        (size >= OBJECT_HEAD_BYTES as u64).then_some(Self { kind: bytes[0], flags: bytes[1], size })
    }
}

/// Where an object may begin: aligned, behind the header.
pub(crate) fn may_begin(header: &Header, at: u64) -> bool {
    at >= header.header_size && at.is_multiple_of(8)
}

/// An entry without its fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EntryHead {
    pub(crate) at: u64,
    pub(crate) seqnum: u64,
    pub(crate) realtime: u64,
    pub(crate) monotonic: u64,
    pub(crate) boot: Id128,
    pub(crate) xor_hash: u64,
    /// How many fields; at most one more than we keep.
    pub(crate) items: usize,
    pub(crate) size: u64,
}

impl EntryHead {
    /// The entry object at `at`.
    pub(crate) fn read(blocks: &mut Blocks, disk: &Disk, header: &Header, at: u64) -> Option<Self> {
        if !may_begin(header, at) {
            return None;
        }
        Self::parse(blocks.from(disk, at, ENTRY_HEAD_BYTES)?, header, at)
    }

    /// From its first [`ENTRY_HEAD_BYTES`].
    pub(crate) fn parse(bytes: &[u8], header: &Header, at: u64) -> Option<Self> {
        let head = ObjectHead::parse(bytes)?;
        let item = item_bytes(header, EntryItem);
        let items_bytes = head.size.checked_sub(ENTRY_HEAD_BYTES as u64)?;
        let entry = Self {
            at,
            seqnum: u64_at(bytes, 16)?,
            realtime: u64_at(bytes, 24)?,
            monotonic: u64_at(bytes, 32)?,
            boot: id_at(bytes, 40)?,
            xor_hash: u64_at(bytes, 56)?,
            items: (items_bytes / item).min(ENTRY_ITEMS_MAX) as usize,
            size: head.size,
        };
        let plausible = head.kind == TYPE_ENTRY
            && head.flags == 0
            && entry.items > 0
            && items_bytes % item == 0
            && entry.seqnum > 0
            && (1..TIMESTAMP_MAX).contains(&entry.realtime)
            && entry.monotonic < TIMESTAMP_MAX;
        plausible.then_some(entry)
    }

    /// Its place.
    pub(crate) fn cursor(&self, header: &Header) -> Cursor {
        Cursor {
            seqnum_id: header.seqnum_id,
            seqnum: self.seqnum,
            boot: self.boot,
            monotonic: self.monotonic,
            realtime: self.realtime,
            xor_hash: self.xor_hash,
        }
    }

    /// Appends where its fields stand.
    pub(crate) fn items(&self, blocks: &mut Blocks, disk: &Disk, header: &Header, into: &mut Vec<u64>) -> Option<()> {
        let item = item_bytes(header, EntryItem) as usize;
        let bytes = blocks.bytes(disk, self.at + ENTRY_HEAD_BYTES as u64, self.items * item)?;
        into.extend(bytes.chunks_exact(item).map(offset));
        Some(())
    }
}

/// An offset of 4 bytes (compact files) or 8 (others; what follows it is not needed).
pub(crate) fn offset(item: &[u8]) -> u64 {
    if item.len() >= 8 {
        u64_at(item, 0).unwrap_or_default()
    } else {
        super::u32_at(item, 0).unwrap_or_default().into()
    }
}

/// What an item belongs to.
pub(crate) enum Item {
    /// A field of an entry: its offset, in regular files also its hash.
    EntryItem,
    /// An entry in an array: its offset.
    ArrayItem,
}
pub(crate) use Item::{ArrayItem, EntryItem};

/// How long an item is.
pub(crate) fn item_bytes(header: &Header, item: Item) -> u64 {
    match (header.compact, item) {
        (true, _) => 4,
        (false, EntryItem) => 16,
        (false, ArrayItem) => 8,
    }
}
