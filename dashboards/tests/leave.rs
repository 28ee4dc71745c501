//! A query that nobody waits for any more is killed on the database's server when the last page is closed.

#[path = "common/layout.rs"]
mod layout;

use infralogs_core::{
    dashboard::Dashboard,
    plugin::{Build, Settings, Store},
    testing::{batch, mariadb::Server},
};
use infralogs_dashboards::{Access, Dashboards};
use infralogs_mysql::Mysql;
use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::watch,
};

/// Twenty times what it takes on a quiet machine.
const SOON: Duration = Duration::from_secs(60);

/// A page that is open: the stream of its events.
async fn open(address: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    let ask = format!("GET /d/fleet/events?after=0 HTTP/1.1\r\nHost: {address}\r\nAccept: text/event-stream\r\n\r\n");
    stream.write_all(ask.as_bytes()).await.expect("asked");
    let mut head = [0; 12];
    stream.read_exact(&mut head).await.expect("an answer");
    assert_eq!(&head, b"HTTP/1.1 200");
    stream
}

/// How many queries of panels run on the server.
fn running(server: &Server) -> usize {
    let sql =
        "SELECT COUNT(*) FROM information_schema.processlist WHERE command <> 'Sleep' AND info LIKE '%FROM `logs`%'
               AND info NOT LIKE '%processlist%'";
    server.sql(sql).trim().parse().expect("a count")
}

/// How many statements were killed since the server began.
fn killed(server: &Server) -> usize {
    let said = server.sql("SHOW GLOBAL STATUS LIKE 'Com_kill'");
    said.split_whitespace().last().and_then(|word| word.parse().ok()).expect("a count")
}

async fn until(server: &Server, what: &str, is_so: impl Fn(&Server) -> bool) {
    let last = Instant::now() + SOON;
    while !is_so(server) {
        assert!(Instant::now() < last, "{what}: {}", server.sql("SHOW FULL PROCESSLIST"));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_page_that_closes_ends_its_query() {
    let server = Server::start(&[]);
    let database = server.database();
    let store = Mysql::new(&Settings::of(serde_json::json!({ "url": server.url(&database) }))).expect("settings");
    store.migrate().expect("migrated");
    batch::put(&store, "web-1", 1, 11);

    let rows = vec![vec![layout::latest("Latest")]];
    let dashboard = Dashboard { rows, marks: Vec::new(), refresh: Duration::from_secs(1), ..layout::fleet() };
    let (_scripts, layouts) = watch::channel(layout::generation("one", vec![Arc::new(dashboard)]));
    let Build::Renderer(build) = infralogs_bokeh::PLUGIN.build else { panic!("the plugin `bokeh` is a renderer") };
    let renderer = build(&Settings::default()).expect("a renderer");
    let (access, credentials) = (Access::open(), Vec::new());
    let app =
        Dashboards { layouts, store: Arc::new(store), renderer, access, credentials, unlisted: Arc::default() }.app();
    let listener = infralogs_http::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let (stop, stopped) = watch::channel(false);
    let served = tokio::spawn(infralogs_http::serve(listener, app, infralogs_http::Limits::default(), None, stopped));

    let (one, other) = (open(address).await, open(address).await);
    server.sql(&format!(
        "USE {database}; RENAME TABLE logs TO logs_kept;
         CREATE VIEW logs AS SELECT logs_kept.* FROM logs_kept, (SELECT SLEEP(60)) AS slow"
    ));
    until(&server, "a refresh asks once for both pages", |server| running(server) == 1).await;
    drop(one);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(killed(&server), 0, "the other page still waits");
    until(&server, "the query goes on for the other page", |server| running(server) == 1).await;
    drop(other);
    until(&server, "nobody waits", |server| killed(server) > 0 && running(server) == 0).await;
    stop.send_replace(true);
    let _ = served.await;
}
