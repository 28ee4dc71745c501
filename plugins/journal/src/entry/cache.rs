//! Remembers fields that many entries share: unpacked and checked, within bounded memory.

use infralogs_core::entry::Place;

/// How many fields are remembered at most; a power of two.
const SLOTS: usize = 1 << 13;
/// How many bytes of them. When it is full everything is forgotten: what is needed again comes back at once.
const ARENA_BYTES_MAX: usize = 1 << 20;
/// Longer fields are not remembered.
const FIELD_BYTES_MAX: usize = 4 << 10;

/// A field that was read before.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Known {
    /// Which file and where in it; 0 is nobody.
    key: u64,
    at: u32,
    name: u16,
    length: u16,
    /// Where it stands in the batch that is being made, if it does.
    place: Place,
    batch: u32,
    /// Which groups of the filter it satisfies.
    pub(crate) satisfies: u64,
    filter: u32,
}

/// Fields by where they stand. Each place has one slot; who comes later takes it.
#[derive(Debug, Default)]
pub(crate) struct Cache {
    slots: Vec<Known>,
    arena: Vec<u8>,
    batch: u32,
    filter: u32,
}

impl Cache {
    /// A key of a field at `at` in the file that has this key.
    pub(crate) fn key(file: u32, at: u64) -> u64 {
        // Objects are aligned to 8 bytes; a file of 2^43 bytes is not a journal.
        u64::from(file) << 40 | (at >> 3 & 0xff_ffff_ffff)
    }

    /// Begins a batch: places of the last one are void.
    pub(crate) fn begin(&mut self) {
        self.batch += 1;
    }

    /// From now on another filter counts.
    pub(crate) fn refilter(&mut self) {
        self.filter += 1;
    }

    fn slot(key: u64) -> usize {
        (key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 50) as usize & (SLOTS - 1)
    }

    /// The field of this key.
    pub(crate) fn get(&self, key: u64) -> Option<&Known> {
        self.slots.get(Self::slot(key)).filter(|known| known.key == key)
    }

    /// Its name and value.
    pub(crate) fn field(&self, known: &Known) -> (&[u8], &[u8]) {
        let field = &self.arena[known.at as usize..known.at as usize + usize::from(known.length)];
        (&field[..usize::from(known.name)], &field[usize::from(known.name) + 1..])
    }

    /// Where it stands in this batch.
    pub(crate) fn place(&self, known: &Known) -> Option<Place> {
        (known.batch == self.batch).then_some(known.place)
    }

    /// Which groups of this filter it satisfies, if that was found out.
    pub(crate) fn satisfies(&self, known: &Known) -> Option<u64> {
        (known.filter == self.filter).then_some(known.satisfies)
    }

    /// Notes where it stands in this batch.
    pub(crate) fn placed(&mut self, key: u64, place: Place) {
        let batch = self.batch;
        if let Some(known) = self.slots.get_mut(Self::slot(key)).filter(|known| known.key == key) {
            (known.place, known.batch) = (place, batch);
        }
    }

    /// Notes which groups of this filter it satisfies.
    pub(crate) fn judged(&mut self, key: u64, satisfies: u64) {
        let filter = self.filter;
        if let Some(known) = self.slots.get_mut(Self::slot(key)).filter(|known| known.key == key) {
            (known.satisfies, known.filter) = (satisfies, filter);
        }
    }

    /// Remembers a field (`NAME=value`, its name so long).
    pub(crate) fn insert(&mut self, key: u64, name: usize, field: &[u8]) {
        if field.len() > FIELD_BYTES_MAX {
            return;
        }
        if self.slots.is_empty() {
            self.slots.resize(SLOTS, Known::default());
        }
        if self.arena.len() + field.len() > ARENA_BYTES_MAX {
            self.arena.clear();
            self.slots.fill(Known::default());
        }
        let at = self.arena.len() as u32;
        self.arena.extend_from_slice(field);
        let (name, length) = (name as u16, field.len() as u16);
        self.slots[Self::slot(key)] = Known { key, at, name, length, ..Known::default() };
    }
}
