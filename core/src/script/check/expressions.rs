//! Checks the fields and types of expressions.

use super::{
    super::source::Place,
    Check,
};
use crate::{
    expr::{Expr, Literal},
    fields::{ENTRY_FIELDS, is_entry_field},
    suggest::hint,
    table::{ColumnType, KEY_COLUMNS, Storage, TableDef},
};

/// Every field of the expression has to be one of an entry.
pub(super) fn entry_fields(check: &mut Check, expr: &Expr, at: &Place) {
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
    let kind = |name: &str| match name {
        "priority" | "pid" => Some(ColumnType::Int),
        "time" => Some(ColumnType::Time),
        _ => Some(ColumnType::Text),
    };
    types(check, expr, &kind, at);
}

/// The type of a column as queries may name it, also `level` and `service` where a table has what they are views of.
pub(super) fn column(table: &TableDef, name: &str) -> Option<ColumnType> {
    table.column(name).or_else(|| match name {
        "level" if table.column("priority").is_some() => Some(ColumnType::Text),
        "service" if table.column("unit").is_some() => Some(ColumnType::Text),
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

/// Comparing text with a number is always false: surely not what was meant.
pub(super) fn types(check: &mut Check, expr: &Expr, kind: &dyn Fn(&str) -> Option<ColumnType>, at: &Place) {
    match expr {
        Expr::Compare(_, a, b) => {
            for (field, literal) in [(a, b), (b, a)] {
                if let (Expr::Field(name), Expr::Literal(literal)) = (&**field, &**literal) {
                    mismatch(check, name, literal, kind, at);
                }
            }
        }
        Expr::In(a, list) => {
            if let Expr::Field(name) = &**a {
                list.iter().take(1).for_each(|literal| mismatch(check, name, literal, kind, at));
            }
        }
        Expr::And(a, b) | Expr::Or(a, b) => {
            types(check, a, kind, at);
            types(check, b, kind, at);
        }
        Expr::Not(a) => types(check, a, kind, at),
        _ => {}
    }
}

fn mismatch(check: &mut Check, name: &str, literal: &Literal, kind: &dyn Fn(&str) -> Option<ColumnType>, at: &Place) {
    let Some(column) = kind(name) else { return };
    let (wanted, got) = match (column.storage(), literal) {
        (Storage::Text, Literal::Int(number)) => ("text", number.to_string()),
        (Storage::Text, Literal::Float(number)) => ("text", number.to_string()),
        (Storage::Int | Storage::Float, Literal::Text(text)) => ("a number", format!("\"{text}\"")),
        (Storage::Bool, Literal::Text(text)) => ("true or false", format!("\"{text}\"")),
        _ => return,
    };
    let help = match (wanted, name) {
        (_, "priority") => "compare `level` by name: `level >= \"error\"`".to_owned(),
        ("text", _) => format!("read the number with `{name}.int()`"),
        _ => String::new(),
    };
    let what = format!("`{name}` is {wanted}: it never equals {got}");
    check.problem(&check.atlas.name_after(name, at), what, help);
}
