//! What `Parser::compile` refuses, and how it says so.

use crate::common::{flaws, is, pattern, regex, set, spec, with};
use infralogs_core::{
    expr::{Compare, Expr},
    parse::spec::Step,
};

fn refused(spec: infralogs_core::parse::spec::ParserSpec, expect: &[&str]) {
    let all = flaws(spec);
    assert_eq!(all.lines().count(), expect.len(), "{all}");
    for (line, part) in all.lines().zip(expect) {
        assert!(line.contains(part), "{part:?} is not in\n{all}");
    }
}

#[test]
fn unknown_names_come_with_what_is_known() {
    let mut wrong = with(vec![pattern("{user} {ip:ip} {port:int}")]);
    wrong.from = Some(is("user", "x"));
    wrong.steps = vec![Step::Keep(is("usr", "x")), set("y", Expr::field("nothing_like_it"))];
    wrong.columns = Some(vec!["prt".into()]);
    refused(
        wrong,
        &[
            "From: field `user` does not exist here (sample.rhai:1:1); `from` sees the entry's own fields only",
            "Step(0): field `usr` does not exist here (sample.rhai:1:1); did you mean `user`?",
            "Step(1): field `nothing_like_it` does not exist here (sample.rhai:1:1); this parser extracts user, ip, port; every entry has time",
            "Columns: field `prt` does not exist here (sample.rhai:1:1); did you mean `port`?",
        ],
    );
}

#[test]
fn names_and_types_that_clash_are_refused() {
    refused(with(vec![pattern("{script}")]), &["column `script` is one that every table has"]);
    refused(with(vec![pattern("{time}")]), &["column `time` must be time, not text"]);
    refused(
        with(vec![pattern("{x} {y}"), pattern("{x:int}")]),
        &["Extractor(1): field `x` is text in one place and int"],
    );
    refused(spec(), &["this parser stores no columns"]);
    let mut logs = with(vec![pattern("{x}")]);
    logs.table = "logs".into();
    refused(logs, &["Table: table `logs` is ours"]);
    let mut text = with(vec![pattern("{status}")]);
    text.steps = vec![Step::Keep(Expr::compare(Compare::Eq, Expr::field("status"), Expr::int(200)))];
    refused(text, &["`status` is text and never equals 200"]);
    let mut upper = spec();
    upper.columns = Some(vec!["CODE_FILE".into()]);
    refused(upper, &["write set(\"code_file\", CODE_FILE) and name that"]);
}

#[test]
fn wrong_patterns_say_where() {
    for (text, expect) in [
        ("{user", "this field is not closed by `}`"),
        ("{a}{b}", "nothing tells where `{a}` ends"),
        ("{x:itn}", "`itn` is no type"),
        ("a } b", "a `}` that closes nothing"),
        ("{?a", "this part is not closed by `?}`"),
        ("{User}", "`User` is no name for a field"),
        ("{t:time(%Q)}", "a time format has no word `%Q`"),
    ] {
        refused(with(vec![pattern(text)]), &[expect]);
    }
    refused(with(vec![regex("(?P<a>x", &[])]), &["the regular expression can't be read: unclosed group"]);
    refused(
        with(vec![regex("(?P<a>x)", &[("b", "int")])]),
        &["has no group `b` (sample.rhai:1:1); its named groups are: a"],
    );
}
