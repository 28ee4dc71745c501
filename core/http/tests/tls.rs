//! TLS as its clients meet it: a certificate that is replaced while it is used, clients that must show one, and what
//! is refused.
#![allow(clippy::unwrap_used)]

mod common;

use common::{LONG, Running, start_with};
use infralogs_core::Kind;
use infralogs_http::{Client, Limits, Tls, client::Settings};
use std::{
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

/// An authority and what it signs, made by openssl.
struct Authority {
    folder: PathBuf,
    name: &'static str,
}

impl Authority {
    fn new(folder: &Path, name: &'static str) -> Self {
        let ours = Self { folder: folder.to_owned(), name };
        let (key, certificate) = (ours.path("key"), ours.path("crt"));
        let subject = format!("/CN={name}");
        openssl(&[
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "2",
            "-subj",
            &subject,
            "-keyout",
            &key,
            "-out",
            &certificate,
            "-addext",
            "basicConstraints=critical,CA:TRUE",
        ]);
        ours
    }

    fn path(&self, end: &str) -> String {
        self.folder.join(format!("{}.{end}", self.name)).display().to_string()
    }

    /// Signs a certificate for 127.0.0.1; the files of it and its key.
    fn sign(&self, name: &str) -> (PathBuf, PathBuf) {
        let file = |end: &str| self.folder.join(format!("{}-{name}.{end}", self.name));
        let text = |end: &str| file(end).display().to_string();
        std::fs::write(file("ext"), "subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\n").unwrap();
        let subject = format!("/CN={name}");
        let (key, asked, certificate) = (text("key"), text("csr"), text("crt"));
        openssl(&["req", "-newkey", "rsa:2048", "-nodes", "-subj", &subject, "-keyout", &key, "-out", &asked]);
        openssl(&[
            "x509",
            "-req",
            "-in",
            &asked,
            "-CA",
            &self.path("crt"),
            "-CAkey",
            &self.path("key"),
            "-CAcreateserial",
            "-days",
            "2",
            "-extfile",
            &text("ext"),
            "-out",
            &certificate,
        ]);
        (file("crt"), file("key"))
    }

    /// A client that trusts this authority alone, and shows a certificate if it has one.
    fn client(&self, identity: Option<&(PathBuf, PathBuf)>) -> Client {
        let identity_file = identity.map(|(certificate, key)| {
            let both = certificate.with_extension("pem");
            let text = [std::fs::read(certificate).unwrap(), std::fs::read(key).unwrap()].concat();
            std::fs::write(&both, text).unwrap();
            both
        });
        let ca_file = Some(self.path("crt").into());
        Client::new(&Settings { ca_file, identity_file, ..Settings::default() }).unwrap()
    }
}

fn openssl(arguments: &[&str]) {
    let done = Command::new("openssl").args(arguments).output().expect("openssl is installed");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

async fn serve(tls: Tls) -> Running {
    let mut app = tide::new();
    app.at("/").get(|_| async { Ok("hello") });
    start_with(app, Limits::default(), Some(tls)).await
}

async fn ask(client: &Client, running: &Running) -> Result<(), Kind> {
    let url = format!("https://{}/", running.address);
    let mut answer = client.get(&url, None, LONG).await.map_err(|error| error.kind)?;
    assert_eq!(answer.bytes().await.unwrap(), b"hello");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_replaced_without_a_restart_and_a_bad_one_is_not_taken() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (Authority::new(folder.path(), "first"), Authority::new(folder.path(), "second"));
    let (certificate, key) = first.sign("server");
    let running = serve(Tls::from_files(&certificate, &key, None).unwrap()).await;
    assert_eq!(ask(&first.client(None), &running).await, Ok(()));
    assert_eq!(ask(&second.client(None), &running).await, Err(Kind::Unavailable), "an authority nobody trusts");

    // Half a renewal: the key does not fit. The last good pair goes on.
    let (next_certificate, next_key) = second.sign("server");
    std::fs::copy(&next_certificate, &certificate).unwrap();
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    assert_eq!(ask(&first.client(None), &running).await, Ok(()));
    std::fs::copy(&next_key, &key).unwrap();
    let begun = Instant::now();
    while ask(&second.client(None), &running).await.is_err() {
        assert!(begun.elapsed() < LONG, "the new certificate is not shown");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(ask(&first.client(None), &running).await, Err(Kind::Unavailable), "the old one is gone");
    running.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_clients_with_a_certificate_of_the_authority_are_served() {
    let folder = tempfile::tempdir().unwrap();
    let (ours, strange) = (Authority::new(folder.path(), "ours"), Authority::new(folder.path(), "strange"));
    let (certificate, key) = ours.sign("server");
    let tls = Tls::from_files(&certificate, &key, Some(Path::new(&ours.path("crt")))).unwrap();
    let running = serve(tls).await;
    assert_eq!(ask(&ours.client(Some(&ours.sign("collector"))), &running).await, Ok(()));
    assert_eq!(ask(&ours.client(None), &running).await, Err(Kind::Unavailable), "no certificate");
    let stranger = strange.sign("stranger");
    assert_eq!(ask(&ours.client(Some(&stranger)), &running).await, Err(Kind::Unavailable), "a strange one");
    running.end().await;
}

#[test]
fn files_that_are_no_certificate_or_no_key_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = Authority::new(folder.path(), "ours").sign("server");
    let wrong = Tls::from_files(&key, &key, None).unwrap_err();
    assert!(wrong.kind == Kind::Invalid && wrong.to_string().contains("ours-server.key"), "{wrong}");
    let wrong = Tls::from_files(&certificate, &certificate, None).unwrap_err();
    assert!(wrong.to_string().contains("ours-server.crt"), "{wrong}");
}
