//! The fleet that is made up: its hosts, what they write, and the words its columns hold.

use infralogs_core::{expr::priority_of, table::ColumnType, value::Value};
use std::hash::{DefaultHasher, Hash, Hasher};

/// Its machines; the last but one is not well.
pub const HOSTS: [&str; 8] = ["web-1", "web-2", "web-3", "web-4", "db-1", "db-2", "cache-1", "mail-1"];

/// Those of them that answer requests.
const WEB_HOSTS: usize = 4;

/// Whose polls fail, and since when, in microseconds.
const FAILING: &str = "cache-1";
const FAILING_FOR: i64 = 9 * 60_000_000;

/// How far back tables reach, in microseconds.
const KEPT_FOR: i64 = 12 * 86_400_000_000;

/// One of so many entries tells of something that went wrong.
const WRONG_EVERY: usize = 16;

/// An entry that a fleet might write.
struct Line {
    service: &'static str,
    level: &'static str,
    message: &'static str,
    /// What the names of hosts that write it begin with.
    on: &'static str,
}

const fn line(on: &'static str, service: &'static str, level: &'static str, message: &'static str) -> Line {
    Line { service, level, message, on }
}

/// What goes wrong, and then what is simply said.
const WRONG: [Line; 11] = [
    line("web", "nginx", "error", "upstream timed out (110: Connection timed out) while reading response header"),
    line("", "sshd", "error", "Failed password for invalid user admin from 203.0.113.9 port 52144 ssh2"),
    line("web", "nginx", "error", "connect() failed (111: Connection refused) while connecting to upstream"),
    line("db", "mysqld", "error", "Aborted connection 48213 to db: 'shop' (Got timeout reading communication packets)"),
    line("", "kernel", "critical", "Out of memory: Killed process 4211 (java) total-vm:8123412kB"),
    line("web", "systemd", "error", "nginx.service: Main process exited, code=exited, status=1/FAILURE"),
    line("web", "checkout-api", "error", "panic: runtime error: invalid memory address <nil> & \"quotes\""),
    line("web", "nginx", "error", "TLS handshake with 198.51.100.7 failed: certificate expired"),
    line("db", "kernel", "alert", "EXT4-fs error (device sda1): ext4_find_entry: reading directory lblock 0"),
    line("cache", "redis", "error", "MISCONF Redis is configured to save RDB snapshots, but it can't persist on disk"),
    line("mail", "postfix", "error", "fatal: no SASL authentication mechanisms"),
];
const SAID: [Line; 7] = [
    line("web", "nginx", "info", "203.0.113.9 - - \"GET /products/1204 HTTP/1.1\" 200 5120"),
    line("", "cron", "info", "(root) CMD (test -x /usr/sbin/anacron || run-parts --report /etc/cron.hourly)"),
    line("db", "mysqld", "warning", "slow query: 4.2 s, rows examined 1,284,112"),
    line("", "sshd", "notice", "Accepted publickey for deploy from 192.0.2.44 port 50122 ssh2"),
    line("web", "kubelet", "warning", "Readiness probe failed: HTTP probe failed with statuscode: 503"),
    line("cache", "redis", "info", "DB saved on disk"),
    line(
        "mail",
        "postfix",
        "info",
        "4Vh2kQ1mBz: to=<ada@example.org>, relay=mx.example.org[192.0.2.25]:25, status=sent",
    ),
];

/// What could not be read, and why.
const UNREAD: [(&str, &str, &str); 3] = [
    ("nginx_access", "`12x` is no whole number", "203.0.113.7 - - \"GET / HTTP/1.1\" 12x 5120"),
    ("failed_ssh", "`999.1.1.1` is no address", "Failed password for root from 999.1.1.1 port 22 ssh2"),
    ("storage", "the closure ran too long", "mount=/mnt/big total_bytes=2000 used_bytes=2000"),
];

/// How requests end, the most frequent first.
const STATUSES: [i64; 6] = [200, 304, 404, 301, 500, 502];

/// How a unit's main process ended, and with what, by the result that systemd gives the unit.
const ENDED: [(&str, &str, i64); 3] =
    [("exit-code", "exited", 1), ("oom-kill", "killed", 9), ("timeout", "killed", 15)];

/// What a column of text holds of which nothing is known.
const NO_WORDS: [&str; 3] = ["one", "two", "three"];

/// The words of a column, the most frequent first; none if the column has no words that are known.
pub fn words(column: &str) -> Option<&'static [&'static str]> {
    Some(match column {
        "host" | "hostname" => &HOSTS,
        "unit" => &["nginx.service", "sshd.service", "mysqld.service", "kubelet.service", "cron.service"],
        "service" | "identifier" => &["nginx", "sshd", "mysqld", "kubelet", "systemd", "cron", "kernel"],
        "level" => &["info", "notice", "warning", "error", "critical"],
        "mount" => &["/", "/var"],
        "device" => &["/dev/vda1", "/dev/vdb1"],
        "fstype" => &["ext4", "xfs"],
        "user" => &["root", "admin", "deploy", "oracle", "test", "ubuntu"],
        "ip" => &["203.0.113.9", "198.51.100.7", "192.0.2.44", "203.0.113.77", "2001:db8::17"],
        "path" => &["/", "/products", "/products/1204", "/cart", "/checkout", "/api/v1/orders", "/static/app.js"],
        "method" => &["GET", "POST", "HEAD"],
        "note" => &["deploy 1.4.2", "deploy 1.4.1"],
        "version" => &["1.4.2", "1.4.1"],
        "process" => &["collect", "serve"],
        "name" => &["logs", "nginx_access", "storage", "all tables"],
        "scripts" | "script" => &["3f9c2a1b"],
        "agent" => &["0.1.0"],
        "credentials" => &["database/creds/il-writer"],
        "parser" => &["nginx_access", "failed_ssh", "storage"],
        "result" => &["exit-code", "oom-kill", "timeout"],
        "code" => &["exited", "killed"],
        "state" => &["failed", "recovered"],
        "machine" => &["5f3c0d9a7b1e4c28a1f06d2b9c7e8d40"],
        "seqnum_id" => &["b0a4c86e1f5d4f7e9a3c2d1e0f9b8a76"],
        _ => return None,
    })
}

/// What a column of a table that tells records apart may hold, the most frequent first.
pub fn keys(table: &str, column: &str, kind: Option<ColumnType>) -> Vec<Value<'static>> {
    let ints = |ints: &[i64]| ints.iter().copied().map(Value::Int).collect();
    match (column, kind) {
        ("host", _) if table == "processes" => vec![Value::text("infra-1"), Value::text("infra-2")],
        ("host", _) if table == "nginx_access" => HOSTS[..WEB_HOSTS].iter().map(|host| Value::text(host)).collect(),
        ("priority", _) => ints(&[6, 5, 4, 3, 2]),
        ("status", Some(ColumnType::Int)) => ints(&STATUSES),
        ("pid", _) => ints(&[4211]),
        (_, Some(ColumnType::Int)) => ints(&[3, 4, 5, 6]),
        (_, Some(ColumnType::Bool)) => vec![Value::Bool(false), Value::Bool(true)],
        _ => words(column).unwrap_or(&NO_WORDS).iter().map(|word| Value::text(word)).collect(),
    }
}

/// How much of all records has the value at this place of [`keys`].
pub fn weight(column: &str, place: usize) -> f64 {
    match column {
        "host" | "mount" => 1.0 / (1.0 + place as f64 * 0.35),
        "status" | "method" | "level" | "priority" => 0.3f64.powi(place as i32),
        _ => 1.0 / (1.0 + place as f64 * 0.7),
    }
}

/// Whether a combination of values that tell records apart has one: most units never fail.
pub fn occurs(table: &str, values: &[Value<'_>]) -> bool {
    let few = matches!(table, "failed_units" | "failed_services") && values.len() > 1;
    !few || noise(format!("{values:?}")) > 1.42
}

/// A record that is made up.
pub struct Record<'a> {
    /// Its table.
    pub table: &'a str,
    /// Which one it is, counted from the newest.
    pub row: usize,
    /// Its moment, in microseconds.
    pub time: i64,
    /// The values it is told apart by, by their columns.
    pub known: &'a [(&'a str, Value<'static>)],
}

impl Record<'_> {
    /// The value of a column.
    pub fn cell(&self, name: &str, kind: ColumnType) -> Value<'static> {
        let known = self.known.iter().find(|(column, _)| *column == name);
        // A process's number tells it apart and says nothing else.
        if let Some((_, value)) = known.filter(|_| name != "pid") {
            return value.clone();
        }
        let fails = self.table == "agents" && self.host() == FAILING;
        match (name, kind) {
            ("last_seen" | "last_entry" | "at_time", _) if fails => Value::Int(self.time - FAILING_FOR),
            ("time" | "last_seen" | "last_entry" | "at_time", _) => Value::Int(self.time),
            ("oldest", ColumnType::Time) => Value::Int(self.time - KEPT_FOR),
            ("last_error", _) if fails => Value::text("the agent can't be reached: connection refused"),
            ("failed_at", _) if fails => Value::Int(self.time),
            ("failing", _) if fails => Value::text(FAILING),
            ("last_error" | "rejected" | "problem" | "failed_at" | "failing" | "oom" | "uid", _) => Value::Missing,
            ("host", _) => Value::Text(self.host().into()),
            ("message", _) => Value::text(self.line().message),
            ("service" | "identifier", _) => Value::text(self.line().service),
            ("unit", _) if self.table == "logs" => Value::Text(format!("{}.service", self.line().service).into()),
            ("level", _) => Value::text(self.line().level),
            ("priority", _) => priority_of(self.line().level).map_or(Value::Missing, Value::Int),
            ("parser", _) => Value::text(self.unread().0),
            ("reason", _) => Value::text(self.unread().1),
            ("raw", _) => Value::text(self.unread().2),
            ("code", _) => Value::text(self.ended().1),
            ("status", _) if self.table == "failed_units" => Value::Int(self.ended().2),
            ("version", _) if self.table == "processes" => Value::text("0.1.0"),
            ("version" | "note", _) => words(name).map_or(Value::Missing, |all| Value::text(all[self.row % all.len()])),
            ("before_seqnum", _) => {
                Value::Int((self.number("after_seqnum", kind) + self.number("lost", kind)) as i64 + 1)
            }
            ("status", _) | (_, ColumnType::Text | ColumnType::Ip | ColumnType::Bool) => self.choice(name, kind),
            (_, ColumnType::Time) => Value::Int(self.time),
            (_, ColumnType::Float) => Value::Float((self.number(name, kind) * 10.0).round() / 10.0),
            _ => Value::Int(self.number(name, kind) as i64),
        }
    }

    /// Its machine.
    fn host(&self) -> String {
        match self.known.iter().find(|(column, _)| *column == "host") {
            Some((_, Value::Text(host))) => host.clone().into_owned(),
            _ => match self.choice("host", ColumnType::Text) {
                Value::Text(host) => host.into_owned(),
                _ => String::new(),
            },
        }
    }

    /// 0 to 999.
    fn dice(&self, of: &str) -> usize {
        ((noise((of, self.row)) - 0.5) * 1_000.0) as usize
    }

    fn line(&self) -> &'static Line {
        let (host, wrong) = (self.host(), self.dice("wrong").is_multiple_of(WRONG_EVERY));
        let all = if wrong { WRONG.as_slice() } else { SAID.as_slice() };
        let theirs: Vec<&Line> = all.iter().filter(|line| host.starts_with(line.on)).collect();
        theirs[self.dice("line") % theirs.len()]
    }

    fn unread(&self) -> (&'static str, &'static str, &'static str) {
        UNREAD[self.dice("unread") % UNREAD.len()]
    }

    fn ended(&self) -> (&'static str, &'static str, i64) {
        let result = self.choice("result", ColumnType::Text);
        ENDED.into_iter().find(|(of, ..)| Value::text(of) == result).unwrap_or(ENDED[0])
    }

    /// One of the values a column may hold, as often as it is met in all records.
    fn choice(&self, name: &str, kind: ColumnType) -> Value<'static> {
        let mut values = keys(self.table, name, Some(kind));
        let weights: Vec<f64> = (0..values.len()).map(|place| weight(name, place)).collect();
        let mut left = (noise((name, self.row)) - 0.5) * weights.iter().sum::<f64>();
        let place = weights.iter().position(|weight| {
            left -= weight;
            left < 0.0
        });
        values.swap_remove(place.unwrap_or(0))
    }

    /// Where it lies between what is little and what is much of this column.
    fn number(&self, name: &str, kind: ColumnType) -> f64 {
        let (low, high) = usual(self.table, name, kind);
        let share = noise((name, self.row, self.table)) - 0.5;
        low * (high / low).powf(share * 0.95)
    }
}

/// Between which numbers the values of a column lie.
pub fn usual(table: &str, column: &str, kind: ColumnType) -> (f64, f64) {
    const GB: f64 = 1e9;
    const DAY_US: f64 = 86_400e6;
    match (column, kind) {
        ("lag_ms", _) => (40.0, 900.0),
        ("lost" | "dropped", _) => (40.0, 400.0),
        ("unreadable", _) => (0.2, 2.0),
        ("failures", _) => (1.0, 9.0),
        ("rules", _) => (2.0, 2.9),
        ("entries" | "inodes" | "inodes_used", _) => (8e3, 9e4),
        ("status", _) => (200.0, 500.0),
        ("port", _) => (32_768.0, 60_999.0),
        ("pid", _) => (600.0, 32_000.0),
        ("seqnum" | "after_seqnum" | "at_seqnum", _) => (120_000.0, 140_000.0),
        ("used_share" | "percent", _) => (30.0, 90.0),
        ("total_bytes", _) => (199.9 * GB, 200.0 * GB),
        ("used_bytes", _) => (40.0 * GB, 192.0 * GB),
        ("store_bytes", _) => (3.4 * GB, 3.5 * GB),
        ("growth_bytes", _) => (0.1 * GB, 0.11 * GB),
        ("forecast_bytes", _) => (6.5 * GB, 6.6 * GB),
        ("bytes", ColumnType::Bytes) if table == "retention" => (1.0 * GB, 1.1 * GB),
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
