//! The suite every store must pass, on SQLite files.

use infralogs_core::{plugin::Store, testing::Opened};
use infralogs_sqlite::Sqlite;
use std::sync::Arc;

fn open() -> Opened {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("new/folder/logs.db");
    let store = Arc::new(Sqlite::new(path.clone()));
    store.migrate().expect("migrate");
    Opened { store, other: Arc::new(Sqlite::new(path)), keep: Box::new(folder) }
}

infralogs_core::store_suite!(open);
