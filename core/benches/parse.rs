//! The everyday benchmark: what one record costs, by kind of line, beside a plain scan for newlines.
//!
//! `cargo bench -p infralogs-core --bench parse [-- PARSER|all [ROUNDS]]`; many rounds of one parser are for a profiler. The
//! one with peers is the workspace `core/benches/peers`.

mod common;

use common::{
    clock::{median, process_ns, timed},
    corpora::{self, Corpus, NOW},
    parsers,
};
use infralogs_core::{
    entry::Entries,
    expr::{Compare, Expr},
    parse::{
        Parser, Plan,
        spec::{Extractor, ParserSpec},
    },
    time::Time,
};
use std::{sync::Arc, time::Instant};

/// Records of each corpus.
const RECORDS: usize = 20_000;
/// Records a batch, as the agents serve them.
const BATCH: usize = 5_000;
/// How often each is measured, unless told.
const ROUNDS: usize = 9;

fn main() {
    let definitions = parsers::load();
    let mut words = std::env::args().skip(1).filter(|word| !word.starts_with('-'));
    let only = words.next().filter(|word| word != "all");
    let rounds = words.next().and_then(|rounds| rounds.parse().ok()).unwrap_or(ROUNDS);
    let is_wanted = |name: &str| only.as_ref().is_none_or(|only| only == name);
    if cfg!(debug_assertions) {
        println!("Built without optimization: this shows that it runs, its figures mean nothing.");
    }
    println!("CPU time of one thread, median of {rounds} rounds over {RECORDS} records");
    println!("{:<16} {:>12} {:>10} {:>14}", "parser", "ns/record", "MB/s", "newlines MB/s");
    let sets = [
        (corpora::nginx(RECORDS), &["nginx", "nginx_regex", "nginx_closure"][..]),
        (corpora::sshd(RECORDS), &["sshd"]),
        (corpora::rfc5424(RECORDS), &["rfc5424"]),
        (corpora::logfmt(RECORDS), &["logfmt"]),
        (corpora::json(RECORDS), &["json"]),
        (corpora::java(RECORDS), &["java"]),
    ];
    for (corpus, names) in &sets {
        for name in names.iter().filter(|name| is_wanted(name)) {
            row(name, corpus, &corpus.batches(BATCH), &parsers::plan(&definitions, name), rounds);
        }
    }
    if is_wanted("java_lines") {
        let java = corpora::java(RECORDS);
        let plan = parsers::plan(&definitions, "java_lines");
        row("java_lines", &java, &java.batches_of_single_lines(BATCH), &plan, rounds);
    }
    if only.is_none() {
        many_parsers(rounds);
        on_cores(&parsers::plan(&definitions, "nginx"), rounds);
    }
}

/// Entries that no parser matches, beside 2 and beside 200 parsers: by `.from`, and by patterns behind one `.from`.
fn many_parsers(rounds: usize) {
    println!("\nns an entry that no parser matches, median of {rounds} rounds");
    println!("{:<32} {:>10} {:>12} {:>8} {:>7}", "", "2 parsers", "200 parsers", "ratio", "bound");
    let batches = corpora::nginx(RECORDS).batches(BATCH);
    let kinds: [(&str, Numbered); 3] = [
        ("each from another identifier", |n| numbered(n, Some(is("identifier", &format!("program-{n}"))), "{x} {y}")),
        ("patterns that begin otherwise", |n| numbered(n, None, &format!("event {n}: {{x}} of {{y}}"))),
        ("patterns that hold other words", |n| numbered(n, None, &format!("{{x}} was event {n} of {{y}}"))),
    ];
    for (name, spec) in kinds {
        let cost = |count: usize| {
            let plan = Plan::new((0..count).map(|n| Arc::new(compiled(spec(n)))).collect());
            let round = |_| timed(|| batches.iter().for_each(|batch| drop(plan.run(batch, Time(NOW))))).1 as f64;
            median((0..rounds).map(round).collect()) / RECORDS as f64
        };
        let (few, many) = (cost(2), cost(200));
        println!("{name:<32} {few:>10.0} {many:>12.0} {:>8.2} {:>7}", many / few, "≤2");
    }
}

/// A parser by its number.
type Numbered = fn(usize) -> ParserSpec;

fn numbered(number: usize, from: Option<Expr>, pattern: &str) -> ParserSpec {
    ParserSpec {
        name: format!("p{number}").as_str().into(),
        place: String::new(),
        script: "".into(),
        from,
        input: "message".into(),
        lines: None,
        extractors: vec![Extractor::Dissect(pattern.into())],
        steps: Vec::new(),
        strict: false,
        columns: None,
        table: "many".into(),
        keep_for: None,
        keep_size: None,
        rollups: Vec::new(),
        examples: Vec::new(),
    }
}

fn is(field: &str, text: &str) -> Expr {
    Expr::compare(Compare::Eq, Expr::field(field), Expr::text(text))
}

fn compiled(spec: ParserSpec) -> Parser {
    Parser::compile(spec).unwrap_or_else(|flaws| panic!("{flaws:#?}"))
}

/// One batch on one core and on all of them: wall time, and CPU time of all threads.
fn on_cores(plan: &Plan, rounds: usize) {
    let batches = corpora::nginx(RECORDS * 5).batches(RECORDS);
    let measured = |run: &dyn Fn(&Entries)| {
        let (wall, cpu) = (Instant::now(), process_ns());
        batches.iter().for_each(run);
        (wall.elapsed().as_nanos() as f64, (process_ns() - cpu) as f64)
    };
    let (mut faster, mut dearer) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let one = measured(&|batch| drop(plan.run(batch, Time(NOW))));
        let all = measured(&|batch| drop(plan.run_on_cores(batch, Time(NOW))));
        faster.push(one.0 / all.0);
        dearer.push(all.1 / one.1);
    }
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    println!("\nnginx on {cores} cores beside one, median of {rounds} rounds (wall time needs an idle machine)");
    println!("{:.2} times as fast (≥1.6 on two), {:.2} times the CPU time (≤1.15)", median(faster), median(dearer));
}

fn row(name: &str, corpus: &Corpus, batches: &[Entries], plan: &Plan, rounds: usize) {
    let ns = median((0..rounds).map(|_| round(plan, batches)).collect());
    let scan = median((0..ROUNDS).map(|_| newlines(corpus)).collect());
    let mb_s = |ns: f64| corpus.bytes() as f64 / ns * 1_000.0;
    println!("{name:<16} {:>12.0} {:>10.0} {:>14.0}", ns / corpus.lines.len() as f64, mb_s(ns), mb_s(scan));
}

fn round(plan: &Plan, batches: &[Entries]) -> f64 {
    let run = || batches.iter().map(|batch| plan.run(batch, Time(NOW)).counts[0].matched).sum::<u64>();
    let (matched, ns) = timed(run);
    assert!(matched > 0, "nothing matched");
    ns as f64
}

fn newlines(corpus: &Corpus) -> f64 {
    let text = corpus.lines.join("\n");
    // Where each line ends is found and used, as whoever cuts a file into lines does: counting alone is far faster.
    let (ends, ns) = timed(|| memchr::memchr_iter(b'\n', text.as_bytes()).fold(0, |sum, end| sum ^ end));
    assert!(ends > 0);
    ns as f64
}
