//! An agent on a free port, and curl as its client.
#![allow(dead_code, reason = "every test uses some of it")]
#![allow(clippy::unwrap_used)]

use infralogs_agent::Agent;
use infralogs_core::{
    cursor::Cursor,
    entry::Batch,
    wire::{Limits, Reader},
};
use infralogs_http::Tokens;
use infralogs_journal::Journal;
use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    process::Command,
    sync::Arc,
    time::Duration,
};
use tokio::{runtime::Runtime, sync::watch};

pub const TOKEN: &str = "correct-horse";
/// Far beyond what anything here takes.
pub const LONG: Duration = Duration::from_secs(60);

/// An agent that runs until it is dropped.
pub struct Running {
    pub address: SocketAddr,
    _runtime: Runtime,
    _stop: watch::Sender<bool>,
}

/// One that serves a journal to whoever has [`TOKEN`].
pub fn of(journal: Journal) -> Agent {
    with(journal, Tokens::held(TOKEN))
}

/// One that serves a journal to whoever has one of these tokens.
pub fn with(journal: Journal, tokens: Tokens) -> Agent {
    let files = journal.clone();
    Agent::new(Arc::new(move || Ok(Box::new(journal.clone()))), tokens).files(Arc::new(move || files.noted()))
}

/// Starts it.
pub fn start(agent: Agent) -> Running {
    let runtime = Runtime::new().unwrap();
    let (stop, stopped) = watch::channel(false);
    let address = runtime.block_on(async {
        let listener = infralogs_http::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(infralogs_http::serve(listener, agent.app(), infralogs_http::Limits::default(), None, stopped));
        address
    });
    Running { address, _runtime: runtime, _stop: stop }
}

impl Running {
    /// What curl gets, with these headers and further arguments.
    pub fn get(&self, path: &str, headers: &[&str], arguments: &[&str]) -> Vec<u8> {
        self.curl(path, TOKEN, headers, arguments)
    }

    fn curl(&self, path: &str, token: &str, headers: &[&str], arguments: &[&str]) -> Vec<u8> {
        let mut curl = Command::new("curl");
        curl.args(["-sS", "--max-time", "60", "-H", &format!("authorization: Bearer {token}")]);
        headers.iter().for_each(|header| {
            curl.args(["-H", header]);
        });
        let done = curl.args(arguments).arg(format!("http://{}{path}", self.address)).output().unwrap();
        assert!(done.status.success(), "{path}: {}", String::from_utf8_lossy(&done.stderr));
        done.stdout
    }

    /// The status, and what was said to who has this token.
    pub fn ask(&self, path: &str, token: &str) -> (String, Vec<u8>) {
        let said = self.curl(path, token, &[], &["-w", "\n%{http_code}"]);
        let at = said.iter().rposition(|byte| *byte == b'\n').unwrap();
        (String::from_utf8_lossy(&said[at + 1..]).into_owned(), said[..at].to_vec())
    }

    /// One batch of `/logs` or a report.
    pub fn batch(&self, path: &str, after: Option<Cursor>, limit: usize) -> Batch {
        let after = after.map(|after| format!("&after={after}")).unwrap_or_default();
        let (status, said) = self.ask(&format!("{path}?limit={limit}{after}"), TOKEN);
        assert_eq!(status, "200", "{}", String::from_utf8_lossy(&said));
        let mut reader = Reader::new(Limits::default());
        reader.push(&said).unwrap();
        reader.finish().unwrap()
    }

    /// All batches of `/logs` from the beginning, of so many entries each.
    pub fn batches(&self, limit: usize) -> Vec<Batch> {
        let mut batches = Vec::<Batch>::new();
        loop {
            batches.push(self.batch("/logs", batches.last().and_then(|batch| batch.next), limit));
            if batches.last().is_some_and(|last| !last.more) {
                return batches;
            }
        }
    }

    /// An answer begun and not drawn.
    pub fn begin(&self, path: &str, token: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\r\n").unwrap();
        stream.read_exact(&mut [0; 300]).unwrap();
        stream
    }
}
