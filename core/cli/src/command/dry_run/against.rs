//! How rows change between two versions of a script.

use super::{Sample, run_all, show::row_object};
use crate::output::Output;
use infralogs_core::{
    definitions::Definitions,
    parse::{Outcome, Parser},
    time::Time,
};
use serde_json::{Map, json};
use std::{
    collections::BTreeMap,
    io::{self, Write},
    sync::Arc,
};

/// The most changed rows shown for people.
const SHOWN_MAX: usize = 50;

type Row = Map<String, serde_json::Value>;

pub fn show(new: &[&Arc<Parser>], old: &Definitions, sample: &Sample, how: Output, now: Time) -> io::Result<()> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    for parser in new {
        let Some(before) = old.parser(&parser.spec.name) else {
            writeln!(out, "{}: is not in the old version", parser.spec.name)?;
            continue;
        };
        let (was, is) = (rows(before, sample, now), rows(parser, sample, now));
        let mut lines: Vec<u64> = was.keys().chain(is.keys()).copied().collect();
        lines.sort_unstable();
        lines.dedup();
        let changed: Vec<u64> = lines.into_iter().filter(|line| was.get(line) != is.get(line)).collect();
        for (nth, line) in changed.iter().enumerate() {
            let pair = (was.get(line), is.get(line));
            if how == Output::Json {
                writeln!(
                    out,
                    "{}",
                    json!({ "parser": &*parser.spec.name, "line": line, "old": pair.0, "new": pair.1 })
                )?;
            } else if nth < SHOWN_MAX {
                write_change(&mut out, &parser.spec.name, *line, pair)?;
            }
        }
        if how != Output::Json {
            let same = was.len().max(is.len()) - changed.len().min(was.len().max(is.len()));
            let (gone, came) = (
                changed.iter().filter(|line| !is.contains_key(line)).count(),
                changed.iter().filter(|line| !was.contains_key(line)).count(),
            );
            writeln!(
                out,
                "{}: {same} rows are the same, {} changed, {came} are new, {gone} are gone",
                parser.spec.name,
                changed.len() - came - gone
            )?;
        }
    }
    out.flush()
}

fn rows(parser: &Arc<Parser>, sample: &Sample, now: Time) -> BTreeMap<u64, Row> {
    let tried = run_all(&[parser], sample, now);
    let row = |one: &super::Tried<'_>| match &one.outcome {
        Outcome::Matched(row) => Some((one.line, row_object(&one.parser.table, row))),
        _ => None,
    };
    tried.iter().filter_map(row).collect()
}

fn write_change(
    out: &mut impl Write,
    parser: &str,
    line: u64,
    (was, is): (Option<&Row>, Option<&Row>),
) -> io::Result<()> {
    match (was, is) {
        (Some(was), Some(is)) => {
            writeln!(out, "~ {parser} line {line}")?;
            let mut names: Vec<&String> = was.keys().chain(is.keys()).collect();
            names.sort_unstable();
            names.dedup();
            for name in names.into_iter().filter(|name| was.get(*name) != is.get(*name)) {
                was.get(name).map_or(Ok(()), |value| writeln!(out, "    - {name} = {value}"))?;
                is.get(name).map_or(Ok(()), |value| writeln!(out, "    + {name} = {value}"))?;
            }
            Ok(())
        }
        (None, Some(row)) => writeln!(out, "+ {parser} line {line} {}", serde_json::Value::from(row.clone())),
        (Some(row), None) => writeln!(out, "- {parser} line {line} {}", serde_json::Value::from(row.clone())),
        (None, None) => Ok(()),
    }
}
