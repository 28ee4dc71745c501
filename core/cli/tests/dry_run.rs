//! `infralogs dry-run` and `check` as a script author meets them.

mod parts;

use parts::{
    copy_scripts,
    program::{run, run_with_input, stdout},
};
use serde_json::{Value, json};

const LINE: &str = "Failed password for invalid user admin from 203.0.113.9 port 52144 ssh2\n";

#[test]
fn a_matched_line_is_one_object_with_its_row() {
    let folder = tempfile::tempdir().expect("a folder");
    copy_scripts(folder.path());
    let input = format!("{LINE}something else\n");
    let args = ["dry-run", "failed_ssh", "--input", "-", "--format", "text", "--output", "json"];
    let said = stdout(run_with_input(&args, folder.path(), &input));
    let records: Vec<Value> = said.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(records.len(), 2, "one object per record per parser");
    let first = &records[0];
    assert_eq!(first["line"], 1);
    assert_eq!(first["parser"], "failed_ssh");
    assert_eq!(first["table"], "failed_ssh");
    assert_eq!(first["outcome"], "matched");
    assert_eq!(first["matched"], true);
    for (column, value) in
        [("user", json!("admin")), ("ip", json!("203.0.113.9")), ("port", json!(52144)), ("invalid", json!(true))]
    {
        assert_eq!(first["row"][column], value, "{column} of {first}");
    }
    assert_eq!((&records[1]["outcome"], &records[1]["matched"]), (&json!("unmatched"), &json!(false)));
    assert!(records[1]["reason"].as_str().is_some_and(|reason| !reason.is_empty()));
}

#[test]
fn a_table_shows_matched_rows_and_the_summary_says_the_rest() {
    let folder = tempfile::tempdir().expect("a folder");
    copy_scripts(folder.path());
    let file = folder.path().join("auth.log");
    std::fs::write(&file, format!("{LINE}something else\n")).expect("a file");
    let script = folder.path().join("scripts/parsers/failed_ssh.rhai");
    let args = ["dry-run", script.to_str().expect("a path"), "--input", "auth.log", "--format", "text"];
    let done = run(&args, folder.path());
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(said.contains("1 matched, 1 unmatched"), "{said}");
    assert!(said.contains("nothing was written"), "{said}");
    let table = stdout(done);
    assert!(table.contains("admin") && table.contains("203.0.113.9") && !table.contains("something else"), "{table}");
    let strict = run(&[&args[..], &["--fail-unmatched"]].concat(), folder.path());
    assert_eq!(strict.status.code(), Some(1));
}

#[test]
fn journal_formats_carry_the_fields_that_parsers_select_by() {
    let folder = tempfile::tempdir().expect("a folder");
    copy_scripts(folder.path());
    let json = format!(
        r#"{{"__REALTIME_TIMESTAMP":"1790000000000000","SYSLOG_IDENTIFIER":"sshd","MESSAGE":"{}"}}"#,
        LINE.trim()
    );
    let id = "0123456789abcdef0123456789abcdef";
    let export = format!(
        "__CURSOR=s={id};i=1;b={id};m=1;t=1;x=1\n__REALTIME_TIMESTAMP=1\n__MONOTONIC_TIMESTAMP=1\n_BOOT_ID={id}\n\
         SYSLOG_IDENTIFIER=sshd\nMESSAGE={LINE}\n"
    );
    let syslog = format!("<38>Oct  9 08:53:01 web-1 sshd[4711]: {LINE}");
    let other = json.replace("sshd", "cron");
    for (format, input, outcome) in [
        ("json", &json, "matched"),
        ("export", &export, "matched"),
        ("syslog", &syslog, "matched"),
        ("json", &other, "unselected"),
    ] {
        let args = ["dry-run", "failed_ssh", "--input", "-", "--format", format, "--output", "json"];
        let said = stdout(run_with_input(&args, folder.path(), input));
        let record: Value = serde_json::from_str(said.trim()).expect("one object");
        assert_eq!(record["outcome"], outcome, "{format}: {said}");
    }
}

#[test]
fn mistakes_are_drawn_and_exit_with_two() {
    let folder = tempfile::tempdir().expect("a folder");
    let scripts = copy_scripts(folder.path());
    stdout(run(&["check"], folder.path()));
    std::fs::write(scripts.join("parsers/bad.rhai"), "parser(\"bad\")\n    .patern(\"{a}\")\n    .into(\"bad\");\n")
        .expect("a script");
    let done = run(&["check"], folder.path());
    let said = String::from_utf8_lossy(&done.stderr);
    assert_eq!(done.status.code(), Some(2), "{said}");
    assert!(said.contains("bad.rhai:2:6") && said.contains("pattern"), "place and suggestion: {said}");
    let wrong = run(&["dry-run", "failed_shh", "--input", "/dev/null"], folder.path());
    assert_eq!(wrong.status.code(), Some(2));
}
