//! A small API server over TLS: lists in pages of three, and watches with bookmarks that end and expire when told to.
#![allow(dead_code, reason = "each test file uses a part of it")]

use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, Mutex, MutexGuard},
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpListener,
    sync::watch,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    },
};

const PAGE: usize = 3;

#[derive(Default)]
struct State {
    namespace: String,
    objects: BTreeMap<(String, String), Value>,
    version: u64,
    /// Versions before this are forgotten.
    oldest: u64,
    events: Vec<(u64, String, Value)>,
    token: String,
    expire_as_event: bool,
    watches_until: u64,
    asked: Vec<String>,
}

pub struct Cluster {
    folder: TempDir,
    port: u16,
    state: Arc<Mutex<State>>,
    told: watch::Sender<u64>,
}

impl Cluster {
    pub fn start() -> Self {
        Self::start_in("logging")
    }

    /// One that has pods in this namespace.
    pub fn start_in(namespace: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = certificate(folder.path());
        std::fs::write(folder.path().join("namespace"), namespace).unwrap();
        let state = Arc::new(Mutex::new(State {
            namespace: namespace.into(),
            version: 10,
            token: "first".into(),
            ..State::default()
        }));
        let (told, hears) = watch::channel(0);
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port();
        let listener = TcpListener::from_std(listener).unwrap();
        let (acceptor, shared) = (TlsAcceptor::from(Arc::new(config)), state.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, shared, hears) = (acceptor.clone(), shared.clone(), hears.clone());
                tokio::spawn(async move {
                    if let Ok(stream) = acceptor.accept(stream).await {
                        let _ = answer(stream, shared, hears).await;
                    }
                });
            }
        });
        let cluster = Self { folder, port, state, told };
        cluster.write_token("first");
        cluster
    }

    pub fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }
    pub fn account(&self) -> PathBuf {
        self.folder.path().to_owned()
    }
    pub fn write_token(&self, token: &str) {
        std::fs::write(self.folder.path().join("token"), format!("{token}\n")).unwrap();
    }
    pub fn expect_token(&self, token: &str) {
        self.state().token = token.into();
    }
    pub fn put(&self, kind: &str, mut object: Value) {
        self.change(|state| {
            object["metadata"]["resourceVersion"] = state.version.to_string().into();
            let name = object["metadata"]["name"].as_str().unwrap().to_owned();
            let old = state.objects.insert((kind.to_owned(), name), object.clone());
            let event = json!({ "type": if old.is_some() { "MODIFIED" } else { "ADDED" }, "object": object });
            state.events.push((state.version, kind.to_owned(), event));
        });
    }
    pub fn remove(&self, kind: &str, name: &str) {
        self.change(|state| {
            let mut object = state.objects.remove(&(kind.to_owned(), name.to_owned())).unwrap();
            object["metadata"]["resourceVersion"] = state.version.to_string().into();
            let event = json!({ "type": "DELETED", "object": object });
            state.events.push((state.version, kind.to_owned(), event));
        });
    }
    /// Other objects change so often, and a bookmark says so.
    pub fn bookmark(&self, changes: u64) {
        self.change(|state| {
            state.version += changes;
            let object = json!({ "metadata": { "resourceVersion": state.version.to_string() } });
            state.events.push((state.version, "pods".into(), json!({ "type": "BOOKMARK", "object": object })));
        });
    }
    pub fn bump(&self, changes: u64) {
        self.change(|state| state.version += changes);
    }
    /// What happened so far can't be watched any more, but for the newest version.
    pub fn forget(&self) {
        let mut state = self.state();
        state.oldest = state.events.last().map_or(0, |(version, ..)| *version);
    }
    pub fn expire_as_event(&self, yes: bool) {
        self.state().expire_as_event = yes;
    }
    pub fn end_watches(&self) {
        self.change(|state| state.watches_until = state.version);
    }
    pub fn asked(&self) -> Vec<String> {
        self.state().asked.clone()
    }
    /// How many pages of lists were asked for.
    pub fn lists(&self) -> usize {
        self.asked().iter().filter(|path| !path.contains("watch=1")).count()
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.state();
        state.version += 1;
        change(&mut state);
        drop(state);
        self.told.send_modify(|told| *told += 1);
    }
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

/// A certificate of its own authority, `ca.crt` beside.
fn certificate(folder: &Path) -> ServerConfig {
    let (key, certificate) = (folder.join("key.pem"), folder.join("ca.crt"));
    let done = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"])
        .args([
            "-subj",
            "/CN=cluster",
            "-addext",
            "subjectAltName=IP:127.0.0.1",
            "-addext",
            "basicConstraints=critical,CA:FALSE",
            "-keyout",
        ])
        .arg(&key)
        .arg("-out")
        .arg(&certificate)
        .output()
        .expect("openssl is installed");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    infralogs_http::install_crypto();
    let chain = CertificateDer::pem_file_iter(&certificate).unwrap().map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_file(&key).unwrap();
    ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key).unwrap()
}

async fn answer<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    state: Arc<Mutex<State>>,
    hears: watch::Receiver<u64>,
) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8(head).unwrap();
    let path = head.split(' ').nth(1).unwrap().to_owned();
    let kind = if path.contains("/endpoints?") { "endpoints" } else { "pods" };
    let value = |name: &str| {
        let query = path.split_once('?').map_or("", |(_, query)| query);
        query.split('&').find_map(|pair| pair.strip_prefix(&format!("{name}="))).map(str::to_owned)
    };
    let namespace = state.lock().unwrap().namespace.clone();
    assert!(path.starts_with(&format!("/api/v1/namespaces/{namespace}/{kind}?")), "{path}");
    let known = head.to_lowercase().contains(&format!("authorization: bearer {}\r\n", state.lock().unwrap().token));
    if !known {
        return whole(stream, 401, json!({ "kind": "Status", "code": 401 })).await;
    }
    state.lock().unwrap().asked.push(path.clone());
    let Some(since) = value("watch").and(value("resourceVersion")) else {
        let page = list(&state.lock().unwrap(), kind, value("continue").map_or(0, |at| at.parse().unwrap()));
        return whole(stream, 200, page).await;
    };
    let since: u64 = since.parse().unwrap();
    let gone = json!({ "kind": "Status", "code": 410, "message": "too old resource version" });
    let (expired, as_event) = {
        let state = state.lock().unwrap();
        (since < state.oldest, state.expire_as_event)
    };
    match (expired, as_event) {
        (true, false) => whole(stream, 410, gone).await,
        (true, true) => whole(stream, 200, json!({ "type": "ERROR", "object": gone })).await,
        (false, _) => follow(stream, kind, since, state, hears).await,
    }
}

async fn whole<S: AsyncWrite + Unpin>(mut stream: S, status: u16, body: Value) -> std::io::Result<()> {
    let body = format!("{body}\n");
    let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
    stream.write_all(format!("{head}{body}").as_bytes()).await?;
    stream.shutdown().await
}

/// One page, and where the next begins.
fn list(state: &State, kind: &str, from: usize) -> Value {
    let all: Vec<&Value> = state.objects.iter().filter(|((own, _), _)| own == kind).map(|(_, object)| object).collect();
    let items: Vec<&Value> = all.iter().skip(from).take(PAGE).copied().collect();
    let next = if from + PAGE < all.len() { (from + PAGE).to_string() } else { String::new() };
    json!({ "metadata": { "resourceVersion": state.version.to_string(), "continue": next }, "items": items })
}

/// Sends what happened since, and what happens, until watches end.
async fn follow<S: AsyncWrite + Unpin>(
    mut stream: S,
    kind: &str,
    since: u64,
    state: Arc<Mutex<State>>,
    mut hears: watch::Receiver<u64>,
) -> std::io::Result<()> {
    stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await?;
    let mut sent = since;
    let begun = state.lock().unwrap().version;
    loop {
        hears.borrow_and_update();
        let (new, end): (Vec<String>, bool) = {
            let state = state.lock().unwrap();
            let new = state.events.iter().filter(|(version, own, _)| *version > sent && own == kind);
            (new.map(|(_, _, event)| format!("{event}\n")).collect(), state.watches_until > begun)
        };
        // A watch that is told to end has not heard the newest.
        if end {
            stream.write_all(b"0\r\n\r\n").await?;
            return stream.shutdown().await;
        }
        sent = state.lock().unwrap().version.max(sent);
        for event in new {
            // In two pieces, as networks do.
            let (one, two) = event.split_at(event.len() / 2);
            for piece in [one, two] {
                stream.write_all(format!("{:x}\r\n{piece}\r\n", piece.len()).as_bytes()).await?;
                stream.flush().await?;
            }
        }
        if hears.changed().await.is_err() {
            return Ok(());
        }
    }
}
