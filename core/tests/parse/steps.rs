//! Steps, columns and batches.

use crate::common::{NOW, check, compiled, entries, is, messages, pattern, set, show, spec, with};
use infralogs_core::{
    expr::{Arithmetic, Compare, Expr, Function},
    parse::{
        Counts, Outcome, Plan, Stage,
        spec::{Lines, Step},
    },
    table::ColumnType,
};
use std::sync::Arc;

#[test]
fn steps_keep_drop_and_set() {
    let mut steps = with(vec![pattern("{user} {status:int} {path}")]);
    steps.steps = vec![
        Step::Keep(Expr::compare(Compare::Ge, Expr::field("status"), Expr::int(500))),
        Step::Drop(is("path", "/health")),
        set("path", Expr::Call(Function::Lower, Box::new(Expr::field("path")))),
        set("class", Expr::Arithmetic(Arithmetic::Div, Box::new(Expr::field("status")), Box::new(Expr::int(100)))),
        set("severity", Expr::text("warning")),
    ];
    check(steps.clone(), "a 503 /Cart", r#"user="a" status=503 path="/cart" class=5 severity="warning""#);
    check(steps.clone(), "a 200 /", r#"Dropped("keep(status >= 500)")"#);
    check(steps.clone(), "a 500 /health", r#"Dropped("drop(path == \"/health\")")"#);
    steps.columns = Some(vec!["class".into(), "user".into()]);
    check(steps, "a 503 /Cart", r#"class=5 user="a""#);
}

#[test]
fn a_set_type_is_kept() {
    let mut typed = with(vec![pattern("{x}")]);
    typed.steps = vec![Step::Set { name: "n".into(), to: Expr::field("x"), kind: Some(ColumnType::Int) }];
    check(typed.clone(), "12", r#"x="12" n=12"#);
    check(typed, "twelve", r#"Failed("field `n`: `twelve` is no int")"#);
}

#[test]
fn own_fields_make_rows_without_an_extractor() {
    let mut own = spec();
    own.from = Some(Expr::compare(Compare::Le, Expr::field("priority"), Expr::int(3)));
    own.columns = Some(["time", "message", "host", "pid", "unit"].map(Into::into).to_vec());
    let parser = compiled(own);
    let batch = entries(&[
        &[("MESSAGE", b"bad"), ("PRIORITY", b"2"), ("_PID", b"7"), ("_SYSTEMD_UNIT", b"a.service")],
        &[("MESSAGE", b"good"), ("PRIORITY", b"6")],
    ]);
    let Outcome::Matched(row) = parser.run(&batch.get(0), NOW) else { panic!("no row") };
    assert_eq!(row.iter().map(show).collect::<Vec<_>>(), [r#""bad""#, "7", r#""a.service""#]);
    assert_eq!(parser.run(&batch.get(1), NOW), Outcome::Unselected);
}

#[test]
fn a_batch_gives_columns_counts_and_quarantine() {
    let mut strict = with(vec![pattern("b {x:int}")]);
    strict.name = "b".into();
    strict.strict = true;
    let plan = Plan::new(vec![Arc::new(compiled(strict)), Arc::new(compiled(with(vec![pattern("a {x:int}")])))]);
    let parsed = plan.run(&messages(&["a 1", "b 2", "a x", "c", "a 3"]), NOW);
    let names: Vec<&str> = plan.parsers.iter().map(|parser| &*parser.spec.name).collect();
    assert_eq!(names, ["b", "sample"]);
    assert_eq!(parsed.counts[0], Counts { selected: 5, matched: 1, unmatched: 4, ..Counts::default() });
    assert_eq!(parsed.counts[1], Counts { selected: 5, matched: 2, unmatched: 2, failed: 1, ..Counts::default() });
    assert_eq!(parsed.rows[1].entry, [0, 4]);
    assert_eq!(show(&parsed.rows[1].rows.columns[0].get(1)), "3");
    let reasons: Vec<String> =
        parsed.quarantined.iter().map(|q| format!("{} {} {}", q.entry, q.parser, q.reason)).collect();
    assert_eq!(
        reasons,
        [
            "0 b `b ` expected at the start",
            "2 b `b ` expected at the start",
            "2 sample field `x`: `x` is no int",
            "3 b `b ` expected at the start",
            "4 b `b ` expected at the start",
        ]
    );
}

#[test]
fn text_that_is_no_utf8_is_marked_and_goes_on() {
    let plan = Plan::new(vec![Arc::new(compiled(with(vec![pattern("user {user} end")])))]);
    let parsed = plan.run(&entries(&[&[("MESSAGE", b"user a\xffb end")]]), NOW);
    assert_eq!(show(&parsed.rows[0].rows.columns[0].get(0)), "\"a\u{fffd}b\"");
}

#[test]
fn lines_of_one_stream_are_joined() {
    let mut java = with(vec![pattern("{level} {what}\n{trace}")]);
    java.lines = Some(Lines { start: "^[A-Z]+ ".into(), lines_max: 3 });
    let plan = Plan::new(vec![Arc::new(compiled(java))]);
    let line = |pid: &'static [u8], text: &'static [u8]| [("_PID", pid), ("MESSAGE", text)];
    let lines = [
        line(b"1", b"\tat before"),
        line(b"1", b"ERROR one"),
        line(b"2", b"WARN two"),
        line(b"1", b"\tat a"),
        line(b"2", b"\tat c"),
        line(b"1", b"\tat b"),
        line(b"1", b"\tat too much"),
    ];
    let parsed = plan.run(&entries(&lines.iter().map(|line| &line[..]).collect::<Vec<_>>()), NOW);
    assert_eq!(parsed.rows[0].entry, [1, 2]);
    let traces = parsed.rows[0].rows.column("trace").expect("a column");
    assert_eq!([show(&traces.get(0)), show(&traces.get(1))], [r#""\tat a\n\tat b""#, r#""\tat c""#]);
    let counts = Counts { selected: 7, matched: 2, joined: 3, unmatched: 2, ..Counts::default() };
    assert_eq!(parsed.counts[0], counts);
}

#[test]
fn a_trace_tells_what_each_stage_did() {
    let mut traced = with(vec![pattern("a {x:int}"), pattern("{x:int} b")]);
    traced.steps = vec![set("y", Expr::int(2)), Step::Drop(is("host", "h")), set("z", Expr::int(3))];
    let batch = entries(&[&[("MESSAGE", b"7 b"), ("_HOSTNAME", b"h")]]);
    let stages = compiled(traced).trace("7 b", &batch.get(0), NOW);
    let line = |stage: &Stage| {
        let changed: Vec<String> =
            stage.changed.iter().map(|(name, value)| format!("{name}={}", show(value))).collect();
        format!("{} {:?} {}", stage.name, stage.ended, changed.join(" "))
    };
    assert_eq!(
        stages.iter().map(line).collect::<Vec<_>>(),
        [
            r#"pattern("a {x:int}") Some(Unmatched("`a ` expected at the start")) "#,
            r#"pattern("{x:int} b") None x=7"#,
            r#"set("y", 2) None y=2"#,
            r#"drop(host == "h") Some(Dropped) "#,
        ]
    );
}
