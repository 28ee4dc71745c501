//! Many parsers over one batch: who is found, what is counted, on one core and on several.

use crate::common::{NOW, compiled, entries, is, pattern, picks, regex, spec, with};
use infralogs_core::{
    error::{Error, Kind, Result},
    expr::{Expr, Literal, TextTest},
    parse::{
        Counts, Outcome, Parsed, Plan,
        spec::{Closure, Extractor, Lines, MapRecord, ParserSpec, RecordFields, Step},
    },
};
use proptest::prelude::*;
use std::sync::{
    Arc, LazyLock,
    atomic::{AtomicU32, Ordering},
};

fn test(how: TextTest, field: &str, text: &str) -> Expr {
    Expr::Test(how, Box::new(Expr::field(field)), text.into())
}

/// Every way of selecting and of reading that the look-up knows, and some it knows nothing of.
fn parsers() -> Vec<ParserSpec> {
    let conditions = [
        None,
        Some(is("identifier", "sshd")),
        Some(is("service", "nginx")),
        Some(Expr::In(Box::new(Expr::field("unit")), ["a", "nginx.service"].map(|t| Literal::Text(t.into())).to_vec())),
        Some(test(TextTest::Contains, "message", "user")),
        Some(test(TextTest::StartsWith, "message", "user ")),
        Some(test(TextTest::EndsWith, "message", "end")),
        Some(Expr::Or(Box::new(is("identifier", "sshd")), Box::new(test(TextTest::Contains, "identifier", "x")))),
        Some(is("identifier", "sshd").and(test(TextTest::Contains, "message", "1"))),
        Some(Expr::Not(Box::new(is("identifier", "sshd")))),
    ];
    let readers = [
        vec![pattern("user {user} end")],
        vec![pattern("{user} from {x}"), pattern("user {n:int}")],
        vec![regex(r"(?<user>\w+) logged (?:in|out)", &[])],
        vec![regex(r"(?i)(?<user>USER)", &[])],
        vec![Extractor::Logfmt(picks(&["user"]))],
        vec![Extractor::Json(picks(&["user"]))],
        vec![pattern("{user}")],
    ];
    let mut all = Vec::new();
    for (c, condition) in conditions.iter().enumerate() {
        for (r, reader) in readers.iter().enumerate() {
            let name = format!("p_{c}_{r}").as_str().into();
            all.push(ParserSpec { name, from: condition.clone(), strict: (c + r) % 5 == 0, ..with(reader.clone()) });
        }
    }
    all
}

fn plan_of(specs: Vec<ParserSpec>) -> Plan {
    Plan::new(specs.into_iter().map(|spec| Arc::new(compiled(spec))).collect())
}

/// The same counts, made by asking each parser alone about each entry.
fn alone(plan: &Plan, batch: &infralogs_core::entry::Entries) -> Vec<Counts> {
    let of = |parser: &Arc<infralogs_core::parse::Parser>| {
        let mut counts = Counts::default();
        for entry in batch.iter() {
            let outcome = parser.run(&entry, NOW);
            counts.selected += u64::from(outcome != Outcome::Unselected);
            match outcome {
                Outcome::Matched(_) => counts.matched += 1,
                Outcome::Unmatched(_) => counts.unmatched += 1,
                Outcome::Dropped(_) => counts.dropped += 1,
                Outcome::Failed(_) => counts.failed += 1,
                Outcome::Unselected => {}
            }
        }
        counts
    };
    plan.parsers.iter().map(of).collect()
}

fn words() -> impl Strategy<Value = Vec<u8>> {
    let words = [
        &b"user "[..],
        b"user",
        b" end",
        b"from ",
        b" from ",
        b"1",
        b"logged in",
        b"user=",
        b"\"user\":1}",
        b"{",
        b"USER",
        b"\xff",
        b" ",
        b"\xef\xbf\xbd",
    ];
    prop::collection::vec(prop::sample::select(words.to_vec()), 0..6).prop_map(|words| words.concat())
}

proptest! {
    #[test]
    fn looking_up_finds_whom_asking_each_finds(
        messages in prop::collection::vec((words(), 0..4_usize, 0..3_usize), 1..12)
    ) {
        static PLAN: LazyLock<Plan> = LazyLock::new(|| plan_of(parsers()));
        let plan = &*PLAN;
        let fields: Vec<Vec<(&str, &[u8])>> = messages.iter().map(|(message, identifier, unit)| {
            let mut fields = vec![("MESSAGE", &message[..])];
            fields.extend([b"sshd".as_slice(), b"xy", b"\xff"].get(*identifier).map(|id| ("SYSLOG_IDENTIFIER", *id)));
            fields.extend([b"nginx.service".as_slice(), b"a"].get(*unit).map(|unit| ("_SYSTEMD_UNIT", *unit)));
            fields
        }).collect();
        let batch = entries(&fields.iter().map(|fields| &fields[..]).collect::<Vec<_>>());
        prop_assert_eq!(plan.run(&batch, NOW).counts, alone(plan, &batch));
    }
}

/// What a batch gave, to be compared.
fn told(parsed: &Parsed) -> String {
    let rows: Vec<_> = parsed.rows.iter().map(|one| (&one.parser, &one.entry, &one.rows)).collect();
    format!("{rows:?} {:?} {:?}", parsed.quarantined, parsed.counts)
}

#[test]
fn several_cores_give_the_same_in_the_same_order() {
    let mut specs = parsers();
    let lines = Lines { start: "^user".into(), lines_max: 3 };
    specs.push(ParserSpec { name: "joined".into(), lines: Some(lines), ..with(vec![pattern("user{rest}")]) });
    let plan = plan_of(specs);
    let texts: Vec<String> = (0..3_000)
        .map(|n| match n % 4 {
            0 => format!("user {n} end"),
            1 => format!("{n} from user"),
            2 => format!("user {n}"),
            _ => "nothing".into(),
        })
        .collect();
    let list: Vec<[(&str, &[u8]); 2]> =
        texts.iter().map(|text| [("MESSAGE", text.as_bytes()), ("SYSLOG_IDENTIFIER", &b"sshd"[..])]).collect();
    let batch = entries(&list.iter().map(|fields| &fields[..]).collect::<Vec<_>>());
    let one = told(&plan.run(&batch, NOW));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| assert_eq!(told(&plan.run_on_cores(&batch, NOW)), one));
        }
    });
}

/// A closure that runs away whenever it is called.
struct Runaway(Arc<AtomicU32>);

impl MapRecord for Runaway {
    fn map(&self, _: &mut dyn RecordFields) -> Result<bool> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Err(Error::new(Kind::Limit, "it took too long"))
    }
}

#[test]
fn a_closure_that_runs_away_rests_and_the_rest_is_quarantined_unrun() {
    let calls = Arc::new(AtomicU32::new(0));
    let mut runaway = with(vec![pattern("a {x:int}")]);
    runaway.steps = vec![Step::Map { call: Closure(Arc::new(Runaway(calls.clone()))), sets: Vec::new() }];
    let plan = Plan::new(vec![Arc::new(compiled(runaway))]);
    let parsed = plan.run(&crate::common::messages(&["a 1", "a 2", "b", "a 3", "a 4", "a 5"]), NOW);
    assert_eq!(calls.load(Ordering::Relaxed), 3);
    assert_eq!(parsed.counts[0], Counts { selected: 6, unmatched: 1, failed: 5, ..Counts::default() });
    assert_eq!(parsed.resting, ["sample".into()]);
    let unrun = parsed.quarantined.iter().filter(|one| one.reason.contains("was not run")).count();
    assert_eq!((parsed.quarantined.len(), unrun), (5, 2));
    // The next batch tries again.
    assert_eq!(plan.run(&crate::common::messages(&["a 1"]), NOW).resting.len(), 0);
    assert_eq!(calls.load(Ordering::Relaxed), 4);
}

#[test]
fn an_entry_without_the_field_is_no_text() {
    let plan = Plan::new(vec![Arc::new(compiled(ParserSpec { from: Some(is("identifier", "")), ..spec_of_all() }))]);
    let parsed = plan.run(&entries(&[&[("MESSAGE", b"x")], &[("MESSAGE", b"x"), ("SYSLOG_IDENTIFIER", b"")]]), NOW);
    assert_eq!(parsed.counts[0], Counts { selected: 1, matched: 1, ..Counts::default() });
}

fn spec_of_all() -> ParserSpec {
    ParserSpec { columns: Some(vec!["message".into()]), ..spec() }
}
