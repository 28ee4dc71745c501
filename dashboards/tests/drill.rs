//! A tap on a bar narrows the panels that follow it, in the query itself, and no others.

#[path = "common/asked.rs"]
mod asked;
#[path = "common/layout.rs"]
mod layout;
#[path = "common/through.rs"]
mod through;

use asked::{Plain, get};
use infralogs_core::{
    dashboard::{Dashboard, Panel, PanelKind},
    query::{Aggregate, Frame, Key, Query},
    table::Rows,
};
use infralogs_dashboards::{Access, Dashboards};
use std::sync::{Arc, Mutex};
use through::{Through, Way};
use tokio::sync::watch;

/// Notes every question that has a filter.
#[derive(Default)]
struct Noting(Mutex<Vec<String>>);

impl Way for Noting {
    fn rows(&self, query: &Query, _: &Frame, rows: Rows) -> Rows {
        if let Some(filter) = &query.filter {
            self.0.lock().expect("no panic").push(format!("{:?} {filter:?}", query.shape));
        }
        rows
    }
}

#[tokio::test]
async fn only_what_follows_is_narrowed() {
    let bars = layout::groups("logs", None, &[Key::Field("unit".into())], Aggregate::Count);
    let bars = layout::panel("Units", PanelKind::Bars, bars);
    let follower = Panel { follows: Some("Units".into()), ..layout::latest("Theirs") };
    let other = layout::panel("Hosts", PanelKind::Bars, layout::groups("logs", None, &[], Aggregate::Count));
    let rows = vec![vec![bars, other], vec![follower]];
    let dashboard = Arc::new(Dashboard { picks: Vec::new(), rows, marks: Vec::new(), ..layout::fleet() });
    let store = Arc::new(Through(Noting::default()));
    let (_scripts, layouts) = watch::channel(layout::generation("one", vec![dashboard]));
    let (access, renderer) = (Access::open(), Arc::new(Plain));
    let app = Dashboards { layouts, store: store.clone(), renderer, access, credentials: Vec::new() }.app();

    let page: serde_json::Value = get(&app, "/d/fleet.json", &[]).await.body_json().await.expect("a page");
    assert_eq!(page["page"]["rows"][0][0]["taps"], "unit");
    assert_eq!(page["page"]["rows"][0][1]["taps"], serde_json::Value::Null);
    assert!(store.0.0.lock().expect("no panic").is_empty());
    get(&app, "/d/fleet.json?unit=nginx.service&pid=1", &[]).await;
    let asked = store.0.0.lock().expect("no panic");
    let [only] = asked.as_slice() else { panic!("one question is narrowed: {asked:?}") };
    assert!(only.starts_with("Latest") && only.contains("nginx.service") && !only.contains("pid"), "{only}");
}
