//! Runs the examples of a parser: a sample that gives something else is a problem of the script.

use super::{super::source::Place, Check};
use crate::{
    cursor::Cursor,
    entry::Entries,
    fields::journal_names,
    parse::{Outcome, Parser},
    time::Time,
    value::Value,
};
use std::sync::Arc;

/// Runs every example; `places` has one for each.
pub(super) fn run(check: &mut Check, parser: &Parser, places: &[Place]) {
    for (example, at) in parser.spec.examples.iter().zip(places) {
        let mut entries = Entries::default();
        for (name, value) in &example.given {
            entries.push_field(journal_name(name).as_bytes(), value.as_bytes());
        }
        entries.push_field(journal_name(&parser.spec.input).as_bytes(), example.input.as_bytes());
        entries.end(Cursor::default());
        let outcome = parser.run(&entries.get(0), Time::now());
        match (&example.fields, outcome) {
            (Some(expected), Outcome::Matched(row)) => compare(check, parser, expected, &row, at),
            (Some(_), Outcome::Unmatched(reason)) => {
                check.problem(at, format!("this example matches nothing: {reason}"), "");
            }
            (Some(expected), Outcome::Dropped(reason)) if !expected.is_empty() => {
                check.problem(at, format!("this example is dropped: {reason}"), "use `.rejects(…)` for one that gives no row");
            }
            (_, Outcome::Failed(reason)) => check.problem(at, format!("this example fails: {reason}"), ""),
            (None, Outcome::Matched(_)) => check.problem(at, "this sample should give no row, but it matches", ""),
            _ => {}
        }
    }
}

/// The journal field behind a name that scripts use.
fn journal_name(name: &str) -> &str {
    journal_names(name).first().copied().unwrap_or(name)
}

fn compare(check: &mut Check, parser: &Parser, expected: &[(Arc<str>, Value<'static>)], row: &[Value<'_>], at: &Place) {
    for (name, wanted) in expected {
        let Some(index) = parser.table.columns.iter().position(|column| column.name == **name) else {
            let known = parser.table.columns.iter().map(|column| column.name.as_str());
            let help = crate::suggest::hint(name, "this parser gives", known);
            check.problem(&check.atlas.name_after(name, at), format!("this parser gives no field `{name}`"), help);
            continue;
        };
        let got = row.get(index).map_or(Value::Missing, Value::borrow);
        let same = match (wanted, &got) {
            (Value::Missing, Value::Missing) => true,
            _ => wanted.compare(&got) == Some(std::cmp::Ordering::Equal),
        };
        if !same {
            let what = format!("`{name}` is {} here, but {} is expected", shown(&got), shown(wanted));
            check.problem(&check.atlas.name_after(name, at), what, "");
        }
    }
}

fn shown(value: &Value<'_>) -> String {
    match value {
        Value::Missing => "missing".into(),
        Value::Bool(yes) => yes.to_string(),
        Value::Int(int) => int.to_string(),
        Value::Float(float) => float.to_string(),
        Value::Text(text) => format!("\"{}\"", text.escape_debug()),
    }
}
