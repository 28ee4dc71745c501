//! A panel whose answer takes long does not hold up the others: it shows what it showed before, says so, and gets its
//! answer by a patch.

#[path = "common/asked.rs"]
mod asked;
#[path = "common/layout.rs"]
mod layout;
#[path = "common/listen.rs"]
mod listen;
#[path = "common/through.rs"]
mod through;

use asked::{app_on, get};
use infralogs_core::{
    dashboard::Dashboard,
    query::{Frame, Query},
    table::Rows,
};
use infralogs_dashboards::Access;
use listen::{Events, listen};
use serde_json::Value;
use std::{
    sync::{Arc, Condvar, Mutex},
    time::Duration,
};
use through::{Through, Way};
use tokio::sync::watch;

/// Longer than a query may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Questions to `quarantine` wait here while it is closed.
#[derive(Default)]
struct Gate {
    open: Mutex<bool>,
    opened: Condvar,
}

impl Gate {
    fn set(&self, open: bool) {
        *self.open.lock().expect("no panic") = open;
        self.opened.notify_all();
    }
}

impl Way for Gate {
    fn rows(&self, query: &Query, _: &Frame, rows: Rows) -> Rows {
        if &*query.table == "quarantine" {
            let open = self.open.lock().expect("no panic");
            drop(self.opened.wait_timeout_while(open, PATIENCE, |open| !*open).expect("no panic"));
        }
        rows
    }
}

/// The slow panel, as the next event that tells of panels has it, once it is asked for (or answered).
async fn slow(events: &mut Events, asking: bool) -> Value {
    loop {
        let panel = events.next_with("page").await["page"]["rows"][0][1].clone();
        if panel["asking"] == asking {
            return panel;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_panel_does_not_hold_up_the_others() {
    let mut late = layout::latest("Slow");
    late.query.as_mut().expect("a query").table = "quarantine".into();
    let rows = vec![vec![layout::latest("Quick"), late]];
    let dashboard = Dashboard { rows, marks: Vec::new(), refresh: Duration::from_secs(1), ..layout::fleet() };
    let store = Arc::new(Through(Gate::default()));
    let (_scripts, layouts) = watch::channel(layout::generation("one", vec![Arc::new(dashboard)]));
    let app = app_on(layouts, store.clone(), Access::open());

    let whole: Value = get(&app, "/d/fleet.json", &[]).await.body_json().await.expect("a page");
    let [quick, late] = [0, 1].map(|at| whole["page"]["rows"][0][at].clone());
    assert!(quick["asking"] == false && quick["rows"].as_u64() > Some(0), "the others are there: {quick}");
    assert!(late["asking"] == true && late["rows"] == 0 && late["trouble"].is_null(), "this one is to come: {late}");

    let mut events =
        listen(&app, &format!("/d/fleet/events?after={}", whole["revision"].as_str().expect("one")), &[]).await;
    let its_rows = {
        let app = app.clone();
        tokio::spawn(async move { get(&app, "/d/fleet/panel/1.csv", &[]).await.status() })
    };
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!its_rows.is_finished(), "who asks for its rows waits for them");
    store.0.set(true);
    let late = slow(&mut events, false).await;
    assert!(late["rows"].as_u64() > Some(0), "its answer came: {late}");
    assert_eq!(u16::from(its_rows.await.expect("an answer")), 200);

    store.0.set(false);
    let again = slow(&mut events, true).await;
    assert_eq!(again["rows"], late["rows"], "it shows what it showed before");
    store.0.set(true);
    slow(&mut events, false).await;
}
