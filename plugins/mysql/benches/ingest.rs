//! How fast rows arrive, beside what else there is: `cargo bench -p infralogs-mysql --bench ingest`.
//!
//! One MariaDB with binary log and fsync at every commit, the same 60,000 rows, methods in turn, five rounds. Peers that
//! are not installed (PyMySQL in target/venv, rsyslog's ommysql) are left out and said.
#![allow(clippy::expect_used, missing_docs)]

use infralogs_core::{
    plugin::{Settings, Store},
    testing::{
        mariadb::Server,
        workload::{Load, median, sixty_thousand},
    },
};
use infralogs_mysql::Mysql;
use mysql::prelude::Queryable;
use std::{
    ops::Range,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

const ROUNDS: usize = 5;
const ROWS: f64 = 60_000.0;
const ONE_BY_ONE: usize = 400;
/// The longest rsyslog is waited for.
const RSYSLOG_MAX: Duration = Duration::from_secs(120);
const DURABLE: [&str; 6] = [
    "--log-bin=bin",
    "--binlog-format=ROW",
    "--sync-binlog=1",
    "--innodb-flush-log-at-trx-commit=1",
    "--innodb-buffer-pool-size=512M",
    "--server-id=1",
];

struct Bench {
    server: Server,
    loads: Vec<Load>,
    file: PathBuf,
}

/// Rows a second, and microseconds of CPU for each: ours or the peer's and the server's.
#[derive(Clone, Copy)]
struct Figure {
    rate: f64,
    cpu_us: f64,
}

type Method = (&'static str, fn(&Bench) -> Option<Figure>);

const METHODS: [Method; 11] = [
    ("mariadb client, LOAD DATA LOCAL (raw)", raw),
    ("infralogs: LOAD + checkpoint + rollups, one machine after the other", |bench| Some(ours(bench, 1))),
    ("the same, two machines at once", |bench| Some(ours(bench, 2))),
    ("the same, all at once, as a collector polls", |bench| Some(ours(bench, bench.loads.len()))),
    ("infralogs: LOAD + checkpoint, counts thrown away by the server", |bench| Some(without_counts(bench))),
    ("the same, LOCAL refused: multi-row", refused),
    ("PyMySQL executemany(5000)", |bench| python(bench, 60_000, "many")),
    ("PyMySQL row by row, a connection each", |bench| python(bench, ONE_BY_ONE, "connect")),
    ("PyMySQL row by row on one connection", |bench| python(bench, ONE_BY_ONE, "one")),
    ("rsyslog ommysql, queue and batches", rsyslog),
    ("replica caught up after the last commit (s)", replica),
];

fn main() {
    let server = Server::start(&DURABLE);
    let loads = sixty_thousand();
    let mut text = String::new();
    loads.iter().for_each(|load| load.lines(&mut text));
    let file = server.path("rows.tsv");
    std::fs::write(&file, text).expect("rows");
    let bench = Bench { server, loads, file };
    let load = load_now();
    let mut figures: Vec<Vec<Figure>> = vec![Vec::new(); METHODS.len()];
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let is_wanted = |name: &str| words.is_empty() || words.iter().any(|word| name.contains(word.as_str()));
    for round in 0..ROUNDS {
        for (at, (name, run)) in METHODS.iter().enumerate() {
            if !is_wanted(name) || (round > 0 && figures[at].is_empty()) {
                continue; // or not installed
            }
            match run(&bench) {
                Some(figure) => figures[at].push(figure),
                None => println!("left out: {name}"),
            }
        }
    }
    println!("\n{ROUNDS} rounds; load before {load}, after {}\n", load_now());
    println!("| method | rows/s | CPU µs a row | one writer ÷ it; two; all at once | bound |\n|---|---|---|---|---|");
    // Of each round, as the machine is not equally busy in all.
    let ratio = |own: usize, at: usize| {
        median(figures[own].iter().zip(&figures[at]).map(|(own, it)| own.rate / it.rate).collect())
    };
    let raw = format!("≥ 0.45; without counts {:.2} ≥ 0.60", ratio(4, 0));
    let bounds = [&*raw, "", "", "", "", "", "≥ 2", "≥ 100", "", "≥ 4", "≤ 1 s"];
    for (at, (name, _)) in METHODS.iter().enumerate().filter(|(at, _)| !figures[*at].is_empty()) {
        let of = |which: fn(&Figure) -> f64| median(figures[at].iter().map(which).collect());
        let (rate, cpu) = (of(|figure| figure.rate), of(|figure| figure.cpu_us));
        match at == METHODS.len() - 1 {
            true => println!("| {name} | {rate:.3} | | | {} |", bounds[at]),
            false => {
                let ratios = [1, 2, 3].map(|own| format!("{:.2}", ratio(own, at)));
                println!("| {name} | {rate:.0} | {cpu:.1} | {} | {} |", ratios.join("; "), bounds[at]);
            }
        }
    }
}

/// Runs something that stores so many rows.
fn timed(bench: &Bench, rows: f64, run: impl FnOnce()) -> Figure {
    let (cpu, started) = (own_s() + server_s(bench), Instant::now());
    run();
    let seconds = started.elapsed().as_secs_f64();
    Figure { rate: rows / seconds, cpu_us: (own_s() + server_s(bench) - cpu) / rows * 1e6 }
}

/// Seconds of CPU of this process and of those it waited for.
fn own_s() -> f64 {
    cpu_s("self", 11..15)
}

/// Seconds of CPU of the server.
fn server_s(bench: &Bench) -> f64 {
    cpu_s(std::fs::read_to_string(bench.server.path("pid")).expect("the server's number").trim(), 11..13)
}

/// Fields of a process's `stat`, counted from behind its name; the kernel counts hundredths of seconds.
fn cpu_s(process: &str, fields: Range<usize>) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).expect("a process");
    let fields = stat.rsplit(')').next().expect("fields").split_whitespace().skip(fields.start).take(fields.len());
    fields.map(|ticks| ticks.parse::<f64>().expect("ticks")).sum::<f64>() / 100.0
}

/// How many wanted a core in the last minute.
fn load_now() -> String {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    load.split(' ').next().unwrap_or_default().to_owned()
}

/// A new database with our tables.
fn database(server: &Server) -> (String, Mysql) {
    let database = server.database();
    let url = server.url(&database);
    let store = Mysql::new(&Settings::of(serde_json::json!({ "url": url }))).expect("settings");
    store.migrate().expect("migrate");
    (database, store)
}

fn raw(bench: &Bench) -> Option<Figure> {
    let (database, _store) = database(&bench.server);
    let sql = format!("LOAD DATA LOCAL INFILE '{}' INTO TABLE logs CHARACTER SET utf8mb4", bench.file.display());
    let mut client = Command::new("mariadb");
    client.args(["--no-defaults", "--user=root", "--local-infile=1", "--host=127.0.0.1"]);
    client.args([format!("--port={}", bench.server.port()), format!("--database={database}"), "-e".into(), sql]);
    Some(timed(bench, ROWS, || assert!(client.status().expect("mariadb").success())))
}

fn ours(bench: &Bench, writers: usize) -> Figure {
    let (_, store) = database(&bench.server);
    timed(bench, ROWS, || store_all(&store, &bench.loads, writers))
}

/// The same without what rollups cost the server: they go into a table that keeps nothing.
fn without_counts(bench: &Bench) -> Figure {
    let (database, store) = database(&bench.server);
    bench.server.sql(&format!(
        "INSTALL PLUGIN IF NOT EXISTS blackhole SONAME 'ha_blackhole'; ALTER TABLE {database}.rollups ENGINE = BLACKHOLE"
    ));
    timed(bench, ROWS, || store_all(&store, &bench.loads, 1))
}

fn store_all(store: &Mysql, loads: &[Load], writers: usize) {
    std::thread::scope(|scope| {
        for writer in 0..writers {
            scope.spawn(move || loads.iter().skip(writer).step_by(writers).for_each(|load| load.store(store)));
        }
    });
}

fn refused(bench: &Bench) -> Option<Figure> {
    bench.server.sql("SET GLOBAL local_infile = 0");
    let figure = ours(bench, 1);
    bench.server.sql("SET GLOBAL local_infile = 1");
    Some(figure)
}

fn python(bench: &Bench, rows: usize, how: &str) -> Option<Figure> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (database, _store) = database(&bench.server);
    let before = server_s(bench);
    let done = Command::new(here.join("../../target/venv/bin/python"))
        .arg(here.join("benches/peers/rows.py"))
        .args([bench.server.port().to_string(), database, bench.file.display().to_string()])
        .args([rows.to_string(), how.to_owned()])
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let said = String::from_utf8_lossy(&done.stdout);
    let (seconds, own) = said.trim().split_once(' ')?;
    let (seconds, own): (f64, f64) = (seconds.parse().ok()?, own.parse().ok()?);
    let cpu_us = (own + server_s(bench) - before) / rows as f64 * 1e6;
    Some(Figure { rate: rows as f64 / seconds, cpu_us })
}

/// rsyslog reads the same messages from a file and stores them with its own schema, in batches.
fn rsyslog(bench: &Bench) -> Option<Figure> {
    let module = ["/usr/lib/x86_64-linux-gnu/rsyslog/ommysql.so", "/usr/lib/aarch64-linux-gnu/rsyslog/ommysql.so"];
    if !module.iter().any(|path| Path::new(path).exists()) {
        return None;
    }
    let folder = bench.server.path("rsyslog");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).expect("a folder");
    let database = bench.server.database();
    bench.server.sql(&format!(
        "CREATE TABLE {database}.SystemEvents (ID int unsigned not null auto_increment primary key, Message text, \
         Facility smallint, FromHost varchar(60), Priority smallint, DeviceReportedTime datetime, ReceivedAt datetime, \
         InfoUnitID int, SysLogTag varchar(60)); CREATE USER IF NOT EXISTS 'rsyslog'@'%' IDENTIFIED BY 'x'; \
         GRANT ALL ON *.* TO 'rsyslog'@'%'"
    ));
    let conf = format!(
        "module(load=\"imfile\")\nmodule(load=\"ommysql\")\nglobal(workDirectory=\"{dir}\")\n\
         input(type=\"imfile\" file=\"{file}\" tag=\"rows\" persistStateInterval=\"0\")\n\
         action(type=\"ommysql\" server=\"127.0.0.1\" serverport=\"{port}\" db=\"{database}\" uid=\"rsyslog\" pwd=\"x\" \
         queue.type=\"linkedList\" queue.size=\"100000\" queue.dequeueBatchSize=\"5000\")\n",
        dir = folder.display(),
        file = bench.file.display(),
        port = bench.server.port(),
    );
    std::fs::write(folder.join("conf"), conf).expect("conf");
    let mut daemon = Command::new("rsyslogd");
    daemon.args(["-n", "-i", "NONE", "-f"]).arg(folder.join("conf")).stdout(Stdio::null()).stderr(Stdio::null());
    // Rows are numbered from 1: asked for on one connection, it costs next to nothing.
    let sql = format!("SELECT COALESCE(MAX(ID), 0) FROM {database}.SystemEvents");
    let mut conn = mysql::Conn::new(mysql::Opts::from_url(&bench.server.url(&database)).expect("url")).expect("conn");
    let mut stored = || -> f64 { conn.query_first(&sql).expect("a number").unwrap_or(0.0) };
    let mut all = 0.0;
    let figure = timed(bench, ROWS, || {
        let Ok(mut child) = daemon.spawn() else { return };
        let end = Instant::now() + RSYSLOG_MAX;
        while all < ROWS && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(100));
            all = stored();
        }
        let _ = child.kill();
        let _ = child.wait();
    });
    (all >= ROWS).then_some(figure)
}

/// How long a replica needs for the rest once everything is committed at full speed, in seconds.
fn replica(bench: &Bench) -> Option<Figure> {
    let replica = Server::start(&["--server-id=2", "--read-only=1", "--log-bin=bin", "--innodb-buffer-pool-size=512M"]);
    let primary = &bench.server;
    primary
        .sql("CREATE USER IF NOT EXISTS 'repl'@'%' IDENTIFIED BY 'repl'; GRANT REPLICATION SLAVE ON *.* TO 'repl'@'%'");
    let now = primary.sql("SELECT @@gtid_binlog_pos").trim().to_owned();
    replica.sql(&format!(
        "RESET MASTER; SET GLOBAL gtid_slave_pos = '{now}'; CHANGE MASTER TO MASTER_HOST = '127.0.0.1', \
         MASTER_PORT = {}, MASTER_USER = 'repl', MASTER_PASSWORD = 'repl', MASTER_USE_GTID = slave_pos; START SLAVE",
        primary.port()
    ));
    let (_, store) = database(primary);
    store_all(&store, &bench.loads, 1);
    let started = Instant::now();
    let position = store.position().ok()??;
    let waited = replica.sql(&format!("SELECT MASTER_GTID_WAIT('{position}', 60)"));
    assert_eq!(waited.trim(), "0", "the replica never caught up");
    Some(Figure { rate: started.elapsed().as_secs_f64(), cpu_us: f64::NAN })
}
