//! The rows of a dry run as a table, JSON or CSV, and in one sentence for each parser what became of the rest.

use super::{Sample, Tried};
use crate::output::{self, Output};
use infralogs_core::{
    parse::{Outcome, Parser},
    table::TableDef,
    value::Value,
};
use serde_json::{Map, json};
use std::{
    io::{self, Write},
    sync::Arc,
};

pub(super) fn show(tried: &[Tried<'_>], parsers: &[&Arc<Parser>], how: Output) -> io::Result<()> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    match how {
        Output::Json => tried.iter().try_for_each(|one| writeln!(out, "{}", object(one)))?,
        Output::Table | Output::Csv => {
            for parser in parsers {
                let columns = &parser.table.columns;
                let header: Vec<&str> = ["line"].into_iter().chain(columns.iter().map(|c| c.name.as_str())).collect();
                let mut rows = matched(tried, parser).peekable();
                if rows.peek().is_none() && parsers.len() > 1 {
                    continue;
                }
                let rows = rows.map(|(line, row)| {
                    let cells = row.iter().zip(columns).map(|(value, column)| output::cell(value, column.kind));
                    [line.to_string()].into_iter().chain(cells).collect::<Vec<_>>()
                });
                if how == Output::Csv {
                    writeln!(out, "{}", header.join(","))?;
                    for row in rows {
                        writeln!(out, "{}", row.iter().map(|cell| output::csv(cell)).collect::<Vec<_>>().join(","))?;
                    }
                } else {
                    writeln!(out, "{} → {}\n{}", parser.spec.name, parser.table.name, output::table(&header, rows))?;
                }
            }
        }
    }
    out.flush()
}

/// The rows one parser made, with their lines.
fn matched<'t>(
    tried: &'t [Tried<'t>],
    parser: &'t Arc<Parser>,
) -> impl Iterator<Item = (u64, &'t Vec<Value<'static>>)> {
    tried.iter().filter(move |one| Arc::ptr_eq(one.parser, parser)).filter_map(|one| match &one.outcome {
        Outcome::Matched(row) => Some((one.line, row)),
        _ => None,
    })
}

/// A row for machines.
pub fn row_object(table: &TableDef, row: &[Value<'_>]) -> Map<String, serde_json::Value> {
    let cells = table.columns.iter().zip(row);
    cells.map(|(column, value)| (column.name.clone(), output::json(value, column.kind))).collect()
}

/// The word for an outcome, and its reason.
pub fn word(outcome: &Outcome) -> (&'static str, Option<&str>) {
    match outcome {
        Outcome::Matched(_) => ("matched", None),
        Outcome::Unselected => ("unselected", None),
        Outcome::Unmatched(reason) => ("unmatched", Some(reason)),
        Outcome::Dropped(reason) => ("dropped", Some(reason)),
        Outcome::Failed(reason) => ("failed", Some(reason)),
    }
}

/// One record for machines.
fn object(one: &Tried<'_>) -> serde_json::Value {
    let (outcome, reason) = word(&one.outcome);
    let mut object = json!({
        "line": one.line,
        "parser": &*one.parser.spec.name,
        "table": one.parser.table.name,
        "outcome": outcome,
        "matched": matches!(one.outcome, Outcome::Matched(_)),
    });
    if let Outcome::Matched(row) = &one.outcome {
        object["row"] = row_object(&one.parser.table, row).into();
    }
    if let Some(reason) = reason {
        object["reason"] = reason.into();
    }
    object
}

/// What became of the input, on standard error.
pub(super) fn summary(tried: &[Tried<'_>], parsers: &[&Arc<Parser>], sample: &Sample) {
    for parser in parsers {
        let mine = || tried.iter().filter(|one| Arc::ptr_eq(one.parser, parser));
        let count = |is: fn(&Outcome) -> bool| mine().filter(|one| is(&one.outcome)).count();
        let records = mine().count();
        let joined = if parser.spec.lines.is_some() { format!(", joined to {records} records") } else { String::new() };
        eprintln!(
            "{}: {} entries{joined}: {} matched, {} unmatched, {} dropped, {} failed, {} not selected",
            parser.spec.name,
            sample.read.entries.len(),
            count(|o| matches!(o, Outcome::Matched(_))),
            count(|o| matches!(o, Outcome::Unmatched(_))),
            count(|o| matches!(o, Outcome::Dropped(_))),
            count(|o| matches!(o, Outcome::Failed(_))),
            count(|o| matches!(o, Outcome::Unselected)),
        );
        let why = mine().find_map(|one| match &one.outcome {
            Outcome::Failed(reason) => Some((one.line, reason)),
            _ => None,
        });
        if let Some((line, reason)) = why {
            eprintln!("  first failure, line {line}: {reason}");
        }
    }
}
