//! Finds comparisons that can never hold: text is never equal to a number.

use crate::{
    error::Error,
    expr::{Compare, Expr, column_type},
    table::{ColumnType, Storage},
};

/// The first comparison in an expression whose sides are of kinds that never compare.
pub(crate) fn find(expr: &Expr, field: &dyn Fn(&str) -> Option<ColumnType>) -> Option<Error> {
    match expr {
        Expr::Compare(how, a, b) => inside(&[a, b], field).or_else(|| compare(expr, *how, a, b, field)),
        Expr::And(a, b) | Expr::Or(a, b) | Expr::Arithmetic(_, a, b) => inside(&[a, b], field),
        Expr::In(a, list) => inside(&[a], field).or_else(|| {
            let kind = column_type(a, field)?;
            let odd = list.iter().find(|one| {
                column_type(&Expr::Literal((*one).clone()), field).is_some_and(|other| differ(kind, other))
            })?;
            Some(never(expr, &a.to_string(), kind, &odd.to_string()))
        }),
        Expr::Test(_, a, _) | Expr::Matches(a, _) | Expr::Lookup(a, _) => inside(&[a], field).or_else(|| {
            let kind = column_type(a, field).filter(|kind| kind.storage() != Storage::Text)?;
            Some(Error::invalid(format!("`{a}` is {}, and this needs text: `{expr}`", kind.name())).help("use text(…)"))
        }),
        Expr::Not(a) | Expr::Call(_, a) => inside(&[a], field),
        Expr::Field(_) | Expr::Literal(_) | Expr::Ago(_) => None,
    }
}

fn inside(parts: &[&Expr], field: &dyn Fn(&str) -> Option<ColumnType>) -> Option<Error> {
    parts.iter().find_map(|part| find(part, field))
}

fn compare(expr: &Expr, how: Compare, a: &Expr, b: &Expr, field: &dyn Fn(&str) -> Option<ColumnType>) -> Option<Error> {
    let (one, other) = (column_type(a, field)?, column_type(b, field)?);
    // `!=` of different kinds always holds, which is as useless.
    let _ = how;
    differ(one, other).then(|| never(expr, &a.to_string(), one, &b.to_string()))
}

fn differ(a: ColumnType, b: ColumnType) -> bool {
    let group = |kind: ColumnType| match kind.storage() {
        Storage::Text => 0,
        Storage::Int | Storage::Float => 1,
        Storage::Bool => 2,
    };
    group(a) != group(b)
}

fn never(expr: &Expr, name: &str, kind: ColumnType, other: &str) -> Error {
    let error = Error::invalid(format!("`{name}` is {} and never equals {other}: `{expr}`", kind.name()));
    if name == "priority" {
        return error.help("compare `level` by name: `level >= \"error\"`");
    }
    error.help(format!("give `{name}` another type where it is extracted, or use `.int()`, `.float()` or `.text()`"))
}
