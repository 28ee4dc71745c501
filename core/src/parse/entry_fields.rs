//! An entry's own fields as parsers read them: all that are wanted are found in one pass over the entry.

use crate::{
    entry::Entry,
    expr::{
        LEVELS,
        slots::{Slot, Slots},
    },
    fields::{ENTRY_FIELDS, journal_names, label_of},
    table::ColumnType,
};
use std::sync::Arc;

/// Journal fields that are looked for, each with its number.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wanted(Vec<Arc<str>>);

/// By the number that a batch gives a name: its number among the wanted ones, or a number that none of them has.
pub(crate) struct Numbers(Vec<u16>);

/// The values of the wanted fields of one entry, by their numbers: the first of each name.
pub(crate) type Found<'a> = Vec<Option<&'a [u8]>>;

impl Wanted {
    /// The number of a journal field, from now on looked for.
    pub fn add(&mut self, name: &str) -> u16 {
        self.0.iter().position(|own| **own == *name).unwrap_or_else(|| {
            self.0.push(name.into());
            self.0.len() - 1
        }) as u16
    }

    /// Which names of a batch are wanted.
    pub fn numbers(&self, names: &[Arc<[u8]>]) -> Numbers {
        let number = |name: &Arc<[u8]>| self.0.iter().position(|own| own.as_bytes() == &**name);
        Numbers(names.iter().map(|name| number(name).map_or(u16::MAX, |number| number as u16)).collect())
    }

    /// Looks through an entry of the batch once.
    #[inline]
    pub fn find<'a>(&self, entry: &Entry<'a>, numbers: &Numbers, found: &mut Found<'a>) {
        found.resize(self.0.len(), None);
        found.fill(None);
        let mut missing = self.0.len();
        for (name, value) in entry.numbered_fields() {
            if let Some(own) = found.get_mut(usize::from(numbers.0[name]))
                && own.is_none()
            {
                *own = Some(value);
                missing -= 1;
                if missing == 0 {
                    break;
                }
            }
        }
    }

    /// Looks through one entry of a batch that is not looked through as a whole.
    pub fn find_alone<'a>(&self, entry: &Entry<'a>, found: &mut Found<'a>) {
        self.find(entry, &self.numbers(entry.batch_names()), found);
    }

    /// A field read by these numbers, read by the numbers of `other`.
    pub fn moved(&self, field: &EntryField, other: &mut Self) -> EntryField {
        let sources = field.sources.iter().map(|source| other.add(&self.0[usize::from(*source)])).collect();
        EntryField { how: field.how, sources }
    }
}

/// An entry's field by the name scripts use, as [`crate::fields::read`] reads it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct EntryField {
    how: How,
    /// Numbers of the journal fields it may be read from, best first.
    sources: Vec<u16>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum How {
    Time,
    Priority,
    Level,
    Number,
    Service,
    Text,
}

impl EntryField {
    pub fn new(name: &str, wanted: &mut Wanted) -> Self {
        let how = match name {
            "time" => How::Time,
            "priority" => How::Priority,
            "level" => How::Level,
            "pid" => How::Number,
            "service" => How::Service,
            _ => How::Text,
        };
        let sources = if ENTRY_FIELDS.contains(&name) {
            journal_names(name).iter().map(|journal| wanted.add(journal)).collect()
        } else {
            vec![wanted.add(label_of(name).as_deref().unwrap_or(name))]
        };
        Self { how, sources }
    }

    /// The bytes it is read from.
    #[inline]
    pub fn bytes<'a>(&self, found: &[Option<&'a [u8]>]) -> Option<&'a [u8]> {
        self.sources.iter().find_map(|source| found.get(usize::from(*source)).copied().flatten())
    }

    /// The bytes of its text, of fields that are texts.
    #[inline]
    pub fn text_bytes<'a>(&self, found: &[Option<&'a [u8]>]) -> Option<&'a [u8]> {
        let bytes = self.bytes(found)?;
        Some(if self.how == How::Service { bytes.strip_suffix(b".service").unwrap_or(bytes) } else { bytes })
    }

    /// Its value.
    pub fn read<'a>(&self, entry: &Entry<'a>, found: &[Option<&'a [u8]>], on: &mut Slots<'a>) -> Slot<'a> {
        if self.how == How::Time {
            return Slot::Int(entry.time().0);
        }
        let Some(bytes) = self.bytes(found) else { return Slot::Missing };
        match self.how {
            How::Number => number(bytes).map_or(Slot::Missing, Slot::Int),
            How::Priority => priority(bytes).map_or(Slot::Missing, Slot::Int),
            How::Level => {
                priority(bytes).and_then(|p| LEVELS.get(p as usize)).map_or(Slot::Missing, |level| Slot::Text(level))
            }
            How::Service => text(bytes.strip_suffix(b".service").unwrap_or(bytes), on),
            _ => text(bytes, on),
        }
    }
}

/// The column an entry's field makes.
pub(crate) fn entry_field_type(name: &str) -> ColumnType {
    match name {
        "time" => ColumnType::Time,
        "priority" | "pid" => ColumnType::Int,
        _ => ColumnType::Text,
    }
}

/// Text as it stands; bytes that are no UTF-8 are replaced in a copy.
fn text<'a>(bytes: &'a [u8], on: &mut Slots<'a>) -> Slot<'a> {
    match simdutf8::basic::from_utf8(bytes) {
        Ok(text) => Slot::Text(text),
        Err(_) => {
            let lossy = String::from_utf8_lossy(bytes);
            on.make(lossy.len(), |made| made.push_str(&lossy))
        }
    }
}

fn number(bytes: &[u8]) -> Option<i64> {
    std::str::from_utf8(bytes).ok()?.trim_ascii().parse().ok()
}

fn priority(bytes: &[u8]) -> Option<i64> {
    number(bytes).filter(|priority| (0..=7).contains(priority))
}
