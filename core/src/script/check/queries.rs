//! Checks a query against the tables there are.

use super::{
    super::api::query::QueryDraft,
    Check,
    expressions::{column, columns, never},
};
use crate::{suggest::hint, table::Storage, tables};

/// Whether the table and every column a query names exist and have fitting types.
pub(super) fn check(check: &mut Check<'_>, query: &QueryDraft) -> bool {
    let before = check.problems.len();
    let Some(table) = check.table(&query.table).cloned() else {
        if check.follows(&query.table) {
            return false;
        }
        let names: Vec<String> =
            tables::all().iter().map(|table| table.name.clone()).chain(check.tables.keys().cloned()).collect();
        let help = hint(&query.table, "tables are", names.iter().map(String::as_str));
        check.problem(&query.table_at, format!("there is no table `{}`", query.table), help);
        return false;
    };
    for (name, at) in &query.uses {
        if column(&table, name).is_none() {
            let help = hint(name, &format!("`{}` has", table.name), columns(&table));
            check.problem(at, format!("table `{}` has no column `{name}`", table.name), help);
        }
    }
    for (name, at) in &query.numbers {
        let kind = column(&table, name);
        if kind.is_some_and(|kind| !matches!(kind.storage(), Storage::Int | Storage::Float)) {
            let kind = kind.map_or("", |kind| kind.name());
            check.problem(at, format!("`{name}` is {kind}, not a number"), "");
        }
    }
    if let Some(filter) = &query.filter {
        let at = query.uses.first().map_or(&query.table_at, |(_, at)| at).clone();
        never(check, filter, &|name| column(&table, name), &at);
        residual(check, query, filter);
    }
    check.problems.len() == before
}

/// An aggregate needs a filter that SQL can say.
fn residual(check: &mut Check<'_>, query: &QueryDraft, filter: &crate::expr::Expr) {
    if query.counts() && has_regex(filter) {
        check.problem(
            &query.table_at,
            "numbers can't be computed behind a regular expression: the database does not know it",
            "let a parser set a column by it, and compare that; `contains` and `starts_with` work too",
        );
    }
}

fn has_regex(expr: &crate::expr::Expr) -> bool {
    use crate::expr::Expr;
    match expr {
        Expr::Matches(..) => true,
        Expr::Compare(_, a, b) | Expr::And(a, b) | Expr::Or(a, b) | Expr::Arithmetic(_, a, b) => {
            has_regex(a) || has_regex(b)
        }
        Expr::Not(a) | Expr::In(a, _) | Expr::Test(_, a, _) | Expr::Call(_, a) | Expr::Lookup(a, _) => has_regex(a),
        Expr::Field(_) | Expr::Literal(_) | Expr::Ago(_) => false,
    }
}
