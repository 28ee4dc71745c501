//! TLS with a certificate authority of one's own: the server checked, a plain one refused.

use infralogs_core::{
    error::Kind,
    plugin::{Settings, Store},
    testing::{batch, mariadb::Server},
};
use infralogs_mysql::Mysql;
use serde_json::json;
use std::{path::Path, process::Command};
use tempfile::TempDir;

/// `NAME.pem` and `NAME-key.pem` of an authority, and of a server that it signed.
fn certificates(folder: &Path) {
    let script = "
        for ca in ca other; do
          openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=$ca -keyout $ca-key.pem -out $ca.pem \
            -addext basicConstraints=critical,CA:TRUE
        done
        openssl req -newkey rsa:2048 -nodes -subj /CN=db -keyout server-key.pem -out server.csr
        printf 'subjectAltName=IP:127.0.0.1' > names
        openssl x509 -req -in server.csr -CA ca.pem -CAkey ca-key.pem -CAcreateserial -days 2 -extfile names -out server.pem";
    let done = Command::new("sh").args(["-e", "-c", script]).current_dir(folder).output().expect("openssl");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

fn store(url: &str, folder: &TempDir, ca: &str) -> Mysql {
    let ca = folder.path().join(ca).display().to_string();
    Mysql::new(&Settings::of(json!({ "url": url, "ca_file": ca }))).expect("settings")
}

#[test]
fn the_server_is_checked_and_a_plain_one_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    certificates(folder.path());
    let file = |name: &str| folder.path().join(name).display().to_string();
    let server = Server::start(&[
        &format!("--ssl-ca={}", file("ca.pem")),
        &format!("--ssl-cert={}", file("server.pem")),
        &format!("--ssl-key={}", file("server-key.pem")),
    ]);
    let database = server.database();
    server.sql("CREATE USER 'il'@'%' IDENTIFIED BY 'hunter2' REQUIRE SSL; GRANT ALL ON *.* TO 'il'@'%'");
    let url = format!("mysql://il:hunter2@127.0.0.1:{}/{database}", server.port());

    let checked = store(&url, &folder, "ca.pem");
    checked.migrate().expect("encrypted and checked");
    batch::put(&checked, "web-1", 1, 1_001);
    assert_eq!(batch::seqnums(&checked).len(), 1_000);
    let plain = Mysql::new(&Settings::of(json!({ "url": url }))).expect("settings");
    assert_eq!(plain.migrate().expect_err("the server wants TLS").kind, Kind::Denied);
    let error = store(&url, &folder, "other.pem").migrate().expect_err("another authority");
    assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
    let said = error.to_string();
    assert!(said.contains("certificate is refused") && said.contains("into ca_file"), "what it is and the fix: {said}");
    let unencrypted = Server::start(&["--skip-ssl"]);
    let error = store(&unencrypted.url("mysql"), &folder, "ca.pem").migrate().expect_err("no TLS");
    assert!(error.to_string().contains("ca_file asks for TLS"), "{error:?}");
}
