//! Tables in the file: the built-in ones and those of parsers.

use crate::{cubes, error::failed};
use infralogs_core::{
    error::Result,
    sql::{
        Dialect, rebuild, rollup,
        schema::{self, SCHEMA_VERSION, WITHOUT_AUDIT, WITHOUT_YOUNG_CUBES},
        write::NTH_COLUMN,
    },
    table::{ColumnDef, ColumnType, Storage, TableDef},
    tables,
};
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use std::sync::Arc;

/// The schema version whose rows were not counted yet.
const BEFORE_ROLLUPS: i64 = 1;

/// The store's own tables, beside those that can be queried.
const OWN: &str = "
CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS columns (
    table_name TEXT NOT NULL, column_name TEXT NOT NULL, kind TEXT NOT NULL,
    PRIMARY KEY (table_name, column_name)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS checkpoints (
    machine TEXT NOT NULL, seqnum_id TEXT NOT NULL, cursor TEXT NOT NULL,
    PRIMARY KEY (machine, seqnum_id)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS leases (
    target TEXT NOT NULL PRIMARY KEY, owner TEXT NOT NULL, until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS leases_owner ON leases (owner);
CREATE TABLE IF NOT EXISTS rollups (
    cube INTEGER NOT NULL, bucket INTEGER NOT NULL, host TEXT NOT NULL, unit TEXT NOT NULL, priority INTEGER NOT NULL,
    has INTEGER NOT NULL, shard TEXT NOT NULL, n INTEGER NOT NULL,
    PRIMARY KEY (cube, bucket, host, unit, priority, has, shard)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS \"$cubes\" (
    number INTEGER PRIMARY KEY, of_table TEXT NOT NULL, by_columns TEXT NOT NULL, of_columns TEXT NOT NULL,
    since INTEGER NOT NULL, until INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS \"$counts\" (
    cube INTEGER NOT NULL, grain INTEGER NOT NULL, bucket INTEGER NOT NULL, slot TEXT NOT NULL,
    of_column INTEGER NOT NULL, bin INTEGER NOT NULL, shard TEXT NOT NULL, n INTEGER NOT NULL, hi INTEGER NOT NULL,
    lo INTEGER NOT NULL, least INTEGER, most INTEGER, d0 TEXT, d1 TEXT, d2 TEXT, d3 TEXT,
    PRIMARY KEY (cube, grain, bucket, slot, of_column, bin, shard)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS \"$rebuild\" (
    id INTEGER PRIMARY KEY, epoch INTEGER NOT NULL, of_table TEXT NOT NULL, token TEXT NOT NULL, state TEXT NOT NULL,
    until INTEGER NOT NULL
) STRICT;
INSERT OR IGNORE INTO \"$rebuild\" VALUES (1, 0, '', '', '', 0);
CREATE TABLE IF NOT EXISTS \"$arrived\" (
    machine TEXT NOT NULL, seqnum_id TEXT NOT NULL, lowest INTEGER NOT NULL, since INTEGER NOT NULL,
    until INTEGER NOT NULL
) STRICT;
";

/// Makes or upgrades the built-in tables; a second process doing so waits for the first.
pub(crate) fn migrate(db: &mut Connection) -> Result<()> {
    let doing = "making the tables";
    let transaction = begin(db, doing)?;
    transaction.execute_batch(OWN).map_err(failed(doing))?;
    let found: Option<i64> = transaction
        .query_row("SELECT MAX(version) FROM schema_version", [], |row| row.get(0))
        .map_err(failed(doing))?;
    if let Some(found) = found.filter(|found| *found > SCHEMA_VERSION) {
        return Err(schema::newer(found));
    }
    for table in tables::all() {
        put(&transaction, table)?;
    }
    let counts = match found {
        Some(BEFORE_ROLLUPS) => rollup::fill(Dialect::Sqlite),
        Some(found) if found <= WITHOUT_YOUNG_CUBES => rollup::sum_up(Dialect::Sqlite, found),
        _ => Vec::new(),
    };
    for sql in counts {
        transaction.execute_batch(&sql).map_err(failed("counting rows for the rollups"))?;
    }
    if found.is_some_and(|found| found <= WITHOUT_AUDIT) {
        transaction
            .execute_batch(&schema::fill_audit(Dialect::Sqlite))
            .map_err(failed("counting rows for the audit"))?;
    }
    if found != Some(SCHEMA_VERSION) {
        transaction.execute("INSERT INTO schema_version VALUES (?)", [SCHEMA_VERSION]).map_err(failed(doing))?;
    }
    transaction.commit().map_err(failed(doing))
}

/// Adds tables and columns that are not there yet.
pub(crate) fn prepare(db: &mut Connection, tables: &[Arc<TableDef>]) -> Result<()> {
    let doing = "adding tables";
    let transaction = begin(db, doing)?;
    for table in tables {
        schema::check(table)?;
        let exists = !stored(&transaction, &table.name).map_err(failed(doing))?.is_empty();
        cubes::register(&transaction, table, exists)?;
        put(&transaction, table)?;
    }
    transaction.commit().map_err(failed(doing))
}

fn begin<'c>(db: &'c mut Connection, doing: &str) -> Result<Transaction<'c>> {
    db.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed(doing))
}

fn put(db: &Transaction<'_>, table: &TableDef) -> Result<()> {
    let doing = format!("adding table `{}`", table.name);
    let mut wanted = tables::stored(table);
    let built_in = tables::built_in(&table.name).is_some();
    if !built_in {
        wanted.push(ColumnDef::new(NTH_COLUMN, ColumnType::Int));
    }
    let stored = stored(db, &table.name).map_err(failed(&doing))?;
    let missing = schema::missing(table, &wanted, &stored)?;
    if stored.is_empty() {
        db.execute_batch(&create(&table.name, &wanted)).map_err(failed(&doing))?;
    } else {
        for column in &missing {
            let sql = format!("ALTER TABLE {} ADD COLUMN {}", quote(&table.name), column_sql(column));
            db.execute_batch(&sql).map_err(failed(&doing))?;
        }
    }
    for column in &missing {
        db.execute("INSERT INTO columns VALUES (?, ?, ?)", params![table.name, column.name, column.kind.name()])
            .map_err(failed(&doing))?;
    }
    Ok(())
}

/// The columns a table is stored with.
pub(crate) fn columns(db: &Connection, table: &str) -> Result<Vec<ColumnDef>> {
    stored(db, table).map(rebuild::listed).map_err(failed("reading a table's columns"))
}

/// Makes an empty table of these columns.
pub(crate) fn make(db: &Connection, table: &str, columns: &[ColumnDef]) -> Result<()> {
    let doing = format!("adding table `{table}`");
    db.execute_batch(&create(table, columns)).map_err(failed(&doing))?;
    for column in columns {
        let row = params![table, column.name, column.kind.name()];
        db.execute("INSERT INTO columns VALUES (?, ?, ?)", row).map_err(failed(&doing))?;
    }
    Ok(())
}

/// How a table was made, if it is there.
pub(crate) fn stored_sql(db: &Connection, table: &str) -> rusqlite::Result<Option<String>> {
    let sql = "SELECT sql FROM sqlite_master WHERE type = 'table' AND name = ?";
    db.query_row(sql, [table], |row| row.get(0)).optional()
}

fn stored(db: &Connection, table: &str) -> rusqlite::Result<Vec<(String, String)>> {
    let mut statement = db.prepare_cached("SELECT column_name, kind FROM columns WHERE table_name = ?")?;
    statement.query_map([table], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}

fn create(table: &str, columns: &[ColumnDef]) -> String {
    let list: Vec<String> = columns.iter().map(column_sql).collect();
    let name = quote(table);
    let mut sql = format!("CREATE TABLE {name} ({}) STRICT;", list.join(", "));
    let has = |wanted: &str| columns.iter().any(|column| column.name == wanted);
    let mut index = |suffix: &str, kind: &str, columns: &str| {
        sql.push_str(&format!("CREATE {kind}INDEX {} ON {name} ({columns});", quote(&format!("{table}_{suffix}"))));
    };
    if table == tables::AGENTS.name {
        index("host", "UNIQUE ", "host");
        return sql;
    }
    index("time", "", "time");
    match (table == tables::LOGS.name, has(NTH_COLUMN)) {
        (true, _) => index("key", "UNIQUE ", "machine, seqnum_id, seqnum, time"),
        (_, false) if table == tables::AUDIT.name => index("key", "UNIQUE ", "time, machine, seqnum_id"),
        (_, true) => index("key", "UNIQUE ", &format!("machine, seqnum_id, seqnum, {}, time", quote(NTH_COLUMN))),
        _ => {}
    }
    sql
}

fn column_sql(column: &ColumnDef) -> String {
    let kind = match column.kind.storage() {
        Storage::Text => "TEXT",
        Storage::Int | Storage::Bool => "INTEGER",
        Storage::Float => "REAL",
    };
    format!("{} {kind}", quote(&column.name))
}

fn quote(name: &str) -> String {
    Dialect::Sqlite.quote(name)
}
