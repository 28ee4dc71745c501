//! What a page of twelve panels costs on millions of rows in MariaDB: how long the server takes, every panel asked anew,
//! and when the panels are painted in Chromium beside the same document embedded by Python's Bokeh, and beside the same
//! rows in plain panels as Python draws them.
//!
//! `INFRALOGS_BENCH_ROWS=10000000 cargo bench -p infralogs-dashboards --bench page` (500,000 rows if it does not say).
//! Needs `npm ci` in `dashboards/`, Chromium, mariadbd, and Python's Bokeh in `target/venv` (`.ci/test` makes it).
#![allow(clippy::expect_used, missing_docs)]

use infralogs_core::{
    definitions::Definitions,
    plugin::{Build, Settings, Store},
    query::Frame,
    script::Scripts,
    sql::rollup::bucket,
    testing::{
        mariadb::Server,
        week::{self, DAYS, MACHINES},
        workload::median,
    },
    time::{Time, Window},
    view::{View, effective},
};
use infralogs_dashboards::{Access, Dashboards, Layouts};
use infralogs_mysql::Mysql;
use serde_json::{Value, json};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::Instant,
};
use tide::http::{Method, Request, Url};
use tokio::sync::watch;

const ROUNDS: usize = 7;
const HOUR_US: i64 = 3_600_000_000;
const SERVER_MS_MAX: f64 = 300.0;
const PAINT_RATIO_MAX: f64 = 1.1;
/// How far back the page looks in the table: the last one is all rows there are.
const SPANS: [&str; 3] = ["6h", "24h", "7d"];

#[tokio::main]
async fn main() {
    let rows: u64 = std::env::var("INFRALOGS_BENCH_ROWS").ok().and_then(|rows| rows.parse().ok()).unwrap_or(500_000);
    let server = Server::start(&["--innodb-buffer-pool-size=1G", "--innodb-log-file-size=512M"]);
    let store = filled(&server, rows);
    let (folder, scripts) = layout();
    let definitions = scripts.current();
    let Build::Renderer(build) = infralogs_bokeh::PLUGIN.build else { panic!("the plugin `bokeh` is a renderer") };
    let renderer = build(&Settings::default()).expect("a renderer");
    let (_scripts, layouts) = watch::channel(Layouts { current: definitions.clone(), rejected: None });
    let (access, credentials) = (Access::open(), Vec::new());
    let app =
        Dashboards { layouts, store: store.clone(), renderer, access, credentials, unlisted: Arc::default() }.app();

    for span in SPANS {
        panels_alone(&*store, &definitions, span);
    }
    println!("\n| the page of 12 panels, median of {ROUNDS} | server ms | longest | bound |\n|---|---|---|---|");
    for span in SPANS {
        let mut took = Vec::new();
        for round in 0..=ROUNDS {
            let started = Instant::now();
            let answer = answer(&app, &format!("/d/page.json?last={span}&fresh=1")).await;
            let ms = started.elapsed().as_secs_f64() * 1_000.0;
            let page = read(answer);
            assert_eq!(troubles(&page), Vec::<&Value>::new(), "every panel has its rows");
            if round > 0 {
                took.push(ms); // the first one warms
            }
            // The present is rounded to a second: only in the next one all questions are new.
            tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
        }
        let longest = took.iter().copied().fold(0.0, f64::max);
        let figure = median(took);
        let word = if figure <= SERVER_MS_MAX { "" } else { " MISSED" };
        println!("| {span}, every panel asked anew | {figure:.0} | {longest:.0} | ≤ {SERVER_MS_MAX:.0}{word} |");
    }
    paint(app, folder.path()).await;
}

/// A store with so many rows, and what was done for it.
fn filled(server: &Server, rows: u64) -> Arc<Mysql> {
    let database = server.database();
    let url = server.url(&database);
    let settings = json!({ "url": url, "keep": { "logs": format!("{DAYS}d") } });
    let store = Arc::new(Mysql::new(&Settings::of(settings)).expect("settings"));
    store.migrate().expect("migrated");
    let started = Instant::now();
    week::fill(&*store, server, &database, rows, Time(bucket(Time::now().0, HOUR_US)));
    server.sql(&format!("ANALYZE TABLE {database}.logs, {database}.rollups"));
    println!("{rows} rows of {MACHINES} machines over {DAYS} days, stored in {:.0} s", started.elapsed().as_secs_f64());
    store
}

/// The layout as a script of its own.
fn layout() -> (tempfile::TempDir, Arc<Scripts>) {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("page.rhai"), include_str!("page.rhai")).expect("written");
    let scripts = Scripts::open(&[folder.path().to_owned()]).expect("good scripts");
    (folder, scripts)
}

/// What each question costs when nothing else runs: where the page's time goes.
fn panels_alone(store: &dyn Store, definitions: &Definitions, span: &str) {
    let now = Time::now();
    let view = View::parse("page", [("last", span)], now).expect("a view");
    let dashboard = definitions.dashboard("page").expect("the page");
    let window = view.window(dashboard, now);
    let asked = effective(dashboard, &view, definitions, window);
    println!("\n| panel alone, {span} | ms | rows |\n|---|---|---|");
    for panel in asked.rows.iter().flatten() {
        let Some(query) = &panel.query else { continue };
        let table = definitions.table(&query.table).expect("its table");
        let mut took = Vec::new();
        let mut rows = 0;
        for round in 0..4 {
            let to = Time(window.to.0 + round * 1_000);
            let frame = Frame { window: Window { to, ..window }, zone_s: 0, timeout_ms: 60_000 };
            let started = Instant::now();
            rows = store.query(query, table, &frame).expect("an answer").len();
            took.push(started.elapsed().as_secs_f64() * 1_000.0);
        }
        println!("| {} | {:.1} | {rows} |", panel.title, median(took.split_off(1)));
    }
}

/// The panels that have no answer.
fn troubles(page: &Value) -> Vec<&Value> {
    let panels = page["page"]["rows"].as_array().into_iter().flatten().filter_map(Value::as_array).flatten();
    panels.map(|panel| &panel["trouble"]).filter(|trouble| !trouble.is_null()).collect()
}

/// What the app answers to a browser, without a network.
async fn ask(app: &tide::Server<()>, path: &str) -> Value {
    read(answer(app, path).await)
}

/// The bytes of an answer as they go out, and whether they are zipped.
async fn answer(app: &tide::Server<()>, path: &str) -> (Vec<u8>, bool) {
    let url = Url::parse(&format!("http://dashboards.test{path}")).expect("a path");
    let mut request = Request::new(Method::Get, url);
    request.insert_header("accept-encoding", "gzip");
    let mut answer: tide::http::Response = app.respond(request).await.expect("tide answers");
    let bytes = answer.body_bytes().await.expect("a body");
    (bytes, answer.header("content-encoding").is_some())
}

/// What a browser does with it.
fn read((bytes, zipped): (Vec<u8>, bool)) -> Value {
    let mut text = Vec::new();
    match zipped {
        true => drop(std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&*bytes), &mut text).expect("gzip")),
        false => text = bytes,
    }
    serde_json::from_slice(&text).expect("JSON")
}

/// When the panels are painted, ours and Python's in turn, from the beginning of the navigation on.
async fn paint(app: tide::Server<()>, folder: &Path) {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let html = [folder.join("same.html"), folder.join("plain.html")];
    pythons_pages(&app, here, folder, &html).await;
    let listener = infralogs_http::bind("127.0.0.1:0").await.expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    let (_running, stop) = watch::channel(false);
    tokio::spawn(infralogs_http::serve(listener, app, infralogs_http::Limits::default(), None, stop));
    let mut node = tokio::process::Command::new("node");
    node.arg(here.join("benches/page.mjs")).arg(format!("{address}/d/page")).args(&html).arg(ROUNDS.to_string());
    let said = node.output().await.expect("node runs");
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    let said: Value = serde_json::from_slice(&said.stdout).expect("figures");
    let figures =
        |who: &str| -> Vec<f64> { said[who].as_array().expect("a list").iter().filter_map(Value::as_f64).collect() };
    let [ours, same, plain] = ["ours", "same", "plain"].map(|who| {
        let figures = figures(who);
        assert_eq!(figures.len(), ROUNDS);
        median(figures)
    });
    let ratio = ours / same;
    let word = if ratio <= PAINT_RATIO_MAX { "" } else { " MISSED" };
    println!("\n| painted in Chromium, median of {ROUNDS} in turn | ms | ours to it | bound |\n|---|---|---|---|");
    println!("| Infralogs, the whole page with its live stream | {ours:.0} | 1 | |");
    println!("| Python's Bokeh, the same document in a file | {same:.0} | {ratio:.2} | ≤ {PAINT_RATIO_MAX}{word} |");
    println!("| Python's Bokeh, the same rows in plain panels | {plain:.0} | {:.2} | |", ours / plain);
}

/// Python's pages of the document and of the rows that ours shows.
async fn pythons_pages(app: &tide::Server<()>, here: &Path, folder: &Path, html: &[PathBuf; 2]) {
    let page = ask(app, "/d/page.json?theme=light&tz=UTC").await;
    let mut rows = Vec::new();
    for row in page["page"]["rows"].as_array().expect("rows") {
        let mut panels = Vec::new();
        for panel in row.as_array().expect("panels") {
            let mut answer = ask(app, &format!("/d/page/panel/{}.json", panel["index"])).await;
            answer["kind"] = panel["kind"].clone();
            panels.push(answer);
        }
        rows.push(panels);
    }
    let asked = json!({ "document": page["document"], "panels": rows, "from": page["frame"]["from"], "to": page["frame"]["to"] });
    let file = folder.join("python.json");
    fs::write(&file, asked.to_string()).expect("written");
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| here.join("../target"), Into::into);
    let mut python = Command::new(target.join("venv/bin/python"));
    let made = python.arg(here.join("benches/page.py")).arg(&file).args(html).status().expect("target/venv has Python");
    assert!(made.success(), "Python's page is not made, see above");
}
