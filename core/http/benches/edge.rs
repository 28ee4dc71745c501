//! Compares a hello-world through our edge with axum's, in one run: requests a second, and the server's CPU time.
//!
//! Both servers and the client run in this process, each server on a thread of its own. Rounds alternate, so a busy
//! machine slows both. Ends with an error if the edge falls below [`RATIO_MIN`] of axum's rate.
#![allow(missing_docs, clippy::unwrap_used)]

use rustix::time::{ClockId, Timespec, clock_gettime};
use std::{
    net::SocketAddr,
    process::ExitCode,
    sync::mpsc,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
};

const ROUNDS: usize = 7;
const ROUND: Duration = Duration::from_millis(1_500);
const CONNECTIONS: usize = 32;
const RATIO_MIN: f64 = 0.7;
const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: 127.0.0.1\r\nuser-agent: bench\r\naccept: */*\r\n\r\n";

/// One round of one server.
#[derive(Clone, Copy)]
struct Round {
    per_second: f64,
    cpu_us: f64,
}

fn main() -> ExitCode {
    let (edge, axum) = (start(edge), start(axum));
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        ours.push(round(&edge));
        theirs.push(round(&axum));
    }
    println!("hello-world, {CONNECTIONS} connections, {ROUNDS} rounds in turn, min / median / max");
    println!("| server | requests/s | server CPU µs a request |\n|---|---|---|");
    for (name, rounds) in [("infralogs-http", &ours), ("axum", &theirs)] {
        let (rate, cpu) = (spread(rounds, |round| round.per_second), spread(rounds, |round| round.cpu_us));
        println!(
            "| {name} | {:.0} / {:.0} / {:.0} | {:.1} / {:.1} / {:.1} |",
            rate[0], rate[1], rate[2], cpu[0], cpu[1], cpu[2]
        );
    }
    let rate = spread(&ours, |round| round.per_second)[1] / spread(&theirs, |round| round.per_second)[1];
    let cpu = spread(&theirs, |round| round.cpu_us)[1] / spread(&ours, |round| round.cpu_us)[1];
    println!("the edge reaches {rate:.2} of axum's rate ({cpu:.2} by the server's CPU time; wanted: {RATIO_MIN})");
    if rate.min(cpu) < RATIO_MIN { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn spread(rounds: &[Round], figure: impl Fn(&Round) -> f64) -> [f64; 3] {
    let mut all: Vec<f64> = rounds.iter().map(figure).collect();
    all.sort_by(f64::total_cmp);
    [all[0], all[all.len() / 2], all[all.len() - 1]]
}

/// A server on its own thread: where it listens, and how to ask its thread for the CPU time used so far.
struct Server {
    address: SocketAddr,
    ask: tokio::sync::mpsc::UnboundedSender<mpsc::Sender<Duration>>,
}

fn start<F: Future<Output = ()> + 'static>(serve: impl FnOnce(TcpListener) -> F + Send + 'static) -> Server {
    let (told, address) = mpsc::channel();
    let (ask, mut asked) = tokio::sync::mpsc::unbounded_channel::<mpsc::Sender<Duration>>();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        tokio::task::LocalSet::new().block_on(&runtime, async move {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            told.send(listener.local_addr().unwrap()).unwrap();
            tokio::task::spawn_local(serve(listener));
            while let Some(answer) = asked.recv().await {
                let Timespec { tv_sec, tv_nsec } = clock_gettime(ClockId::ThreadCPUTime);
                let used = Duration::new(tv_sec.try_into().unwrap(), tv_nsec.try_into().unwrap());
                answer.send(used).unwrap();
            }
        });
    });
    Server { address: address.recv().unwrap(), ask }
}

impl Server {
    fn cpu(&self) -> Duration {
        let (told, used) = mpsc::channel();
        self.ask.send(told).unwrap();
        used.recv().unwrap()
    }
}

async fn edge(listener: TcpListener) {
    let mut app = tide::new();
    app.at("/").get(|_| async { Ok("Hello, World!") });
    let (_stop, stopped) = watch::channel(false);
    infralogs_http::serve(listener, app, infralogs_http::Limits::default(), None, stopped).await.unwrap();
}

async fn axum(listener: TcpListener) {
    use axum::{Router, routing::get, serve::ListenerExt};
    let app = Router::new().route("/", get(async || "Hello, World!"));
    let listener = listener.tap_io(|stream| stream.set_nodelay(true).unwrap());
    axum::serve(listener, app).await.unwrap();
}

fn round(server: &Server) -> Round {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (before, begun) = (server.cpu(), Instant::now());
    let until = begun + ROUND;
    let address = server.address;
    let count: u64 = runtime.block_on(async {
        let clients: Vec<_> = (0..CONNECTIONS).map(|_| tokio::spawn(client(address, until))).collect();
        let mut count = 0;
        for client in clients {
            count += client.await.unwrap();
        }
        count
    });
    let cpu = (server.cpu() - before).as_secs_f64() * 1e6;
    Round { per_second: count as f64 / begun.elapsed().as_secs_f64(), cpu_us: cpu / count as f64 }
}

/// Asks again and again on one connection; how often it was answered.
async fn client(address: SocketAddr, until: Instant) -> u64 {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let mut count = 0;
    let mut answer = [0; 1 << 10];
    while Instant::now() < until {
        stream.write_all(REQUEST).await.unwrap();
        let mut got = 0;
        // Both answer in one packet; the body is the end of it.
        while !answer[..got].ends_with(b"Hello, World!") {
            let more = stream.read(&mut answer[got..]).await.unwrap();
            assert!(more > 0, "the server closed");
            got += more;
        }
        assert!(answer.starts_with(b"HTTP/1.1 200 OK\r\n"));
        count += 1;
    }
    count
}
