//! A TCP proxy that misbehaves when told to: slow, deaf on the way back, cutting everything, or cutting at COMMIT.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering},
    },
    thread::sleep,
    time::Duration,
};

/// How it behaves from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// Bytes pass.
    Fair,
    /// Each piece waits a little.
    Slow,
    /// What the client says arrives; no answer comes back. So a COMMIT is carried out and nobody hears of it.
    Deaf,
    /// Every third COMMIT reaches the server, which answers it: the answer is swallowed and the connection reset.
    /// Every other third COMMIT is swallowed itself, so that the transaction ends by the reset.
    LosesCommits,
}

/// A COMMIT alone as MySQL's protocol sends it (length, number, `COM_QUERY`, text), or behind other statements.
const COMMITS: [&[u8]; 2] = [b"\x07\x00\x00\x00\x03COMMIT", b";COMMIT"];
/// A server that says nothing for so long has carried out what it was sent.
const QUIET: Duration = Duration::from_millis(50);

/// What became of the COMMITs that passed while some were lost.
#[derive(Debug, Default)]
pub struct Commits {
    seen: AtomicU64,
    unanswered: AtomicU64,
    unheard: AtomicU64,
}

impl Commits {
    /// Carried out by the server, and the client never heard of it.
    pub fn unanswered(&self) -> u64 {
        self.unanswered.load(Ordering::Relaxed)
    }
    /// Never carried out.
    pub fn unheard(&self) -> u64 {
        self.unheard.load(Ordering::Relaxed)
    }
}

/// Listens on a port of its own and passes bytes on to another.
pub struct Proxy {
    port: u16,
    mood: Arc<AtomicU8>,
    /// Closed as soon as both directions of their connection have ended, as by a host itself.
    streams: Arc<Mutex<Vec<Weak<TcpStream>>>>,
    ended: Arc<AtomicBool>,
    commits: Arc<Commits>,
}

impl Proxy {
    /// In front of a port of this machine.
    pub fn before(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let proxy = Self {
            port: listener.local_addr().expect("its address").port(),
            mood: Arc::default(),
            streams: Arc::default(),
            ended: Arc::default(),
            commits: Arc::default(),
        };
        let (mood, streams, ended) = (proxy.mood.clone(), proxy.streams.clone(), proxy.ended.clone());
        let commits = proxy.commits.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if ended.load(Ordering::Relaxed) {
                    return;
                }
                // Where nobody listens the client is cut off, as by a host that is away.
                let Ok(server) = TcpStream::connect(("127.0.0.1", port)) else { continue };
                let (client, server) = (Arc::new(client), Arc::new(server));
                let mut open = streams.lock().unwrap_or_else(PoisonError::into_inner);
                open.retain(|stream: &Weak<TcpStream>| stream.strong_count() > 0);
                open.extend([&client, &server].map(Arc::downgrade));
                let swallow = Arc::<AtomicBool>::default();
                let there = Way { mood: mood.clone(), back: false, swallow: swallow.clone(), commits: commits.clone() };
                let back = Way { mood: mood.clone(), back: true, swallow, commits: commits.clone() };
                let (client2, server2) = (client.clone(), server.clone());
                std::thread::spawn(move || pass(&client, &server, &there));
                std::thread::spawn(move || pass(&server2, &client2, &back));
            }
        });
        proxy
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Changes how it behaves, for open connections as well.
    pub fn set(&self, mood: Mood) {
        self.mood.store(mood as u8, Ordering::Relaxed);
    }

    /// What became of COMMITs while some were lost.
    pub fn commits(&self) -> &Commits {
        &self.commits
    }

    /// Cuts every open connection.
    pub fn cut(&self) {
        for stream in self.streams.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            let _ = stream.upgrade().map(|stream| stream.shutdown(Shutdown::Both));
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        self.cut();
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

/// One direction of one connection.
struct Way {
    mood: Arc<AtomicU8>,
    back: bool,
    /// The next answer is swallowed, and the connection ends.
    swallow: Arc<AtomicBool>,
    commits: Arc<Commits>,
}

impl Way {
    fn is(&self, mood: Mood) -> bool {
        self.mood.load(Ordering::Relaxed) == mood as u8
    }

    /// Whether a piece may go on.
    fn lets_pass(&self, piece: &[u8]) -> bool {
        if !self.back && self.is(Mood::LosesCommits) && COMMITS.iter().any(|commit| piece.ends_with(commit)) {
            match self.commits.seen.fetch_add(1, Ordering::Relaxed) % 3 {
                0 => {
                    self.commits.unanswered.fetch_add(1, Ordering::Relaxed);
                    self.swallow.store(true, Ordering::SeqCst);
                }
                1 => {
                    self.commits.unheard.fetch_add(1, Ordering::Relaxed);
                    return false;
                }
                _ => {}
            }
        }
        true
    }
}

fn pass(mut from: &TcpStream, mut to: &TcpStream, way: &Way) {
    let mut piece = vec![0; 64 << 10];
    while let Ok(read @ 1..) = from.read(&mut piece) {
        if way.is(Mood::Slow) {
            sleep(Duration::from_millis(20));
        }
        if way.is(Mood::Deaf) && way.back {
            continue;
        }
        if way.back && way.swallow.load(Ordering::SeqCst) {
            // Each statement before COMMIT has an answer of its own.
            let _ = from.set_read_timeout(Some(QUIET));
            continue;
        }
        if !way.lets_pass(&piece[..read]) || to.write_all(&piece[..read]).is_err() {
            break;
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}
