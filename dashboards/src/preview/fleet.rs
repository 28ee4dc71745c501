//! The fleet that is made up: its hosts, what they write, and the words its columns hold.

use infralogs_core::{expr::priority_of, table::ColumnType, value::Value};
use std::hash::{DefaultHasher, Hash, Hasher};

/// Its machines; the last but one is not well.
pub const HOSTS: [&str; 8] = ["web-1", "web-2", "web-3", "web-4", "db-1", "db-2", "cache-1", "mail-1"];

/// Whose polls fail.
const FAILING: &str = "cache-1";

/// An entry that a fleet might write.
struct Line {
    service: &'static str,
    level: &'static str,
    message: &'static str,
}

const fn line(service: &'static str, level: &'static str, message: &'static str) -> Line {
    Line { service, level, message }
}

/// What goes wrong, and then what is simply said.
const WRONG: [Line; 9] = [
    line("nginx", "error", "upstream timed out (110: Connection timed out) while reading response header"),
    line("sshd", "error", "Failed password for invalid user admin from 203.0.113.9 port 52144 ssh2"),
    line("nginx", "error", "connect() failed (111: Connection refused) while connecting to upstream"),
    line("mysqld", "error", "Aborted connection 48213 to db: 'shop' (Got timeout reading communication packets)"),
    line("kernel", "critical", "Out of memory: Killed process 4211 (java) total-vm:8123412kB"),
    line("systemd", "error", "nginx.service: Main process exited, code=exited, status=1/FAILURE"),
    line("checkout-api", "error", "panic: runtime error: invalid memory address <nil> & \"quotes\""),
    line("nginx", "error", "TLS handshake with 198.51.100.7 failed: certificate expired"),
    line("kernel", "alert", "EXT4-fs error (device sda1): ext4_find_entry: reading directory lblock 0"),
];
const SAID: [Line; 5] = [
    line("nginx", "info", "203.0.113.9 - - \"GET /products/1204 HTTP/1.1\" 200 5120"),
    line("cron", "info", "(root) CMD (test -x /usr/sbin/anacron || run-parts --report /etc/cron.hourly)"),
    line("mysqld", "warning", "slow query: 4.2 s, rows examined 1,284,112"),
    line("sshd", "notice", "Accepted publickey for deploy from 192.0.2.44 port 50122 ssh2"),
    line("kubelet", "warning", "Readiness probe failed: HTTP probe failed with statuscode: 503"),
];

/// What could not be read, and why.
const UNREAD: [(&str, &str, &str); 3] = [
    ("nginx_access", "`12x` is no whole number", "203.0.113.7 - - \"GET / HTTP/1.1\" 12x 5120"),
    ("failed_ssh", "`999.1.1.1` is no address", "Failed password for root from 999.1.1.1 port 22 ssh2"),
    ("storage", "the closure ran too long", "mount=/mnt/big total_bytes=2000 used_bytes=2000"),
];

/// How requests end, those that failed first.
const STATUSES: [i64; 7] = [502, 500, 200, 304, 404, 301, 200];

/// The words of a column, the most frequent first; none if the column has no words that are known.
pub fn words(column: &str) -> Option<&'static [&'static str]> {
    Some(match column {
        "host" | "hostname" => &HOSTS,
        "unit" => &["nginx.service", "sshd.service", "mysqld.service", "kubelet.service", "cron.service"],
        "service" | "identifier" => &["nginx", "sshd", "mysqld", "kubelet", "systemd", "cron", "kernel"],
        "level" => &["info", "notice", "warning", "error", "critical"],
        "mount" => &["/", "/var"],
        "user" => &["root", "admin", "deploy", "oracle", "test", "ubuntu"],
        "ip" => &["203.0.113.9", "198.51.100.7", "192.0.2.44", "203.0.113.77", "2001:db8::17"],
        "path" => &["/", "/products", "/products/1204", "/cart", "/checkout", "/api/v1/orders", "/static/app.js"],
        "method" => &["GET", "POST", "HEAD"],
        "note" => &["deploy 1.4.2", "deploy 1.4.1"],
        "version" => &["1.4.2", "1.4.1"],
        "process" => &["collect", "serve"],
        "name" => &["logs", "nginx_access", "storage", "all tables"],
        "scripts" => &["3f9c2a1b"],
        "rules" => &["a41f07cc"],
        "agent" => &["0.1.0"],
        "credentials" => &["database/creds/il-writer"],
        "parser" => &["nginx_access", "failed_ssh", "storage"],
        "result" => &["exit-code", "oom-kill", "timeout"],
        "state" => &["failed", "recovered"],
        _ => return None,
    })
}

/// What a column of a table that tells records apart may hold.
pub fn keys(table: &str, column: &str, kind: Option<ColumnType>) -> Vec<Value<'static>> {
    let ints = |ints: &[i64]| ints.iter().copied().map(Value::Int).collect();
    match (column, kind) {
        ("host", _) if table == "processes" => vec![Value::text("infra-1"), Value::text("infra-2")],
        ("priority", _) => ints(&[6, 5, 4, 3, 2]),
        ("status", _) => ints(&[200, 304, 404, 301, 500, 502]),
        ("pid", _) => ints(&[4211]),
        (_, Some(ColumnType::Int)) => ints(&[3, 4, 5, 6]),
        (_, Some(ColumnType::Bool)) => vec![Value::Bool(true), Value::Bool(false)],
        _ => words(column).unwrap_or(&["one", "two", "three"]).iter().map(|word| Value::text(word)).collect(),
    }
}

/// A record that is made up.
pub struct Record<'a> {
    /// Its table.
    pub table: &'a str,
    /// Which one it is, counted from the newest.
    pub row: usize,
    /// Its moment, in microseconds.
    pub time: i64,
    /// Whether only some records are asked for: then those that went wrong.
    pub filtered: bool,
    /// Whose it is, where that is known.
    pub host: Option<String>,
}

impl Record<'_> {
    /// The value of a column.
    pub fn cell(&self, name: &str, kind: ColumnType) -> Value<'static> {
        let fails = self.host.as_deref() == Some(FAILING);
        match (name, kind) {
            ("time" | "last_seen" | "last_entry" | "at_time", _) => Value::Int(self.time),
            ("rejected" | "problem" | "failed_at" | "failing", _) => Value::Missing,
            ("status", _) => Value::Int(STATUSES[self.dice("status") % if self.filtered { 2 } else { STATUSES.len() }]),
            ("last_error", _) if fails => Value::text("the agent can't be reached: connection refused"),
            ("last_error", _) => Value::Missing,
            ("message", _) => Value::text(self.line().message),
            ("service" | "identifier", _) => Value::text(self.line().service),
            ("unit", _) => Value::Text(format!("{}.service", self.line().service).into()),
            ("level", _) => Value::text(self.line().level),
            ("priority", _) => priority_of(self.line().level).map_or(Value::Missing, Value::Int),
            ("parser", _) => Value::text(self.unread().0),
            ("reason", _) => Value::text(self.unread().1),
            ("raw", _) => Value::text(self.unread().2),
            (_, ColumnType::Text | ColumnType::Ip) => self.word(name),
            (_, ColumnType::Time) => Value::Int(self.time),
            (_, ColumnType::Float) => Value::Float((self.number(name, kind) * 10.0).round() / 10.0),
            (_, ColumnType::Bool) => Value::Bool(noise((name, self.row)) > 1.2),
            _ => Value::Int(self.number(name, kind) as i64),
        }
    }

    fn dice(&self, of: &str) -> usize {
        (noise((of, self.row)) * 1_000.0) as usize
    }

    fn line(&self) -> &'static Line {
        let dice = self.dice("line");
        let wrong = self.filtered || dice.is_multiple_of(3);
        if wrong { &WRONG[dice % WRONG.len()] } else { &SAID[dice % SAID.len()] }
    }

    fn unread(&self) -> (&'static str, &'static str, &'static str) {
        UNREAD[self.dice("unread") % UNREAD.len()]
    }

    fn word(&self, name: &str) -> Value<'static> {
        let words = words(name).unwrap_or(&["one", "two", "three"]);
        Value::text(words[self.dice(name) % words.len()])
    }

    /// Where it lies between what is little and what is much of this column.
    fn number(&self, name: &str, kind: ColumnType) -> f64 {
        let (low, high) = usual(name, kind);
        let share = noise((name, self.row, self.table)) - 0.5;
        low * (high / low).powf(share * 0.95)
    }
}

/// Between which numbers the values of a column lie.
pub fn usual(column: &str, kind: ColumnType) -> (f64, f64) {
    const GB: f64 = 1e9;
    const DAY_US: f64 = 86_400e6;
    match (column, kind) {
        ("lag_ms", _) => (40.0, 900.0),
        ("lost" | "dropped", _) => (40.0, 400.0),
        ("unreadable", _) => (0.2, 2.0),
        ("entries" | "inodes" | "inodes_used", _) => (8e3, 9e4),
        ("status", _) => (200.0, 500.0),
        ("port", _) => (32_768.0, 60_999.0),
        ("pid", _) => (600.0, 32_000.0),
        ("seqnum" | "after_seqnum" | "before_seqnum" | "at_seqnum", _) => (120_000.0, 140_000.0),
        ("used_share" | "percent", _) => (30.0, 90.0),
        ("total_bytes", _) => (199.9 * GB, 200.0 * GB),
        ("used_bytes", _) => (40.0 * GB, 192.0 * GB),
        ("store_bytes", _) => (3.4 * GB, 3.5 * GB),
        ("growth_bytes", _) => (0.1 * GB, 0.11 * GB),
        ("forecast_bytes", _) => (6.5 * GB, 6.6 * GB),
        ("bytes", ColumnType::Bytes) => (1.0 * GB, 1.1 * GB),
        ("bytes_max", _) => (20.0 * GB, 20.1 * GB),
        ("reach", _) => (12.0 * DAY_US, 12.1 * DAY_US),
        ("keeps", _) => (30.0 * DAY_US, 30.1 * DAY_US),
        ("deletes_in", _) => (17.9 * DAY_US, 18.0 * DAY_US),
        ("credentials_left", _) => (2_400e6, 3_200e6),
        ("credentials_age", _) => (400e6, 1_200e6),
        (_, ColumnType::Bytes) => (300.0, 400_000.0),
        (_, ColumnType::Duration) => (4_000.0, 900_000.0),
        _ => (5.0, 90.0),
    }
}

/// 0.5 to 1.5, always the same for the same.
pub fn noise(of: impl Hash) -> f64 {
    let mut hash = DefaultHasher::new();
    of.hash(&mut hash);
    0.5 + (hash.finish() % 1_000) as f64 / 1_000.0
}
