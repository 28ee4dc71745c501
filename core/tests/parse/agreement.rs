//! The same parser as a pattern, a format and a regular expression: they agree on every line of the benchmark's corpora.

#[allow(dead_code)] // the benchmarks use all of it
#[path = "../../benches/common/corpora.rs"]
mod corpora;

use crate::common::{NOW, compiled, pattern, regex, with};
use corpora::Corpus;
use infralogs_core::{
    parse::{
        Plan,
        spec::{Extractor, ParserSpec},
    },
    table::Rows,
    value::Value,
};
use std::sync::Arc;

const LINES: usize = 2_000;

fn rows(spec: ParserSpec, corpus: &Corpus) -> Rows {
    let mut parsed = Plan::new(vec![Arc::new(compiled(spec))]).run(&corpus.batches(LINES)[0], NOW);
    assert_eq!(parsed.counts[0].matched, LINES as u64, "every line matches");
    parsed.rows.remove(0).rows
}

/// Both make the same of these columns; a `-` is nothing to a format.
fn agree(corpus: &Corpus, one: Extractor, other: Extractor, columns: &[&str]) {
    let spec = |extractor| ParserSpec {
        columns: Some(columns.iter().map(|name| (*name).into()).collect()),
        ..with(vec![extractor])
    };
    let (one, other) = (rows(spec(one), corpus), rows(spec(other), corpus));
    for ((def, own), column) in one.defs.iter().zip(&one.columns).zip(&other.columns) {
        for (row, line) in corpus.lines.iter().enumerate() {
            let both = (own.get(row), column.get(row));
            let is_dash = matches!(&both, (Value::Missing, Value::Text(text)) if text == "-");
            assert!(both.0 == both.1 || is_dash, "{} of {line:?}: {both:?}", def.name);
        }
    }
}

#[test]
fn a_format_and_its_regex_agree_on_access_logs() {
    let straight = r#"^(?P<ip>\S+) \S+ (?P<user>\S+) \[(?P<time>[^\]]+)\] "(?P<method>[A-Z]+) (?P<path>\S+) (?P<protocol>[^"]+)" (?P<status>\d+) (?P<bytes>\d+) "[^"]*" "(?P<agent>[^"]*)"$"#;
    let types = [("ip", "ip"), ("time", "time(nginx)"), ("status", "int"), ("bytes", "bytes")];
    let columns = ["ip", "user", "time", "method", "path", "protocol", "status", "bytes", "agent"];
    agree(&corpora::nginx(LINES), Extractor::Nginx, regex(straight, &types), &columns);
    // The same where the regex crate runs.
    let backtracking = straight.replace(r"^(?P<ip>\S+) \S+", r"^(?P<ip>.*?) .*?");
    agree(&corpora::nginx(LINES), Extractor::Nginx, regex(&backtracking, &types), &columns);
}

#[test]
fn a_pattern_and_its_regex_agree_on_logins_and_stack_traces() {
    let dissect = "{stamp:time(syslog)} {node} sshd[{process:int}]: {(Failed password for {_:flag(invalid user )}{user}{|}Invalid user {user})} from {ip:ip} port {port:int}{? ssh2?}";
    let regexed = r"^(?P<stamp>\w+ [ \d]\d [\d:]+) (?P<node>\S+) sshd\[(?P<process>\d+)\]: (?:Failed password for (?:invalid user )?|Invalid user )(?P<user>\S+) from (?P<ip>\S+) port (?P<port>\d+)(?: ssh2)?$";
    let types = [("stamp", "time(syslog)"), ("process", "int"), ("ip", "ip"), ("port", "int")];
    let columns = ["stamp", "node", "process", "user", "ip", "port"];
    agree(&corpora::sshd(LINES), pattern(dissect), regex(regexed, &types), &columns);
    let dissect = "{stamp:time(%Y-%m-%d %H:%M:%S,%f)} {severity} [{worker}] {logger} - {text}\n{exception}: {trace}";
    let regexed = r"^(?P<stamp>[\d-]+ [\d:,]+) (?P<severity>[A-Z]+) \[(?P<worker>[^\]]*)\] (?P<logger>\S+) - (?P<text>[^\n]*)\n(?P<exception>[^:]*): (?P<trace>(?s:.*))$";
    let columns = ["stamp", "severity", "worker", "logger", "text", "exception", "trace"];
    agree(
        &corpora::java(LINES),
        pattern(dissect),
        regex(regexed, &[("stamp", "time(%Y-%m-%d %H:%M:%S,%f)")]),
        &columns,
    );
}
