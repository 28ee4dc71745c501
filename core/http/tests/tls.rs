//! TLS: both protocols, certificates that change under way, clients' certificates, and stalls behind encryption.
#![allow(clippy::unwrap_used)]

mod common;

use common::{LONG, Running, start_with};
use infralogs_core::Kind;
use infralogs_http::{Client, Limits, Tls, body, client, install_crypto, stop};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::{Notify, mpsc},
    time::{sleep, timeout},
};

/// An authority and the folder its certificates are written to.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    dir: PathBuf,
}

impl Authority {
    fn new(dir: &Path, name: &str) -> Self {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        std::fs::write(dir.join(format!("{name}.pem")), issuer.pem()).unwrap();
        Self { issuer, dir: dir.to_owned() }
    }
    /// A certificate for 127.0.0.1 and its key, as PEM text.
    fn issue(&self, purpose: ExtendedKeyUsagePurpose) -> (String, String) {
        let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        params.extended_key_usages = vec![purpose];
        let key = KeyPair::generate().unwrap();
        (params.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
    }
    fn serve(&self) {
        let (certificate, key) = self.issue(ExtendedKeyUsagePurpose::ServerAuth);
        replace(&self.dir.join("cert.pem"), &certificate);
        replace(&self.dir.join("key.pem"), &key);
    }
    fn identity(&self, name: &str) -> PathBuf {
        let (certificate, key) = self.issue(ExtendedKeyUsagePurpose::ClientAuth);
        let path = self.dir.join(name);
        std::fs::write(&path, certificate + &key).unwrap();
        path
    }
}

fn replace(path: &Path, text: &str) {
    let new = path.with_extension("new");
    std::fs::write(&new, text).unwrap();
    std::fs::rename(new, path).unwrap();
}

fn client(ca_file: PathBuf, identity_file: Option<PathBuf>) -> Client {
    Client::new(&client::Settings { ca_file: Some(ca_file), identity_file, ..Default::default() }).unwrap()
}

fn tls(dir: &Path, client_ca: Option<&str>) -> infralogs_core::Result<Tls> {
    let client_ca = client_ca.map(|name| dir.join(name));
    Tls::from_files(&dir.join("cert.pem"), &dir.join("key.pem"), client_ca.as_deref())
}

async fn serve(app: tide::Server<()>, limits: Limits, tls: Tls) -> (Running, String) {
    let running = start_with(app, limits, Some(tls)).await;
    let url = format!("https://{}/", running.address);
    (running, url)
}

fn hello() -> tide::Server<()> {
    let mut app = tide::new();
    app.at("/").get(|request: tide::Request<()>| async move {
        Ok(format!("{} by {:?}", request.url().scheme(), request.version().unwrap()))
    });
    app
}

async fn text(client: &Client, url: &str) -> infralogs_core::Result<String> {
    let body = client.get(url, None, LONG).await?.bytes().await?;
    Ok(String::from_utf8(body).unwrap())
}

#[tokio::test]
async fn both_protocols_and_nothing_unencrypted() {
    let dir = tempfile::tempdir().unwrap();
    Authority::new(dir.path(), "ca").serve();
    let limits = Limits { handshake_ms: 200, header_ms: 200, ..Limits::default() };
    let (running, url) = serve(hello(), limits, tls(dir.path(), None).unwrap()).await;
    assert_eq!(text(&client(dir.path().join("ca.pem"), None), &url).await.unwrap(), "https by Http2_0");

    let mut roots = rustls::RootCertStore::empty();
    let pem = std::fs::read(dir.path().join("ca.pem")).unwrap();
    use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};
    roots.add(CertificateDer::from_pem_slice(&pem).unwrap()).unwrap();
    let config = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let connect = async || {
        let plain = TcpStream::connect(running.address).await.unwrap();
        connector.connect(ServerName::try_from("127.0.0.1").unwrap(), plain).await.unwrap()
    };
    let mut stream = connect().await;
    stream.write_all(b"GET / HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut got = String::new();
    timeout(LONG, stream.read_to_string(&mut got)).await.unwrap().unwrap();
    assert!(got.ends_with("https by Http1_1"), "{got}");
    // Silence within TLS ends as it does without.
    let mut silent = connect().await;
    timeout(LONG, silent.read_to_string(&mut got)).await.unwrap().ok();

    for begun in ["", "GET / HTTP/1.1\r\nhost: h\r\n\r\n"] {
        let got = common::exchange(running.address, begun.as_bytes()).await;
        assert!(!got.contains("HTTP/"), "{got}");
    }
    running.end().await;
}

#[tokio::test]
async fn a_new_certificate_is_shown_without_a_restart_and_a_bad_one_never() {
    install_crypto();
    let dir = tempfile::tempdir().unwrap();
    let (old, new) = (Authority::new(dir.path(), "old"), Authority::new(dir.path(), "new"));
    assert_eq!(tls(dir.path(), None).unwrap_err().kind, Kind::Invalid);
    old.serve();
    let (running, url) = serve(hello(), Limits::default(), tls(dir.path(), None).unwrap()).await;
    // A fresh client each time: kept connections go on with the certificate they were opened with.
    let get = async |ca: &str| text(&client(dir.path().join(ca), None), &url).await;
    get("old.pem").await.unwrap();
    assert_eq!(get("new.pem").await.unwrap_err().kind, Kind::Unavailable);
    // The certificate changes before its key does: until both fit, the old pair goes on.
    let (certificate, key) = new.issue(ExtendedKeyUsagePurpose::ServerAuth);
    replace(&dir.path().join("cert.pem"), &certificate);
    sleep(Duration::from_millis(1_100)).await;
    get("old.pem").await.unwrap();
    replace(&dir.path().join("key.pem"), &key);
    let begun = std::time::Instant::now();
    while get("new.pem").await.is_err() {
        assert!(begun.elapsed() < LONG);
        sleep(Duration::from_millis(50)).await;
    }
    assert!(get("old.pem").await.is_err());
    replace(&dir.path().join("cert.pem"), "rubbish");
    sleep(Duration::from_millis(1_100)).await;
    get("new.pem").await.unwrap();
    running.end().await;
}

#[tokio::test]
async fn clients_without_the_right_certificate_stay_out() {
    let dir = tempfile::tempdir().unwrap();
    let (ca, stranger) = (Authority::new(dir.path(), "ca"), Authority::new(dir.path(), "stranger"));
    ca.serve();
    let (running, url) = serve(hello(), Limits::default(), tls(dir.path(), Some("ca.pem")).unwrap()).await;
    let get = async |identity: Option<PathBuf>| text(&client(dir.path().join("ca.pem"), identity), &url).await;
    assert_eq!(get(Some(ca.identity("ours"))).await.unwrap(), "https by Http2_0");
    assert_eq!(get(Some(stranger.identity("theirs"))).await.unwrap_err().kind, Kind::Unavailable);
    assert_eq!(get(None).await.unwrap_err().kind, Kind::Unavailable);
    running.end().await;
}

#[tokio::test]
async fn many_streams_stall_and_stop_like_one() {
    let dir = tempfile::tempdir().unwrap();
    Authority::new(dir.path(), "ca").serve();
    let mut app = hello();
    let (told, mut gone) = mpsc::unbounded_channel();
    app.at("/endless").get(move |_| {
        let told = told.clone();
        async move {
            let (sender, body) = body::channel(2);
            tokio::spawn(async move {
                while sender.send(vec![b'x'; 16 << 10]).await.is_ok() {}
                told.send(())
            });
            Ok(tide::Response::builder(200).body(body).build())
        }
    });
    let asked = Arc::new(Notify::new());
    let noted = asked.clone();
    app.at("/wait").get(move |request: tide::Request<()>| {
        noted.notify_one();
        async move {
            stop(&request).stopped().await;
            Ok("stopped")
        }
    });
    let limits = Limits { write_stall_ms: 300, ..Limits::default() };
    let (running, url) = serve(app, limits, tls(dir.path(), None).unwrap()).await;
    let taker = client(dir.path().join("ca.pem"), None);
    let untaken = taker.get(&format!("{url}endless"), None, LONG).await.unwrap();
    timeout(LONG, gone.recv()).await.unwrap().unwrap();
    drop(untaken);
    // A wait is no stall: it outlasts the limit, and ends with the stop.
    let wait = tokio::spawn({
        let (client, url) = (client(dir.path().join("ca.pem"), None), format!("{url}wait"));
        async move { text(&client, &url).await.unwrap() }
    });
    asked.notified().await;
    sleep(Duration::from_millis(700)).await;
    assert!(!wait.is_finished());
    running.end().await;
    assert_eq!(wait.await.unwrap(), "stopped");
}
