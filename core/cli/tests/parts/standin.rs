//! Agents by the thousand in one process: each has an address of its own on the loopback and speaks `/logs` as ours
//! does, with entries made when they are asked for. What they do may be bent by a test.

use infralogs_core::{
    entry::{Batch, Entries},
    testing::{batch, workload::Load},
    time::Time,
    wire::{self, Writer},
};
use std::{
    collections::HashMap,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    runtime::Runtime,
};

/// One machine that answers.
pub struct Machine {
    /// Its name, from which its ids are made.
    pub name: String,
    /// How many entries it has now.
    pub head: Arc<dyn Fn() -> u64 + Send + Sync>,
    /// What it answers instead of the truth.
    pub bend: Option<Bend>,
    /// What it answered, by what was asked and how many entries it had: for benchmarks, so that making entries takes
    /// no processor from who is measured.
    pub kept: Option<Kept>,
}

/// Answers that were given.
pub type Kept = Mutex<HashMap<(u64, u64, u64), Arc<[u8]>>>;

/// Changes an answer: what was asked, and the true body, to what is sent.
pub type Bend = Arc<dyn Fn(&Asked, Vec<u8>) -> Sent + Send + Sync>;

/// What a bent machine sends.
pub enum Sent {
    /// This body, properly.
    Whole(Vec<u8>),
    /// This piece again and again, without an end, so long apart.
    Endless(Vec<u8>, Duration),
}

/// One request.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Behind which entry.
    pub after: u64,
    /// The most entries; 0 asks only who it is.
    pub limit: u64,
}

impl Machine {
    /// One that has so many entries.
    pub fn with(name: impl Into<String>, entries: u64) -> Self {
        Self { name: name.into(), head: Arc::new(move || entries), bend: None, kept: None }
    }

    /// One that writes so many entries a second, from now on.
    pub fn writing(name: impl Into<String>, per_second: u64) -> Self {
        let begun = Instant::now();
        let head = move || 1 + (begun.elapsed().as_secs_f64() * per_second as f64) as u64;
        Self { name: name.into(), head: Arc::new(head), bend: None, kept: None }
    }

    /// The same, with answers bent.
    pub fn bent(mut self, bend: impl Fn(&Asked, Vec<u8>) -> Sent + Send + Sync + 'static) -> Self {
        self.bend = Some(Arc::new(bend));
        self
    }

    /// What its agent would say.
    pub fn answer(&self, asked: &Asked) -> Vec<u8> {
        let head = (self.head)();
        let Some(kept) = &self.kept else { return self.made(asked, head) };
        let key = (asked.after, asked.limit, head);
        let known = kept.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        let answer = known.unwrap_or_else(|| {
            let made: Arc<[u8]> = self.made(asked, head).into();
            kept.lock().unwrap_or_else(PoisonError::into_inner).insert(key, made.clone());
            made
        });
        answer.to_vec()
    }

    fn made(&self, asked: &Asked, head: u64) -> Vec<u8> {
        let at = |seqnum: u64| Time(batch::START.0 + seqnum as i64 * APART_US);
        let cursor = |seqnum| batch::cursor_at(&self.name, seqnum, at(seqnum));
        let many = head.saturating_sub(asked.after).min(asked.limit);
        let entries = match many {
            0 => Entries::default(),
            _ => Load::new(&self.name, asked.after + 1, many, at(asked.after + 1), APART_US).entries,
        };
        let next = asked.after + many;
        let batch = Batch {
            machine: batch::machine(&self.name),
            next: (next > 0).then(|| cursor(next)),
            head: (head > 0).then(|| cursor(head)),
            more: next < head,
            entries,
            ..Batch::default()
        };
        let mut body = Vec::with_capacity(batch.entries.bytes() * 2);
        let mut writer = Writer::ndjson();
        batch.entries.iter().for_each(|entry| writer.write(&entry, &mut body));
        wire::write_end(&wire::End::of(&batch), &mut body);
        body
    }
}

/// A millisecond between two entries.
const APART_US: i64 = 1_000;

/// All of them; they end with it.
pub struct Standins {
    addresses: Vec<SocketAddr>,
    asked: Arc<Vec<Mutex<Vec<Instant>>>>,
    given: Arc<AtomicU64>,
    /// Their threads.
    _runtime: Runtime,
}

impl Standins {
    /// Starts them, each on an address of its own.
    pub fn start(machines: Vec<Machine>) -> Self {
        let runtime = Runtime::new().expect("threads");
        let asked = Arc::new(machines.iter().map(|_| Mutex::default()).collect::<Vec<_>>());
        let given = Arc::<AtomicU64>::default();
        let mut addresses = Vec::new();
        let mut port = 0;
        for (index, machine) in machines.into_iter().enumerate() {
            let ip = Ipv4Addr::new(127, 1, u8::try_from(index / 250).expect("at most 64,000"), 1 + (index % 250) as u8);
            let listener = runtime.block_on(TcpListener::bind((ip, port))).expect("a loopback port");
            let address = listener.local_addr().expect("its address");
            port = address.port();
            addresses.push(address);
            runtime.spawn(accept(listener, Arc::new(machine), index, asked.clone(), given.clone()));
        }
        Self { addresses, asked, given, _runtime: runtime }
    }

    /// They as the list of an inventory, in JSON (which is YAML).
    pub fn targets(&self, name: impl Fn(usize) -> String) -> serde_json::Value {
        let all = self.addresses.iter().enumerate();
        all.map(|(index, address)| serde_json::json!({ "name": name(index), "url": format!("http://{address}") }))
            .collect()
    }

    /// When one was asked for entries.
    pub fn asked(&self, index: usize) -> Vec<Instant> {
        self.asked[index].lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many requests all of them had, those that asked only who it is included.
    pub fn requests(&self) -> u64 {
        self.given.load(Ordering::Relaxed)
    }
}

async fn accept(
    listener: TcpListener,
    machine: Arc<Machine>,
    index: usize,
    asked: Arc<Vec<Mutex<Vec<Instant>>>>,
    given: Arc<AtomicU64>,
) {
    while let Ok((stream, _)) = listener.accept().await {
        let (machine, asked, given) = (machine.clone(), asked.clone(), given.clone());
        // A client that goes away ends its connection, and nothing else.
        tokio::spawn(async move {
            let _ = answer_all(stream, &machine, |one| {
                given.fetch_add(1, Ordering::Relaxed);
                if one.limit > 0 {
                    asked[index].lock().unwrap_or_else(PoisonError::into_inner).push(Instant::now());
                }
            })
            .await;
        });
    }
}

async fn answer_all(mut stream: TcpStream, machine: &Machine, note: impl Fn(&Asked)) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut head = Vec::new();
    loop {
        let end = loop {
            if let Some(at) = head.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            if stream.read_buf(&mut head).await? == 0 {
                return Ok(());
            }
        };
        let asked = read(&String::from_utf8_lossy(&head[..end]));
        head.drain(..end);
        note(&asked);
        let truth = machine.answer(&asked);
        let sent = match &machine.bend {
            Some(bend) => bend(&asked, truth),
            None => Sent::Whole(truth),
        };
        match sent {
            Sent::Whole(body) => whole(&mut stream, &body).await?,
            Sent::Endless(piece, apart) => {
                stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await?;
                loop {
                    stream.write_all(format!("{:x}\r\n", piece.len()).as_bytes()).await?;
                    stream.write_all(&piece).await?;
                    stream.write_all(b"\r\n").await?;
                    tokio::time::sleep(apart).await;
                }
            }
        }
    }
}

async fn whole(stream: &mut TcpStream, body: &[u8]) -> std::io::Result<()> {
    let head =
        format!("HTTP/1.1 200 OK\r\ncontent-type: application/x-ndjson\r\ncontent-length: {}\r\n\r\n", body.len());
    stream.write_all(&[head.as_bytes(), body].concat()).await
}

/// What a request's head asks for.
fn read(head: &str) -> Asked {
    let line = head.lines().next().unwrap_or_default();
    let query = line.split_whitespace().nth(1).and_then(|path| path.split_once('?')).map_or("", |(_, query)| query);
    let value = |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
    let seqnum = |cursor: &str| {
        let cursor = cursor.replace("%3D", "=").replace("%3B", ";");
        cursor.split(';').find_map(|part| u64::from_str_radix(part.strip_prefix("i=")?, 16).ok())
    };
    Asked {
        after: value("after").and_then(seqnum).unwrap_or(0),
        limit: value("limit").and_then(|limit| limit.parse().ok()).unwrap_or(5_000),
    }
}
