//! What examples and cases reach of a parser: each extractor, both ways of each condition, each column.

use infralogs_core::{
    cursor::Cursor,
    entry::Entries,
    fields::journal_names,
    parse::{Ended, Outcome, Parser, spec::Step},
    time::Time,
};
use std::{collections::BTreeMap, sync::Arc};

/// Points of one parser in order, and whether each was reached.
pub struct Coverage {
    points: Vec<(String, bool)>,
    numbers: BTreeMap<String, usize>,
}

/// The share that was reached of all points of all parsers; nothing to reach counts as all.
pub fn percent<'c>(all: impl Iterator<Item = &'c Coverage>) -> f64 {
    let (mut reached, mut points) = (0, 0);
    for coverage in all {
        points += coverage.points.len();
        reached += coverage.points.iter().filter(|(_, reached)| *reached).count();
    }
    if points == 0 { 100.0 } else { 100.0 * reached as f64 / points as f64 }
}

impl Coverage {
    /// The points there are.
    pub fn new(parser: &Parser) -> Self {
        let mut coverage = Self { points: Vec::new(), numbers: BTreeMap::new() };
        for nth in 1..=parser.spec.extractors.len() {
            coverage.point(format!("extractor {nth}"));
        }
        for (nth, step) in parser.spec.steps.iter().enumerate() {
            let nth = nth + 1;
            match step {
                Step::Keep(condition) | Step::Drop(condition) => {
                    coverage.point(format!("step {nth} ({condition}): a record that goes on"));
                    coverage.point(format!("step {nth} ({condition}): a record left out"));
                }
                Step::Set { .. } => {}
                Step::Map { .. } => coverage.point(format!("step {nth}: the closure")),
            }
        }
        for column in &parser.table.columns {
            coverage.point(format!("column {}", column.name));
        }
        coverage
    }

    fn point(&mut self, name: String) {
        self.numbers.insert(name.clone(), self.points.len());
        self.points.push((name, false));
    }

    fn reach(&mut self, name: &str) {
        if let Some(nth) = self.numbers.get(name) {
            self.points[*nth].1 = true;
        }
    }

    pub fn percent(&self) -> f64 {
        percent(std::iter::once(self))
    }

    /// What nothing reaches.
    pub fn missed(&self) -> Vec<&str> {
        self.points.iter().filter(|(_, reached)| !reached).map(|(name, _)| name.as_str()).collect()
    }

    /// Counts what the examples of the script reach.
    pub fn examples(&mut self, parser: &Arc<Parser>, now: Time) {
        let mut entries = Entries::default();
        for example in &parser.spec.examples {
            let journal = |name: &str| journal_names(name).first().map_or(name.to_owned(), |name| (*name).to_owned());
            for (name, value) in &example.given {
                entries.push_field(journal(name).as_bytes(), value.as_bytes());
            }
            entries.push_field(journal(&parser.spec.input).as_bytes(), example.input.as_bytes());
            entries.end(Cursor::default());
        }
        self.entries(parser, &entries, now);
    }

    /// Counts what these entries reach.
    pub fn entries(&mut self, parser: &Arc<Parser>, entries: &Entries, now: Time) {
        for (first, text) in parser.records(entries, false, now) {
            let entry = entries.get(first);
            let stages = parser.trace(&text, &entry, now);
            let stages = stages.get(usize::from(parser.spec.from.is_some())..).unwrap_or_default();
            let tried = stages.iter().take(parser.spec.extractors.len());
            let fits = tried.clone().position(|stage| stage.ended.is_none());
            let steps = match fits {
                Some(nth) => {
                    self.reach(&format!("extractor {}", nth + 1));
                    nth + 1
                }
                None if parser.spec.extractors.is_empty() => 0,
                None => continue,
            };
            for (nth, (step, stage)) in parser.spec.steps.iter().zip(stages.iter().skip(steps)).enumerate() {
                let nth = nth + 1;
                match step {
                    Step::Keep(condition) | Step::Drop(condition) => {
                        let way = match stage.ended {
                            None => "a record that goes on",
                            Some(Ended::Dropped) => "a record left out",
                            Some(_) => continue,
                        };
                        self.reach(&format!("step {nth} ({condition}): {way}"));
                    }
                    Step::Set { .. } => {}
                    Step::Map { .. } => self.reach(&format!("step {nth}: the closure")),
                }
            }
            if let Outcome::Matched(row) = parser.run_record(&text, &entry, now) {
                for (column, _) in parser.table.columns.iter().zip(&row).filter(|(_, value)| !value.is_missing()) {
                    self.reach(&format!("column {}", column.name));
                }
            }
        }
    }
}
