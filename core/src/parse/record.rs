//! Runs one parser on one text: read, type, step, and the row is in the slots.

use super::{
    Parser,
    compile::{Action, Program, Reads},
    native::{self, Frame},
    piece::Miss,
    reader::Scratch,
    spec::{RecordFields, Step},
};
use crate::{
    entry::Entry,
    error::{Error, Kind, Result},
    expr::slots::{MADE_BYTES_MAX, Slot, Slots},
    fields,
    parse::convert::Reading,
    table::{Column, ColumnType, ParsedRows, Storage},
    time::Time,
    value::Value,
};

/// The memory of one parser at work, used again for every record.
#[derive(Debug)]
pub(crate) struct Work<'a> {
    pub slots: Slots<'a>,
    pub scratch: Scratch,
    frame: Frame<'a>,
    /// Whether closures were cut so often in this batch that they are not run any more.
    pub resting: bool,
}

/// Why a record whose closure was not run is in quarantine.
const RESTS: &str = "its closure ran away too often in this batch and was not run: mend it, then replay this record";

/// How a record ended.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// Its row is in the slots.
    Row,
    /// No extractor fits; the number of the one that came farthest, and where it stopped.
    Unmatched(usize, Miss),
    /// Left out by this step.
    Dropped(usize),
    /// It matched and then failed.
    Failed(String),
    /// A closure ran away: cut by its limits.
    Cut(String),
}

/// One record's surroundings.
#[derive(Clone, Copy)]
pub(crate) struct Of<'r, 'a> {
    pub entry: &'r Entry<'a>,
    /// The entry's wanted fields.
    pub found: &'r [Option<&'a [u8]>],
    pub reads: &'r Reads,
}

impl<'a> Work<'a> {
    pub fn new(program: &Program, now: Time) -> Self {
        Self {
            slots: Slots::new(program.slots, now),
            scratch: Scratch::default(),
            frame: Frame::default(),
            resting: false,
        }
    }
}

impl Parser {
    /// Whether `.from` wants an entry. Clears the work for its record.
    pub(crate) fn selects<'a>(&'a self, of: Of<'_, 'a>, work: &mut Work<'a>) -> bool {
        work.slots.clear();
        for (slot, field) in &of.reads.before {
            work.slots.values[usize::from(*slot)] = field.read(of.entry, of.found, &mut work.slots);
        }
        self.program.from.as_ref().is_none_or(|from| from.test(&mut work.slots))
    }

    /// Clears the work for the record of an entry that `.from` wants.
    #[inline]
    pub(crate) fn prepare<'a>(&'a self, of: Of<'_, 'a>, work: &mut Work<'a>) {
        work.slots.clear();
        for (slot, field) in &of.reads.kept {
            work.slots.values[usize::from(*slot)] = field.read(of.entry, of.found, &mut work.slots);
        }
    }

    /// Reads a text, runs the steps, and adds the row of entry `index` if there is one.
    #[inline]
    pub(crate) fn add_row<'a>(
        &'a self,
        text: &'a str,
        of: Of<'_, 'a>,
        work: &mut Work<'a>,
        rows: &mut ParsedRows,
        index: u32,
    ) -> Verdict {
        let verdict = self.record(text, of, work);
        if matches!(verdict, Verdict::Row) {
            self.emit(work, &mut rows.rows.columns);
            rows.entry.push(index);
        }
        verdict
    }

    /// Copies a record out of its slots into the columns.
    #[inline]
    fn emit(&self, work: &Work<'_>, columns: &mut [Column]) {
        for (column, emit) in columns.iter_mut().zip(&self.program.columns) {
            match work.slots.values[usize::from(emit.slot)] {
                Slot::Text(text) => column.push_text(text),
                Slot::Int(int) => column.push_int(int),
                other => drop(column.push(&work.slots.value(other))),
            }
        }
    }

    /// Reads a text and runs the steps; the slots hold the record after it.
    #[inline]
    pub(crate) fn record<'a>(&'a self, text: &'a str, of: Of<'_, 'a>, work: &mut Work<'a>) -> Verdict {
        if let Some(verdict) = self.extract(text, of.entry.time(), work) {
            return verdict;
        }
        self.load(of, work);
        for (nth, action) in self.program.steps.iter().enumerate() {
            if let Some(verdict) = self.step(nth, action, of, work) {
                return verdict;
            }
        }
        for (slot, or) in &self.program.stand_ins {
            if work.slots.values[usize::from(*slot)] == Slot::Missing {
                work.slots.values[usize::from(*slot)] = work.slots.values[usize::from(*or)];
            }
        }
        if work.slots.overflow {
            return Verdict::Failed(format!("its steps made more than {MADE_BYTES_MAX} bytes of text"));
        }
        Verdict::Row
    }

    /// Loads the entry's own fields that steps and columns read.
    #[inline]
    pub(crate) fn load<'a>(&'a self, of: Of<'_, 'a>, work: &mut Work<'a>) {
        for (slot, field) in &of.reads.after {
            work.slots.values[usize::from(*slot)] = field.read(of.entry, of.found, &mut work.slots);
        }
    }

    /// Lets the extractors try; `None`: one of them filled the slots, or there are none.
    #[inline]
    pub(crate) fn extract<'a>(&'a self, text: &'a str, clock: Time, work: &mut Work<'a>) -> Option<Verdict> {
        let mut best: Option<(usize, Miss)> = None;
        let mut failed: Option<String> = None;
        for (nth, extract) in self.program.extracts.iter().enumerate() {
            match extract.read(text, nth, &mut work.scratch, clock) {
                Ok(()) => match extract.convert(text, &work.scratch.pieces, &mut work.slots, clock) {
                    Ok(()) => return None,
                    Err(field) => {
                        // Only a failure of the whole record keeps its reason; the next pattern may still fit.
                        if failed.is_none() {
                            failed = Some(extract.reason(field, &work.scratch.pieces, text));
                        }
                        for field in &extract.fields {
                            work.slots.values[usize::from(field.slot)] = Slot::Missing;
                        }
                    }
                },
                Err(miss) if best.is_none_or(|(_, other)| miss.at > other.at) => best = Some((nth, miss)),
                Err(_) => {}
            }
        }
        let unmatched = || best.map(|(nth, miss)| Verdict::Unmatched(nth, miss));
        failed.map(Verdict::Failed).or_else(unmatched)
    }

    #[inline]
    pub(crate) fn step<'a>(
        &'a self,
        nth: usize,
        action: &'a Action,
        of: Of<'_, 'a>,
        work: &mut Work<'a>,
    ) -> Option<Verdict> {
        match action {
            Action::Filter(condition, wanted) => {
                (condition.test(&mut work.slots) != *wanted).then_some(Verdict::Dropped(nth))
            }
            Action::Set { to, slot, kind, reading } => {
                let value = to.eval(&mut work.slots);
                match fit(value, *kind, reading, of.entry.time(), &mut work.slots) {
                    Some(value) => {
                        work.slots.values[usize::from(*slot)] = value;
                        None
                    }
                    None => Some(Verdict::Failed(self.misfit(nth, *kind, work.slots.value(value)))),
                }
            }
            Action::Copy { from, slot } => {
                work.slots.values[usize::from(*slot)] = work.slots.values[usize::from(*from)];
                None
            }
            Action::Map(at, places) => {
                let Some(Step::Map { call, .. }) = self.spec.steps.get(*at) else { return None };
                let body = call.0.native().zip(places.as_ref());
                let Work { slots, frame, .. } = work;
                match body.and_then(|(body, places)| native::run(body, places, frame, slots, of.entry.time())) {
                    Some(true) => return None,
                    Some(false) => return Some(Verdict::Dropped(nth)),
                    None if work.resting => return Some(Verdict::Failed(RESTS.into())),
                    None => {}
                }
                let mut record = Fields { program: &self.program, entry: of.entry, slots: &mut work.slots };
                match call.0.map(&mut record) {
                    Ok(true) => None,
                    Ok(false) => Some(Verdict::Dropped(nth)),
                    Err(error) if error.kind == Kind::Limit => Some(Verdict::Cut(error.to_string())),
                    Err(error) => Some(Verdict::Failed(error.to_string())),
                }
            }
        }
    }

    fn misfit(&self, nth: usize, kind: ColumnType, value: Value<'_>) -> String {
        let name = match self.spec.steps.get(nth) {
            Some(Step::Set { name, .. }) => name,
            _ => &self.spec.name,
        };
        format!("field `{name}`: `{}` is no {}", super::piece::shown(&super::text_of(&value)), kind.name())
    }
}

/// A value as its column keeps it; text is read as what the column holds. `None` if it does not fit.
pub(crate) fn fit<'a>(
    value: Slot<'a>,
    kind: ColumnType,
    reading: &Reading,
    clock: Time,
    slots: &mut Slots<'a>,
) -> Option<Slot<'a>> {
    match (value, kind.storage()) {
        (Slot::Missing, _)
        | (Slot::Int(_), Storage::Int)
        | (Slot::Float(_), Storage::Float)
        | (Slot::Bool(_), Storage::Bool) => Some(value),
        (Slot::Int(int), Storage::Float) => Some(Slot::Float(int as f64)),
        (Slot::Text(_) | Slot::Made(..), _) => reading.read(value, slots, clock),
        _ => None,
    }
}

/// A record as closures see it.
struct Fields<'r, 'a> {
    program: &'a Program,
    entry: &'r Entry<'a>,
    slots: &'r mut Slots<'a>,
}

impl RecordFields for Fields<'_, '_> {
    fn get(&self, name: &str) -> Value<'_> {
        match self.program.fields.iter().find(|(own, ..)| **own == *name) {
            Some((_, slot, _)) => self.slots.value(self.slots.values[usize::from(*slot)]),
            None => fields::read(self.entry, name),
        }
    }

    fn set(&mut self, name: &str, value: Value<'static>) -> Result<()> {
        let Some((_, slot, kind)) = self.program.fields.iter().find(|(own, ..)| **own == *name) else {
            let all = crate::suggest::hint(name, "fields are", self.program.fields.iter().map(|(own, ..)| &**own));
            return Err(Error::failed(format!("field `{name}` can't be set here")).help(all));
        };
        let new = match &value {
            Value::Missing => Slot::Missing,
            Value::Bool(b) => Slot::Bool(*b),
            Value::Int(i) => Slot::Int(*i),
            Value::Float(f) => Slot::Float(*f),
            Value::Text(text) => self.slots.make(text.len(), |made| made.push_str(text)),
        };
        let reading = Reading::of_column(*kind);
        let Some(fitting) = fit(new, *kind, &reading, self.entry.time(), self.slots) else {
            let what = super::piece::shown(&super::text_of(&value));
            return Err(Error::failed(format!("field `{name}`: `{what}` is no {}", kind.name())));
        };
        self.slots.values[usize::from(*slot)] = fitting;
        Ok(())
    }
}
