//! Whole records: the newest ones, and the newest one of each kind.

use super::{
    Select,
    term::{Scope, Stop, Term},
};
use crate::{
    expr::{Expr, Literal},
    query::ROWS_MAX,
    table::ColumnDef,
};
use std::sync::Arc;

/// `Shape::Latest`.
pub(super) fn latest(
    columns: &[Arc<str>],
    limit: usize,
    filter: Term,
    residual: Option<Expr>,
    scope: &Scope<'_>,
) -> Result<Select, Stop> {
    let mut list = List::of(columns, scope)?;
    let shown = list.defs.len();
    if let Some(residual) = &residual {
        let mut names = Vec::new();
        residual.fields(&mut |name| names.push(name.to_owned()));
        names.iter().try_for_each(|name| list.add(name, scope))?;
    }
    let limit = limit.min(ROWS_MAX);
    let scan = if residual.is_some() { super::SCAN_ROWS_MAX } else { limit };
    let sql = format!(
        "SELECT {} FROM {} WHERE {} ORDER BY {} LIMIT {scan}",
        list.sql(scope),
        scope.dialect.quote(&scope.table.name),
        filter.sql,
        newest_first(scope),
    );
    let reads = format!("the newest rows of `{}`", scope.table.name);
    Ok(Select {
        sql,
        params: [list.params, filter.params].concat(),
        defs: list.defs,
        shown,
        residual,
        fold: None,
        limit,
        reads,
    })
}

/// `Shape::Newest`.
pub(super) fn newest(
    per: &[Arc<str>],
    columns: &[Arc<str>],
    limit: usize,
    filter: Term,
    scope: &Scope<'_>,
) -> Result<Select, Stop> {
    let list = List::of(columns, scope)?;
    let per = per.iter().map(|name| scope.field(name)).collect::<Result<Vec<_>, _>>()?;
    let limit = limit.min(ROWS_MAX);
    let keys: String = per.iter().enumerate().map(|(at, term)| format!(", {} AS k{at}", term.sql)).collect();
    let names: Vec<String> = (0..per.len()).map(|at| format!("k{at}")).collect();
    let partition: Vec<&str> = per.iter().map(|term| term.sql.as_str()).collect();
    let partition = if partition.is_empty() { "1".into() } else { partition.join(", ") };
    let order = if names.is_empty() { "nth".into() } else { names.join(", ") };
    let outer: Vec<String> = list.defs.iter().map(|def| scope.dialect.quote(&def.name)).collect();
    let sql = format!(
        "SELECT {} FROM (SELECT {}{keys}, ROW_NUMBER() OVER (PARTITION BY {partition} ORDER BY {}) AS nth \
         FROM {} WHERE {}) AS r WHERE nth = 1 ORDER BY {order} LIMIT {limit}",
        outer.join(", "),
        list.sql(scope),
        newest_first(scope),
        scope.dialect.quote(&scope.table.name),
        filter.sql,
    );
    let keys: Vec<Literal> = per.into_iter().flat_map(|term| term.params).collect();
    let params = [list.params, keys.clone(), keys, filter.params].concat();
    let reads = format!("rows of `{}`", scope.table.name);
    Ok(Select { sql, params, shown: list.defs.len(), defs: list.defs, residual: None, fold: None, limit, reads })
}

/// By time, then by the entry's key: the same order everywhere, and the one rows are stored in.
fn newest_first(scope: &Scope<'_>) -> String {
    let has = |name: &&str| scope.columns.iter().any(|column| column.name == *name);
    let names = ["time", "machine", "seqnum_id", "seqnum"].into_iter().filter(has);
    names.map(|name| format!("{} DESC", scope.dialect.quote(name))).collect::<Vec<_>>().join(", ")
}

/// What stands between SELECT and FROM.
struct List {
    defs: Vec<ColumnDef>,
    values: Vec<String>,
    params: Vec<Literal>,
}

impl List {
    /// The columns asked for, or all.
    fn of(columns: &[Arc<str>], scope: &Scope<'_>) -> Result<Self, Stop> {
        let mut list = Self { defs: Vec::new(), values: Vec::new(), params: Vec::new() };
        if columns.is_empty() {
            scope.columns.iter().try_for_each(|column| list.add(&column.name, scope))?;
        }
        columns.iter().try_for_each(|name| list.add(name, scope))?;
        Ok(list)
    }
    /// One more, if it is not there yet.
    fn add(&mut self, name: &str, scope: &Scope<'_>) -> Result<(), Stop> {
        if self.defs.iter().any(|def| def.name == name) {
            return Ok(());
        }
        let term = scope.field(name)?;
        self.defs.push(ColumnDef::new(name, scope.kind(name)?));
        self.values.push(term.sql);
        self.params.extend(term.params);
        Ok(())
    }
    fn sql(&self, scope: &Scope<'_>) -> String {
        let named = self.values.iter().zip(&self.defs);
        named.map(|(sql, def)| format!("{sql} AS {}", scope.dialect.quote(&def.name))).collect::<Vec<_>>().join(", ")
    }
}
