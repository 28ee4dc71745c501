//! The built-in tables: what every store has without a script.

use crate::table::{ColumnDef, ColumnType, KEY_COLUMNS, TableDef};
use std::sync::{Arc, LazyLock};

/// Every entry, one row each. `fields` holds the journal fields that have no column, as a JSON object.
pub static LOGS: LazyLock<Arc<TableDef>> = LazyLock::new(|| {
    table(
        "logs",
        &[
            ("time", ColumnType::Time),
            ("machine", ColumnType::Text),
            ("seqnum_id", ColumnType::Text),
            ("seqnum", ColumnType::Int),
            ("host", ColumnType::Text),
            ("unit", ColumnType::Text),
            ("identifier", ColumnType::Text),
            ("command", ColumnType::Text),
            ("priority", ColumnType::Int),
            ("pid", ColumnType::Int),
            ("message", ColumnType::Text),
            ("fields", ColumnType::Text),
        ],
    )
});

/// One row per target: who it is and how it does. `time` and `last_seen` are when it last answered;
/// `failing` is the stream whose poll `last_error` is of; `at_seqnum` and `at_time` are of the entry of its journal that
/// was read last.
pub static AGENTS: LazyLock<Arc<TableDef>> = LazyLock::new(|| {
    table(
        "agents",
        &[
            ("time", ColumnType::Time),
            ("host", ColumnType::Text),
            ("url", ColumnType::Text),
            ("machine", ColumnType::Text),
            ("seqnum_id", ColumnType::Text),
            ("at_seqnum", ColumnType::Int),
            ("at_time", ColumnType::Time),
            ("last_seen", ColumnType::Time),
            ("last_entry", ColumnType::Time),
            ("lag_ms", ColumnType::Int),
            ("entries", ColumnType::Int),
            ("dropped", ColumnType::Int),
            ("unreadable", ColumnType::Int),
            ("last_error", ColumnType::Text),
            ("failed_at", ColumnType::Time),
            ("failing", ColumnType::Text),
        ],
    )
});

/// One row per hole; `time` is when it was found.
pub static GAPS: LazyLock<Arc<TableDef>> = LazyLock::new(|| {
    table(
        "gaps",
        &[
            ("time", ColumnType::Time),
            ("host", ColumnType::Text),
            ("machine", ColumnType::Text),
            ("seqnum_id", ColumnType::Text),
            ("after_seqnum", ColumnType::Int),
            ("before_seqnum", ColumnType::Int),
            ("lost", ColumnType::Int),
        ],
    )
});

/// One row per hour (`time` is its start) and counter of a machine: how many numbers it gave, and which of them are no
/// rows of `logs`: left out by rules, damaged, rotated away.
pub static AUDIT: LazyLock<Arc<TableDef>> = LazyLock::new(|| {
    table(
        "audit",
        &[
            ("time", ColumnType::Time),
            ("host", ColumnType::Text),
            ("machine", ColumnType::Text),
            ("seqnum_id", ColumnType::Text),
            ("counted", ColumnType::Int),
            ("dropped", ColumnType::Int),
            ("unreadable", ColumnType::Int),
            ("lost", ColumnType::Int),
        ],
    )
});

/// Records that matched a parser and then failed; `time` is the entry's.
pub static QUARANTINE: LazyLock<Arc<TableDef>> = LazyLock::new(|| {
    table(
        "quarantine",
        &[
            ("time", ColumnType::Time),
            ("host", ColumnType::Text),
            ("machine", ColumnType::Text),
            ("seqnum_id", ColumnType::Text),
            ("seqnum", ColumnType::Int),
            ("parser", ColumnType::Text),
            ("script", ColumnType::Text),
            ("reason", ColumnType::Text),
            ("raw", ColumnType::Text),
        ],
    )
});

/// Moments to mark on charts, written by `infralogs mark`.
pub static DEPLOYS: LazyLock<Arc<TableDef>> = LazyLock::new(|| {
    table(
        "deploys",
        &[
            ("time", ColumnType::Time),
            ("host", ColumnType::Text),
            ("version", ColumnType::Text),
            ("note", ColumnType::Text),
        ],
    )
});

/// One row a minute, process of ours and credential of it (one if it has none): what it runs and how it does. `growth_bytes` is a day's, `forecast_bytes` what
/// the store takes in 30 days if that goes on and nothing but its whole size is limited.
pub static PROCESSES: LazyLock<Arc<TableDef>> = LazyLock::new(|| {
    table(
        "processes",
        &[
            ("time", ColumnType::Time),
            ("host", ColumnType::Text),
            ("process", ColumnType::Text),
            ("pid", ColumnType::Int),
            ("version", ColumnType::Text),
            ("scripts", ColumnType::Text),
            ("rejected", ColumnType::Text),
            ("credentials", ColumnType::Text),
            ("credentials_age", ColumnType::Duration),
            ("credentials_left", ColumnType::Duration),
            ("problem", ColumnType::Text),
            ("store_bytes", ColumnType::Bytes),
            ("growth_bytes", ColumnType::Bytes),
            ("forecast_bytes", ColumnType::Bytes),
        ],
    )
});

/// One row an hour and table whose rows grow old (`name`; `all tables`: all together, where that has a limit): how far
/// back it reaches, what it may keep, and how soon rows begin to go (`deletes_in`; 0: they do). Bytes are looked at where
/// they have a limit; `growth_bytes` is a day's.
pub static RETENTION: LazyLock<Arc<TableDef>> = LazyLock::new(|| {
    table(
        "retention",
        &[
            ("time", ColumnType::Time),
            ("name", ColumnType::Text),
            ("oldest", ColumnType::Time),
            ("reach", ColumnType::Duration),
            ("keeps", ColumnType::Duration),
            ("bytes", ColumnType::Bytes),
            ("bytes_max", ColumnType::Bytes),
            ("growth_bytes", ColumnType::Bytes),
            ("deletes_in", ColumnType::Duration),
        ],
    )
});

/// A built-in table by name.
pub fn built_in(name: &str) -> Option<&'static Arc<TableDef>> {
    all().into_iter().find(|table| table.name == name)
}

/// All built-in tables; their names are reserved.
pub fn all() -> [&'static Arc<TableDef>; 8] {
    [&LOGS, &AGENTS, &GAPS, &AUDIT, &QUARANTINE, &DEPLOYS, &PROCESSES, &RETENTION]
}

/// Names of tables that stores keep for themselves; a script can't use them.
pub const RESERVED: [&str; 6] = ["checkpoints", "columns", "heartbeats", "leases", "rollups", "schema_version"];

/// The columns a table has in a store: of a built-in one as declared; of a parser's [`KEY_COLUMNS`], then the
/// declared ones. A parser may declare its own `time` and `host`, which then stand in the place of the entry's.
pub fn stored(table: &TableDef) -> Vec<ColumnDef> {
    if built_in(&table.name).is_some() {
        return table.columns.clone();
    }
    let own = KEY_COLUMNS.iter().map(|(name, kind)| ColumnDef::new(*name, *kind));
    let declared = table.columns.iter().filter(|column| KEY_COLUMNS.iter().all(|(name, _)| *name != column.name));
    own.chain(declared.cloned()).collect()
}

fn table(name: &str, columns: &[(&str, ColumnType)]) -> Arc<TableDef> {
    let columns = columns.iter().map(|(name, kind)| ColumnDef::new(*name, *kind)).collect();
    Arc::new(TableDef { name: name.into(), columns, ..TableDef::default() })
}
