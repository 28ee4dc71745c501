//! What dashboards wait for: `cargo bench -p infralogs-mysql --bench query` on 500,000 rows over seven days, or on as
//! many as `INFRALOGS_BENCH_ROWS` says (the README's figures: 10000000).
#![allow(clippy::expect_used, missing_docs)]

use infralogs_core::{
    error::Kind,
    expr::{Compare, Expr, TextTest},
    plugin::{Settings, Store},
    query::{Aggregate, Frame, Key, Measure, Query, Shape},
    sql::rollup::bucket,
    tables,
    testing::{
        mariadb::Server,
        week::{self, DAYS, MACHINES},
        workload::{Load, median},
    },
    time::{Time, Window},
};
use infralogs_mysql::Mysql;
use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

const ROUNDS: usize = 5;
const HOUR_US: i64 = 3_600_000_000;
const DAY: Duration = Duration::from_secs(86_400);

fn main() {
    let rows: u64 = std::env::var("INFRALOGS_BENCH_ROWS").ok().and_then(|rows| rows.parse().ok()).unwrap_or(500_000);
    let server = Server::start(&["--innodb-buffer-pool-size=1G", "--innodb-log-file-size=512M"]);
    let database = server.database();
    let url = server.url(&database);
    let store = keeping(&url, DAYS);
    store.migrate().expect("migrate");
    // A whole hour, so that a day's rows and counts can be copied together.
    let now = Time(bucket(Time::now().0, HOUR_US));
    let started = Instant::now();
    week::fill(&store, &server, &database, rows, now);
    println!("{rows} rows of {MACHINES} machines over {DAYS} days, stored in {:.0} s", started.elapsed().as_secs_f64());
    server.sql(&format!("ANALYZE TABLE {database}.logs, {database}.rollups"));
    let counted = server.sql(&format!("SELECT COUNT(*) FROM {database}.rollups"));
    println!("{} rows of rollups\n\n| question | ms, median of {ROUNDS} | bound |\n|---|---|---|", counted.trim());

    let day = Frame { window: Window { from: now.minus(DAY), to: now }, zone_s: 0, timeout_ms: 60_000 };
    let week = Frame { window: Window { from: now.minus(7 * DAY), to: now }, zone_s: 0, timeout_ms: 60_000 };
    let minutes = groups(Some(60), &["priority"]);
    let ask = |query: &Query, frame: &Frame| store.query(query, &tables::LOGS, frame).expect("an answer").len();
    let scan = format!(
        "SELECT time - MOD(time, 60000000) AS t, priority, COUNT(*) FROM {database}.logs \
         WHERE time >= {} AND time < {} GROUP BY t, priority ORDER BY t, priority",
        day.window.from.0, day.window.to.0
    );
    let (mut rolled, mut raw) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        rolled.push(timed(|| ask(&minutes, &day)));
        raw.push(timed(|| server.sql(&scan).lines().count()));
    }
    let (rolled, raw) = (median(rolled), median(raw));
    println!("| 24 h by minute and priority | {rolled:.1} | {:.3} of its raw scan ({raw:.0}), ≤ 0.25 |", rolled / raw);
    let several: [(&str, Query, &Frame); 8] = [
        ("24 h by minute and host (72,000 groups, cut at 50,000)", groups(Some(60), &["host"]), &day),
        ("24 h by two minutes and host, as a page asks", groups(Some(120), &["host"]), &day),
        ("24 h by ten minutes and host", groups(Some(600), &["host"]), &day),
        ("24 h by minute and service", groups(Some(60), &["service"]), &day),
        ("7 days by hour, host and service", groups(Some(3_600), &["host", "service"]), &week),
        ("7 days, one number", groups(None, &[]), &week),
        ("latest 100", latest(None), &week),
        ("latest 100 errors", latest(Some(errors())), &week),
    ];
    for (name, query, frame) in &several {
        let figure = median((0..ROUNDS).map(|_| timed(|| ask(query, frame))).collect());
        let bound = if *name == "latest 100" { "≤ 20" } else { "" };
        println!("| {name} | {figure:.1} | {bound} |");
    }
    search(&store, &week);
    drop_days(&url, now);
}

/// A store that keeps so many days.
fn keeping(url: &str, days: u64) -> Mysql {
    let settings = serde_json::json!({ "url": url, "keep": { "logs": format!("{days}d") } });
    Mysql::new(&Settings::of(settings)).expect("settings")
}

fn groups(every_s: Option<u64>, by: &[&str]) -> Query {
    let by = by.iter().map(|name| Key::Field((*name).into())).collect();
    let measures = vec![Measure { name: "count".into(), of: Aggregate::Count }];
    let shape = Shape::Groups { every: every_s.map(Duration::from_secs), by, measures, top: None };
    Query { table: "logs".into(), filter: None, last: None, shape }
}

fn latest(filter: Option<Expr>) -> Query {
    Query { table: "logs".into(), filter, last: None, shape: Shape::Latest { columns: Vec::new(), limit: 100 } }
}

fn errors() -> Expr {
    Expr::compare(Compare::Le, Expr::field("priority"), Expr::int(3))
}

fn timed<T>(run: impl FnOnce() -> T) -> f64 {
    let started = Instant::now();
    run();
    started.elapsed().as_secs_f64() * 1_000.0
}

/// A word that is nowhere: all rows are looked at, or as many as the time allows.
fn search(store: &Mysql, week: &Frame) {
    let filter = Expr::Test(TextTest::Contains, Expr::field("message").into(), "nowhere at all".into());
    let frame = Frame { timeout_ms: 2_000, ..*week };
    let started = Instant::now();
    let answer = store.query(&latest(Some(filter)), &tables::LOGS, &frame);
    let took = started.elapsed();
    let end = match answer {
        Ok(rows) => format!("{} rows", rows.len()),
        Err(error) if error.kind == Kind::Limit => "cut".into(),
        Err(error) => error.to_string(),
    };
    println!("| a text that is nowhere, 7 days, at most 2 s | {:.1} ({end}) | ≤ 2500 |", took.as_secs_f64() * 1_000.0);
    assert!(took < Duration::from_secs(40), "it was not cut");
}

/// One whole day after the other, while a collector stores small batches of the present.
fn drop_days(url: &str, now: Time) {
    // What stands before the first whole day.
    keeping(url, DAYS - 1).retain(&[], now).expect("retain");
    let done = AtomicBool::new(false);
    let (mut took, mut rows, mut quiet, mut pauses) = (Vec::new(), 0, Vec::new(), Vec::new());
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let store = keeping(url, DAYS);
            let mut batches: Vec<(Instant, f64)> = Vec::new();
            for first in (1..).step_by(100) {
                let from = Time(now.0 + (first as i64 - 1) * 1_000);
                let load = Load::new("web-busy", first, 100, from, 1_000);
                let started = Instant::now();
                batches.push((started, timed(|| load.store(&store))));
                if done.load(Ordering::Relaxed) {
                    return batches;
                }
            }
            batches
        });
        std::thread::sleep(Duration::from_secs(2));
        let begun = Instant::now();
        for days in (1..DAYS - 1).rev() {
            let store = keeping(url, days);
            took.push(timed(|| rows = store.retain(&[], now).expect("retain")));
        }
        done.store(true, Ordering::Relaxed);
        for (started, ms) in writer.join().expect("the writer") {
            if started < begun { quiet.push(ms) } else { pauses.push(ms) }
        }
    });
    let most = |all: &[f64]| all.iter().copied().fold(0.0, f64::max);
    println!("| dropping one day ({rows} rows), median of {} | {:.1} | ≤ 500 |", took.len(), median(took.clone()));
    println!("| the longest of these | {:.1} | |", most(&took));
    println!(
        "| the longest batch of 100 rows of a collector meanwhile; before | {:.1}; {:.1} | |",
        most(&pauses),
        most(&quiet)
    );
}
