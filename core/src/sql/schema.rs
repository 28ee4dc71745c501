//! What a table must have in a store, compared with what it has.

use crate::{
    error::{Error, Result},
    expr::{Expr, Literal},
    table::{ColumnDef, ColumnType, KEY_COLUMNS, TableDef},
    tables,
};

/// The version of the built-in tables; a store of a newer one is refused.
pub const SCHEMA_VERSION: i64 = 6;
/// The newest version that lacked some cubes of `rollups`: [`super::rollup::sum_up`] makes up for it.
pub const WITHOUT_YOUNG_CUBES: i64 = 5;
/// The newest version that kept no `audit`: [`fill_audit`] makes up for it.
pub const WITHOUT_AUDIT: i64 = 3;

/// Refuses a table that a store can't make: a reserved name, or key columns declared as something else.
pub fn check(table: &TableDef) -> Result<()> {
    if tables::built_in(&table.name).is_none() && tables::RESERVED.contains(&table.name.as_str()) {
        return Err(Error::invalid(format!("the table name `{}` is the store's own", table.name))
            .help("choose another name in .into(…)"));
    }
    if tables::built_in(&table.name).is_some() {
        return Ok(());
    }
    for column in &table.columns {
        let Some((_, kind)) = KEY_COLUMNS.iter().find(|(name, _)| *name == column.name) else { continue };
        let may_be_own = matches!(column.name.as_str(), "time" | "host");
        if !may_be_own || *kind != column.kind {
            let what = format!(
                "column `{}` of table `{}` is {}, but every parser table has its own of type {}",
                column.name,
                table.name,
                column.kind.name(),
                kind.name()
            );
            return Err(Error::invalid(what).help("give the column another name"));
        }
    }
    Ok(())
}

/// The columns to add to a table that has these (names and types as stored). A column of another type is an error.
pub fn missing(table: &TableDef, wanted: &[ColumnDef], stored: &[(String, String)]) -> Result<Vec<ColumnDef>> {
    let mut add = Vec::new();
    for column in wanted {
        match stored.iter().find(|(name, _)| *name == column.name) {
            None => add.push(column.clone()),
            Some((_, kind)) if kind == column.kind.name() => {}
            Some((_, kind)) => {
                let what = format!(
                    "column `{}` of table `{}` is stored as {kind}, the scripts now say {}",
                    column.name,
                    table.name,
                    column.kind.name()
                );
                let help = format!(
                    "keep {kind} or give the column another name; to change it build the table anew from `logs`: \
                     infralogs reparse --parser {} --since 7d",
                    table.name
                );
                return Err(Error::invalid(what).at(format!("table `{}`", table.name)).help(help));
            }
        }
    }
    Ok(add)
}

/// The error of a store that a newer program made.
pub fn newer(found: i64) -> Error {
    Error::invalid(format!("the store has schema version {found}, this program knows up to {SCHEMA_VERSION}"))
        .help("start the newer program, or name another database")
}

/// Counts in `audit` what was stored before it was kept: rows alone, since nobody knows what else there was.
pub fn fill_audit(dialect: super::Dialect) -> String {
    let quote = |name: &str| dialect.quote(name);
    let (time, hour) = (quote("time"), super::retention::HOUR_US);
    format!(
        "{insert} INTO {audit} (time, host, machine, seqnum_id, counted, dropped, unreadable, lost) \
         SELECT h, MAX({host}), m, s, COUNT(*), 0, 0, 0 FROM (SELECT {time} - (({time} % {hour} + {hour}) % {hour}) AS h, \
         {host}, machine AS m, seqnum_id AS s FROM {logs} WHERE identifier IS NULL OR identifier NOT IN ({reports})) AS r \
         GROUP BY h, m, s",
        // What is there was counted by a migration that broke off.
        insert = if dialect == super::Dialect::Sqlite { "INSERT OR IGNORE" } else { "INSERT IGNORE" },
        reports = REPORTS.map(|name| format!("'{name}'")).join(", "),
        audit = quote(&tables::AUDIT.name),
        host = quote("host"),
        logs = quote(&tables::LOGS.name),
    )
}

/// What reports of agents call themselves: they are made when they are asked for, and nobody counts them.
pub const REPORTS: [&str; 3] = ["infralogs-disk", "infralogs-failed-units", "infralogs-scripts"];

/// Whether an entry is of a journal, and no report.
pub fn is_of_a_journal() -> Expr {
    let reports = REPORTS.iter().map(|name| Literal::Text((*name).into())).collect();
    Expr::Not(Box::new(Expr::In(Box::new(Expr::field("identifier")), reports)))
}

/// The kind a stored type's name stands for.
pub fn kind_of(name: &str) -> Option<ColumnType> {
    use ColumnType::{Bool, Bytes, Duration, Float, Int, Ip, Text, Time};
    [Text, Int, Float, Bool, Ip, Time, Duration, Bytes].into_iter().find(|kind| kind.name() == name)
}
