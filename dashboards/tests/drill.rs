//! What the store is asked: a tap on a bar narrows the panels that follow it and no others; panels that measure the
//! same records ask once.

#[path = "common/asked.rs"]
mod asked;
#[path = "common/layout.rs"]
mod layout;
#[path = "common/through.rs"]
mod through;

use asked::{app_on, get};
use infralogs_core::{
    dashboard::{Dashboard, Panel, PanelKind},
    query::{Aggregate, Frame, Key, Query, Shape},
    table::Rows,
};
use infralogs_dashboards::Access;
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
    let follower = Panel { follows: vec!["Units".into()], ..layout::latest("Theirs") };
    let other = layout::panel("Hosts", PanelKind::Bars, layout::groups("logs", None, &[], Aggregate::Count));
    let rows = vec![vec![bars, other], vec![follower]];
    let dashboard = Arc::new(Dashboard { picks: Vec::new(), rows, marks: Vec::new(), ..layout::fleet() });
    let store = Arc::new(Through(Noting::default()));
    let (_scripts, layouts) = watch::channel(layout::generation("one", vec![dashboard]));
    let app = app_on(layouts, store.clone(), Access::open());

    let page: serde_json::Value = get(&app, "/d/fleet.json", &[]).await.body_json().await.expect("a page");
    assert_eq!(page["page"]["rows"][0][0]["taps"], "unit");
    assert_eq!(page["page"]["rows"][0][1]["taps"], serde_json::Value::Null);
    assert!(store.0.0.lock().expect("no panic").is_empty());
    get(&app, "/d/fleet.json?unit=nginx.service&pid=1", &[]).await;
    let asked = store.0.0.lock().expect("no panic");
    let [only] = asked.as_slice() else { panic!("one question is narrowed: {asked:?}") };
    assert!(only.starts_with("Latest") && only.contains("nginx.service") && !only.contains("pid"), "{only}");
}

#[tokio::test]
async fn a_stretch_narrows_what_follows_its_chart() {
    let minute = Some(std::time::Duration::from_secs(60));
    let over_time = layout::groups("logs", minute, &[], Aggregate::Count);
    let lags = layout::groups("agents", None, &[Key::Binned("lag_ms".into())], Aggregate::Count);
    let follower = |title: &str, of: &str, table: &str| {
        let mut panel = Panel { follows: vec![of.into()], ..layout::latest(title) };
        panel.query.as_mut().expect("a query").table = table.into();
        panel
    };
    let rows = vec![
        vec![layout::panel("Over time", PanelKind::Lines { stacked: false }, over_time)],
        vec![layout::panel("Lags", PanelKind::Histogram, lags)],
        vec![follower("Then", "Over time", "logs"), follower("So late", "Lags", "agents"), layout::latest("All")],
    ];
    let dashboard = Arc::new(Dashboard { picks: Vec::new(), rows, marks: Vec::new(), ..layout::fleet() });
    let store = Arc::new(Through(Noting::default()));
    let (_scripts, layouts) = watch::channel(layout::generation("one", vec![dashboard]));
    let app = app_on(layouts, store.clone(), Access::open());

    let page: serde_json::Value = get(&app, "/d/fleet.json", &[]).await.body_json().await.expect("a page");
    let spans = [0, 1, 2].map(|row| page["page"]["rows"][row][0]["spans"].clone());
    assert_eq!(spans, ["time".into(), "lag_ms".into(), serde_json::Value::Null], "charts that are followed");
    assert!(store.0.0.lock().expect("no panic").is_empty());

    let now = infralogs_core::time::Time::now().0;
    let time = format!("between=time~{}~{now}", now - 60_000_000);
    get(&app, &format!("/d/fleet.json?{time}&between=lag_ms~100~250&between=pid~1~9"), &[]).await;
    let mut asked = store.0.0.lock().expect("no panic").clone();
    asked.sort_by_key(|one| one.contains("lag_ms"));
    let [then, late] = asked.as_slice() else { panic!("two questions are narrowed: {asked:?}") };
    assert!(then.contains(&now.to_string()) && then.contains("Ge") && then.contains("Lt"), "{then}");
    assert!(late.contains("lag_ms") && late.contains("100") && late.contains("250") && !late.contains("pid"), "{late}");

    for wrong in ["time", "time~9~3", "time~a~b", "~1~2", "a b~1~2"] {
        let answer = get(&app, &format!("/d/fleet.json?between={}", wrong.replace(' ', "%20")), &[]).await;
        assert_eq!(answer.status(), 400, "{wrong}");
    }
}

/// Notes every question.
#[derive(Default)]
struct Counting(Mutex<Vec<Query>>);

impl Way for Counting {
    fn rows(&self, query: &Query, _: &Frame, rows: Rows) -> Rows {
        self.0.lock().expect("no panic").push(query.clone());
        rows
    }
}

#[tokio::test]
async fn panels_over_the_same_records_are_one_statement() {
    let sizes = |all: &[Vec<Aggregate>]| all.iter().map(Vec::len).collect::<Vec<_>>();
    let all = statements("agents").await;
    assert_eq!(sizes(&all), [1, 1, 3], "three statements for five panels");
    assert!(all[2].contains(&Aggregate::Count), "{all:?}");
    // Where counts are kept, what they answer at once does not wait for the scan that the others need.
    let all = statements("logs").await;
    assert_eq!(sizes(&all), [1, 1, 3], "the name `count` is free for the other");
    assert!(!all[2].contains(&Aggregate::Count), "{all:?}");
}

/// What each statement measures that five panels over a table make, shortest first.
async fn statements(table: &str) -> Vec<Vec<Aggregate>> {
    let every = Some(std::time::Duration::from_secs(60));
    let host = [Key::Field("host".into())];
    let lines = |title: &str, name: &str, of: Aggregate| {
        let mut query = layout::groups(table, every, &host, of);
        if let Shape::Groups { measures, .. } = &mut query.shape {
            measures[0].name = name.into();
        }
        layout::panel(title, PanelKind::Lines { stacked: false }, query)
    };
    let units = layout::panel("Units", PanelKind::Bars, layout::groups(table, None, &host, Aggregate::Count));
    let row = vec![
        lines("How many", "count", Aggregate::Count),
        lines("Slowest", "p99_pid", Aggregate::Percentile("pid".into(), 99)),
        lines("Users", "distinct_user", Aggregate::Distinct("unit".into())),
        lines("Another count", "count", Aggregate::Distinct("identifier".into())), // its name is taken: alone
        units,                                                                     // other groups: alone
    ];
    let dashboard = Arc::new(Dashboard { picks: Vec::new(), rows: vec![row], marks: Vec::new(), ..layout::fleet() });
    let store = Arc::new(Through(Counting::default()));
    let (_scripts, layouts) = watch::channel(layout::generation("one", vec![dashboard]));
    let app = app_on(layouts, store.clone(), Access::open());
    get(&app, "/d/fleet.json", &[]).await;
    let mut measured: Vec<Vec<Aggregate>> = store.0.0.lock().expect("no panic").iter().map(measures).collect();
    measured.sort_by_key(Vec::len);
    for (panel, column) in [(0, "count"), (1, "p99_pid"), (2, "distinct_user")] {
        let path = format!("/d/fleet/panel/{panel}.json");
        let rows: serde_json::Value = get(&app, &path, &[]).await.body_json().await.expect("rows");
        let names: Vec<_> = rows["columns"].as_array().expect("columns").iter().map(|it| it["name"].clone()).collect();
        assert_eq!(names, ["time", "host", column], "each panel gets its own columns");
    }
    measured
}

fn measures(query: &Query) -> Vec<Aggregate> {
    let Shape::Groups { measures, .. } = &query.shape else { return Vec::new() };
    measures.iter().map(|measure| measure.of.clone()).collect()
}
