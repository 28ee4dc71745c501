//! Compiles a declared parser: resolves names to slots, infers types, finds everything that is wrong.

use super::{
    Flaw, Parser, Part,
    convert::Reading,
    entry_fields::{EntryField, Wanted, entry_field_type},
    extractors,
    native::Place,
    reader::Extract,
    spec::{ParserSpec, Step},
    table,
};
use crate::{
    error::Error,
    expr::{Expr, column_type, compiled::Code},
    fields::{self, ENTRY_FIELDS},
    suggest::closest,
    table::ColumnType,
};
use regex::bytes::Regex;
use std::{collections::HashMap, sync::Arc};

/// What a parser runs.
#[derive(Debug)]
pub(crate) struct Program {
    pub from: Option<Code>,
    pub lines: Option<Lines>,
    pub extracts: Vec<Extract>,
    pub steps: Vec<Action>,
    /// Whether one of the steps is a closure.
    pub has_closure: bool,
    pub columns: Vec<Emit>,
    /// For a parser that stores just what its only extractor reads: by column, the number of its field.
    straight: Option<Vec<u16>>,
    /// Slots that take the entry's own field where the record has none.
    pub stand_ins: Vec<(u16, u16)>,
    /// How many slots a record has.
    pub slots: usize,
    /// Fields of the record by name, for closures: slot and type at the end.
    pub fields: Vec<(Arc<str>, u16, ColumnType)>,
    pub reads: Reads,
    /// The journal fields that `reads` counts by.
    pub wanted: Wanted,
}

/// How lines are joined.
#[derive(Debug)]
pub(crate) struct Lines {
    /// A line for which this matches begins a record.
    pub start: Regex,
    /// The most lines of one record.
    pub lines_max: usize,
}

/// The entry's own fields that a parser reads.
#[derive(Debug, Clone)]
pub(crate) struct Reads {
    /// The text that extractors read.
    pub input: EntryField,
    /// Needed by `.from`, with their slots.
    pub before: Vec<(u16, EntryField)>,
    /// Those of them that are needed after it, too.
    pub kept: Vec<(u16, EntryField)>,
    /// Needed after an extractor matched.
    pub after: Vec<(u16, EntryField)>,
    /// What tells the streams apart whose lines are joined; empty if none are.
    pub stream: Vec<EntryField>,
}

/// What tells streams apart: the journal's own number of a stream, else who wrote the line.
const STREAM: [&str; 4] = ["_STREAM_ID", "unit", "identifier", "pid"];

impl Reads {
    /// Which stream an entry belongs to.
    pub fn stream<'a>(&self, found: &[Option<&'a [u8]>]) -> [Option<&'a [u8]>; STREAM.len()] {
        let mut parts = [None; STREAM.len()];
        for (part, field) in parts.iter_mut().zip(&self.stream) {
            *part = field.bytes(found);
        }
        parts
    }
}

/// A compiled step.
#[derive(Debug)]
pub(crate) enum Action {
    /// Records go on only if the condition gives this.
    Filter(Code, bool),
    /// The value goes to a slot, read from text if it must be another type.
    Set { to: Code, slot: u16, kind: ColumnType, reading: Reading },
    /// A field's value, already of the right type, goes to another slot.
    Copy { from: u16, slot: u16 },
    /// A closure, by its number among the steps of the spec; where its fields are, if it can run natively.
    Map(usize, Option<Vec<Place>>),
}

/// How a column is filled.
#[derive(Debug)]
pub(crate) struct Emit {
    pub slot: u16,
    /// The entry's own field that stands in when the record has none: only for `time` and `host`.
    pub or: Option<u16>,
}

/// A field of the record as the steps see it.
#[derive(Debug, Clone, Copy)]
struct Known {
    slot: u16,
    kind: ColumnType,
}

/// The names in reach, and the problems found so far.
#[derive(Default)]
pub(super) struct Scope {
    slots: u16,
    /// The record's fields, in order of appearance.
    order: Vec<Arc<str>>,
    record: HashMap<Arc<str>, Known>,
    entry: HashMap<Arc<str>, u16>,
    /// Slots of the entry's fields that were asked for since `.from` was compiled.
    asked: Vec<u16>,
    pub flaws: Vec<Flaw>,
    /// An extractor could not be read: names that are not known may be its fields, so nothing is said of them.
    pub incomplete: bool,
}

impl Parser {
    /// Checks and compiles. Every problem found is in the answer: what is wrong, where, and what is known.
    pub fn compile(spec: ParserSpec) -> Result<Self, Vec<Flaw>> {
        let mut scope = Scope::default();
        let mut wanted = Wanted::default();
        let from = spec.from.as_ref().map(|from| {
            scope.check(from, Part::From);
            Code::compile(from, &mut |name| scope.entry_slot(name))
        });
        let before: Vec<_> =
            scope.entry.iter().map(|(name, slot)| (*slot, EntryField::new(name, &mut wanted))).collect();
        scope.asked.clear();
        if !fields::is_entry_field(&spec.input) {
            let error = unknown(&spec.input, ENTRY_FIELDS).help("an input is one of the entry's own fields");
            scope.flaws.push(Flaw::new(Part::Input, error));
        }
        let input = EntryField::new(&spec.input, &mut wanted);
        let lines = spec.lines.as_ref().and_then(|lines| match Regex::new(&lines.start) {
            Ok(regex) => Some(Lines { start: regex, lines_max: lines.lines_max.max(1) }),
            Err(error) => {
                scope.flaws.push(Flaw::new(Part::Lines, extractors::bad_regex(&error)));
                None
            }
        });
        let extracts = extractors::compile(&spec.extractors, &mut scope);
        let steps = spec.steps.iter().enumerate().filter_map(|(nth, step)| scope.step(nth, step));
        let mut steps: Vec<Action> = steps.collect();
        // A closure sees all fields of the record, also those that steps behind it set.
        steps.iter_mut().for_each(|step| scope.place_closure(&spec, step));
        let (columns, defs) = table::columns(&spec, &mut scope);
        table::rollups(&spec, &defs, &mut scope);
        if !scope.flaws.is_empty() {
            return Err(scope.flaws.into_iter().map(|flaw| flaw.at(&spec.place)).collect());
        }
        let is_before = |slot: &u16| before.iter().any(|(own, _)| own == slot);
        let after = scope.entry.iter().filter(|(_, slot)| !is_before(slot));
        let after = after.map(|(name, slot)| (*slot, EntryField::new(name, &mut wanted))).collect();
        let kept = before.iter().filter(|(slot, _)| scope.asked.contains(slot)).cloned().collect();
        let fields =
            scope.order.iter().filter_map(|name| scope.record.get(name).map(|f| (name.clone(), f.slot, f.kind)));
        let streams = if lines.is_some() { &STREAM[..] } else { &[] };
        let stream = streams.iter().map(|name| EntryField::new(name, &mut wanted)).collect();
        let program = Program {
            from,
            lines,
            has_closure: steps.iter().any(|step| matches!(step, Action::Map(..))),
            straight: straight(&extracts, &steps, &columns),
            extracts,
            steps,
            stand_ins: columns.iter().filter_map(|emit: &Emit| Some((emit.slot, emit.or?))).collect(),
            columns,
            slots: usize::from(scope.slots),
            fields: fields.collect(),
            reads: Reads { input, before, kept, after, stream },
            wanted,
        };
        Ok(Self { table: Arc::new(table::def(&spec, defs)), spec, program })
    }
}

/// By column the number of its field, if every field of the only extractor goes to a column of its own.
fn straight(extracts: &[Extract], steps: &[Action], columns: &[Emit]) -> Option<Vec<u16>> {
    let [extract] = extracts else { return None };
    let field = |emit: &Emit| {
        let at = extract.fields.iter().position(|field| field.slot == emit.slot && emit.or.is_none())?;
        Some(at as u16)
    };
    let is_plain = steps.is_empty() && columns.len() == extract.fields.len();
    if is_plain { columns.iter().map(field).collect() } else { None }
}

impl Program {
    /// The only extractor of a parser that stores just what it reads, and by column the number of its field.
    #[inline]
    pub fn straight(&self) -> Option<(&Extract, &[u16])> {
        Some((self.extracts.first()?, self.straight.as_ref()?))
    }
}

impl Scope {
    /// A field that an extractor fills or a step sets; its type from now on.
    pub fn define(&mut self, name: &Arc<str>, kind: ColumnType) -> u16 {
        if let Some(known) = self.record.get_mut(name) {
            known.kind = kind;
            return known.slot;
        }
        let slot = self.new_slot();
        self.order.push(name.clone());
        self.record.insert(name.clone(), Known { slot, kind });
        slot
    }

    fn new_slot(&mut self) -> u16 {
        self.slots += 1;
        self.slots - 1
    }

    /// The type of a field of the record.
    pub fn record_type(&self, name: &str) -> Option<ColumnType> {
        self.record.get(name).map(|known| known.kind)
    }

    /// The slot of a field of the record.
    pub fn record_slot(&self, name: &str) -> Option<u16> {
        self.record.get(name).map(|known| known.slot)
    }

    /// The slot of one of the entry's own fields.
    pub fn entry_slot(&mut self, name: &str) -> u16 {
        let slot = match self.entry.get(name) {
            Some(slot) => *slot,
            None => {
                let slot = self.new_slot();
                self.entry.insert(name.into(), slot);
                slot
            }
        };
        self.asked.push(slot);
        slot
    }

    /// The record's fields, in order of appearance.
    pub fn names(&self) -> Vec<Arc<str>> {
        self.order.clone()
    }

    /// A name's type: the record's field, else the entry's.
    fn type_of(&self, name: &str) -> Option<ColumnType> {
        self.record_type(name).or_else(|| fields::is_entry_field(name).then(|| entry_field_type(name)))
    }

    fn code(&mut self, expr: &Expr) -> Code {
        Code::compile(expr, &mut |name| self.record_slot(name).unwrap_or_else(|| self.entry_slot(name)))
    }

    /// Reports names that are not there, and comparisons that never hold.
    fn check(&mut self, expr: &Expr, part: Part) {
        let mut missing: Vec<&str> = Vec::new();
        expr.fields(&mut |name| {
            if self.type_of(name).is_none() && !missing.contains(&name) {
                missing.push(name);
            }
        });
        for name in missing {
            self.unknown_name(name, part);
        }
        if let Some(error) = crate::expr::mismatch::find(expr, &|name| self.type_of(name)) {
            self.flaws.push(Flaw::new(part, error));
        }
    }

    /// Reports a name that is not there.
    pub fn unknown_name(&mut self, name: &str, part: Part) {
        if !self.incomplete || part == Part::From {
            let error = self.unknown(name, part);
            self.flaws.push(Flaw::new(part, error));
        }
    }

    /// A name that is not there: what is, and what may be meant.
    fn unknown(&self, name: &str, part: Part) -> Error {
        let own: Vec<&str> = self.order.iter().map(|name| &**name).collect();
        let near = closest(name, own.iter().copied().chain(ENTRY_FIELDS));
        let error = Error::invalid(format!("field `{name}` does not exist here"));
        let has = if own.is_empty() { String::new() } else { format!("this parser extracts {}; ", own.join(", ")) };
        match near {
            Some(near) => error.help(format!("did you mean `{near}`?")),
            None if part == Part::From => error.help(format!(
                "`from` sees the entry's own fields only ({}, or a journal field in upper case); use `keep` for others",
                ENTRY_FIELDS.join(", ")
            )),
            None => error.help(format!("{has}every entry has {}", ENTRY_FIELDS.join(", "))),
        }
    }

    /// Finds the fields of a closure that can run natively.
    fn place_closure(&mut self, spec: &ParserSpec, step: &mut Action) {
        let Action::Map(nth, places) = step else { return };
        let Some(Step::Map { call, .. }) = spec.steps.get(*nth) else { return };
        let Some(body) = call.0.native() else { return };
        *places = body.fields.iter().map(|name| self.place(name)).collect();
    }

    fn place(&mut self, name: &str) -> Option<Place> {
        match self.record.get(name) {
            Some(known) => Some(Place { slot: known.slot, kind: Some((known.kind, Reading::of_column(known.kind))) }),
            None => fields::is_entry_field(name).then(|| Place { slot: self.entry_slot(name), kind: None }),
        }
    }

    fn step(&mut self, nth: usize, step: &Step) -> Option<Action> {
        let part = Part::Step(nth);
        match step {
            Step::Keep(condition) | Step::Drop(condition) => {
                self.check(condition, part);
                Some(Action::Filter(self.code(condition), matches!(step, Step::Keep(_))))
            }
            Step::Set { name, to, kind } => {
                self.check(to, part);
                let code = self.code(to);
                let given = column_type(to, &|name| self.type_of(name));
                let kind = match set_type(name, to, given, *kind) {
                    Ok(kind) => kind,
                    Err(error) => {
                        // One flaw is enough for a value that names fields which are not there.
                        if !self.incomplete && !self.flaws.iter().any(|flaw| flaw.part == part) {
                            self.flaws.push(Flaw::new(part, error));
                        }
                        kind.unwrap_or(ColumnType::Text)
                    }
                };
                let slot = self.define(name, kind);
                if let (Code::Field(from), true) = (&code, given == Some(kind)) {
                    return Some(Action::Copy { from: *from, slot });
                }
                Some(Action::Set { to: code, slot, kind, reading: Reading::of_column(kind) })
            }
            Step::Map { sets, .. } => {
                for (name, kind) in sets {
                    self.define(name, *kind);
                }
                Some(Action::Map(nth, None))
            }
        }
    }
}

/// The type of a set field: as said, else as seen.
fn set_type(name: &str, to: &Expr, given: Option<ColumnType>, said: Option<ColumnType>) -> Result<ColumnType, Error> {
    use crate::table::Storage;
    match (given, said) {
        (Some(given), None) => Ok(given),
        (None, Some(said)) => Ok(said),
        (None, None) => Err(Error::invalid(format!("what type `{to}` gives can't be seen"))
            .help(format!("say it: set(\"{name}\", …, \"int\")"))),
        (Some(given), Some(said)) => match (given.storage(), said.storage()) {
            (given, said_storage) if given == said_storage => Ok(said),
            (Storage::Text, _) | (Storage::Int, Storage::Float) => Ok(said),
            _ => Err(Error::invalid(format!("`{to}` gives {}, not {}", given.name(), said.name()))
                .help("change the type, or turn the value with `.int()`, `.float()` or `.text()`")),
        },
    }
}

fn unknown(name: &str, known: impl IntoIterator<Item = &'static str> + Clone) -> Error {
    let near = closest(name, known).map_or(String::new(), |near| format!("; did you mean `{near}`?"));
    Error::invalid(format!("field `{name}` does not exist{near}"))
}
