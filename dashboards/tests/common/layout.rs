//! A dashboard with every kind of panel, as a script would declare it.
#![allow(dead_code)] // each test uses some of it

use infralogs_core::{
    dashboard::{Dashboard, Mark, Panel, PanelKind, Unit},
    definitions::Definitions,
    query::{Aggregate, Key, Measure, Query, Shape},
};
use infralogs_dashboards::Layouts;
use std::{sync::Arc, time::Duration};

const MINUTE: Duration = Duration::from_secs(60);

/// A generation with these dashboards.
pub fn generation(hash: &str, dashboards: Vec<Arc<Dashboard>>) -> Layouts {
    let current = Definitions { hash: hash.into(), dashboards, ..Definitions::default() };
    Layouts { current: Arc::new(current), rejected: None }
}

/// `fleet` with everything, and a small second one.
pub fn dashboards() -> Vec<Arc<Dashboard>> {
    let small = Dashboard { name: "small".into(), title: "Just one table".into(), ..fleet() };
    vec![Arc::new(fleet()), Arc::new(Dashboard { rows: vec![vec![latest("Latest entries")]], ..small })]
}

/// Every kind of panel.
pub fn fleet() -> Dashboard {
    let stat = |title: &str, spark, table, of| Panel {
        good: Some(0.0),
        bad: Some(400.0),
        ..panel(title, PanelKind::Stat { spark }, groups(table, None, &[], of))
    };
    let lag = Panel {
        unit: Unit::Named("ms".into()),
        bad: Some(900.0),
        ..stat("Lag p99", true, "agents", Aggregate::Percentile("lag_ms".into(), 99))
    };
    let host = [Key::Field("host".into())];
    let stacked = PanelKind::Areas { stacked: true };
    let by_host =
        Panel { wide: 8, ..panel("Errors by host", stacked, groups("logs", Some(MINUTE), &host, Aggregate::Count)) };
    let noisy = top("logs", "service", 10);
    let hurts = groups("logs", None, &[Key::Weekday, Key::Hour], Aggregate::Count);
    let lines = groups("logs", Some(MINUTE), &[Key::Field("service".into())], Aggregate::Count);
    Dashboard {
        name: "fleet".into(),
        title: "Fleet errors".into(),
        last: 360 * MINUTE,
        refresh: Duration::from_secs(10),
        picks: vec!["host".into(), "service".into()],
        readers: Vec::new(),
        marks: vec![Mark { query: few_deploys(), label: "deploy ${version}".into() }],
        rows: vec![
            vec![
                stat("Errors", true, "logs", Aggregate::Count),
                Panel { wide: 6, ..stat("Hosts", false, "agents", Aggregate::Distinct("host".into())) },
                lag,
                stat("Quarantined", true, "quarantine", Aggregate::Count),
            ],
            vec![by_host, Panel { wide: 4, ..panel("Noisiest services", PanelKind::Bars, noisy) }],
            vec![
                panel("When it hurts", PanelKind::Heat, hurts),
                Panel { wide: 3, ..panel("Levels", PanelKind::Shares, top("logs", "level", 5)) },
                Panel { wide: 3, ..panel("Not there yet", PanelKind::Bars, top("nowhere", "host", 5)) },
            ],
            vec![panel("Errors by service", PanelKind::Lines { stacked: false }, lines)],
            vec![Panel { follows: vec!["Errors by host".into()], ..latest("Latest errors") }],
        ],
        place: "scripts/dashboards/fleet.rhai:4:1".into(),
    }
}

/// Charts that are tapped on or dragged over, and a table that follows them all.
pub fn choices() -> Dashboard {
    let week = groups("logs", None, &[Key::Weekday, Key::Hour], Aggregate::Count);
    let by_host = groups("logs", Some(120 * MINUTE), &[Key::Field("host".into())], Aggregate::Count);
    let charts = [
        panel("Ring", PanelKind::Shares, top("logs", "host", 8)),
        panel("Week", PanelKind::Heat, week),
        panel("Day", PanelKind::Heat, by_host),
    ];
    let follows = charts.iter().map(|chart| chart.title.clone()).collect();
    let table = Panel { follows, ..latest("Rows") };
    let rows = charts.into_iter().chain([table]).map(|panel| vec![panel]).collect();
    Dashboard {
        name: "choices".into(),
        title: "Choices".into(),
        picks: Vec::new(),
        last: 7 * 1_440 * MINUTE,
        rows,
        ..fleet()
    }
}

/// A chart and a table of each reason why there are no rows, by the tables that [`super::hostile`] fails for.
pub fn states() -> Dashboard {
    let reasons =
        [("Empty", "audit"), ("Away", "gaps"), ("Slow", "processes"), ("Refused", "agents"), ("Unknown", "nowhere")];
    let row = |(title, table): (&str, &str)| {
        let chart = groups(table, Some(MINUTE), &[], Aggregate::Count);
        let mut rows = latest(&format!("{title}, table"));
        rows.query.as_mut().expect("a query").table = table.into();
        let panels = [panel(&format!("{title}, chart"), PanelKind::Lines { stacked: false }, chart), rows];
        panels.map(|panel| Panel { empty: Some("Nothing happened".into()), ..panel }).to_vec()
    };
    let rows = reasons.map(row).to_vec();
    Dashboard { name: "states".into(), title: "States".into(), picks: Vec::new(), rows, ..fleet() }
}

/// The newest records.
pub fn latest(title: &str) -> Panel {
    let columns = ["time", "host", "identifier", "priority", "message"].map(Arc::from).to_vec();
    panel(title, PanelKind::Table, query("logs", Shape::Latest { columns, limit: 200 }))
}

/// A panel of half a row's width.
pub fn panel(title: &str, kind: PanelKind, query: Query) -> Panel {
    Panel { wide: 6, ..Panel::new(title, kind, Some(query), "scripts/dashboards/fleet.rhai:9:5") }
}

/// One measure over groups.
pub fn groups(table: &str, every: Option<Duration>, by: &[Key], of: Aggregate) -> Query {
    let measures = vec![Measure { name: "count".into(), of }];
    query(table, Shape::Groups { every, by: by.to_vec(), measures, top: None })
}

fn few_deploys() -> Query {
    let columns = ["time", "version"].map(Arc::from).to_vec();
    query("deploys", Shape::Latest { columns, limit: 2 })
}

fn top(table: &str, column: &str, top: usize) -> Query {
    let measures = vec![Measure { name: "count".into(), of: Aggregate::Count }];
    query(table, Shape::Groups { every: None, by: vec![Key::Field(column.into())], measures, top: Some(top) })
}

fn query(table: &str, shape: Shape) -> Query {
    Query { table: table.into(), filter: None, last: None, shape }
}
