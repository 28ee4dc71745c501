//! What is compared: a corpus, our parser, and the program that makes the same columns in VRL.

use crate::common::corpora::{self, Corpus};

/// One comparison.
pub struct Case {
    pub title: &'static str,
    /// Our parser in `core/benches/scripts`.
    pub parser: &'static str,
    pub corpus: fn(usize) -> Corpus,
    pub program: &'static str,
    /// The program's names of our columns, in order.
    pub columns: &'static [&'static str],
    /// How many times faster we must be; `None`: only shown.
    pub bound: Option<f64>,
    /// Whether our side gets an entry for each line of a record, and theirs the record in one.
    pub single_lines: bool,
}

const NGINX_COLUMNS: &[&str] =
    &["host", "user", "timestamp", "method", "path", "protocol", "status", "size", "agent", "class"];

/// VRL's function for Apache's format splits the request, which its function for nginx leaves to a second step.
const NGINX: &str = r#"
. = parse_apache_log!(.message, "combined")
if .path == "/health" { abort }
.method = downcase!(.method)
.class = floor(to_int!(.status) / 100)
.class = to_int!(.class)
del(.referrer)
del(.identity)
del(.message)
"#;

const NGINX_REGEX: &str = r#"
. = parse_regex!(.message, r'^(?P<host>\S+) \S+ (?P<user>\S+) \[(?P<timestamp>[^\]]+)\] "(?P<method>[A-Z]+) (?P<path>\S+) (?P<protocol>[^"]+)" (?P<status>\d+) (?P<size>\d+) "[^"]*" "(?P<agent>[^"]*)"$')
if .path == "/health" { abort }
.timestamp = parse_timestamp!(.timestamp, "%d/%b/%Y:%H:%M:%S %z")
.status = to_int!(.status)
.size = to_int!(.size)
.method = downcase!(.method)
.class = to_int!(floor(to_int!(.status) / 100))
"#;

const SSHD: &str = r#"
. = parse_syslog!(.message)
fields = parse_regex!(.message, r'^(?:Failed password for (?:invalid user )?|Invalid user )(?P<user>\S+) from (?P<ip>\S+) port (?P<port>\d+)(?: ssh2)?$')
. |= fields
.port = to_int!(.port)
"#;

const RFC5424: &str = r#"
. = parse_syslog!(.message)
.route = ."request@32473".route
.status = to_int!(."request@32473".status)
.ms = to_int!(."request@32473".ms)
"#;

const LOGFMT: &str = r#"
. = parse_logfmt!(.message)
if .path == "/health" { abort }
.ts = parse_timestamp!(.ts, "%+")
.status = to_int!(.status)
.bytes = to_int!(.bytes)
.method = downcase!(.method)
.class = to_int!(floor(.status / 100))
del(.caller)
del(.remote)
"#;

const JSON: &str = r#"
event = object!(parse_json!(.message))
if event.request.path == "/health" { abort }
. = {}
.ts = parse_timestamp!(event.time, "%+")
.severity = event.level
.text = event.message
.method = downcase!(event.request.method)
.path = event.request.path
.status = event.request.status
.seconds = event.request.seconds
.address = event.request.client.ip
.tag = event.tags[1]
.user = event.user.name
.class = to_int!(floor(to_int!(.status) / 100))
"#;

const JAVA: &str = r#"
. = parse_regex!(.message, r'^(?P<stamp>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}) (?P<severity>[A-Z]+) \[(?P<worker>[^\]]*)\] (?P<logger>\S+) - (?P<text>[^\n]*)\n(?P<exception>[^:]*): (?P<trace>(?s:.*))$')
.stamp = parse_timestamp!(.stamp, "%Y-%m-%d %H:%M:%S,%3f")
"#;

const JAVA_COLUMNS: &[&str] = &["stamp", "severity", "worker", "logger", "text", "exception", "trace"];

/// All of them, in the order they are shown.
pub const CASES: [Case; 9] = [
    case("nginx, eight steps", "nginx", corpora::nginx, NGINX, NGINX_COLUMNS, Some(10.0)),
    case("nginx by regex, the same steps", "nginx_regex", corpora::nginx, NGINX_REGEX, NGINX_COLUMNS, Some(4.0)),
    case("nginx, steps in a closure", "nginx_closure", corpora::nginx, NGINX, NGINX_COLUMNS, Some(3.0)),
    case(
        "sshd in RFC 3164",
        "sshd",
        corpora::sshd,
        SSHD,
        &["timestamp", "hostname", "procid", "user", "ip", "port"],
        Some(20.0),
    ),
    case(
        "RFC 5424, structured data",
        "rfc5424",
        corpora::rfc5424,
        RFC5424,
        &["appname", "timestamp", "hostname", "procid", "msgid", "message", "route", "status", "ms"],
        Some(8.0),
    ),
    case(
        "logfmt, eight steps",
        "logfmt",
        corpora::logfmt,
        LOGFMT,
        &["ts", "level", "msg", "method", "path", "status", "bytes", "user", "class"],
        Some(12.0),
    ),
    case(
        "JSON, eight steps",
        "json",
        corpora::json,
        JSON,
        &["ts", "severity", "text", "method", "path", "status", "seconds", "address", "tag", "user", "class"],
        Some(5.0),
    ),
    case("Java traces", "java", corpora::java, JAVA, JAVA_COLUMNS, Some(10.0)),
    Case {
        single_lines: true,
        ..case("Java traces, ours joins lines", "java_lines", corpora::java, JAVA, JAVA_COLUMNS, None)
    },
];

const fn case(
    title: &'static str,
    parser: &'static str,
    corpus: fn(usize) -> Corpus,
    program: &'static str,
    columns: &'static [&'static str],
    bound: Option<f64>,
) -> Case {
    Case { title, parser, corpus, program, columns, bound, single_lines: false }
}
