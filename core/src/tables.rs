//! The built-in tables: what every store has without a script.

use crate::table::{ColumnDef, ColumnType, TableDef};
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

/// One row per target: who it is and how it does. `time` and `last_seen` are when it last answered.
pub static AGENTS: LazyLock<Arc<TableDef>> = LazyLock::new(|| {
    table(
        "agents",
        &[
            ("time", ColumnType::Time),
            ("host", ColumnType::Text),
            ("url", ColumnType::Text),
            ("machine", ColumnType::Text),
            ("seqnum_id", ColumnType::Text),
            ("last_seen", ColumnType::Time),
            ("last_entry", ColumnType::Time),
            ("lag_ms", ColumnType::Int),
            ("entries", ColumnType::Int),
            ("dropped", ColumnType::Int),
            ("unreadable", ColumnType::Int),
            ("last_error", ColumnType::Text),
            ("failed_at", ColumnType::Time),
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

/// A built-in table by name.
pub fn built_in(name: &str) -> Option<&'static Arc<TableDef>> {
    all().into_iter().find(|table| table.name == name)
}

/// All built-in tables; their names are reserved.
pub fn all() -> [&'static Arc<TableDef>; 5] {
    [&LOGS, &AGENTS, &GAPS, &QUARANTINE, &DEPLOYS]
}

fn table(name: &str, columns: &[(&str, ColumnType)]) -> Arc<TableDef> {
    let columns = columns.iter().map(|(name, kind)| ColumnDef::new(*name, *kind)).collect();
    Arc::new(TableDef { name: name.into(), columns, keep_for: None })
}
