//! The suite every store must pass, on a private MariaDB.

use infralogs_core::{
    plugin::Settings,
    testing::{Opened, mariadb::Server, values},
};
use infralogs_mysql::Mysql;
use std::sync::Arc;

fn open() -> Opened {
    opened(Server::shared())
}

fn opened(server: Arc<Server>) -> Opened {
    let url = server.url(&server.database());
    let store = || Arc::new(Mysql::new(&Settings::of(serde_json::json!({ "url": url }))).expect("settings"));
    let opened = Opened { store: store(), other: store(), keep: Box::new(server) };
    opened.store.migrate().expect("migrate");
    opened
}

infralogs_core::store_suite!(open);

#[test]
fn values_come_back_where_local_is_refused() {
    let server = Arc::new(Server::start(&["--local-infile=0"]));
    values::round_trip(&opened(server.clone()));
    values::entries_round_trip(&opened(server));
}
