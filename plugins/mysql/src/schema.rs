//! Tables in the database: the built-in ones and those of parsers. A column's comment holds its declared type.

use crate::{
    cubes,
    error::{code, failed},
    partitions,
    pool::Session,
};
use infralogs_core::{
    error::Result,
    sql::{
        Dialect, rebuild, rollup,
        schema::{self, SCHEMA_VERSION, WITHOUT_AUDIT, WITHOUT_YOUNG_CUBES},
        write::{NAME_CHARS_MAX, NTH_COLUMN},
    },
    table::{ColumnDef, ColumnType, Storage, TableDef},
    tables,
    time::Time,
};
use mysql::prelude::Queryable;
use std::sync::Arc;

/// How long another process may be changing tables.
const LOCK_WAIT_S: u32 = 20;
/// Somebody else made the table or the column in the meantime.
const EXISTS: [u16; 3] = [1050, 1060, 1061];
/// The server can't change a table that way.
const NOT_THAT_WAY: [u16; 3] = [1845, 1846, 1221];
/// The server has no named locks: a Galera cluster.
const NO_LOCKS: u16 = 1235;
/// The schema version whose rows were not counted yet.
const BEFORE_ROLLUPS: i64 = 1;

/// Makes or upgrades the built-in tables, one process at a time.
pub(crate) fn migrate(session: &mut Session) -> Result<()> {
    let doing = "making the tables";
    locked(session, |session| {
        let options = session.flavour.table_options();
        let own = [
            "schema_version (version BIGINT NOT NULL PRIMARY KEY)",
            "checkpoints (machine VARCHAR(32) NOT NULL, seqnum_id VARCHAR(32) NOT NULL, `cursor` VARCHAR(250) NOT NULL,
             PRIMARY KEY (machine, seqnum_id))",
            "leases (target VARCHAR(255) NOT NULL PRIMARY KEY, owner VARCHAR(64) NOT NULL, until DATETIME(6) NOT NULL,
             KEY leases_owner (owner))",
            "heartbeats (owner VARCHAR(64) NOT NULL PRIMARY KEY, at BIGINT NOT NULL)",
            "rollups (cube TINYINT NOT NULL, bucket BIGINT NOT NULL, host VARCHAR(255) NOT NULL,
             unit VARCHAR(255) NOT NULL, priority BIGINT NOT NULL, has TINYINT NOT NULL, shard VARCHAR(1) NOT NULL,
             n BIGINT NOT NULL, PRIMARY KEY (cube, bucket, host, unit, priority, has, shard))",
            "`$cubes` (number BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, of_table VARCHAR(64) NOT NULL,
             by_columns VARCHAR(600) NOT NULL, of_columns VARCHAR(600) NOT NULL, since BIGINT NOT NULL,
             until BIGINT NOT NULL, KEY of_table (of_table))",
            "`$counts` (cube BIGINT NOT NULL, grain TINYINT NOT NULL, bucket BIGINT NOT NULL, slot VARCHAR(32) NOT NULL,
             of_column TINYINT NOT NULL, bin BIGINT NOT NULL, shard VARCHAR(1) NOT NULL, n BIGINT NOT NULL,
             hi BIGINT NOT NULL, lo BIGINT NOT NULL, least BIGINT, most BIGINT, d0 VARCHAR(255), d1 VARCHAR(255),
             d2 VARCHAR(255), d3 VARCHAR(255), PRIMARY KEY (cube, grain, bucket, slot, of_column, bin, shard))",
            "`$rebuild` (id TINYINT NOT NULL PRIMARY KEY, epoch BIGINT NOT NULL, of_table VARCHAR(64) NOT NULL,
             token VARCHAR(32) NOT NULL, state VARCHAR(16) NOT NULL, until BIGINT NOT NULL)",
            "`$arrived` (nth BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, machine VARCHAR(32) NOT NULL,
             seqnum_id VARCHAR(32) NOT NULL, lowest BIGINT NOT NULL, since BIGINT NOT NULL, until BIGINT NOT NULL)",
        ];
        for table in own {
            // Counts go by whole days as their rows do.
            let days = table.starts_with(rollup::TABLE).then(|| partitions::clause(Time::now(), "bucket"));
            let sql = format!("CREATE TABLE IF NOT EXISTS {table} {options}{}", days.unwrap_or_default());
            session.conn.query_drop(sql).map_err(failed(doing))?;
        }
        give_days(session)?;
        let row = "INSERT IGNORE INTO `$rebuild` VALUES (1, 0, '', '', '', 0)";
        session.conn.query_drop(row).map_err(failed(doing))?;
        let found: Option<Option<i64>> =
            session.conn.query_first("SELECT MAX(version) FROM schema_version").map_err(failed(doing))?;
        let found = found.flatten();
        if let Some(found) = found.filter(|found| *found > SCHEMA_VERSION) {
            return Err(schema::newer(found));
        }
        for table in tables::all() {
            put(session, table)?;
        }
        match found {
            Some(BEFORE_ROLLUPS) => count(session, ["DELETE FROM rollups".into()], rollup::fill(Dialect::Mysql))?,
            Some(found) if found <= WITHOUT_YOUNG_CUBES => count(session, [], rollup::sum_up(Dialect::Mysql, found))?,
            _ => {}
        }
        if found.is_some_and(|found| found <= WITHOUT_AUDIT) {
            let sql = schema::fill_audit(Dialect::Mysql);
            session.conn.query_drop(sql).map_err(failed("counting rows for the audit"))?;
        }
        let sql = "INSERT IGNORE INTO schema_version (version) VALUES (?)";
        session.conn.exec_drop(sql, (SCHEMA_VERSION,)).map_err(failed(doing))
    })
}

/// Counts made before they had days get them: the table is copied once, and commits wait meanwhile or are tried again.
/// Where that takes longer than we wait for an answer, the server goes on with it, and the next try finds it done.
fn give_days(session: &mut Session) -> Result<()> {
    if !partitions::list(session, rollup::TABLE)?.is_empty() {
        return Ok(());
    }
    let doing = "giving the counts days";
    let sql = format!("SELECT MIN(bucket) FROM {}", rollup::TABLE);
    let oldest: Option<Option<i64>> = session.conn.query_first(sql).map_err(failed(doing))?;
    tracing::info!("counts are given days: their table is copied once");
    let days = partitions::clause_from(oldest.flatten().map_or(Time::now(), Time), Time::now(), "bucket");
    partitions::ddl(session, &format!("ALTER TABLE {}{days}", rollup::TABLE), doing)
}

/// Fills counts that an older program did not keep.
fn count<const N: usize>(session: &mut Session, first: [String; N], then: Vec<String>) -> Result<()> {
    let all = ["START TRANSACTION".into()].into_iter().chain(first).chain(then);
    for sql in all.chain(["COMMIT".into()]) {
        session.conn.query_drop(sql).map_err(failed("counting rows for the rollups"))?;
    }
    Ok(())
}

/// Adds tables and columns that are not there yet.
pub(crate) fn prepare(session: &mut Session, tables: &[Arc<TableDef>]) -> Result<()> {
    tables.iter().try_for_each(|table| schema::check(table))?;
    // Nearly always everything is there: seen without the lock, which another process may hold for long.
    let kept = cubes::list(session)?;
    let mut lacking = Vec::new();
    for table in tables {
        if !missing(session, table)?.1.is_empty() || cubes::lacks(table, &kept) {
            lacking.push(table);
        }
    }
    if lacking.is_empty() {
        return Ok(());
    }
    locked(session, |session| {
        lacking.iter().try_for_each(|table| {
            let exists = missing(session, table)?.0;
            cubes::register(session, table, exists)?;
            put(session, table)
        })
    })
}

/// One process at a time (where the server has no such lock, the statements themselves bear a race).
fn locked<T>(session: &mut Session, run: impl FnOnce(&mut Session) -> Result<T>) -> Result<T> {
    let lock = "CONCAT('infralogs.', LEFT(DATABASE(), 40))";
    let doing = "waiting for another program that changes tables";
    let got = match session.conn.query_first(format!("SELECT GET_LOCK({lock}, {LOCK_WAIT_S})")) {
        Err(error) if code(&error) == Some(NO_LOCKS) => return run(session),
        got => got.map_err(failed(doing))?,
    };
    if got.flatten() != Some(1_i64) {
        return Err(infralogs_core::Error::unavailable(format!("{doing} took over {LOCK_WAIT_S} s")).help("try again"));
    }
    let result = run(session);
    session.conn.query_drop(format!("DO RELEASE_LOCK({lock})")).map_err(failed(doing))?;
    result
}

fn put(session: &mut Session, table: &TableDef) -> Result<()> {
    let doing = format!("adding table `{}`", table.name);
    let (exists, missing) = missing(session, table)?;
    if missing.is_empty() {
        return Ok(());
    }
    let done = if exists { add_columns(session, table, &missing) } else { create_table(session, table, &missing) };
    match done {
        Ok(()) => Ok(()),
        Err(error) if code(&error).is_some_and(|code| EXISTS.contains(&code)) => {
            // Made by somebody else at the same moment: as we want it, or not.
            self::missing(session, table).map(|_| ())
        }
        Err(error) => Err(failed(&doing)(error)),
    }
}

fn create_table(session: &mut Session, table: &TableDef, columns: &[ColumnDef]) -> mysql::Result<()> {
    let mut options = session.flavour.table_options();
    let has_days = table.name == tables::LOGS.name || table.name == tables::QUARANTINE.name;
    if has_days || tables::built_in(&table.name).is_none() {
        options.push_str(&partitions::clause(Time::now(), "time"));
    }
    session.conn.query_drop(create(&table.name, columns, &options))
}

/// While others go on writing and reading.
fn add_columns(session: &mut Session, table: &TableDef, columns: &[ColumnDef]) -> mysql::Result<()> {
    let columns: Vec<String> =
        columns.iter().map(|column| format!("ADD COLUMN {}", column_sql(&table.name, column))).collect();
    let sql = format!("ALTER TABLE {} {}", quote(&table.name), columns.join(", "));
    let [instant, in_place] = session.flavour.online();
    match session.conn.query_drop(format!("{sql}{instant}")) {
        Err(error) if code(&error).is_some_and(|code| NOT_THAT_WAY.contains(&code)) => {
            session.conn.query_drop(format!("{sql}{in_place}"))
        }
        done => done,
    }
}

/// Whether the table is there, and the columns it lacks. A column of another type is an error.
fn missing(session: &mut Session, table: &TableDef) -> Result<(bool, Vec<ColumnDef>)> {
    let mut wanted = tables::stored(table);
    if tables::built_in(&table.name).is_none() {
        wanted.push(ColumnDef::new(NTH_COLUMN, ColumnType::Int));
    }
    let stored = stored(session, &table.name)?;
    Ok((!stored.is_empty(), schema::missing(table, &wanted, &stored)?))
}

fn stored(session: &mut Session, table: &str) -> Result<Vec<(String, String)>> {
    let sql = "SELECT column_name, column_comment FROM information_schema.columns
               WHERE table_schema = DATABASE() AND table_name = ? ORDER BY ordinal_position";
    session.conn.exec(sql, (table,)).map_err(failed(&format!("reading the columns of `{table}`")))
}

/// The columns a table is stored with.
pub(crate) fn columns(session: &mut Session, table: &str) -> Result<Vec<ColumnDef>> {
    stored(session, table).map(rebuild::listed)
}

/// Whether a table is there.
pub(crate) fn is_there(session: &mut Session, table: &str) -> Result<bool> {
    stored(session, table).map(|columns| !columns.is_empty())
}

/// Makes an empty table of these columns; `more` stands at the end of its options.
pub(crate) fn make(session: &mut Session, table: &str, columns: &[ColumnDef], more: &str) -> Result<()> {
    let options = session.flavour.table_options() + more;
    let sql = create(table, columns, &options);
    session.conn.query_drop(sql).map_err(failed(&format!("adding table `{table}`")))
}

/// The same, with days from where those of another table begin.
pub(crate) fn make_like(session: &mut Session, like: &str, table: &str, columns: &[ColumnDef]) -> Result<()> {
    let first = partitions::list(session, like)?.first().and_then(|past| past.below).map(Time);
    let days = first.map_or(String::new(), |first| partitions::clause_from(first, Time::now(), "time"));
    make(session, table, columns, &days)
}

fn create(table: &str, columns: &[ColumnDef], options: &str) -> String {
    let list: Vec<String> = columns.iter().map(|column| column_sql(table, column)).collect();
    let has = |wanted: &str| columns.iter().any(|column| column.name == wanted);
    let key = match table {
        "agents" => "PRIMARY KEY (`host`)",
        "logs" => "PRIMARY KEY (`time`, `machine`, `seqnum_id`, `seqnum`)",
        "audit" => "PRIMARY KEY (`time`, `machine`, `seqnum_id`)",
        _ if has(NTH_COLUMN) => "PRIMARY KEY (`time`, `machine`, `seqnum_id`, `seqnum`, `$nth`)",
        _ => "KEY by_time (`time`)",
    };
    format!("CREATE TABLE {} ({}, {key}) {options}", quote(table), list.join(", "))
}

fn column_sql(table: &str, column: &ColumnDef) -> String {
    let name = column.name.as_str();
    let is_key = match table {
        "agents" => name == "host",
        "gaps" | "quarantine" | "deploys" => name == "time",
        _ => matches!(name, "time" | "machine" | "seqnum_id" | "seqnum" | NTH_COLUMN),
    };
    let kind = match (column.kind.storage(), name) {
        (Storage::Text, "machine" | "seqnum_id") => "VARCHAR(32)".into(),
        (Storage::Text, "host" | "unit" | "identifier") if tables::built_in(table).is_some() || name == "host" => {
            format!("VARCHAR({NAME_CHARS_MAX})")
        }
        (Storage::Text, _) => "LONGTEXT".into(),
        (Storage::Int, _) => "BIGINT".into(),
        (Storage::Float, _) => "DOUBLE".into(),
        (Storage::Bool, _) => "TINYINT".to_owned(),
    };
    let null = if is_key { "NOT NULL" } else { "NULL" };
    format!("{} {kind} {null} COMMENT '{}'", quote(name), column.kind.name())
}

fn quote(name: &str) -> String {
    Dialect::Mysql.quote(name)
}
