//! Stage by stage: what each step did to a record, as a difference, and what each stage costs over all of them.

use super::{Sample, show::row_object};
use crate::output::{self, Output};
use infralogs_core::{
    entry::Entry,
    parse::{Ended, Outcome, Parser, Stage},
    time::Time,
    value::Value,
};
use serde_json::json;
use std::{
    io::{self, Write},
    sync::Arc,
    time::Duration,
};

/// The most records shown stage by stage.
const RECORDS_MAX: usize = 20;
/// The most records that costs are measured over.
const MEASURED_MAX: usize = 20_000;

/// What one stage took, over all records that came to it.
#[derive(Default)]
struct Cost {
    name: String,
    records: u32,
    ended: u32,
    took: Duration,
}

pub(super) fn show(parsers: &[&Arc<Parser>], sample: &Sample, how: Output, now: Time) -> io::Result<()> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    for parser in parsers {
        let mut costs: Vec<Cost> = Vec::new();
        let mut shown = 0;
        for (first, text) in parser.records(&sample.read.entries, sample.select, now).iter().take(MEASURED_MAX) {
            let entry = sample.read.entries.get(*first);
            let stages = parser.trace(text, &entry, now);
            count(&mut costs, &stages);
            let line = sample.read.lines.get(*first).copied().unwrap_or(0);
            match how {
                Output::Json => writeln!(out, "{}", object(parser, line, &stages))?,
                _ if shown < RECORDS_MAX => {
                    shown += 1;
                    writeln!(out, "{} line {line}: {}", parser.spec.name, text.escape_debug())?;
                    stages.iter().try_for_each(|stage| write_stage(&mut out, stage))?;
                    if let Outcome::Matched(row) = parser.run_record(text, &entry, now) {
                        let row = row_object(&parser.table, &row);
                        writeln!(out, "  → {} {}", parser.table.name, serde_json::Value::from(row))?;
                    }
                }
                _ => shown += 1,
            }
        }
        if how != Output::Json {
            if shown > RECORDS_MAX {
                writeln!(out, "… and {} more records", shown - RECORDS_MAX)?;
            }
            writeln!(out, "{}", table(&costs))?;
        }
    }
    out.flush()
}

/// What each stage of a parser does to one entry now.
pub fn write_stages(out: &mut impl Write, parser: &Arc<Parser>, entry: &Entry<'_>, now: Time) -> io::Result<()> {
    let text = parser.text_of(entry);
    parser.trace(&text, entry, now).iter().try_for_each(|stage| write_stage(out, stage))
}

fn count(costs: &mut Vec<Cost>, stages: &[Stage]) {
    let mut at = 0;
    for stage in stages {
        // A record that an extractor fits skips the others: find the stage by its name, from here on.
        let found = costs[at.min(costs.len())..].iter().position(|cost| cost.name == stage.name).map(|more| at + more);
        let nth = found.unwrap_or_else(|| {
            let nth = at.min(costs.len());
            costs.insert(nth, Cost { name: stage.name.clone(), ..Cost::default() });
            nth
        });
        let cost = &mut costs[nth];
        cost.records += 1;
        cost.ended += u32::from(stage.ended.is_some());
        cost.took += stage.took;
        at = nth + 1;
    }
}

fn write_stage(out: &mut impl Write, stage: &Stage) -> io::Result<()> {
    let ended = match &stage.ended {
        None => String::new(),
        Some(Ended::Dropped) => " ✗ leaves the record out".into(),
        Some(Ended::Unmatched(why)) => format!(" ✗ does not fit: {why}"),
        Some(Ended::Failed(why)) => format!(" ✗ failed: {why}"),
    };
    writeln!(out, "  .{}{ended}  ({:?})", stage.name, stage.took)?;
    for (name, value) in &stage.changed {
        match plain(value) {
            Some(value) => writeln!(out, "    + {name} = {value}")?,
            None => writeln!(out, "    - {name}")?,
        }
    }
    Ok(())
}

fn plain(value: &Value<'_>) -> Option<String> {
    Some(match value {
        Value::Missing => return None,
        Value::Bool(yes) => yes.to_string(),
        Value::Int(int) => int.to_string(),
        Value::Float(float) => float.to_string(),
        Value::Text(text) => format!("\"{}\"", text.escape_debug()),
    })
}

fn object(parser: &Parser, line: u64, stages: &[Stage]) -> serde_json::Value {
    let stages = stages.iter().map(|stage| {
        let changed = stage.changed.iter().map(|(name, value)| {
            let value = match value {
                Value::Missing => serde_json::Value::Null,
                Value::Bool(yes) => (*yes).into(),
                Value::Int(int) => (*int).into(),
                Value::Float(float) => (*float).into(),
                Value::Text(text) => text.as_ref().into(),
            };
            (name.to_string(), value)
        });
        let (ended, reason) = match &stage.ended {
            None => (None, None),
            Some(Ended::Dropped) => (Some("dropped"), None),
            Some(Ended::Unmatched(why)) => (Some("unmatched"), Some(why)),
            Some(Ended::Failed(why)) => (Some("failed"), Some(why)),
        };
        json!({
            "stage": stage.name,
            "ended": ended,
            "reason": reason,
            "changed": changed.collect::<serde_json::Map<_, _>>(),
            "ns": u64::try_from(stage.took.as_nanos()).unwrap_or(u64::MAX),
        })
    });
    json!({ "line": line, "parser": &*parser.spec.name, "stages": stages.collect::<Vec<_>>() })
}

fn table(costs: &[Cost]) -> String {
    let rows = costs.iter().map(|cost| {
        let each = cost.took.checked_div(cost.records).unwrap_or_default();
        vec![
            cost.name.clone(),
            cost.records.to_string(),
            (cost.records - cost.ended).to_string(),
            format!("{each:?}"),
            format!("{:?}", cost.took),
        ]
    });
    output::table(&["stage", "records", "went on", "each", "in all"], rows)
}
