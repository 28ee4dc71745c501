//! Runs several parsers over a batch: entries in, columns out, on as many cores as are free.

use super::{
    Counts, Parsed, Parser, Plan,
    compile::Reads,
    cores,
    desk::{Desk, Shared},
    entry_fields::{Found, Wanted},
    lines,
    record::{Of, Work},
    select::{self, Selection},
};
use crate::{entry::Entries, time::Time};
use std::{ops::Range, sync::Arc, thread};

/// Fewer entries than this are not worth another thread.
const ENTRIES_A_CORE_MIN: usize = 512;

/// One parser's place in a plan: it reads the entry's fields by the plan's numbers.
#[derive(Debug)]
pub(super) struct Seat {
    pub parser: Arc<Parser>,
    pub reads: Reads,
}

/// What was made of a part of a batch.
#[derive(Default)]
struct Chunk<'a> {
    /// By seat; `None`: nothing was shown to it.
    desks: Vec<Option<Desk<'a>>>,
    /// How many entries passed each gate.
    passed: Vec<u64>,
    /// By seat: the entries whose lines are to be joined.
    lines: Vec<Vec<u32>>,
}

impl Plan {
    /// Parsers that run together.
    pub fn new(mut parsers: Vec<Arc<Parser>>) -> Self {
        parsers.sort_by(|a, b| a.spec.name.cmp(&b.spec.name));
        let mut wanted = Wanted::default();
        let seats = parsers.iter().map(|parser| Seat { parser: parser.clone(), reads: moved(parser, &mut wanted) });
        let seats: Vec<Seat> = seats.collect();
        let selection = Selection::new(&seats, &mut wanted);
        let gate_of = select::gate_of_seats(&selection, seats.len());
        Self { parsers, seats, wanted, selection, gate_of }
    }

    /// Runs all parsers over all entries. Never fails: what can't be parsed is counted or quarantined.
    pub fn run(&self, entries: &Entries, now: Time) -> Parsed {
        let shared = Shared::new(self.seats.len(), entries);
        let chunk = self.run_part(entries, 0..entries.len(), now, &shared);
        self.finish(vec![chunk], entries, now, &shared)
    }

    /// The same on all cores that no other batch uses now; what comes out is the same, in the same order.
    pub fn run_on_cores(&self, entries: &Entries, now: Time) -> Parsed {
        let most = entries.len() / ENTRIES_A_CORE_MIN;
        let cores = cores::take(most.saturating_sub(1));
        let parts = cores.count() + 1;
        let shared = Shared::new(self.seats.len(), entries);
        let part = |nth: usize| entries.len() * nth / parts..entries.len() * (nth + 1) / parts;
        let run = |nth| self.run_part(entries, part(nth), now, &shared);
        let run = &run;
        let chunks = thread::scope(|scope| {
            let others: Vec<_> = (1..parts).map(|nth| (nth, start(scope, move || run(nth)))).collect();
            let mut chunks = vec![run(0)];
            // A thread that could not be started, or died, leaves its part to this one.
            let ended = |(nth, thread): (usize, Option<thread::ScopedJoinHandle<'_, _>>)| {
                thread.and_then(|thread| thread.join().ok()).unwrap_or_else(|| run(nth))
            };
            chunks.extend(others.into_iter().map(ended));
            chunks
        });
        drop(cores);
        self.finish(chunks, entries, now, &shared)
    }

    fn run_part<'a>(
        &'a self,
        entries: &'a Entries,
        part: Range<usize>,
        now: Time,
        shared: &'a Shared<'a>,
    ) -> Chunk<'a> {
        let mut chunk = Chunk {
            desks: self.seats.iter().map(|_| None).collect(),
            passed: vec![0; self.selection.gates.len()],
            lines: vec![Vec::new(); self.seats.len()],
        };
        let numbers = self.wanted.numbers(entries.names());
        let mut values = Found::default();
        let mut found = select::Found::default();
        let mut passed: Vec<u16> = Vec::new();
        for index in part.clone() {
            let entry = entries.get(index);
            self.wanted.find(&entry, &numbers, &mut values);
            passed.clear();
            for number in self.selection.gates(&values, &mut found) {
                let gate = usize::from(*number);
                if self.selection.gates[gate].exact {
                    chunk.passed[gate] += 1;
                    passed.push(*number);
                    continue;
                }
                // They all have the same `.from`: the first of them asks it.
                let first = usize::from(self.selection.gates[gate].seats[0]);
                let desk = chunk.desks[first].get_or_insert_with(|| Desk::new(&self.seats[first], first, shared, now));
                if desk.selects(index as u32, &entry, &values) {
                    chunk.passed[gate] += 1;
                    passed.push(*number);
                }
            }
            let mut show = |number: &u16| {
                let number = usize::from(*number);
                let seat = &self.seats[number];
                if seat.parser.program.lines.is_some() {
                    chunk.lines[number].push(index as u32);
                    return;
                }
                // The first part makes room for what is put behind it.
                let left = if part.start == 0 { entries.len() } else { part.end } - index;
                let desk = chunk.desks[number].get_or_insert_with(|| Desk::new(seat, number, shared, now));
                desk.entry(index as u32, &entry, &values, left);
            };
            for gate in &passed {
                self.selection.gates[usize::from(*gate)].direct.iter().for_each(&mut show);
            }
            let searched = self.selection.seats(&passed, &values, &mut found).iter();
            searched.filter(|seat| passed.contains(&self.gate_of[usize::from(**seat)])).for_each(&mut show);
        }
        chunk
    }

    /// Puts the parts together, in order, and runs what joins lines over the whole.
    fn finish<'a>(&'a self, chunks: Vec<Chunk<'a>>, entries: &'a Entries, now: Time, shared: &'a Shared<'a>) -> Parsed {
        let mut desks: Vec<Option<Desk<'a>>> = self.seats.iter().map(|_| None).collect();
        let mut passed = vec![0; self.selection.gates.len()];
        let mut selected: Vec<Vec<u32>> = vec![Vec::new(); self.seats.len()];
        for chunk in chunks {
            for (whole, part) in desks.iter_mut().zip(chunk.desks) {
                match (whole.as_mut(), part) {
                    (Some(whole), Some(part)) => whole.append(part),
                    (None, part) => *whole = part,
                    (Some(_), None) => {}
                }
            }
            passed.iter_mut().zip(&chunk.passed).for_each(|(sum, more)| *sum += more);
            selected.iter_mut().zip(chunk.lines).for_each(|(all, more)| all.extend(more));
        }
        let mut parsed = Parsed::default();
        for (number, (seat, desk)) in self.seats.iter().zip(desks).enumerate() {
            let passed = passed[usize::from(self.gate_of[number])];
            let mut counts = Counts { selected: passed, unmatched: passed, ..Counts::default() };
            if let Some(lines) = &seat.parser.program.lines {
                let joined = lines::join(seat, lines, &self.wanted, entries, &selected[number]);
                let mut desk = Desk::new(seat, number, shared, now);
                let numbers = self.wanted.numbers(entries.names());
                let mut values = Found::default();
                for (index, lines, text) in joined.records() {
                    let entry = entries.get(index as usize);
                    self.wanted.find(&entry, &numbers, &mut values);
                    desk.joined(index, &entry, &values, lines, text);
                }
                desk.end(&mut parsed, &mut counts);
            } else if let Some(desk) = desk {
                desk.end(&mut parsed, &mut counts);
            }
            parsed.counts.push(counts);
            if shared.rests(number) {
                parsed.resting.push(seat.parser.spec.name.clone());
            }
        }
        parsed.quarantined.sort_by_key(|one| one.entry);
        parsed
    }
}

/// The joined records of one parser, of what it selects or without `select` of everything: the number of the first
/// entry and the text.
pub(super) fn joined(parser: &Arc<Parser>, entries: &Entries, select: bool, now: Time) -> Vec<(usize, String)> {
    let mut wanted = Wanted::default();
    let seat = Seat { parser: parser.clone(), reads: moved(parser, &mut wanted) };
    let Some(lines) = &seat.parser.program.lines else { return Vec::new() };
    let mut work = Work::new(&parser.program, now);
    let numbers = wanted.numbers(entries.names());
    let mut found = Found::default();
    let selects = |index: &u32| {
        let entry = entries.get(*index as usize);
        wanted.find(&entry, &numbers, &mut found);
        !select || parser.selects(Of { entry: &entry, found: &found, reads: &seat.reads }, &mut work)
    };
    let selected: Vec<u32> = (0..entries.len() as u32).filter(selects).collect();
    let joined = lines::join(&seat, lines, &wanted, entries, &selected);
    joined.records().map(|(first, _, text)| (first as usize, text.to_owned())).collect()
}

fn start<'scope, 'env, T: Send + 'scope>(
    scope: &'scope thread::Scope<'scope, 'env>,
    run: impl FnOnce() -> T + Send + 'scope,
) -> Option<thread::ScopedJoinHandle<'scope, T>> {
    thread::Builder::new().name("parse".into()).spawn_scoped(scope, run).ok()
}

fn moved(parser: &Parser, wanted: &mut Wanted) -> Reads {
    let (own, reads) = (&parser.program.wanted, &parser.program.reads);
    Reads {
        input: own.moved(&reads.input, wanted),
        before: reads.before.iter().map(|(slot, field)| (*slot, own.moved(field, wanted))).collect(),
        kept: reads.kept.iter().map(|(slot, field)| (*slot, own.moved(field, wanted))).collect(),
        stream: reads.stream.iter().map(|field| own.moved(field, wanted)).collect(),
        after: reads.after.iter().map(|(slot, field)| (*slot, own.moved(field, wanted))).collect(),
    }
}
