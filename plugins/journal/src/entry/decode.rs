//! Reads the fields of one entry into a batch, within the limits of an entry. A damaged field costs that field.

use super::{
    cache::{Cache, Known},
    filter::Judge,
};
use crate::{
    files::file::JournalFile,
    format::{
        blocks::Blocks,
        object::{EntryHead, ObjectHead, TYPE_DATA, may_begin},
        u64_at,
        unpack::Unpack,
    },
};
use infralogs_core::{
    entry::{ENTRY_BYTES_MAX, ENTRY_FIELDS_MAX, Entries, Entry, FIELD_BYTES_MAX},
    wire::CUT,
};

/// The longest name journald takes.
const NAME_BYTES_MAX: usize = 64;
/// How much of a field is read: its name, `=`, and one byte more than we keep, which shows that there is more.
const PLAIN_BYTES_MAX: usize = NAME_BYTES_MAX + 1 + FIELD_BYTES_MAX + 1;
/// How much memory for a field is kept for the next one.
const PLAIN_BYTES_KEPT: usize = 64 << 10;
/// How much of a packed field is read: none packs so badly that the part we keep needs more.
const PACKED_BYTES_MAX: usize = PLAIN_BYTES_MAX + (PLAIN_BYTES_MAX >> 7) + (1 << 20);

/// What became of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Read {
    /// It is in the batch.
    Taken,
    /// The filter does not want it.
    Unwanted,
    /// Nothing of it can be read.
    Damaged,
    /// The batch has no room for it any more.
    NoRoom,
}

/// Reads entries; keeps what can be used again.
#[derive(Debug, Default)]
pub(crate) struct Decode {
    cache: Cache,
    judge: Judge,
    unpack: Unpack,
    items: Vec<u64>,
    plain: Vec<u8>,
    bytes_max: usize,
    /// Fields that could not be read, since the beginning.
    pub(crate) damaged_fields: u64,
}

/// A field just read: in `plain`, so long its name; shared with other entries or not.
struct Fresh {
    name: usize,
    shared: bool,
}

impl Decode {
    /// Begins a batch of entries that `judge` wants, of so many bytes at most.
    pub(crate) fn begin(&mut self, judge: Judge, bytes_max: usize) {
        self.bytes_max = bytes_max;
        self.cache.begin();
        if judge != self.judge {
            self.cache.refilter();
            self.judge = judge;
        }
    }

    /// Reads an entry's fields into the batch.
    pub(crate) fn entry(
        &mut self,
        file: &JournalFile,
        blocks: &mut Blocks,
        head: &EntryHead,
        batch: &mut Entries,
    ) -> Read {
        let Some((disk, header)) = file.parts() else { return Read::Damaged };
        self.items.clear();
        if head.items(blocks, disk, header, &mut self.items).is_none() {
            return Read::Damaged;
        }
        let items = std::mem::take(&mut self.items);
        let read = if self.is_wanted(file, blocks, &items) {
            self.fields(file, blocks, head, &items, batch)
        } else {
            Read::Unwanted
        };
        self.items = items;
        read
    }

    /// Takes an entry that something else has read.
    pub(crate) fn copy(&mut self, entry: &Entry<'_>, batch: &mut Entries) -> Read {
        if !self.judge.passes(entry) {
            return Read::Unwanted;
        }
        let bytes: usize = entry.fields().map(|(name, value)| name.len() + value.len()).sum();
        if batch.bytes() + bytes > self.bytes_max && !batch.is_empty() {
            return Read::NoRoom;
        }
        entry.fields().for_each(|(name, value)| batch.push_field(name, value));
        batch.end(entry.cursor);
        Read::Taken
    }

    fn is_wanted(&mut self, file: &JournalFile, blocks: &mut Blocks, items: &[u64]) -> bool {
        if self.judge.is_empty() {
            return true;
        }
        let (all, mut met) = (self.judge.all(), 0);
        for at in items {
            let key = Cache::key(file.key, *at);
            let known = self.cache.get(key).copied();
            met |= match known.and_then(|known| self.cache.satisfies(&known)) {
                Some(satisfies) => satisfies,
                None => self.judge_field(file, blocks, key, *at, known).unwrap_or(0),
            };
            if met == all {
                return true;
            }
        }
        false
    }

    fn judge_field(
        &mut self,
        file: &JournalFile,
        blocks: &mut Blocks,
        key: u64,
        at: u64,
        known: Option<Known>,
    ) -> Option<u64> {
        if let Some(known) = known {
            let (name, value) = self.cache.field(&known);
            let satisfies = self.judge.satisfies(name, value);
            self.cache.judged(key, satisfies);
            return Some(satisfies);
        }
        let fresh = self.field(file, blocks, at)?;
        let satisfies = self.judge.satisfies(&self.plain[..fresh.name], &self.plain[fresh.name + 1..]);
        if fresh.shared {
            self.cache.insert(key, fresh.name, &self.plain);
            self.cache.judged(key, satisfies);
        }
        Some(satisfies)
    }

    fn fields(
        &mut self,
        file: &JournalFile,
        blocks: &mut Blocks,
        head: &EntryHead,
        items: &[u64],
        batch: &mut Entries,
    ) -> Read {
        let Some((_, header)) = file.parts() else { return Read::Damaged };
        let start = batch.bytes();
        let mut entry = Limits::default();
        for at in items.iter().take(ENTRY_FIELDS_MAX) {
            let key = Cache::key(file.key, *at);
            if let Some(known) = self.cache.get(key) {
                let (name, value) = self.cache.field(known);
                if entry.fit(name, value.len()) < value.len() {
                    continue;
                }
                match self.cache.place(known) {
                    Some(place) => batch.push_again(place),
                    None => {
                        let place = batch.place_field(name, value);
                        self.cache.placed(key, place);
                    }
                }
                continue;
            }
            let Some(fresh) = self.field(file, blocks, *at) else {
                self.damaged_fields += 1;
                entry.damaged += 1;
                continue;
            };
            let (name, value) = (&self.plain[..fresh.name], &self.plain[fresh.name + 1..]);
            let fits = entry.fit(name, value.len());
            if fits == 0 && !value.is_empty() {
                continue;
            }
            let place = batch.place_field(name, &value[..fits]);
            if fresh.shared && fits == value.len() {
                self.cache.insert(key, fresh.name, &self.plain);
                self.cache.placed(key, place);
            }
        }
        if items.len() > ENTRY_FIELDS_MAX {
            entry.cut.get_or_insert_with(|| b"*".to_vec());
        }
        self.finish(entry, batch, start, head.cursor(header))
    }

    fn finish(
        &mut self,
        entry: Limits,
        batch: &mut Entries,
        start: usize,
        cursor: infralogs_core::cursor::Cursor,
    ) -> Read {
        if batch.bytes() == start && entry.damaged > 0 {
            batch.abandon();
            return Read::Damaged;
        }
        if let Some(name) = &entry.cut {
            batch.push_field(CUT.as_bytes(), name);
        }
        if entry.damaged > 0 {
            batch.push_field(DAMAGED.as_bytes(), entry.damaged.to_string().as_bytes());
        }
        if batch.bytes() > self.bytes_max && !batch.is_empty() {
            batch.abandon();
            // What this entry brought is gone from the batch, and so are its places.
            self.cache.begin();
            return Read::NoRoom;
        }
        batch.end(cursor);
        Read::Taken
    }

    /// Reads the field at `at` into `plain`, at most one byte more than we keep of it.
    fn field(&mut self, file: &JournalFile, blocks: &mut Blocks, at: u64) -> Option<Fresh> {
        let (disk, header) = file.parts()?;
        if !may_begin(header, at) {
            return None;
        }
        let payload_at: usize = if header.compact { 72 } else { 64 };
        let bytes = blocks.from(disk, at, payload_at)?;
        let head = ObjectHead::parse(bytes)?;
        let length = usize::try_from(head.size.checked_sub(payload_at as u64)?).ok()?;
        if head.kind != TYPE_DATA {
            return None;
        }
        let shared = u64_at(bytes, 56)? > 1;
        let most = if head.flags == 0 { PLAIN_BYTES_MAX } else { PACKED_BYTES_MAX };
        let take = length.min(most);
        let payload = match bytes.get(payload_at..payload_at + take) {
            Some(payload) => payload,
            None => blocks.bytes(disk, at.checked_add(payload_at as u64)?, take)?,
        };
        self.plain.clear();
        self.plain.shrink_to(PLAIN_BYTES_KEPT);
        if head.flags == 0 {
            self.plain.extend_from_slice(payload);
        } else {
            self.unpack.unpack(head.flags, payload, PLAIN_BYTES_MAX, &mut self.plain)?;
        }
        let name = memchr::memchr(b'=', &self.plain[..self.plain.len().min(NAME_BYTES_MAX + 1)])?;
        is_name(&self.plain[..name]).then_some(Fresh { name, shared })
    }
}

/// How many fields of the entry were damaged.
const DAMAGED: &str = "INFRALOGS_DAMAGED";

/// Counts what an entry takes.
#[derive(Default)]
struct Limits {
    bytes: usize,
    /// The first field that was cut or left out.
    cut: Option<Vec<u8>>,
    damaged: u64,
}

impl Limits {
    /// How much of a value of so many bytes fits.
    fn fit(&mut self, name: &[u8], value: usize) -> usize {
        let room = (ENTRY_BYTES_MAX.saturating_sub(self.bytes + name.len())).min(FIELD_BYTES_MAX);
        let fits = value.min(room);
        if fits < value && self.cut.is_none() {
            self.cut = Some(name.to_vec());
        }
        self.bytes += name.len() + fits;
        fits
    }
}

/// As journald names fields: upper-case letters, digits and `_`, no digit first. Names with `__` in front are the
/// formats' own and never fields.
fn is_name(name: &[u8]) -> bool {
    !name.is_empty()
        && name.len() <= NAME_BYTES_MAX
        && !name[0].is_ascii_digit()
        && !name.starts_with(b"__")
        && name.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b'_')
}
