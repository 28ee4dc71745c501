//! The suite every store must pass, on a private MariaDB.

use infralogs_core::{
    plugin::Settings,
    testing::{Opened, mariadb::Server},
};
use infralogs_mysql::Mysql;
use std::sync::Arc;

fn open() -> Opened {
    let server = Server::shared();
    let url = server.url(&server.database());
    let store = || Arc::new(Mysql::new(&Settings::of(serde_json::json!({ "url": url }))).expect("settings"));
    let opened = Opened { store: store(), other: store(), keep: Box::new(server) };
    opened.store.migrate().expect("migrate");
    opened
}

infralogs_core::store_suite!(open);
