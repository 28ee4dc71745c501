//! Which parsers want an entry: one look-up for all of them, not one test for each.
//!
//! Parsers with the same `.from` share a *gate*. Gates whose `.from` asks for a field to be a certain text
//! (`identifier == "sshd"`) are found in a table by that text; those that ask for a piece of text, by one search
//! for all pieces; only the others are tested for every entry. Behind the gates, parsers whose patterns need some
//! text are found by one search of the input for all these texts. A parser that is not found there is counted as
//! *unmatched* without having been run.

mod key;
mod scan;
mod table;

use super::{
    entry_fields::{EntryField, Wanted},
    plan::Seat,
};
use crate::expr::Expr;
pub(crate) use key::Key;
use scan::{Scan, Scans};
use std::sync::Arc;
use table::Table;

/// From so many parsers with a text to be searched for, searching for all at once is cheaper than trying each.
const SEARCHED_MIN: usize = 5;

/// How a plan finds the parsers for an entry.
#[derive(Debug, Default)]
pub(super) struct Selection {
    pub gates: Vec<Gate>,
    /// Gates that are tested for every entry.
    always: Vec<u16>,
    /// Gates by the text of a field.
    tables: Vec<(EntryField, Table)>,
    /// Gates by a piece of text in a field.
    gate_scans: Scans,
    /// Seats by a piece of text in their input.
    seat_scans: Scans,
}

/// Parsers with the same `.from`.
#[derive(Debug)]
pub(super) struct Gate {
    from: Option<Expr>,
    /// Whether finding it in a table says all that `.from` asks.
    pub exact: bool,
    /// All of them, by their number in the plan.
    pub seats: Vec<u16>,
    /// Those that run on whatever passes.
    pub direct: Vec<u16>,
    /// The searches that find the others.
    searches: Vec<u16>,
}

/// What is remembered while one entry is looked at; used again for the next.
#[derive(Debug, Default)]
pub(super) struct Found<'a> {
    /// What the tables were last asked for, if they were.
    keys: Option<Vec<Option<&'a [u8]>>>,
    gates: Vec<u16>,
    seats: Vec<u16>,
    searches: Vec<u16>,
}

impl Selection {
    pub fn new(seats: &[Seat], wanted: &mut Wanted) -> Self {
        let mut selection = Self::default();
        for (number, seat) in seats.iter().enumerate() {
            let from = &seat.parser.spec.from;
            let gate = match selection.gates.iter().position(|gate| gate.from == *from) {
                Some(gate) => gate,
                None => selection.add_gate(from.clone(), wanted),
            };
            selection.gates[gate].seats.push(number as u16);
        }
        selection.add_seats(seats, wanted);
        selection
    }

    fn add_gate(&mut self, from: Option<Expr>, wanted: &mut Wanted) -> usize {
        let number = self.gates.len() as u16;
        match from.as_ref().map_or(Key::Any, Key::of_condition) {
            Key::Any => self.always.push(number),
            Key::Equal(field, texts) => {
                let field = EntryField::new(&field, wanted);
                let at = self.tables.iter().position(|(own, _)| *own == field).unwrap_or_else(|| {
                    self.tables.push((field, Table::default()));
                    self.tables.len() - 1
                });
                for text in texts {
                    self.tables[at].1.add(text.as_bytes(), number);
                }
            }
            Key::Begins(field, texts) => _ = self.gate_scans.add(EntryField::new(&field, wanted), &texts, true, number),
            Key::Holds(field, texts) => _ = self.gate_scans.add(EntryField::new(&field, wanted), &texts, false, number),
        }
        let exact = matches!(from, Some(Expr::Compare(..) | Expr::In(..))) && !self.always.contains(&number);
        self.gates.push(Gate { from, exact, seats: Vec::new(), direct: Vec::new(), searches: Vec::new() });
        usize::from(number)
    }

    /// Searched for are seats of one line each, where there are enough of them to pay.
    fn add_seats(&mut self, seats: &[Seat], wanted: &mut Wanted) {
        let key = |seat: &Seat| match seat.parser.spec.lines {
            Some(_) => Key::Any,
            None => Key::of_extractors(&seat.parser.spec),
        };
        let keys: Vec<Key> = seats.iter().map(key).collect();
        let pays = keys.iter().filter(|key| **key != Key::Any).count() >= SEARCHED_MIN;
        let scans = &mut self.seat_scans;
        for gate in &mut self.gates {
            for number in &gate.seats {
                let (field, texts, begins) = match &keys[usize::from(*number)] {
                    Key::Begins(field, texts) if pays => (field, texts, true),
                    Key::Holds(field, texts) if pays => (field, texts, false),
                    _ => {
                        gate.direct.push(*number);
                        continue;
                    }
                };
                let search = scans.add(EntryField::new(field, wanted), texts, begins, *number);
                if !gate.searches.contains(&search) {
                    gate.searches.push(search);
                }
            }
        }
        self.gate_scans.build();
        self.seat_scans.build();
    }

    /// Fills in the gates that an entry may pass.
    #[inline]
    pub fn gates<'f, 'a>(&self, values: &[Option<&'a [u8]>], found: &'f mut Found<'a>) -> &'f [u16] {
        if self.gate_scans.is_empty() && self.is_known(values, &mut found.keys) {
            return &found.gates;
        }
        found.gates.clear();
        found.gates.extend_from_slice(&self.always);
        for (field, table) in &self.tables {
            if let Some(gates) = field.text_bytes(values).and_then(|text| table.get(text)) {
                found.gates.extend_from_slice(gates);
            }
        }
        if !self.gate_scans.is_empty() {
            let always = found.gates.len();
            self.gate_scans.all().for_each(|scan| scan.search(values, &mut found.gates));
            once(&mut found.gates, always);
        }
        &found.gates
    }

    /// Whether the tables are asked for the very values that the entry before had: a batch holds what repeats once.
    #[inline]
    fn is_known<'a>(&self, values: &[Option<&'a [u8]>], keys: &mut Option<Vec<Option<&'a [u8]>>>) -> bool {
        let mut is_known = keys.is_some();
        let keys = keys.get_or_insert_with(|| vec![None; self.tables.len()]);
        for ((field, _), key) in self.tables.iter().zip(keys) {
            let now = field.bytes(values);
            is_known &= match (*key, now) {
                (Some(before), Some(now)) => std::ptr::eq(before, now),
                (before, now) => before.is_none() && now.is_none(),
            };
            *key = now;
        }
        is_known
    }

    /// Fills in the seats whose texts stand in an entry that passed these gates.
    #[inline]
    pub fn seats<'f>(&self, passed: &[u16], values: &[Option<&[u8]>], found: &'f mut Found<'_>) -> &'f [u16] {
        found.seats.clear();
        if self.seat_scans.is_empty() {
            return &found.seats;
        }
        found.searches.clear();
        for gate in passed {
            for search in &self.gates[usize::from(*gate)].searches {
                if !found.searches.contains(search) {
                    found.searches.push(*search);
                }
            }
        }
        for search in &found.searches {
            let scan: Option<&Scan> = self.seat_scans.get(*search);
            scan.into_iter().for_each(|scan| scan.search(values, &mut found.seats));
        }
        once(&mut found.seats, 0);
        &found.seats
    }
}

/// Leaves each number once, from a place on.
fn once(numbers: &mut Vec<u16>, from: usize) {
    if numbers.len() > from + 1 {
        numbers[from..].sort_unstable();
        numbers.dedup();
    }
}

/// The gate of each seat.
pub(super) fn gate_of_seats(selection: &Selection, seats: usize) -> Arc<[u16]> {
    let mut gates = vec![0; seats];
    for (number, gate) in selection.gates.iter().enumerate() {
        gate.seats.iter().for_each(|seat| gates[usize::from(*seat)] = number as u16);
    }
    gates.into()
}
