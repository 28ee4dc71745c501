//! The server's errors by their codes, each caused for real: which are tried again, which ask for other credentials,
//! which for the primary, and which send one row to quarantine.

use infralogs_core::{
    entry::Entries,
    error::Kind,
    plugin::{Committed, Settings, Store},
    tables,
    testing::{batch, mariadb::Server},
    time::Time,
    value::Value,
};
use infralogs_mysql::Mysql;
use serde_json::json;
use std::{
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

const PATIENCE: Duration = Duration::from_secs(60);

fn store(server: &Server, user: &str, database: &str) -> Mysql {
    let url = format!("mysql://{user}@127.0.0.1:{}/{database}", server.port());
    Mysql::new(&Settings::of(json!({ "url": url }))).expect("settings")
}

/// A database with our tables, and its store.
fn open(server: &Server) -> (String, Mysql) {
    let database = server.database();
    let store = store(server, "root", &database);
    store.migrate().expect("migrate");
    (database, store)
}

fn put(store: &Mysql) -> infralogs_core::Result<Committed> {
    let (target, entries) = (batch::target("web-1"), batch::entries("web-1", 1, 6));
    store.commit(&batch::commit(&target, None, batch::cursor("web-1", 5), &entries))
}

/// That a commit fails by this code of the server, as this kind.
fn refused(store: &Mysql, code: u16, kind: Kind) {
    refused_with(store, &[&format!("ERROR {code} ")], kind);
}

/// The same, with any of these words.
fn refused_with(store: &Mysql, words: &[&str], kind: Kind) {
    let error = put(store).expect_err("refused");
    let whole = format!("{error:?}");
    assert!(words.iter().any(|words| whole.contains(words)), "not by {words:?}: {whole}");
    assert_eq!(error.kind, kind, "{whole}");
}

#[test]
fn a_row_that_the_table_does_not_take_goes_to_quarantine_alone() {
    // An INSERT is refused by a code; LOAD DATA LOCAL would warn by the same and store something else.
    let server = Server::start(&["--local-infile=0"]);
    // What an entry that is refused has more than the others.
    let odd: [(u16, &str, &[u8], &[u8]); 8] = [
        (1048, "MODIFY message LONGTEXT NOT NULL", b"NO_MESSAGE", b"1"),
        (1264, "MODIFY pid TINYINT", b"_PID", b"1000"),
        (1265, "MODIFY identifier ENUM('app')", b"SYSLOG_IDENTIFIER", b"sshd"),
        (1292, "MODIFY identifier DATETIME", b"SYSLOG_IDENTIFIER", b"sshd"),
        (1366, "MODIFY identifier INT", b"SYSLOG_IDENTIFIER", b"sshd"),
        (1406, "MODIFY identifier VARCHAR(3)", b"SYSLOG_IDENTIFIER", b"sshd"),
        (1690, "ADD twice BIGINT AS (pid * 4611686018427387904) STORED", b"_PID", b"2"),
        (4025, "ADD CONSTRAINT small CHECK (pid < 10)", b"_PID", b"1000"),
    ];
    for (code, change, name, value) in odd {
        let (database, store) = open(&server);
        server.sql(&format!("ALTER TABLE {database}.logs {change}"));
        let mut entries = Entries::default();
        for seqnum in 1..=9 {
            match (seqnum, code) {
                (7, 1048) => {}
                (7, _) => entries.push_field(name, value),
                _ => {}
            }
            if (seqnum, code) != (7, 1048) {
                entries.push_field(b"MESSAGE", b"x");
            }
            entries.end(batch::cursor("web-1", seqnum));
        }
        quarantines(&store, &entries, code);
    }
    // No partition takes what claims to be from far ahead.
    let (database, store) = open(&server);
    server.sql(&format!("ALTER TABLE {database}.logs DROP PARTITION future"));
    let mut entries = Entries::default();
    for seqnum in 1..=9 {
        entries.push_field(b"MESSAGE", b"x");
        let time = if seqnum == 7 { Time(i64::MAX - 1) } else { batch::START };
        entries.end(batch::cursor_at("web-1", seqnum, time));
    }
    quarantines(&store, &entries, 1526);
}

/// That the seventh of nine entries is in quarantine for this code, and the others are stored.
fn quarantines(store: &Mysql, entries: &Entries, code: u16) {
    let (target, next) = (batch::target("web-1"), entries.last_cursor().expect("entries"));
    let stored = store.commit(&batch::commit(&target, None, next, entries)).expect("commit");
    assert_eq!(stored, Committed::Stored { rows: 8 }, "{code}");
    let quarantine = batch::all(store, &tables::QUARANTINE);
    let reason = format!("{:?}", quarantine.column("reason").expect("reason").get(0));
    assert!(quarantine.len() == 1 && reason.contains(&format!("ERROR {code} ")), "{code}: {reason}");
    let seqnum = quarantine.column("seqnum").expect("seqnum").get(0);
    assert_eq!(seqnum, Value::Int(7), "{code}");
}

#[test]
fn a_login_or_a_right_that_is_gone_asks_for_other_credentials() {
    let server = Server::shared();
    let (database, _) = open(&server);
    let user = |name: &str| format!("{name}_{database}");
    let make = |name: &str, how: &str| {
        server.sql(&format!("CREATE USER '{}'@'%' {how}", user(name)));
        store(&server, &format!("{}:x", user(name)), &database)
    };
    let all = |name: &str| server.sql(&format!("GRANT ALL ON {database}.* TO '{}'@'%'", user(name)));
    refused(&store(&server, "nobody:x", &database), 1045, Kind::Denied);
    refused(&make("none", "IDENTIFIED BY 'x'"), 1044, Kind::Denied);
    let reads = make("reads", "IDENTIFIED BY 'x'");
    server.sql(&format!("GRANT SELECT ON {database}.* TO '{}'@'%'", user("reads")));
    refused(&reads, 1142, Kind::Denied);
    let column = make("column", "IDENTIFIED BY 'x'");
    server.sql(&format!(
        "GRANT SELECT, UPDATE, DELETE ON {database}.* TO '{user}'@'%'; GRANT INSERT ON {database}.checkpoints TO '{user}'@'%';
         GRANT INSERT (time) ON {database}.logs TO '{user}'@'%'",
        user = user("column")
    ));
    refused(&column, 1143, Kind::Denied);
    let socket = make("socket", "IDENTIFIED VIA unix_socket");
    all("socket");
    refused(&socket, 1698, Kind::Denied);
    let locked = make("locked", "IDENTIFIED BY 'x' ACCOUNT LOCK");
    all("locked");
    refused(&locked, 4151, Kind::Denied);
    let expired = make("expired", "IDENTIFIED BY 'x' PASSWORD EXPIRE");
    all("expired");
    refused(&expired, 1820, Kind::Denied);
    server.sql("SET GLOBAL disconnect_on_expired_password = 1");
    let login = make("login", "IDENTIFIED BY 'x' PASSWORD EXPIRE");
    all("login");
    refused(&login, 1862, Kind::Denied);
}

#[test]
fn a_server_that_takes_no_writes_is_not_the_primary() {
    let server = Server::start(&[]);
    let (database, _) = open(&server);
    server.sql(&format!("CREATE USER 'il'@'%' IDENTIFIED BY 'x'; GRANT ALL ON {database}.* TO 'il'@'%'"));
    let is_no_primary = |code: u16| {
        let writer = store(&server, "il:x", &database);
        refused(&writer, code, Kind::Unavailable);
        let error = put(&writer).expect_err("again").to_string();
        assert!(error.contains("name the primary"), "{code}: {error}");
    };
    server.sql("SET GLOBAL read_only = 1");
    is_no_primary(1290);
    server.sql("SET GLOBAL read_only = 0; SET GLOBAL tx_read_only = 1");
    is_no_primary(1792);
    server.sql("SET GLOBAL tx_read_only = 0");
    put(&store(&server, "il:x", &database)).expect("a primary again");
}

/// A client that runs a statement until it is dropped.
struct Client(Child);

impl Client {
    fn runs(server: &Server, sql: &str) -> Self {
        let socket = format!("--socket={}", server.path("sock").display());
        let args = ["--no-defaults", "--user=il", "--password=x", &socket, "-e", sql];
        let (out, err) = (Stdio::null(), Stdio::null());
        Self(Command::new("mariadb").args(args).stdout(out).stderr(err).spawn().expect("mariadb"))
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn listed(server: &Server, what: &str) -> Vec<String> {
    let sql = format!("SELECT id FROM information_schema.processlist WHERE user = 'il' AND {what}");
    server.sql(&sql).lines().map(str::to_owned).collect()
}

/// The connections of which something is so, as soon as there are this many.
fn until_listed(server: &Server, what: &str, many: usize, mut meanwhile: impl FnMut()) -> Vec<String> {
    let end = Instant::now() + PATIENCE;
    loop {
        let found = listed(server, what);
        if found.len() >= many {
            return found;
        }
        assert!(Instant::now() < end, "{} of {many}: {what}", found.len());
        meanwhile();
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Ends what our clients left: the server does not see that they are gone while it sleeps.
fn end_all(server: &Server) {
    let end = Instant::now() + PATIENCE;
    while !listed(server, "TRUE").is_empty() {
        assert!(Instant::now() < end, "connections that do not end");
        let _ = server.try_sql("KILL USER il");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_server_with_too_many_clients_or_that_ends_one_is_tried_again() {
    const CLIENTS_MAX: usize = 10;
    let server = Server::start(&[&format!("--max-connections={CLIENTS_MAX}")]);
    let (database, _) = open(&server);
    server.sql(&format!(
        "CREATE USER 'il'@'%' IDENTIFIED BY 'x'; CREATE USER 'il'@'localhost' IDENTIFIED BY 'x';
         GRANT ALL ON {database}.* TO 'il'@'%'; GRANT ALL ON {database}.* TO 'il'@'localhost'"
    ));
    let writer = store(&server, "il:x", &database);
    let mut clients = Vec::new();
    until_listed(&server, "info LIKE 'SELECT SLEEP%'", CLIENTS_MAX, || {
        clients.push(Client::runs(&server, "SELECT SLEEP(600)"));
    });
    refused(&writer, 1040, Kind::Unavailable);
    drop(clients);
    end_all(&server);

    // Whoever looks for long statements ends the commit, then its connection; the same batch goes in afterwards.
    let waits = "state LIKE 'Waiting for table metadata lock%'";
    let lock = Client::runs(&server, &format!("LOCK TABLES {database}.logs WRITE; SELECT SLEEP(600)"));
    until_listed(&server, "info LIKE 'SELECT SLEEP%'", 1, || {});
    // Of a connection that it ends the server says so or nothing.
    let ended = [
        ("QUERY", &["ERROR 1317 "][..], Kind::Limit),
        ("CONNECTION", &["ERROR 1927 ", "server disconnected"], Kind::Unavailable),
    ];
    for (how, words, kind) in ended {
        std::thread::scope(|scope| {
            let commit = scope.spawn(|| refused_with(&writer, words, kind));
            let waiting = until_listed(&server, waits, 1, || {});
            server.sql(&format!("KILL {how} {}", waiting[0]));
            commit.join().expect(how);
        });
    }
    drop(lock);
    end_all(&server);
    assert_eq!(put(&writer).expect("the same batch"), Committed::Stored { rows: 5 });
}
