//! Runs a parser on one entry or one text alone: the dry run and the examples of scripts.

use super::{
    Flaw, Outcome, Parser, Part,
    entry_fields::Found,
    piece::Miss,
    record::{Of, Verdict, Work},
    spec::{Example, Step},
    text_of,
};
use crate::{
    cursor::Cursor,
    entry::{Entries, Entry},
    error::Error,
    fields::journal_names,
    time::Time,
    value::Value,
};
use std::sync::Arc;

impl Parser {
    /// Runs on one entry alone.
    pub fn run(&self, entry: &Entry<'_>, now: Time) -> Outcome {
        self.run_on(entry, now, true)
    }

    /// Runs on one entry alone as if `.from` wanted it.
    pub fn run_selected(&self, entry: &Entry<'_>, now: Time) -> Outcome {
        self.run_on(entry, now, false)
    }

    /// Runs on one record of this entry, as [`Parser::records`] gives it.
    pub fn run_record(&self, text: &str, entry: &Entry<'_>, now: Time) -> Outcome {
        let mut found = Found::default();
        self.program.wanted.find_alone(entry, &mut found);
        self.run_text_of(text, entry, &found, now, false)
    }

    /// Runs on every entry of a file; where lines are joined, on what they make. Gives the number of each record's
    /// first entry and what became of it. Without `select` it runs as if `.from` wanted every entry.
    pub fn run_file(self: &Arc<Self>, entries: &Entries, select: bool, now: Time) -> Vec<(usize, Outcome)> {
        if self.program.lines.is_none() {
            let run = |(index, entry): (usize, Entry<'_>)| (index, self.run_on(&entry, now, select));
            return entries.iter().enumerate().map(run).collect();
        }
        let records = self.records(entries, select, now);
        records.iter().map(|(first, text)| (*first, self.run_record(text, &entries.get(*first), now))).collect()
    }

    /// Runs on a text as if it were the input of an entry that `.from` wants.
    pub fn run_text(&self, text: &str, now: Time) -> Outcome {
        let entries = self.entry_of(text, now);
        self.run_on(&entries.get(0), now, false)
    }

    /// Checks all examples; those of parsers with closures need the script to be loaded.
    pub fn check_examples(&self, now: Time) -> Vec<Flaw> {
        let check = |(nth, example): (usize, &Example)| {
            let error = self.check_example(example, now)?;
            Some(Flaw::new(Part::Example(nth), error.at(&example.place)))
        };
        self.spec.examples.iter().enumerate().filter_map(check).collect()
    }

    /// The names of the record's own fields: extracted or set, stored or not.
    pub fn field_names(&self) -> impl Iterator<Item = &str> + Clone {
        self.program.fields.iter().map(|(name, ..)| &**name)
    }

    /// A batch of one entry whose input is this text.
    fn entry_of(&self, text: &str, now: Time) -> Entries {
        self.entry_with(&[], text, now)
    }

    /// The same, with other fields of the entry by the names scripts use.
    fn entry_with(&self, given: &[(Arc<str>, String)], text: &str, now: Time) -> Entries {
        let journal = |name| journal_names(name).first().copied().unwrap_or(name);
        let mut entries = Entries::default();
        for (name, value) in given {
            entries.push_field(journal(name).as_bytes(), value.as_bytes());
        }
        entries.push_field(journal(&self.spec.input).as_bytes(), text.as_bytes());
        entries.end(Cursor { realtime: now.0.max(0) as u64, ..Cursor::default() });
        entries
    }

    fn run_on(&self, entry: &Entry<'_>, now: Time, ask_from: bool) -> Outcome {
        let mut found = Found::default();
        self.program.wanted.find_alone(entry, &mut found);
        let of = Of { entry, found: &found, reads: &self.program.reads };
        let text = String::from_utf8_lossy(of.reads.input.bytes(&found).unwrap_or_default());
        self.run_text_of(&text, entry, &found, now, ask_from)
    }

    fn run_text_of(&self, text: &str, entry: &Entry<'_>, found: &Found<'_>, now: Time, ask_from: bool) -> Outcome {
        let of = Of { entry, found, reads: &self.program.reads };
        let mut work = Work::new(&self.program, now);
        if !self.selects(of, &mut work) && ask_from {
            return Outcome::Unselected;
        }
        match self.record(text, of, &mut work) {
            Verdict::Row => Outcome::Matched(self.row(&work)),
            Verdict::Unmatched(nth, miss) => Outcome::Unmatched(self.unmatched(nth, miss, text)),
            Verdict::Dropped(step) => Outcome::Dropped(self.step_name(step)),
            Verdict::Failed(reason) | Verdict::Cut(reason) => Outcome::Failed(reason),
        }
    }

    fn row(&self, work: &Work<'_>) -> Vec<Value<'static>> {
        let slot = |emit: &super::compile::Emit| work.slots.values[usize::from(emit.slot)];
        self.program.columns.iter().map(|emit| work.slots.value(slot(emit)).into_owned()).collect()
    }

    /// Why no extractor fits.
    pub(crate) fn unmatched(&self, nth: usize, miss: Miss, text: &str) -> String {
        let Some(extract) = self.program.extracts.get(nth) else { return "no extractor".into() };
        let why = extract.explain(miss, text);
        if self.program.extracts.len() == 1 { why } else { format!("extractor {}: {why}", nth + 1) }
    }

    /// A step as the script wrote it.
    pub(crate) fn step_name(&self, nth: usize) -> String {
        match self.spec.steps.get(nth) {
            Some(Step::Keep(condition)) => format!("keep({condition})"),
            Some(Step::Drop(condition)) => format!("drop({condition})"),
            Some(Step::Set { name, to, .. }) => format!("set(\"{name}\", {to})"),
            Some(Step::Map { .. }) => {
                let closures = |steps: &[Step]| steps.iter().filter(|step| matches!(step, Step::Map { .. })).count();
                let all = closures(&self.spec.steps);
                let of =
                    if all > 1 { format!(" {} of {all}", closures(&self.spec.steps[..=nth])) } else { String::new() };
                format!("map(|r| …){of}")
            }
            None => "no step".into(),
        }
    }

    fn check_example(&self, example: &Example, now: Time) -> Option<Error> {
        let entries = self.entry_with(&example.given, &example.input, now);
        let entry = entries.get(0);
        let mut found = Found::default();
        self.program.wanted.find_alone(&entry, &mut found);
        let of = Of { entry: &entry, found: &found, reads: &self.program.reads };
        let mut work = Work::new(&self.program, now);
        self.selects(of, &mut work);
        let verdict = self.record(&example.input, of, &mut work);
        let failed = match verdict {
            Verdict::Row => None,
            Verdict::Unmatched(nth, miss) => Some(self.unmatched(nth, miss, &example.input)),
            Verdict::Dropped(step) => Some(format!("dropped by {}", self.step_name(step))),
            Verdict::Failed(reason) | Verdict::Cut(reason) => Some(reason),
        };
        match (&example.fields, failed) {
            (None, None) => Some(Error::invalid("this example must give no row, and gives one")),
            (None, Some(_)) => None,
            (Some(_), Some(why)) => Some(Error::invalid(format!("this example gives no row: {why}"))),
            (Some(fields), None) => fields.iter().find_map(|(name, wanted)| self.differs(name, wanted, &work)),
        }
    }

    fn differs(&self, name: &str, wanted: &Value<'_>, work: &Work<'_>) -> Option<Error> {
        let own = self.program.fields.iter().find(|(own, ..)| **own == *name).map(|(_, slot, _)| *slot);
        // A column may also be one of the entry's own fields.
        let column = || self.table.columns.iter().position(|column| column.name == name);
        let Some(slot) = own.or_else(|| Some(self.program.columns.get(column()?)?.slot)) else {
            let known = self.field_names().chain(self.table.columns.iter().map(|column| column.name.as_str()));
            let hint = crate::suggest::hint(name, "fields are", known);
            return Some(Error::invalid(format!("this example expects a field `{name}`")).help(hint));
        };
        let given = work.slots.value(work.slots.values[usize::from(slot)]);
        let same =
            given.is_missing() && wanted.is_missing() || given.compare(wanted) == Some(std::cmp::Ordering::Equal);
        let text = |value: &Value<'_>| super::piece::shown(&text_of(value));
        (!same).then(|| {
            Error::invalid(format!("field `{name}` is `{}` in this example, expected `{}`", text(&given), text(wanted)))
        })
    }
}
