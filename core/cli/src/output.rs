//! What commands print: tables for people, JSON and CSV for machines, errors with colour only on a terminal.

use clap::ValueEnum;
use comfy_table::{ContentArrangement, Table, presets::UTF8_HORIZONTAL_ONLY};
use infralogs_core::{Error, table::ColumnType, time::Time, value::Value};
use std::{error::Error as _, io::IsTerminal};

/// How a command prints its result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// Columns for people
    Table,
    /// One object a line
    Json,
    /// Comma-separated, with a header
    Csv,
}

/// Prints an error as `error: what`, then where, why and what to do next.
pub fn error(error: &Error) {
    let (red, dim, plain) =
        if std::io::stderr().is_terminal() { ("\x1b[1;31m", "\x1b[2m", "\x1b[0m") } else { ("", "", "") };
    eprintln!("{red}error:{plain} {}", error.what);
    if let Some(place) = &error.place {
        eprintln!("  {dim}at{plain} {place}");
    }
    let mut cause = error.source();
    while let Some(beneath) = cause {
        eprintln!("  {dim}because{plain} {beneath}");
        cause = beneath.source();
    }
    if let Some(help) = &error.help {
        eprintln!("  {dim}help:{plain} {help}");
    }
}

/// A table of text cells under a header.
pub fn table(header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(UTF8_HORIZONTAL_ONLY).set_content_arrangement(ContentArrangement::Dynamic).set_header(header);
    if !std::io::stdout().is_terminal() {
        table.set_content_arrangement(ContentArrangement::Disabled);
    }
    for row in rows {
        table.add_row(row);
    }
    table.to_string()
}

/// A value for people. Control characters of log text are shown, never sent to the terminal.
pub fn cell(value: &Value<'_>, kind: ColumnType) -> String {
    match (value, kind) {
        (Value::Missing, _) => String::new(),
        (Value::Int(micros), ColumnType::Time) => Time(*micros).to_string(),
        (Value::Int(micros), ColumnType::Duration) => {
            format!("{:?}", std::time::Duration::from_micros(micros.unsigned_abs()))
        }
        (Value::Bool(b), _) => b.to_string(),
        (Value::Int(i), _) => i.to_string(),
        (Value::Float(f), _) => f.to_string(),
        (Value::Text(text), _) => plain(text),
    }
}

/// Text for a terminal: control characters are shown, never obeyed.
pub fn plain(text: &str) -> String {
    text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect::<Vec<_>>() } else { vec![c] }).collect()
}

/// A value for machines. Times are RFC 3339, so that they can be read back.
pub fn json(value: &Value<'_>, kind: ColumnType) -> serde_json::Value {
    match (value, kind) {
        (Value::Missing, _) => serde_json::Value::Null,
        (Value::Int(micros), ColumnType::Time) => Time(*micros).to_string().into(),
        (Value::Bool(b), _) => (*b).into(),
        (Value::Int(i), _) => (*i).into(),
        (Value::Float(f), _) => (*f).into(),
        (Value::Text(text), _) => text.as_ref().into(),
    }
}

/// One CSV field, quoted where it must be.
pub fn csv(text: &str) -> String {
    if text.contains(['"', ',', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}
