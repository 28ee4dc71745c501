//! What each extractor reads.

use crate::common::{check, compiled, outcome, pattern, picks, regex, with};
use infralogs_core::parse::spec::Extractor;

const SSH: &str = "Failed password for {invalid:flag(invalid user )}{user} from {ip:ip} port {port:int} ssh2";

#[test]
fn dissect_reads_fields_flags_and_types() {
    let ssh = |text, expect| check(with(vec![pattern(SSH)]), text, expect);
    ssh(
        "Failed password for invalid user admin from 203.0.113.9 port 52144 ssh2",
        r#"invalid=true user="admin" ip="203.0.113.9" port=52144"#,
    );
    ssh(
        "Failed password for root from 2001:DB8:0::1 port 22 ssh2",
        r#"invalid=false user="root" ip="2001:db8::1" port=22"#,
    );
    ssh(
        "Failed password for root from 10.0.0.1 port 22",
        r#"Unmatched("` ssh2` expected after `ed password for root from 10.0.0.1 port `")"#,
    );
    ssh(
        "Failed password for root from 10.0.0.1 port 22 ssh2 more",
        r#"Unmatched("` ssh2` expected after `ed password for root from 10.0.0.1 port `")"#,
    );
    ssh("Failed password for root from 10.0.0.1 port x ssh2", r#"Failed("field `port`: `x` is no int")"#);
    ssh("Accepted", r#"Unmatched("`Failed password for ` expected at the start")"#);
}

#[test]
fn dissect_reads_optional_parts_alternatives_and_braces() {
    let one = |pattern_text: &str, text: &str, expect: &str| check(with(vec![pattern(pattern_text)]), text, expect);
    one("{a}{? [{pid:int}]?}: {rest}", "cron [12]: run", r#"a="cron" pid=12 rest="run""#);
    one("{a}{? [{pid:int}]?}: {rest}", "cron: run: x", r#"a="cron" pid=- rest="run: x""#);
    one("{(a{|}bc)} {x}", "bc 1", r#"x="1""#);
    one("{(a{|}bc)} {x}", "d 1", r#"Unmatched("any of the alternatives expected at the start")"#);
    one("{{{x}}}", "{5}", r#"x="5""#);
    one("size={(-{|}{size:bytes})} end", "size=1.5KiB end", "size=1536");
    one("size={(-{|}{size:bytes})} end", "size=- end", "size=-");
    one("{_} {x}", "skip it now", r#"x="it now""#);
    one("{x}{? [preauth]?}", "a [b [preauth]", r#"x="a [b""#);
    one("{x} é{y}", "ü é€", r#"x="ü" y="€""#);
    one("{x}b", "abab", r#"x="aba""#);
}

#[test]
fn types_read_what_they_say() {
    let typed = |kind: &str, text: &str, expect: &str| {
        check(with(vec![pattern(&format!("{{x:{kind}}}"))]), text, &format!("x={expect}"));
    };
    typed("int", "-12", "-12");
    typed("int", "9223372036854775807", "9223372036854775807");
    typed("float", "2.5e3", "2500.0");
    typed("bool", "Yes", "true");
    typed("duration", "1.5s", "1500000");
    typed("duration", "0.125", "125000");
    typed("duration", "1h30m", "5400000000");
    typed("duration", "250ms", "250000");
    typed("bytes", "10k", "10000");
    typed("bytes", "2GiB", "2147483648");
    typed("ip", "::ffff:192.0.2.1", r#""::ffff:192.0.2.1""#);
    typed("ip", "fe80::1%eth0", r#""fe80::1%eth0""#);
    typed("time", "2026-01-05T13:00:00.25+01:00", "1767614400250000");
    typed("time(%d/%b/%Y:%H:%M:%S %z)", "05/Jan/2026:12:00:00 +0000", "1767614400000000");
    typed("time(unix)", "1767614400.5", "1767614400500000");
    typed("time(unix_ms)", "1767614400001", "1767614400001000");
    // The year nearest to the entry's own time.
    typed("time(syslog)", "Dec 31 23:59:59", "1767225599000000");
    typed("time(%H:%M)", "23:59", "1767657540000000");
    typed("time(%I:%M %p, %Y-%j)", "12:05 am, 2024-366", "1735603500000000");
    for (kind, text) in [
        ("int", "1.5"),
        ("int", "9223372036854775808"),
        ("float", "inf"),
        ("ip", "1.2.3.256"),
        ("bool", "maybe"),
        ("duration", "5 parsecs"),
        ("bytes", "-5"),
        ("time", "2026-02-29T00:00:00Z"),
        ("time(%H:%M)", "24:00"),
    ] {
        let parser = compiled(with(vec![pattern(&format!("{{x:{kind}}}"))]));
        assert!(outcome(&parser, text).starts_with("Failed(\"field `x`: "), "{kind} read {text}");
    }
}

#[test]
fn regex_reads_named_groups() {
    let took = || with(vec![regex(r"(?P<what>\w+) took (?<ms>\d+) ?ms(?P<late> late)?", &[("ms", "int")])]);
    check(took(), "query took 15ms late", r#"what="query" ms=15 late=" late""#);
    check(took(), "a query took 15 ms", r#"what="query" ms=15 late=-"#);
    check(took(), "nothing", r#"Unmatched("the regular expression does not match")"#);
}

#[test]
fn json_reads_paths_escapes_and_refuses_what_is_no_json() {
    let words = ["user=user.name", "status:int", "tag=tags.1", "raw=tags", "dotted=a\\.b", "ok:bool"];
    let json = |text, expect| check(with(vec![Extractor::Json(picks(&words))]), text, expect);
    json(
        r#" {"user": {"name": "J\u00f6rg \ud83d\ude00\n"}, "status": 200, "tags": ["a", "b"], "a.b": null, "ok": true} "#,
        r#"user="Jörg 😀\n" status=200 tag="b" raw="[\"a\", \"b\"]" dotted=- ok=true"#,
    );
    json(r#"{"status":"200","stat\u0075s":201}"#, "user=- status=201 tag=- raw=- dotted=- ok=-");
    json(r#"{"status": 20"#, r#"Unmatched("`,` or the end of the object expected after `{\"status\": 20`")"#);
    json(r#"{"other": 1}"#, r#"Unmatched("any of the asked-for fields expected after `{\"other\": 1}`")"#);
    json(r#"{"status": 1} x"#, r#"Unmatched("`,` or the end of the object expected after `{\"status\": 1} `")"#);
    json("plain text", r#"Unmatched("a JSON object expected at the start")"#);
    json(r#"{"status": 01}"#, r#"Unmatched("`,` or the end of the object expected after `{\"status\": 0`")"#);
    json(r#"{"status": 1.5}"#, r#"Failed("field `status`: `1.5` is no int")"#);
}

#[test]
fn logfmt_and_csv_read_quotes() {
    let logfmt =
        |text, expect| check(with(vec![Extractor::Logfmt(picks(&["msg", "ms:int", "debug:bool"]))]), text, expect);
    logfmt(r#"ts=1 msg="two \"words\"" ms=5 debug"#, r#"msg="two \"words\"" ms=5 debug=true"#);
    logfmt("= \"x msg= ms=1", r#"msg="" ms=1 debug=-"#);
    logfmt("just words", r#"Unmatched("any of the asked-for keys expected at the start")"#);
    let columns = [("day", "text"), ("_", "text"), ("bytes", "int")];
    let columns = columns.map(|(name, kind)| (name.into(), picks(&[&format!("x:{kind}")])[0].kind.clone()));
    let csv =
        |text, expect| check(with(vec![Extractor::Csv { separator: b';', columns: columns.to_vec() }]), text, expect);
    csv("mon;x;5", r#"day="mon" bytes=5"#);
    csv("\"a;\"\"b\"\"\";;5\r\n", r#"day="a;\"b\"" bytes=5"#);
    csv("mon;5", r#"Unmatched("more values, 3 in all expected after `mon;5`")"#);
    csv("mon;x;5;6", r#"Unmatched("the end of the line after 3 values expected after `mon;x;5`")"#);
}

#[test]
fn syslog_reads_what_is_asked_for_of_the_structured_data() {
    let picked = |data: &str, expect: &str| {
        let picks = picks(&["route=request@1.route", "ms:int", "path=a.b.c.d"]);
        let text = format!("<14>1 - host app - - {data} text");
        let all = outcome(&compiled(with(vec![Extractor::Syslog(picks)])), &text);
        let own = all.split_once("message=\"text\" ").map_or(&*all, |(_, own)| own);
        assert_eq!(own, expect, "{data}");
    };
    picked(r#"[request@1 route="/a" ms="5"][x ms="7"]"#, r#"route="/a" ms=5 path=-"#);
    picked(r#"[other@1 route="/a"][x ms="7"]"#, "route=- ms=7 path=-");
    picked(r#"[request@1 route="a\]b \"c\" \\ \n"]"#, r#"route="a]b \"c\" \\ \\n" ms=- path=-"#);
    picked(r#"[a.b c.d="1"][a.b.c d="2"]"#, r#"route=- ms=- path="1""#);
    picked(r#"[request@1 route=/a ms="5"][request@1]"#, "route=- ms=- path=-");
    picked("-", "route=- ms=- path=-");
    picked(r#"[x ms="a"]"#, r#"Failed("field `ms`: `a` is no int")"#);
}
