//! What each stage of a parser does to one entry, and what it costs: the dry run's stage-by-stage view.

use super::{
    Parser,
    compile::Action,
    entry_fields::Found,
    plan,
    record::{Of, Verdict, Work},
    spec::Extractor,
};
use crate::{
    entry::{Entries, Entry},
    expr::slots::Slot,
    time::Time,
    value::Value,
};
use std::{
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

/// One stage: `.from`, an extractor or a step.
#[derive(Debug, Clone, PartialEq)]
pub struct Stage {
    /// What the script wrote, shortened.
    pub name: String,
    /// What became of the record here.
    pub ended: Option<Ended>,
    /// Fields that have another value than before.
    pub changed: Vec<(Arc<str>, Value<'static>)>,
    /// CPU time as near as a clock can tell, the clock's own cost taken off; some 20 ns are noise.
    pub took: Duration,
}

/// Why a record goes no further than a stage, or why an extractor passed it on to the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// `.from` does not want it, or a condition left it out.
    Dropped,
    /// This extractor does not fit; the next one tries.
    Unmatched(String),
    /// It failed here.
    Failed(String),
}

/// The record's fields by name.
type Fields = Vec<Value<'static>>;

impl Parser {
    /// Every record of a file that `.from` wants (without `select`, every one): the number of its first entry and its
    /// text, of several lines where lines are joined.
    pub fn records(self: &Arc<Self>, entries: &Entries, select: bool, now: Time) -> Vec<(usize, String)> {
        if self.program.lines.is_some() {
            return plan::joined(self, entries, select, now);
        }
        let wanted = |(nth, entry): (usize, Entry<'_>)| {
            let mut found = Found::default();
            self.program.wanted.find_alone(&entry, &mut found);
            let of = Of { entry: &entry, found: &found, reads: &self.program.reads };
            (!select || self.selects(of, &mut Work::new(&self.program, now))).then(|| (nth, self.text_of(&entry)))
        };
        entries.iter().enumerate().filter_map(wanted).collect()
    }

    /// The text of an entry that the extractors read.
    pub fn text_of(&self, entry: &Entry<'_>) -> String {
        let mut found = Found::default();
        self.program.wanted.find_alone(entry, &mut found);
        String::from_utf8_lossy(self.program.reads.input.bytes(&found).unwrap_or_default()).into_owned()
    }

    /// Runs on one record of this entry, stage by stage, as if `.from` wanted it.
    pub fn trace(&self, text: &str, entry: &Entry<'_>, now: Time) -> Vec<Stage> {
        let mut found = Found::default();
        self.program.wanted.find_alone(entry, &mut found);
        let of = Of { entry, found: &found, reads: &self.program.reads };
        let mut work = Work::new(&self.program, now);
        let mut stages = Vec::new();
        let (wanted, took) = timed(|| self.selects(of, &mut work));
        if let Some(from) = &self.spec.from {
            let ended = (!wanted).then_some(Ended::Dropped);
            stages.push(Stage { name: format!("from({from})"), ended, changed: Vec::new(), took });
        }
        if !self.trace_extractors(text, of, &mut work, &mut stages) {
            return stages;
        }
        self.load(of, &mut work);
        for (nth, action) in self.program.steps.iter().enumerate() {
            let before = self.fields_of(&work);
            let (verdict, took) = timed(|| self.step(nth, action, of, &mut work));
            let ended = verdict.map(|verdict| match verdict {
                Verdict::Failed(reason) | Verdict::Cut(reason) => Ended::Failed(reason),
                _ => Ended::Dropped,
            });
            let ends = ended.is_some();
            stages.push(Stage {
                name: self.stage_name(nth, action),
                ended,
                changed: self.changed(&before, &work),
                took,
            });
            if ends {
                break;
            }
        }
        stages
    }

    /// A step as the script wrote it; of a closure also how it runs.
    fn stage_name(&self, nth: usize, action: &Action) -> String {
        let name = self.step_name(nth);
        match action {
            Action::Map(_, Some(_)) => format!("{name} native"),
            Action::Map(_, None) => format!("{name} interpreted"),
            _ => name,
        }
    }

    /// Whether an extractor fitted, or there is none.
    fn trace_extractors<'a>(
        &'a self,
        text: &'a str,
        of: Of<'_, 'a>,
        work: &mut Work<'a>,
        stages: &mut Vec<Stage>,
    ) -> bool {
        for (nth, extract) in self.program.extracts.iter().enumerate() {
            let before = self.fields_of(work);
            let (read, took) = timed(|| {
                extract.read(text, nth, &mut work.scratch, of.entry.time()).map_err(Ok)?;
                extract.convert(text, &work.scratch.pieces, &mut work.slots, of.entry.time()).map_err(Err)
            });
            let ended = read.err().map(|why| match why {
                Ok(miss) => Ended::Unmatched(extract.explain(miss, text)),
                Err(field) => Ended::Failed(extract.reason(field, &work.scratch.pieces, text)),
            });
            let fits = ended.is_none();
            if !fits {
                extract.fields.iter().for_each(|field| work.slots.values[usize::from(field.slot)] = Slot::Missing);
            }
            let name = self.spec.extractors.get(nth).map_or(String::new(), name_of);
            stages.push(Stage { name, ended, changed: self.changed(&before, work), took });
            if fits {
                return true;
            }
        }
        self.program.extracts.is_empty()
    }

    fn fields_of(&self, work: &Work<'_>) -> Fields {
        let value = |slot: u16| work.slots.value(work.slots.values[usize::from(slot)]).into_owned();
        self.program.fields.iter().map(|(_, slot, _)| value(*slot)).collect()
    }

    fn changed(&self, before: &Fields, work: &Work<'_>) -> Vec<(Arc<str>, Value<'static>)> {
        let names = self.program.fields.iter().map(|(name, ..)| name);
        let pairs = names.zip(before.iter().zip(self.fields_of(work)));
        pairs.filter(|(_, (old, new))| *old != new).map(|(name, (_, new))| (name.clone(), new)).collect()
    }
}

/// An extractor as the script wrote it.
fn name_of(extractor: &Extractor) -> String {
    match extractor {
        Extractor::Dissect(pattern) => format!("pattern(\"{pattern}\")"),
        Extractor::Regex { pattern, .. } => format!("regex(`{pattern}`)"),
        Extractor::Json(picks) => format!("json({} fields)", picks.len()),
        Extractor::Logfmt(picks) => format!("logfmt({} fields)", picks.len()),
        Extractor::Csv { columns, .. } => format!("csv({} fields)", columns.len()),
        Extractor::Syslog(picks) if picks.is_empty() => "syslog()".into(),
        Extractor::Syslog(picks) => format!("syslog({} fields)", picks.len()),
        Extractor::Nginx => "nginx()".into(),
        Extractor::Apache => "apache()".into(),
        Extractor::Verbose => "verbose()".into(),
    }
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let begun = Instant::now();
    let answer = work();
    (answer, begun.elapsed().saturating_sub(clock_cost()))
}

/// What reading the clock twice costs here: the least of many tries.
fn clock_cost() -> Duration {
    static COST: OnceLock<Duration> = OnceLock::new();
    *COST.get_or_init(|| (0..1000).map(|_| Instant::now().elapsed()).min().unwrap_or_default())
}
