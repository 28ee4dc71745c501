//! The columns of a parser's table: which, of what type, from which slots.

use super::{
    Flaw, Part,
    compile::{Emit, Scope},
    dissect::is_name,
    entry_fields::entry_field_type,
    spec::ParserSpec,
};
use crate::{
    error::Error,
    fields::is_entry_field,
    sql::kept,
    suggest,
    table::{ColumnDef, ColumnType, KEY_COLUMNS, TableDef},
    tables,
};
use std::sync::Arc;

/// The longest name of a table or column, in characters.
const NAME_CHARS_MAX: usize = 60;
/// The most columns of one parser.
const COLUMNS_MAX: usize = 256;

/// The declared columns and how each is filled.
pub(super) fn columns(spec: &ParserSpec, scope: &mut Scope) -> (Vec<Emit>, Vec<ColumnDef>) {
    table_name(&spec.table, scope);
    let names = spec.columns.clone().unwrap_or_else(|| scope.names());
    if names.is_empty() && !scope.incomplete {
        flaw(scope, Error::invalid("this parser stores no columns").help("name them: columns([message, unit])"));
    } else if names.len() > COLUMNS_MAX {
        flaw(scope, Error::invalid(format!("{} columns are more than {COLUMNS_MAX}", names.len())));
    }
    let mut emits = Vec::new();
    let mut defs: Vec<ColumnDef> = Vec::new();
    for name in &names {
        if defs.iter().any(|def| def.name == **name) {
            flaw(scope, Error::invalid(format!("column `{name}` is named twice")));
        } else if let Some((emit, kind)) = column(name, scope) {
            emits.push(emit);
            defs.push(ColumnDef::new(&**name, kind));
        }
    }
    (emits, defs)
}

/// The table these columns make.
pub(super) fn def(spec: &ParserSpec, columns: Vec<ColumnDef>) -> TableDef {
    let rollups = spec.rollups.clone();
    TableDef { name: spec.table.to_string(), columns, keep_for: spec.keep_for, keep_size: spec.keep_size, rollups }
}

/// Each rollup counts by and of columns that are there and can be counted.
pub(super) fn rollups(spec: &ParserSpec, columns: &[ColumnDef], scope: &mut Scope) {
    let mut check = |names: &[String], max: usize, fits: fn(ColumnType) -> bool, cant: &str| {
        if names.len() > max {
            let what = format!("a rollup of {} columns is more than {max}", names.len());
            scope.flaws.push(Flaw::new(Part::Rollups, Error::invalid(what)));
        }
        for name in names {
            let own = columns.iter().find(|column| column.name == *name).map(|column| column.kind);
            let error = match own.or_else(|| (name == "host").then_some(ColumnType::Text)) {
                Some(kind) if fits(kind) => continue,
                Some(kind) => Error::invalid(format!("column `{name}` is {}, which {cant}", kind.name()))
                    .help("by: text, ip, int, bool with few values; of: int, duration, bytes"),
                None => Error::invalid(format!("there is no column `{name}` to roll up"))
                    .help(format!("it has host, {}", suggest::list(columns.iter().map(|column| column.name.as_str())))),
            };
            scope.flaws.push(Flaw::new(Part::Rollups, error));
        }
    };
    for rollup in &spec.rollups {
        check(&rollup.by, kept::BY_MAX, kept::tells, "has too many values to count by");
        check(&rollup.of, kept::OF_MAX, kept::measures, "can't be measured in a histogram");
    }
}

fn flaw(scope: &mut Scope, error: Error) {
    scope.flaws.push(Flaw::new(Part::Columns, error));
}

/// One column; `None` if every table has it anyway, or if it is wrong.
fn column(name: &Arc<str>, scope: &mut Scope) -> Option<(Emit, ColumnType)> {
    if !is_name(name) || name.chars().count() > NAME_CHARS_MAX {
        let set = format!("set(\"{}\", {name})", name.to_lowercase());
        let named = if is_entry_field(name) { format!("write {set} and name that") } else { String::new() };
        let what = format!("`{}` is no name for a column", name.escape_debug());
        let help = format!("names are up to {NAME_CHARS_MAX} lower-case letters, digits and `_`; {named}");
        flaw(scope, Error::invalid(what).help(help.trim_end_matches("; ")));
        return None;
    }
    let key = KEY_COLUMNS.iter().find(|(own, _)| **own == **name);
    match (scope.record_slot(name), scope.record_type(name)) {
        (Some(slot), Some(kind)) => {
            let or = match key {
                Some((own @ ("time" | "host"), wanted)) if *wanted == kind => Some(scope.entry_slot(own)),
                Some((own, wanted)) => {
                    flaw(scope, reserved(own, *wanted, kind));
                    return None;
                }
                None => None,
            };
            Some((Emit { slot, or }, kind))
        }
        // The entry's own time and host stand in every row.
        _ if key.is_some() => None,
        _ if is_entry_field(name) => Some((Emit { slot: scope.entry_slot(name), or: None }, entry_field_type(name))),
        _ => {
            scope.unknown_name(name, Part::Columns);
            None
        }
    }
}

fn reserved(name: &str, wanted: ColumnType, given: ColumnType) -> Error {
    match name {
        "time" | "host" => Error::invalid(format!("column `{name}` must be {}, not {}", wanted.name(), given.name()))
            .help(format!("every table has `{name}`: give the field that type, or another name")),
        _ => Error::invalid(format!("column `{name}` is one that every table has")).help("give the field another name"),
    }
}

fn table_name(name: &str, scope: &mut Scope) {
    let error = if !is_name(name) || name.len() > NAME_CHARS_MAX {
        Error::invalid(format!("`{}` is no name for a table", name.escape_debug()))
            .help(format!("names are up to {NAME_CHARS_MAX} lower-case letters, digits and `_`"))
    } else if tables::built_in(name).is_some() || tables::RESERVED.contains(&name) {
        let built_in = tables::all().map(|table| table.name.as_str());
        let all = suggest::list(built_in.into_iter().chain(tables::RESERVED));
        Error::invalid(format!("table `{name}` is ours")).help(format!("take another name than {all}"))
    } else {
        return;
    };
    scope.flaws.push(Flaw::new(Part::Table, error));
}
