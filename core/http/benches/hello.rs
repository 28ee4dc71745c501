//! A hello-world through our edge (tide's router behind hyper, with all limits) beside one by axum.
//!
//! `cargo bench -p infralogs-http --bench hello`. Each server has a thread of its own, the clients another; rounds
//! alternate. The rate is requests a second as the clients see them, the cost the CPU time of the server's thread.
//! With `-- instructions` valgrind counts those outside the kernel, which are the same on a busy machine.
#![allow(clippy::unwrap_used, reason = "a benchmark that can't run has nothing to say")]

use infralogs_http::{Limits, bind, serve};
use std::{net::SocketAddr, process::Command, sync::mpsc, thread, time::Instant};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};

/// Connections kept open at once.
const CONNECTIONS: usize = 32;
/// Requests of one connection in a round. Few, so that whatever else the machine does meets both servers.
const REQUESTS: usize = 250;
/// Rounds of each.
const ROUNDS: usize = 51;
/// At least so many times axum's rate.
const BOUND: f64 = 0.7;

/// A running server.
struct Server {
    name: &'static str,
    address: SocketAddr,
    /// Its thread, as the kernel counts.
    thread: String,
}

fn main() {
    if cfg!(debug_assertions) {
        println!("Built without optimization: this shows that it runs, its figures mean nothing.");
    }
    let asked = |word: &str| std::env::args().any(|given| given == word);
    if asked("instructions") {
        return instructions();
    }
    let ours = Server::start("ours", async |listener: TcpListener| {
        let mut app = tide::new();
        app.at("/hello").get(|_| async { Ok("hello, world") });
        let (_keep, stop) = watch::channel(false);
        serve(listener, app, Limits::default(), None, stop).await.unwrap();
    });
    let axum = Server::start("axum", async |listener: TcpListener| {
        let app = axum::Router::new().route("/hello", axum::routing::get(|| async { "hello, world" }));
        axum::serve(listener, app).await.unwrap();
    });
    let clients = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let round = |server: &Server| clients.block_on(round(server));
    let (mut rates, mut costs) = (Vec::new(), Vec::new());
    let mut figures = [Vec::new(), Vec::new()];
    round(&ours);
    round(&axum);
    if asked("once") {
        return;
    }
    for nth in 0..ROUNDS {
        let (own, other) = if nth % 2 == 0 {
            let own = round(&ours);
            (own, round(&axum))
        } else {
            let other = round(&axum);
            (round(&ours), other)
        };
        rates.push(own.0 / other.0);
        costs.push(own.1 / other.1);
        figures[0].push(own);
        figures[1].push(other);
    }
    println!("{CONNECTIONS} connections, {ROUNDS} rounds of {} requests, median", CONNECTIONS * REQUESTS);
    println!("{:<6} {:>12} {:>20}", "", "requests/s", "server CPU µs each");
    for (server, figures) in [&ours, &axum].iter().zip(&figures) {
        let rate = median(figures.iter().map(|one| one.0).collect()).1;
        let cost = median(figures.iter().map(|one| one.1).collect()).1;
        println!("{:<6} {rate:>12.0} {:>20.2}", server.name, cost / 1_000.0);
    }
    let (least, rate, most) = median(rates);
    let met = if rate >= BOUND { "met" } else { "MISSED" };
    println!("rate, ours beside axum's: {rate:.2} ({least:.2}–{most:.2}), bound {BOUND}: {met}");
    let (least, cost, most) = median(costs);
    println!("CPU a request, ours beside axum's: {cost:.2} ({least:.2}–{most:.2})");
}

/// Runs itself for one round of each under valgrind.
fn instructions() {
    let folder = tempfile::tempdir().unwrap();
    let counts = folder.path().join("counts");
    let told = format!("--callgrind-out-file={}", counts.display());
    let itself = std::env::current_exe().unwrap();
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--quiet", "--tool=callgrind", "--separate-threads=yes", &told]).arg(itself).arg("once");
    assert!(valgrind.status().expect("valgrind is installed").success());
    // The clients' thread is the first; the servers' follow as they were started.
    let each = |thread: &str| {
        let counts = std::fs::read_to_string(format!("{}-{thread}", counts.display())).unwrap();
        let total = counts.lines().find_map(|line| line.strip_prefix("totals: ")).unwrap();
        total.trim().parse::<f64>().unwrap() / (CONNECTIONS * REQUESTS) as f64
    };
    let (own, other) = (each("02"), each("03"));
    println!("instructions a request: ours {own:.0}, axum {other:.0}: {:.2} times", own / other);
}

impl Server {
    fn start<R: AsyncFn(TcpListener) + Send + 'static>(name: &'static str, run: R) -> Self {
        let (told, hear) = mpsc::channel();
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = bind("127.0.0.1:0").await.unwrap();
                let thread = std::fs::read_link("/proc/thread-self").unwrap().display().to_string();
                told.send((listener.local_addr().unwrap(), thread)).unwrap();
                run(listener).await;
            });
        });
        let (address, thread) = hear.recv().unwrap();
        Self { name, address, thread }
    }

    /// CPU nanoseconds of its thread so far.
    fn cpu_ns(&self) -> f64 {
        let told = std::fs::read_to_string(format!("/proc/{}/schedstat", self.thread)).unwrap();
        told.split(' ').next().unwrap().parse().unwrap()
    }
}

/// Requests a second, and CPU nanoseconds of the server for each.
async fn round(server: &Server) -> (f64, f64) {
    let (before, start) = (server.cpu_ns(), Instant::now());
    let mut clients = JoinSet::new();
    (0..CONNECTIONS).for_each(|_| drop(clients.spawn(client(server.address))));
    while let Some(done) = clients.join_next().await {
        done.unwrap();
    }
    let requests = (CONNECTIONS * REQUESTS) as f64;
    (requests / start.elapsed().as_secs_f64(), (server.cpu_ns() - before) / requests)
}

async fn client(address: SocketAddr) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let mut answer = vec![0; 4096];
    for _ in 0..REQUESTS {
        stream.write_all(b"GET /hello HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
        let mut read = 0;
        while !answer[..read].ends_with(b"hello, world") {
            let more = stream.read(&mut answer[read..]).await.unwrap();
            assert!(more > 0, "closed after {:?}", String::from_utf8_lossy(&answer[..read]));
            read += more;
        }
        assert!(answer.starts_with(b"HTTP/1.1 200"), "{:?}", String::from_utf8_lossy(&answer[..read]));
    }
}

/// The least, the middle, the greatest.
fn median(mut all: Vec<f64>) -> (f64, f64, f64) {
    all.sort_by(f64::total_cmp);
    (all[0], all[all.len() / 2], all[all.len() - 1])
}
