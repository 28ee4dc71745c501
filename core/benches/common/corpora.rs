//! Log lines of the usual kinds, the same on every run: made from a fixed seed.

use infralogs_core::{cursor::Cursor, entry::Entries};

/// 2026-01-05T12:00:00Z in microseconds.
pub const NOW: i64 = 1_767_614_400_000_000;

/// One kind of lines.
pub struct Corpus {
    /// The journal's SYSLOG_IDENTIFIER of all of them.
    pub identifier: &'static str,
    pub lines: Vec<String>,
}

impl Corpus {
    /// The lines as a source hands them over, so many a batch.
    pub fn batches(&self, size: usize) -> Vec<Entries> {
        let batch = |lines: &[String]| {
            let mut entries = Entries::default();
            for (nth, line) in lines.iter().enumerate() {
                push(&mut entries, self.identifier, line, nth);
            }
            entries
        };
        self.lines.chunks(size).map(batch).collect()
    }

    /// The same with an entry for each line of a record, as journald keeps a stack trace.
    pub fn batches_of_single_lines(&self, size: usize) -> Vec<Entries> {
        let batch = |lines: &[String]| {
            let mut entries = Entries::default();
            for (nth, line) in lines.iter().flat_map(|record| record.split('\n')).enumerate() {
                push(&mut entries, self.identifier, line, nth);
            }
            entries
        };
        self.lines.chunks(size).map(batch).collect()
    }

    pub fn bytes(&self) -> usize {
        self.lines.iter().map(String::len).sum()
    }
}

/// An entry with the fields that most entries of a journal have and parsers look at.
fn push(entries: &mut Entries, identifier: &str, message: &str, nth: usize) {
    entries.push_field(b"_HOSTNAME", b"web-1");
    entries.push_field(b"SYSLOG_IDENTIFIER", identifier.as_bytes());
    entries.push_field(b"PRIORITY", b"6");
    entries.push_field(b"MESSAGE", message.as_bytes());
    entries.end(Cursor { seqnum: nth as u64, realtime: NOW as u64 + nth as u64, ..Cursor::default() });
}

/// A small generator of numbers: good enough for variety, the same everywhere.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % most
    }
    fn one<'t>(&mut self, of: &[&'t str]) -> &'t str {
        of[self.below(of.len() as u64) as usize]
    }
    fn ip(&mut self) -> String {
        format!("{}.{}.{}.{}", 10 + self.below(200), self.below(256), self.below(256), 1 + self.below(254))
    }
    /// Seconds of a day as `hh:mm:ss`.
    fn clock(&mut self) -> String {
        format!("{:02}:{:02}:{:02}", self.below(24), self.below(60), self.below(60))
    }
}

const PATHS: [&str; 8] = [
    "/",
    "/health",
    "/api/v1/orders",
    "/static/app.9f3c2b.js",
    "/cart?item=1881&count=2",
    "/search?q=red+shoes&page=3",
    "/api/v1/customers/8812/addresses",
    "/images/products/large/20391.webp",
];
const AGENTS: [&str; 4] = [
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1",
    "curl/8.11.0",
    "Prometheus/2.55.1",
];
const USERS: [&str; 6] = ["root", "admin", "deploy", "oracle", "git", "postgres"];
const STATUS: [&str; 8] = ["200", "200", "200", "204", "304", "404", "500", "503"];

fn lines(count: usize, seed: u64, mut line: impl FnMut(&mut Dice) -> String) -> Vec<String> {
    let mut dice = Dice(seed);
    (0..count).map(|_| line(&mut dice)).collect()
}

/// nginx' combined access log.
pub fn nginx(count: usize) -> Corpus {
    let line = |dice: &mut Dice| {
        format!(
            r#"{} - {} [05/Jan/2026:{} +0000] "{} {} HTTP/1.1" {} {} "{}" "{}""#,
            dice.ip(),
            dice.one(&["-", "-", "alice"]),
            dice.clock(),
            dice.one(&["GET", "GET", "POST", "HEAD"]),
            dice.one(&PATHS),
            dice.one(&STATUS),
            dice.below(100_000),
            dice.one(&["-", "https://shop.example.org/", "https://www.example.com/search?q=shoes"]),
            dice.one(&AGENTS),
        )
    };
    Corpus { identifier: "nginx", lines: lines(count, 11, line) }
}

/// What sshd writes to syslog about logins that failed, whole lines in RFC 3164's form.
pub fn sshd(count: usize) -> Corpus {
    let line = |dice: &mut Dice| {
        let head = format!("Jan  5 {} web-{} sshd[{}]: ", dice.clock(), dice.below(40), 1000 + dice.below(30_000));
        let (user, ip, port) = (dice.one(&USERS), dice.ip(), 1024 + dice.below(60_000));
        match dice.below(3) {
            0 => format!("{head}Invalid user {user} from {ip} port {port}"),
            1 => format!("{head}Failed password for invalid user {user} from {ip} port {port} ssh2"),
            _ => format!("{head}Failed password for {user} from {ip} port {port} ssh2"),
        }
    };
    Corpus { identifier: "sshd", lines: lines(count, 12, line) }
}

/// RFC 5424 with one element of structured data.
pub fn rfc5424(count: usize) -> Corpus {
    let line = |dice: &mut Dice| {
        format!(
            r#"<{}>1 2026-01-05T{}.{:06}Z host-{}.example.org orders {} ID{} [request@32473 route="/api/v1/orders" status="{}" ms="{}"] order {} was {} for customer {}"#,
            dice.below(192),
            dice.clock(),
            dice.below(1_000_000),
            dice.below(100),
            1 + dice.below(32_000),
            dice.below(100),
            dice.one(&STATUS),
            dice.below(2_000),
            dice.below(1_000_000),
            dice.one(&["paid", "shipped", "cancelled"]),
            dice.below(100_000),
        )
    };
    Corpus { identifier: "orders", lines: lines(count, 13, line) }
}

/// logfmt as Go services write it.
pub fn logfmt(count: usize) -> Corpus {
    let line = |dice: &mut Dice| {
        format!(
            r#"ts=2026-01-05T{}.{:03}Z level={} caller=server.go:{} msg="request \"{}\" finished" method={} path={} status={} bytes={} took={}.{:03} remote={}:{} user={} debug"#,
            dice.clock(),
            dice.below(1000),
            dice.one(&["INFO", "WARN", "ERROR"]),
            dice.below(900),
            dice.below(100_000),
            dice.one(&["GET", "POST"]),
            dice.one(&PATHS),
            dice.one(&STATUS),
            dice.below(100_000),
            dice.below(9),
            dice.below(1000),
            dice.ip(),
            1024 + dice.below(60_000),
            dice.one(&USERS),
        )
    };
    Corpus { identifier: "api", lines: lines(count, 14, line) }
}

/// JSON lines with nesting, lists, escapes and more than ASCII.
pub fn json(count: usize) -> Corpus {
    let line = |dice: &mut Dice| {
        format!(
            r#"{{"time":"2026-01-05T{}.{:03}Z","level":"{}","logger":"com.example.shop.web.OrderController","message":"order \"{}\" für Kunde Jörg\nbezahlt \u2713","request":{{"method":"{}","path":"{}","status":{},"bytes":{},"seconds":{}.{:03},"client":{{"ip":"{}","agent":"{}"}}}},"tags":["shop","eu-west-1","canary"],"user":{{"id":{},"name":"{}"}},"trace":null}}"#,
            dice.clock(),
            dice.below(1000),
            dice.one(&["INFO", "WARN", "ERROR"]),
            dice.below(1_000_000),
            dice.one(&["GET", "POST"]),
            dice.one(&PATHS),
            dice.one(&STATUS),
            dice.below(100_000),
            dice.below(9),
            dice.below(1000),
            dice.ip(),
            dice.one(&["curl/8.11.0", "okhttp/4.12.0"]),
            dice.below(100_000),
            dice.one(&USERS),
        )
    };
    Corpus { identifier: "shop", lines: lines(count, 15, line) }
}

/// Stack traces of Java, each record with its line breaks.
pub fn java(count: usize) -> Corpus {
    const CALLS: [&str; 5] = [
        "com.example.shop.OrderService.place(OrderService.java:214)",
        "com.example.shop.web.OrderController.post(OrderController.java:88)",
        "java.base/java.util.concurrent.ThreadPoolExecutor.runWorker(ThreadPoolExecutor.java:1144)",
        "org.springframework.web.servlet.DispatcherServlet.doDispatch(DispatcherServlet.java:1088)",
        "java.base/java.lang.Thread.run(Thread.java:1583)",
    ];
    let line = |dice: &mut Dice| {
        let mut record = format!(
            "2026-01-05 {},{:03} {} [http-nio-8080-exec-{}] com.example.shop.OrderService - order {} failed\n{}: {}",
            dice.clock(),
            dice.below(1000),
            dice.one(&["ERROR", "WARN"]),
            1 + dice.below(20),
            dice.below(1_000_000),
            dice.one(&["java.lang.IllegalStateException", "java.sql.SQLTransientConnectionException"]),
            dice.one(&["no stock", "connection is not available, request timed out after 30000ms"]),
        );
        for _ in 0..4 + dice.below(8) {
            record.push_str("\n\tat ");
            record.push_str(dice.one(&CALLS));
        }
        record
    };
    Corpus { identifier: "shop", lines: lines(count, 16, line) }
}
