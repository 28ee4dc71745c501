//! Checks the fields and types of expressions.

use super::{super::source::Place, Check};
use crate::{
    expr::{Expr, mismatch},
    fields::{ENTRY_FIELDS, is_entry_field},
    parse::entry_field_type,
    suggest::hint,
    table::{ColumnType, KEY_COLUMNS, TableDef},
    tables,
};

/// Every field of the expression has to be one of an entry.
pub(super) fn entry_fields(check: &mut Check<'_>, expr: &Expr, at: &Place) {
    let mut unknown = Vec::new();
    expr.fields(&mut |name| {
        if !is_entry_field(name) {
            unknown.push(name.to_owned());
        }
    });
    for name in unknown {
        let help = hint(&name, "entries have upper-case journal fields and", ENTRY_FIELDS);
        check.problem(&check.atlas.name_after(&name, at), format!("an entry has no field `{name}`"), help);
    }
    never(check, expr, &|name| Some(entry_field_type(name)), at);
}

/// The type of a column as queries may name it, also `level` and `service` where a table has what they are views of.
pub(super) fn column(table: &TableDef, name: &str) -> Option<ColumnType> {
    table.column(name).or_else(|| match name {
        "level" if table.column("priority").is_some() => Some(ColumnType::Text),
        "service" if table.column("unit").is_some() => Some(ColumnType::Text),
        // Any field of an entry, a label of its target for one.
        _ if table.name == tables::LOGS.name && is_entry_field(name) => Some(ColumnType::Text),
        _ => None,
    })
}

/// The names [`column`] knows.
pub(super) fn columns(table: &TableDef) -> Vec<&str> {
    let own = table.columns.iter().map(|column| column.name.as_str());
    let keys = KEY_COLUMNS.iter().map(|(name, _)| *name).filter(|name| matches!(*name, "time" | "host"));
    let views = ["level", "service"].into_iter().filter(|name| column(table, name).is_some());
    let mut all: Vec<&str> = Vec::new();
    for name in keys.chain(own).chain(views) {
        if !all.contains(&name) {
            all.push(name);
        }
    }
    all
}

/// A comparison that can never hold is surely not what was meant.
pub(super) fn never(check: &mut Check<'_>, expr: &Expr, kind: &dyn Fn(&str) -> Option<ColumnType>, at: &Place) {
    if let Some(error) = mismatch::find(expr, kind) {
        let word = error.what.split('`').nth(1).unwrap_or_default();
        check.problem(&check.atlas.name_after(word, at), error.what.clone(), error.help.unwrap_or_default());
    }
}
