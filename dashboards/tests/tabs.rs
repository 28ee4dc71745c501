//! Two hundred tabs on one dashboard cost one query a panel, not two hundred.

#[path = "common/asked.rs"]
mod asked;
#[path = "common/layout.rs"]
mod layout;

use asked::{Plain, get};
use infralogs_core::{
    Result,
    cursor::Cursor,
    dashboard::Dashboard,
    inventory::Target,
    plugin::{Commit, Committed, Store, Stream},
    query::{Frame, Query},
    table::{Rows, TableDef},
    time::{Time, Window},
};
use infralogs_dashboards::{Access, Dashboards, Preview};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{sync::watch, task::JoinSet};

const TABS: usize = 200;

/// Counts how often each question was asked.
#[derive(Default)]
struct Counting(Mutex<HashMap<String, usize>>);

impl Store for Counting {
    fn name(&self) -> String {
        Preview.name()
    }
    fn migrate(&self) -> Result<()> {
        Preview.migrate()
    }
    fn prepare(&self, tables: &[Arc<TableDef>]) -> Result<()> {
        Preview.prepare(tables)
    }
    fn checkpoint(&self, stream: &Stream) -> Result<Option<Cursor>> {
        Preview.checkpoint(stream)
    }
    fn last_stream(&self, target: &str) -> Result<Option<Stream>> {
        Preview.last_stream(target)
    }
    fn commit(&self, commit: &Commit<'_>) -> Result<Committed> {
        Preview.commit(commit)
    }
    fn claim(&self, owner: &str, polls: &[String], hold: Duration) -> Result<Vec<String>> {
        Preview.claim(owner, polls, hold)
    }
    fn release(&self, owner: &str) -> Result<()> {
        Preview.release(owner)
    }
    fn report(&self, target: &Target, at: Time, error: Option<&str>) -> Result<()> {
        Preview.report(target, at, error)
    }
    fn query(&self, query: &Query, table: &TableDef, frame: &Frame) -> Result<Rows> {
        std::thread::sleep(Duration::from_millis(5)); // as long as a store takes: tabs come while it is asked
        *self.0.lock().expect("no panic").entry(format!("{query:?} {frame:?}")).or_default() += 1;
        Preview.query(query, table, frame)
    }
    fn choices(&self, table: &TableDef, column: &str, window: Window, limit: usize) -> Result<Vec<String>> {
        Preview.choices(table, column, window, limit)
    }
    fn retain(&self, tables: &[Arc<TableDef>], now: Time) -> Result<u64> {
        Preview.retain(tables, now)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_tabs_ask_once() {
    let store = Arc::new(Counting::default());
    let dashboard = Arc::new(Dashboard { refresh: Duration::from_secs(1), ..layout::fleet() });
    let (_scripts, layouts) = watch::channel(layout::generation("one", vec![dashboard]));
    let app = Dashboards {
        layouts,
        store: store.clone(),
        renderer: Arc::new(Plain),
        access: Access::open(),
        credentials: Vec::new(),
    }
    .app();
    let mut tabs = JoinSet::new();
    for _ in 0..TABS {
        let app = app.clone();
        tabs.spawn(async move {
            let whole: serde_json::Value = get(&app, "/d/fleet.json", &[]).await.body_json().await.expect("a page");
            let revision = whole["revision"].as_str().expect("a revision").to_owned();
            let listening = get(&app, &format!("/d/fleet/events?after={revision}"), &[]).await;
            tokio::time::sleep(Duration::from_millis(2_500)).await; // two refreshes or more
            drop(listening);
        });
    }
    while let Some(tab) = tabs.join_next().await {
        tab.expect("a tab");
    }
    let asked = store.0.lock().expect("no panic");
    let most = asked.values().max().copied().unwrap_or_default();
    assert!(asked.len() >= 8, "every panel was asked: {}", asked.len());
    assert_eq!(most, 1, "the same question was asked again: {:?}", asked.iter().find(|(_, times)| **times > 1));
}
