//! Rows of parsers that store just what they read: the pieces of many texts first, then one column after the other, so
//! that what a column holds is asked once and not for every value, and short texts are copied without a call.

use super::{
    bytes::{is_ipv4, short_int},
    convert::{Reading, int},
    piece::{Form, Miss, Piece},
    reader::{Extract, Locations},
};
use crate::{
    expr::slots::{Slot, Slots},
    table::Column,
    time::Time,
};

/// How many texts are read before the columns are filled: as many as stay near the processor.
const RECORDS: usize = 64;
/// Texts up to this are copied all at once, with what stands behind them, which is then cut off.
const SHORT: usize = 16;
/// Of longer texts no more than this is gathered: they are quicker copied one by one, and only once.
const GATHERED_MAX: usize = RECORDS * SHORT * 2;

/// Texts that have an extractor's shape and stand in no column yet.
#[derive(Debug, Default)]
pub(super) struct Block<'a> {
    pub records: Vec<Record<'a>>,
    /// Their pieces, those of the first record first, and absent ones for the records to come.
    pieces: Vec<Piece>,
    locations: Locations,
    texts: Vec<u8>,
    ends: Vec<u32>,
    ints: Vec<i64>,
}

/// A text and the entry that it is of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Record<'a> {
    pub entry: u32,
    pub text: &'a str,
    /// What its times are near to.
    clock: Time,
}

impl<'a> Block<'a> {
    /// Reads a text; it is kept if it has the shape.
    #[inline]
    pub fn read(&mut self, extract: &Extract, entry: u32, text: &'a str, clock: Time) -> Result<(), Miss> {
        let fields = extract.fields.len();
        if self.pieces.is_empty() {
            self.pieces.resize(RECORDS * fields, Piece::default());
        }
        let from = self.records.len() * fields;
        let pieces = &mut self.pieces[from..from + fields];
        match extract.read_into(text, 0, pieces, &mut self.locations, clock) {
            Ok(()) => self.records.push(Record { entry, text, clock }),
            Err(miss) => {
                pieces.fill(Piece::default());
                return Err(miss);
            }
        }
        Ok(())
    }

    /// Forgets all records.
    pub fn clear(&mut self) {
        self.records.clear();
        self.pieces.fill(Piece::default());
    }

    /// Whether it is time to fill the columns.
    pub fn is_full(&self) -> bool {
        self.records.len() == RECORDS
    }

    /// Adds all records to the columns; `order` has by column the number of its field. Where a piece is not of its
    /// field's type nothing is added: then each record must be run alone, to find which.
    pub fn fill(&mut self, extract: &Extract, order: &[u16], columns: &mut [Column], on: &mut Slots<'a>) -> bool {
        let before: Vec<usize> = columns.iter().map(Column::len).collect();
        let filled = columns.iter_mut().zip(order).all(|(column, at)| {
            let at = usize::from(*at);
            let done = match &extract.fields[at].reading {
                Reading::Text => self.add_texts(extract, at, column, |_, _, _| true),
                Reading::Ip => self.add_texts(extract, at, column, is_ipv4),
                Reading::Int => self.add_ints(extract, at, column, |text, piece, _| {
                    let short = short_int(text.as_bytes(), piece.from as usize, piece.to as usize);
                    short.or_else(|| int(piece.of(text)))
                }),
                reading @ (Reading::Time(_) | Reading::SyslogTime(..)) => {
                    self.add_ints(extract, at, column, |text, piece, clock| reading.time(piece.of(text), clock))
                }
                _ => false,
            };
            done || self.add_each(extract, at, column, on)
        });
        if !filled {
            columns.iter_mut().zip(before).for_each(|(column, length)| column.truncate(length));
        }
        filled
    }

    /// The records with the pieces of one field.
    fn pieces(&self, extract: &Extract, at: usize) -> impl Iterator<Item = (&Record<'a>, Piece)> {
        let pieces = self.pieces.chunks_exact(extract.fields.len().max(1));
        self.records.iter().zip(pieces).map(move |(record, pieces)| (record, pieces[at]))
    }

    /// Adds short texts as they stand; nothing if one must be changed or is not `fine`.
    fn add_texts(
        &mut self,
        extract: &Extract,
        at: usize,
        column: &mut Column,
        fine: impl Fn(&[u8], usize, usize) -> bool,
    ) -> bool {
        let (mut texts, mut ends) = (std::mem::take(&mut self.texts), std::mem::take(&mut self.ends));
        texts.clear();
        ends.clear();
        let plain = self.pieces(extract, at).all(|(record, piece)| {
            let (text, from, to) = (record.text.as_bytes(), piece.from as usize, piece.to as usize);
            let plain = piece.form == Form::Raw && fine(text, from, to) && copy(text, from, to, &mut texts);
            ends.push(texts.len() as u32);
            plain && texts.len() <= GATHERED_MAX
        });
        // Each of them is text if all together are and each ends where a character does.
        let text = if plain { simdutf8::basic::from_utf8(&texts).ok() } else { None };
        let text = text.filter(|text| ends.iter().all(|end| text.is_char_boundary(*end as usize)));
        let added = text.is_some_and(|text| column.push_texts(text, &ends));
        (self.texts, self.ends) = (texts, ends);
        added
    }

    /// Adds numbers; nothing if a piece is none.
    fn add_ints(
        &mut self,
        extract: &Extract,
        at: usize,
        column: &mut Column,
        read: impl Fn(&str, Piece, Time) -> Option<i64>,
    ) -> bool {
        let mut ints = std::mem::take(&mut self.ints);
        ints.clear();
        let all = self.pieces(extract, at).all(|(record, piece)| {
            let int = match piece.form {
                Form::Raw => read(record.text, piece, record.clock),
                Form::Number | Form::Micros => Some(piece.number()),
                _ => None,
            };
            ints.push(int.unwrap_or_default());
            int.is_some()
        });
        let added = all && column.push_ints(&ints);
        self.ints = ints;
        added
    }

    /// Adds one value after the other, whatever they are; `false` at the first that is not of its type.
    fn add_each(&self, extract: &Extract, at: usize, column: &mut Column, on: &mut Slots<'a>) -> bool {
        self.pieces(extract, at).all(|(record, piece)| {
            on.clear();
            match extract.fields[at].typed(piece, record.text, on, record.clock) {
                Some(Slot::Text(text)) => column.push_text(text),
                Some(Slot::Int(int)) => column.push_int(int),
                Some(other) => _ = column.push(&on.value(other)),
                None => return false,
            }
            true
        })
    }
}

/// Appends a piece of a text; `false` if there is no such piece.
#[inline(always)]
fn copy(text: &[u8], from: usize, to: usize, onto: &mut Vec<u8>) -> bool {
    let Some(length) = to.checked_sub(from) else { return false };
    match text.get(from..).and_then(|rest| rest.first_chunk::<SHORT>()) {
        Some(chunk) if length <= SHORT => {
            onto.extend_from_slice(chunk);
            onto.truncate(onto.len() - SHORT + length);
            true
        }
        _ => text.get(from..to).map(|piece| onto.extend_from_slice(piece)).is_some(),
    }
}
