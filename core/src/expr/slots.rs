//! What one record holds while it is computed: a slot per field, borrowed text, and one reused buffer for made text.

use crate::{time::Time, value::Value};
use std::borrow::Cow;

/// The most bytes of text that the steps of one record may make; what goes beyond makes the record fail.
pub(crate) const MADE_BYTES_MAX: usize = 4 << 20;

/// A field's value: small, copied freely, owning nothing.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) enum Slot<'a> {
    /// Not there.
    #[default]
    Missing,
    Bool(bool),
    Int(i64),
    Float(f64),
    /// Text of the entry or of the plan.
    Text(&'a str),
    /// Text that was made for this record, from (included) to (excluded) in [`Slots::made`].
    Made(u32, u32),
}

/// All slots of one record. Kept over records so that nothing is allocated for the next one.
#[derive(Debug)]
pub(crate) struct Slots<'a> {
    pub values: Vec<Slot<'a>>,
    made: String,
    /// What `ago` counts from.
    pub now: Time,
    /// Set when a record made more than [`MADE_BYTES_MAX`].
    pub overflow: bool,
}

impl<'a> Slots<'a> {
    /// `count` empty slots.
    pub fn new(count: usize, now: Time) -> Self {
        Self { values: vec![Slot::Missing; count], made: String::new(), now, overflow: false }
    }

    /// Forgets the last record.
    #[inline]
    pub fn clear(&mut self) {
        self.values.fill(Slot::Missing);
        self.made.clear();
        self.overflow = false;
    }

    /// The text in a slot.
    #[inline]
    pub fn text(&self, slot: Slot<'a>) -> Option<&str> {
        match slot {
            Slot::Text(text) => Some(text),
            Slot::Made(from, to) => self.made.get(from as usize..to as usize),
            _ => None,
        }
    }

    /// A slot as a value.
    pub fn value(&self, slot: Slot<'a>) -> Value<'_> {
        match slot {
            Slot::Missing => Value::Missing,
            Slot::Bool(b) => Value::Bool(b),
            Slot::Int(i) => Value::Int(i),
            Slot::Float(f) => Value::Float(f),
            text => self.text(text).map_or(Value::Missing, |text| Value::Text(Cow::Borrowed(text))),
        }
    }

    /// How many bytes of text were made for this record so far.
    pub fn made_bytes(&self) -> usize {
        self.made.len()
    }

    /// Forgets text that was made since there were so many bytes.
    pub fn forget_made(&mut self, bytes: usize) {
        self.made.truncate(bytes);
        self.overflow = false;
    }

    /// Keeps text that `write` appends, at most `room` bytes more; missing and marked if it grows too long.
    pub fn make(&mut self, room: usize, write: impl FnOnce(&mut String)) -> Slot<'a> {
        let from = self.made.len();
        if from + room > MADE_BYTES_MAX {
            self.overflow = true;
            return Slot::Missing;
        }
        write(&mut self.made);
        Slot::Made(from as u32, self.made.len() as u32)
    }

    /// A changed copy of a text: appended to the buffer, then changed in place.
    pub fn change(&mut self, slot: Slot<'a>, change: impl FnOnce(&mut str)) -> Slot<'a> {
        let made = self.copy(&[slot]);
        if let Slot::Made(from, to) = made
            && let Some(text) = self.made.get_mut(from as usize..to as usize)
        {
            change(text);
        }
        made
    }

    /// Texts joined; slots that hold none count as empty.
    pub fn copy(&mut self, parts: &[Slot<'a>]) -> Slot<'a> {
        let room = parts.iter().map(|part| self.text(*part).map_or(0, str::len)).sum();
        self.make(room, |made| {
            for part in parts {
                match *part {
                    Slot::Text(text) => made.push_str(text),
                    Slot::Made(from, to) => made.extend_from_within(from as usize..to as usize),
                    _ => {}
                }
            }
        })
    }

    /// Part of a text by its bytes; empty if there is no such part.
    pub fn part(&self, slot: Slot<'a>, bytes: std::ops::Range<usize>) -> Slot<'a> {
        match slot {
            Slot::Text(text) => Slot::Text(text.get(bytes).unwrap_or("")),
            Slot::Made(from, to) => {
                let (begin, end) = (from as usize + bytes.start, from as usize + bytes.end);
                if end > to as usize { Slot::Text("") } else { Slot::Made(begin as u32, end as u32) }
            }
            other => other,
        }
    }

    /// A text without ASCII white space at both ends.
    pub fn trim(&self, slot: Slot<'a>) -> Slot<'a> {
        match slot {
            Slot::Text(text) => Slot::Text(text.trim_ascii()),
            Slot::Made(from, to) => {
                let text = self.made.get(from as usize..to as usize).unwrap_or("");
                let begin = to - text.trim_ascii_start().len() as u32;
                Slot::Made(begin, begin + text.trim_ascii().len() as u32)
            }
            other => other,
        }
    }
}
