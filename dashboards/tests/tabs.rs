//! Two hundred tabs on one dashboard cost one query a panel, not two hundred.

#[path = "common/asked.rs"]
mod asked;
#[path = "common/layout.rs"]
mod layout;
#[path = "common/through.rs"]
mod through;

use asked::{app_on, get};
use infralogs_core::{
    dashboard::Dashboard,
    query::{Frame, Query},
    table::Rows,
};
use infralogs_dashboards::Access;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};
use through::{Through, Way};
use tokio::{sync::watch, task::JoinSet};

const TABS: usize = 200;

/// Counts how often each question was asked.
#[derive(Default)]
struct Counting(Mutex<HashMap<String, usize>>);

impl Way for Counting {
    fn rows(&self, query: &Query, frame: &Frame, rows: Rows) -> Rows {
        std::thread::sleep(Duration::from_millis(5)); // as long as a store takes: tabs come while it is asked
        *self.0.lock().expect("no panic").entry(format!("{query:?} {frame:?}")).or_default() += 1;
        rows
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_tabs_ask_once() {
    let store = Arc::new(Through(Counting::default()));
    let dashboard = Arc::new(Dashboard { refresh: Duration::from_secs(1), ..layout::fleet() });
    let (_scripts, layouts) = watch::channel(layout::generation("one", vec![dashboard]));
    let app = app_on(layouts, store.clone(), Access::open());
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
    let asked = store.0.0.lock().expect("no panic");
    let most = asked.values().max().copied().unwrap_or_default();
    assert!(asked.len() >= 8, "every panel was asked: {}", asked.len());
    assert_eq!(most, 1, "the same question was asked again: {:?}", asked.iter().find(|(_, times)| **times > 1));
}
