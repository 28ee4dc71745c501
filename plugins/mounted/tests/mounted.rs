//! Secrets in files: what counts as one, what is refused, and a database password that changes while work goes on.

use infralogs_core::{
    Kind,
    plugin::{Secrets, Settings, Store},
    rotate::Keeper,
    testing::mariadb::Server,
};
use infralogs_mounted::Mounted;
use infralogs_mysql::Mysql;
use serde_json::json;
use std::{
    fs,
    os::unix::fs::symlink,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

const SOON: Duration = Duration::from_secs(60);

fn mounted(folder: &Path) -> Mounted {
    Mounted::new(&Settings::of(json!({ "folder": folder }))).expect("settings")
}

#[tokio::test]
async fn a_file_is_a_password_and_a_folder_a_user_with_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    fs::write(at("token"), "  one two\n\n").expect("written");
    fs::create_dir(at("mysql")).expect("a folder");
    fs::write(at("mysql/username"), "il-writer\n").expect("written");
    fs::write(at("mysql/password"), "secret\n").expect("written");
    let mounted = mounted(folder.path());
    let token = mounted.issue("token").await.expect("read");
    assert_eq!((token.user.as_deref(), &*token.password), (None, "one two"), "trimmed at its ends only");
    let both = mounted.issue("mysql").await.expect("read");
    assert_eq!((both.user.as_deref(), &*both.password), (Some("il-writer"), "secret"));
    assert!(!format!("{both:?}").contains("secret"), "never shown");

    fs::write(at("token"), "three").expect("written");
    assert_eq!(mounted.renew("token", &token).await.expect("read again").password, "three");
    // In the middle of being replaced: tried again, no verdict.
    fs::write(at("token"), "").expect("written");
    assert_eq!(mounted.issue("token").await.expect_err("empty").kind, Kind::Unavailable);
    let error = mounted.issue("gone").await.expect_err("absent");
    assert!(error.kind == Kind::Unavailable && error.to_string().contains("gone"), "{error}");
    for path in ["", "..", "../token", "/etc/passwd", "mysql/../../x"] {
        assert_eq!(mounted.issue(path).await.expect_err(path).kind, Kind::Invalid, "{path}");
    }
    fs::write(at("large"), "x".repeat(65 << 10)).expect("written");
    assert_eq!(mounted.issue("large").await.expect_err("too large").kind, Kind::Invalid);
    assert!(Mounted::new(&Settings::of(json!({ "folder": "x", "fodler": "y" }))).is_err(), "unknown settings");

    let findings = mounted.examine(&["mysql".into(), "gone".into()]).await;
    assert!(findings[0].result.is_ok() && findings[1].result.is_err(), "doctor looks at each");
}

/// A Kubernetes Secret is swapped by one rename of `..data`; the database's password changes a little before.
#[tokio::test(flavor = "multi_thread")]
async fn a_password_changed_in_database_and_secret_fails_no_write() {
    let server = Server::start(&[]);
    let database = server.database();
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    let push = |generation: &str, user: &str, password: &str| {
        fs::create_dir(at(generation)).expect("a folder");
        fs::write(at(generation).join("username"), user).expect("written");
        fs::write(at(generation).join("password"), password).expect("written");
        symlink(generation, at("..tmp")).expect("a link");
        fs::rename(at("..tmp"), at("..data")).expect("swapped");
    };
    for name in ["one", "two"] {
        server.sql(&format!(
            "CREATE USER '{name}'@'%' IDENTIFIED BY 'pass-{name}'; GRANT ALL ON {database}.* TO '{name}'@'%'"
        ));
    }
    push("..1", "one", "pass-one");
    symlink("..data", at("mysql")).expect("a link");
    let url = format!("mysql://127.0.0.1:{}/{database}", server.port());
    let store: Arc<dyn Store> =
        Arc::new(Mysql::new(&Settings::of(json!({ "url": url, "secret": "mysql" }))).expect("settings"));
    let kept = Keeper { secrets: Arc::new(mounted(folder.path())), path: "mysql".into(), store: store.clone() }.start();
    kept.ready(SOON).await.expect("in use");
    let work = || {
        let store = store.clone();
        async move { tokio::task::spawn_blocking(move || store.migrate()).await.expect("runs").expect("works") }
    };
    let users = || server.sql("SELECT DISTINCT user FROM information_schema.processlist WHERE user IN ('one', 'two')");
    work().await;
    push("..2", "two", "pass-two");
    let began = Instant::now();
    while kept.standing().replaced < 1 {
        work().await;
        assert!(began.elapsed() < SOON, "the new secret is taken");
    }
    work().await;
    while users().trim() != "two" {
        assert!(began.elapsed() < SOON, "no connection of the old user is left");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // A wrong password in the Secret: those in use hold on, and it is said.
    push("..3", "two", "wrong");
    while kept.standing().degraded.is_none() {
        work().await;
        assert!(began.elapsed() < 2 * SOON, "it is said");
    }
    work().await;
    push("..4", "two", "pass-two");
    while kept.standing().degraded.is_some() {
        work().await;
        assert!(began.elapsed() < 4 * SOON, "it is over");
    }
    kept.end().await;
    assert_eq!(users().trim(), "", "all closed");
}
