//! A query that nobody waits for any more ends on the server too.

use infralogs_core::{
    cancel::Cancel,
    dashboard::{Dashboard, Panel, PanelKind},
    definitions::Definitions,
    plugin::{Settings, Store},
    query::{Query, Shape},
    tables,
    testing::{batch, mariadb::Server},
    time::Time,
    view::{Answers, View},
};
use infralogs_mysql::Mysql;
use serde_json::json;
use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

/// Twenty times what it takes on a quiet machine.
const SOON: Duration = Duration::from_secs(10);

/// How many statements sleep on the server.
fn asleep(server: &Server) -> usize {
    let sql =
        "SELECT COUNT(*) FROM information_schema.processlist WHERE command <> 'Sleep' AND info LIKE '%FROM `logs`%'
               AND info NOT LIKE '%processlist%'";
    server.sql(sql).trim().parse().expect("a count")
}

fn wait_until(server: &Server, wanted: usize) {
    let until = Instant::now() + SOON;
    while asleep(server) != wanted {
        assert!(Instant::now() < until, "{wanted} wanted: {}", server.sql("SHOW FULL PROCESSLIST"));
        thread::sleep(Duration::from_millis(20));
    }
}

/// Ten entries that take a minute to read.
fn slow(server: &Server) -> (String, Mysql) {
    let database = server.database();
    let store = Mysql::new(&Settings::of(json!({ "url": server.url(&database) }))).expect("settings");
    store.migrate().expect("migrate");
    batch::put(&store, "web-1", 1, 11);
    server.sql(&format!(
        "USE {database}; RENAME TABLE logs TO logs_kept;
         CREATE VIEW logs AS SELECT logs_kept.* FROM logs_kept, (SELECT SLEEP(60)) AS slow"
    ));
    (database, store)
}

fn latest() -> Query {
    let shape = Shape::Latest { columns: vec!["seqnum".into()], limit: 1 };
    Query { table: "logs".into(), filter: None, last: None, shape }
}

#[test]
fn the_server_stops_too() {
    let server = Server::start(&[]);
    let (database, store) = slow(&server);
    let query = latest();
    for round in 0..2 {
        let cancel = Cancel::default();
        let started = Instant::now();
        thread::scope(|scope| {
            let waits = scope.spawn(|| match round {
                0 => store.query_until(&query, &tables::LOGS, &batch::always(), &cancel).map(|_| ()),
                _ => store.stream(&query, &tables::LOGS, &batch::always(), &cancel, &mut |_| Ok(true)),
            });
            wait_until(&server, 1);
            cancel.cancel();
            wait_until(&server, 0);
            let error = waits.join().expect("no panic").expect_err("it was cancelled");
            assert!(error.to_string().contains("cancelled"), "{error}");
        });
        assert!(started.elapsed() < Duration::from_secs(40), "it came to its own end: {:?}", started.elapsed());
    }
    server.sql(&format!("USE {database}; DROP VIEW logs; RENAME TABLE logs_kept TO logs"));
    assert_eq!(batch::seqnums(&store), (1..11).collect::<Vec<i64>>(), "the store goes on");
}

/// A page with one panel.
fn page() -> Definitions {
    let panel = Panel::new("Latest", PanelKind::Table, Some(latest()), "page.rhai:1:1");
    let dashboard = Dashboard {
        name: "page".into(),
        title: "Page".into(),
        last: Duration::from_secs(60),
        refresh: Duration::from_secs(10),
        picks: vec![],
        readers: vec![],
        marks: vec![],
        rows: vec![vec![panel]],
        place: "page.rhai:1:1".into(),
    };
    Definitions { dashboards: vec![Arc::new(dashboard)], ..Definitions::default() }
}

#[test]
fn a_page_that_nobody_waits_for_is_not_asked_on() {
    let server = Server::start(&[]);
    let (_, store) = slow(&server);
    let definitions = page();
    let answers = Arc::new(Answers::new(Arc::new(store)));
    let view = View::parse("page", std::iter::empty(), Time::now()).expect("a view");
    let runtime = tokio::runtime::Runtime::new().expect("threads");
    // The browser goes away, long before the panel's own limit ends the query.
    let within = runtime.block_on(async {
        let page = answers.show(&definitions, &view, Time::now());
        let asked = async {
            while asleep(&server) == 0 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::select! {
            _ = page => None,
            () = asked => Some(Instant::now()),
        }
    });
    let left = within.expect("the query ran before the page was done");
    wait_until(&server, 0);
    assert!(left.elapsed() < Duration::from_secs(8), "it ended by its own limit: {:?}", left.elapsed());
}
