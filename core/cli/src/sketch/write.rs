//! Writes a shape as a pattern, and a guessed parser as a script.

use super::{
    Sketch,
    name::Names,
    shape::{Place, Shape},
};
use infralogs_core::{
    parse::{
        Outcome,
        spec::{Extractor, FieldType, Pick},
    },
    table::ColumnType,
    time::Time,
    value::Value,
};
use std::fmt::Write;

/// How times of several words are written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Times {
    /// As one field of type time.
    Typed,
    /// Word by word, where a field would end too early.
    Words,
}

/// The shape as a pattern.
pub fn pattern(shape: &Shape, times: Times) -> Extractor {
    let mut names = Names::default();
    let mut text = String::new();
    let mut before = String::new();
    for place in &shape.places {
        match place {
            Place::Fixed(fixed) => {
                text.push_str(&fixed.replace('{', "{{").replace('}', "}}"));
                before.push_str(fixed);
            }
            Place::Field(FieldType::Time(format)) if times == Times::Words && format.contains(' ') => {
                let words = format.split(' ').map(|word| if word.contains("%H") { "clock" } else { "date" });
                let fields = words.map(|word| format!("{{{}}}", names.take(word)));
                text.push_str(&fields.collect::<Vec<_>>().join(" "));
                before.clear();
            }
            Place::Level => {
                let _ = write!(text, "{{{}}}", names.take("severity"));
                before.clear();
            }
            Place::Field(kind) => {
                let name = names.after(&before, kind);
                let _ = match type_name(kind) {
                    Some(kind) => write!(text, "{{{name}:{kind}}}"),
                    None => write!(text, "{{{name}}}"),
                };
                before.clear();
            }
            Place::Rest => {
                let _ = write!(text, "{{{}}}", names.take("text"));
            }
        }
    }
    Extractor::Dissect(text.into())
}

/// A type as scripts write it; text goes without saying.
fn type_name(kind: &FieldType) -> Option<String> {
    Some(match kind {
        FieldType::Text | FieldType::Flag(_) => return None,
        FieldType::Int => "int".into(),
        FieldType::Float => "float".into(),
        FieldType::Bool => "bool".into(),
        FieldType::Ip => "ip".into(),
        FieldType::Duration => "duration".into(),
        FieldType::Bytes => "bytes".into(),
        FieldType::Time(format) if &**format == "rfc3339" => "time".into(),
        FieldType::Time(format) => format!("time({format})"),
    })
}

/// The guess as a script, with examples from the lines it takes.
pub fn script(name: &str, sketch: &Sketch, lines: &[&str], from: &str) -> String {
    let mut text = format!(
        "// {name}: a first parser, guessed from {} lines of {from}; it takes {} of them.\n//\n\
         // Give the fields better names, and say with `.from(…)` which entries it should look at:\n\
         //     .from(identifier == \"…\")\n\nparser(\"{name}\")\n",
        lines.len(),
        sketch.taken,
    );
    for extractor in &sketch.extractors {
        let _ = writeln!(text, "    {}", call(extractor));
    }
    for (line, fields) in examples(sketch, lines) {
        let _ = writeln!(text, "    .example({},\n             #{{ {} }})", quoted(line), fields.join(", "));
    }
    let _ = writeln!(text, "    .into(\"{name}\");");
    text
}

fn call(extractor: &Extractor) -> String {
    match extractor {
        Extractor::Dissect(pattern) => format!(".pattern({})", quoted(pattern)),
        Extractor::Nginx => ".nginx()".into(),
        Extractor::Apache => ".apache()".into(),
        Extractor::Json(picks) => format!(".json({})", map(picks)),
        Extractor::Logfmt(picks) => format!(".logfmt({})", map(picks)),
        _ => ".syslog()".into(),
    }
}

fn map(picks: &[Pick]) -> String {
    let pick = |pick: &Pick| {
        let kind = type_name(&pick.kind).map(|kind| format!(":{kind}")).unwrap_or_default();
        format!("{}: {}", key(&pick.name), quoted(&format!("{}{kind}", pick.path)))
    };
    format!("#{{\n        {},\n    }}", picks.iter().map(pick).collect::<Vec<_>>().join(",\n        "))
}

/// A key of a map; words of the language are quoted.
fn key(name: &str) -> String {
    const WORDS: [&str; 42] = [
        "true", "false", "let", "const", "var", "is", "if", "else", "switch", "do", "while", "until", "loop", "for",
        "in", "continue", "break", "return", "throw", "try", "catch", "fn", "private", "import", "export", "as",
        "global", "this", "shared", "sync", "async", "await", "yield", "default", "case", "match", "new", "use",
        "with", "module", "package", "public",
    ];
    const MORE: [&str; 16] = [
        "static",
        "super",
        "void",
        "null",
        "nil",
        "spawn",
        "thread",
        "go",
        "eval",
        "call",
        "curry",
        "type_of",
        "print",
        "debug",
        "exit",
        "protected",
    ];
    if WORDS.contains(&name) || MORE.contains(&name) || name == "goto" { quoted(name) } else { name.to_owned() }
}

/// One line for each extractor, with some of the fields it gives.
fn examples<'l>(sketch: &Sketch, lines: &[&'l str]) -> Vec<(&'l str, Vec<String>)> {
    const FIELDS_MAX: usize = 8;
    let Some(whole) = super::parser(sketch.extractors.clone()) else { return Vec::new() };
    let example = |extractor: &Extractor| {
        let alone = super::parser(vec![extractor.clone()])?;
        let line = lines.iter().find(|line| super::takes(&alone, line))?;
        let Outcome::Matched(row) = whole.run_text(line, Time::now()) else { return None };
        let columns = whole.table.columns.iter().zip(&row);
        // A time may lack its year: what it means depends on today.
        let telling = columns.filter(|(column, value)| column.kind != ColumnType::Time && !value.is_missing());
        let known: Vec<&str> = whole.field_names().collect();
        let fields = telling
            .filter(|(column, _)| known.contains(&column.name.as_str()))
            .take(FIELDS_MAX)
            .map(|(column, value)| format!("{}: {}", key(&column.name), literal(value)));
        Some((*line, fields.collect()))
    };
    sketch.extractors.iter().filter_map(example).collect()
}

fn literal(value: &Value<'_>) -> String {
    match value {
        Value::Missing => "()".into(),
        Value::Bool(yes) => yes.to_string(),
        Value::Int(int) => int.to_string(),
        Value::Float(float) => format!("{float:?}"),
        Value::Text(text) => quoted(text),
    }
}

/// A text as scripts write it.
pub fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\t' => quoted.push_str("\\t"),
            '\r' => quoted.push_str("\\r"),
            '\n' => quoted.push_str("\\n"),
            c if c.is_control() => {
                let _ = write!(quoted, "\\x{:02x}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
