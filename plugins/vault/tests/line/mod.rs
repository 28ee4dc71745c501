//! A store kept supplied by the stand-in, and a Vault alone.
#![allow(dead_code, reason = "each test file uses a part of it")]

mod log;

use crate::standin::{self, StandIn};
use infralogs_core::{
    plugin::{Settings, Store},
    rotate::{Keeper, Kept},
    testing::mariadb::Server,
};
use infralogs_mysql::Mysql;
use infralogs_vault::Vault;
use serde_json::{Value, json};
use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

pub use log::Folder;

pub const WRITER: &str = "database/creds/il-writer";
/// A generous end of every wait: the machine may be busy.
pub const SOON: Duration = Duration::from_secs(60);

pub fn vault(address: &str, auth: Value) -> Vault {
    Vault::new(&Settings::of(json!({ "address": address, "auth": auth }))).expect("settings")
}

pub fn approle(folder: &Path) -> Value {
    let file = folder.join("secret-id");
    std::fs::write(&file, "the-secret-id\n").expect("written");
    json!({ "approle": { "role_id": " role ", "secret_id_file": file } })
}

/// A stand-in without a database, and a folder.
pub fn bare() -> (StandIn, Folder) {
    let standin = StandIn::start(None, "x");
    let folder = Folder::of(&standin);
    (standin, folder)
}

/// The same with a Vault of it, whose secret id is in the folder.
pub fn alone() -> (StandIn, Vault, Folder) {
    let (standin, folder) = bare();
    let vault = vault(&standin.address, approle(folder.path()));
    (standin, vault, folder)
}

pub async fn until(what: &str, is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < SOON, "it never came to this: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The same where nothing else waits.
pub fn until_now(what: &str, is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < SOON, "it never came to this: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A store kept supplied by a stand-in.
pub struct Line {
    pub standin: StandIn,
    pub server: Arc<Server>,
    pub vault: Arc<Vault>,
    pub store: Arc<dyn Store>,
    pub kept: Option<Kept>,
    pub database: String,
    _folder: Folder,
}

pub fn line(server: Arc<Server>, set: impl FnOnce(&mut standin::Rules)) -> Line {
    let database = server.database();
    let standin = StandIn::start(Some(server.clone()), &database);
    standin.set(set);
    let folder = Folder::of(&standin);
    let vault = Arc::new(vault(&standin.address, approle(folder.path())));
    let url = format!("mysql://127.0.0.1:{}/{database}", server.port());
    let store: Arc<dyn Store> =
        Arc::new(Mysql::new(&Settings::of(json!({ "url": url, "secret": WRITER }))).expect("settings"));
    let kept = Keeper { secrets: vault.clone(), path: WRITER.into(), store: store.clone() }.start();
    Line { standin, server, vault, store, kept: Some(kept), database, _folder: folder }
}

impl Line {
    pub fn kept(&self) -> &Kept {
        self.kept.as_ref().expect("not ended")
    }
    pub async fn end(mut self) -> Self {
        self.kept.take().expect("not ended").end().await;
        self
    }
    pub fn users(&self) -> usize {
        let sql = "SELECT COUNT(*) FROM mysql.user WHERE user LIKE 'v-%'";
        self.server.sql(sql).trim().parse().expect("a number")
    }
    pub async fn works(&self) -> infralogs_core::Result<()> {
        let store = self.store.clone();
        tokio::task::spawn_blocking(move || store.migrate()).await.expect("runs")
    }
}
