//! What script authors have at hand: `new`, `test`, `repl`, `definitions`, and the dry run's further views.

mod parts;

use parts::{
    copy_scripts,
    program::{infralogs, run, run_with_input, stdout},
    repository,
};
use serde_json::Value;
use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

const LINE: &str = "Failed password for invalid user admin from 203.0.113.9 port 52144 ssh2\n";

fn stderr(done: &Output) -> String {
    String::from_utf8_lossy(&done.stderr).into_owned()
}

fn json_lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// Every sample gives a parser that loads and, unedited, takes at least 95 % of its lines.
#[test]
fn a_guessed_parser_takes_its_sample() {
    let folder = tempfile::tempdir().expect("a folder");
    let samples = repository().join("core/cli/tests/samples");
    let list =
        |kind| fs::read_dir(samples.join(kind)).expect("samples").flatten().map(move |entry| (kind, entry.path()));
    let mut formats = 0;
    for (kind, path) in list("captured").chain(list("generated")) {
        let name = path.file_stem().and_then(|name| name.to_str()).expect("a name").to_owned();
        let script = folder.path().join(format!("{kind}_{name}.rhai"));
        let (script, input) = (script.to_str().expect("a path"), path.to_str().expect("a path"));
        let done = run(&["new", "parser", &name, "--from-sample", input, "--out", script], folder.path());
        assert!(done.status.success(), "{name}: {}", stderr(&done));
        let args = ["dry-run", script, "--input", input, "--format", "text", "--output", "json"];
        let records = json_lines(&stdout(run(&args, folder.path())));
        let matched = records.iter().filter(|record| record["matched"] == true).count();
        assert!(matched * 100 >= records.len() * 95, "{name}: {matched} of {}", records.len());
        let columns = records.iter().find_map(|record| record["row"].as_object()).expect("a row").len();
        assert!(columns >= 2, "{name}: one column is no parser");
        formats += u32::from(kind == "captured");
        let again = run(&["new", "parser", &name, "--from-sample", input, "--out", script], folder.path());
        assert_eq!(again.status.code(), Some(2), "a script that is there stays");
    }
    assert!(formats >= 5, "{formats}");
}

#[test]
fn cases_pass_differ_and_are_rewritten() {
    let folder = tempfile::tempdir().expect("a folder");
    let scripts = copy_scripts(folder.path());
    let cases = scripts.join("parsers/cases");
    fs::create_dir_all(&cases).expect("a folder");
    fs::write(cases.join("failed_ssh.two.in"), format!("{LINE}Connection closed by 203.0.113.9 port 1 [preauth]\n"))
        .expect("a case");
    let missing = run(&["test", "failed_ssh"], folder.path());
    assert_eq!(missing.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&missing.stdout).contains("UPDATE_EXPECT=1 writes it"));
    let update = Command::new(infralogs())
        .arg("test")
        .current_dir(folder.path())
        .env("UPDATE_EXPECT", "1")
        .output()
        .expect("it runs");
    assert!(update.status.success(), "{}", stderr(&update));
    let out = cases.join("failed_ssh.two.out");
    let written = fs::read_to_string(&out).expect("written");
    assert!(written.contains("\"user\":\"admin\"") && written.contains("\"outcome\":\"unmatched\""), "{written}");
    let fine = stdout(run(&["test"], folder.path()));
    assert!(fine.trim_end().lines().next_back().is_some_and(|last| last.ends_with(" passed, 0 failed")), "{fine}");
    fs::write(&out, written.replace("admin", "root")).expect("a change");
    let wrong = run(&["test", "failed_ssh"], folder.path());
    let said = String::from_utf8_lossy(&wrong.stdout).into_owned();
    assert_eq!(wrong.status.code(), Some(1));
    assert!(said.contains("- user: \"root\"") && said.contains("+ user: \"admin\""), "{said}");
    assert!(said.contains("1 failed"), "{said}");
}

#[test]
fn coverage_says_what_nothing_reaches() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::create_dir_all(folder.path().join("scripts")).expect("a folder");
    let script =
        "parser(\"p\").pattern(\"a {x:int}\").pattern(\"b {y}\").drop(x > 5)\n    .example(\"a 1\", #{ x: 1 });\n";
    fs::write(folder.path().join("scripts/p.rhai"), script).expect("a script");
    let done = run(&["test", "--coverage", "--min", "90"], folder.path());
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    assert_eq!(done.status.code(), Some(1), "{said}");
    assert!(said.contains("extractor 2") && said.contains("a record left out") && said.contains("column y"), "{said}");
    let enough = run(&["test", "--min", "30"], folder.path());
    assert!(enough.status.success(), "{}", stderr(&enough));
}

#[test]
fn a_dry_run_explains_compares_and_groups() {
    let folder = tempfile::tempdir().expect("a folder");
    let scripts = copy_scripts(folder.path());
    let input = format!("{LINE}User bob from 10.0.0.1 not allowed\nUser eve from 10.0.0.2 not allowed\n");
    let args = ["dry-run", "failed_ssh", "--input", "-", "--format", "text"];
    let explained = stdout(run_with_input(&[&args[..], &["--explain"]].concat(), folder.path(), &input));
    for part in ["+ ip = \"203.0.113.9\"", "does not fit", ".set(\"invalid\"", "each"] {
        assert!(explained.contains(part), "{part}: {explained}");
    }
    let closures = "parser(\"c\").map(|r| { r.a = 1; }, #{ a: \"int\" }).map(|r| { r.b = 8 / r.a; for n in 0..2 {} }, #{ b: \"int\" });";
    fs::write(folder.path().join("c.rhai"), closures).expect("a script");
    let args_c = ["dry-run", "c.rhai", "--input", "-", "--format", "text", "--explain"];
    let costs = stdout(run_with_input(&args_c, folder.path(), &input));
    assert!(
        costs.contains("1 of 2 native") && costs.contains("2 of 2 interpreted"),
        "each closure's own cost: {costs}"
    );
    let all = run_with_input(&["dry-run", "--input", "-", "--format", "text"], folder.path(), &input);
    let said = stderr(&all);
    assert!(!said.contains("2 × line"), "critical_logs takes every line: {said}");
    let shapes = stderr(&run_with_input(&args, folder.path(), &input));
    assert!(shapes.contains("taken by no parser") && shapes.contains("User"), "{shapes}");
    let old = folder.path().join("old.rhai");
    fs::copy(scripts.join("parsers/failed_ssh.rhai"), &old).expect("a copy");
    let new = scripts.join("parsers/failed_ssh.rhai");
    let text = fs::read_to_string(&new)
        .expect("a script")
        .replace(".columns([user,", ".set(\"seen\", true)\n    .columns([seen, user,");
    fs::write(&new, text).expect("an edit");
    let compared = stdout(run_with_input(&[&args[..], &["--against", "old.rhai"]].concat(), folder.path(), &input));
    assert!(compared.contains("+ seen = true") && compared.contains("1 changed"), "{compared}");
}

#[test]
fn multi_line_records_are_joined() {
    let folder = tempfile::tempdir().expect("a folder");
    let script = folder.path().join("java.rhai");
    fs::write(&script, "parser(\"java\").lines(`^\\d{4}-`).pattern(\"{day} {severity} {text}\");\n").expect("a script");
    let input = "2026-01-01 ERROR it broke\n  at a.b(C.java:1)\n  at d.e(F.java:2)\n2026-01-01 INFO fine\n";
    let args = ["dry-run", "java.rhai", "--input", "-", "--format", "text", "--output", "json"];
    let records = json_lines(&stdout(run_with_input(&args, folder.path(), input)));
    assert_eq!(records.len(), 2, "{records:?}");
    assert_eq!(records[1]["line"], 4);
    assert!(records[0]["row"]["text"].as_str().is_some_and(|text| text.ends_with("at d.e(F.java:2)")), "{records:?}");
    let explained = stdout(run_with_input(&[&args[..6], &["--explain"]].concat(), folder.path(), input));
    let joined = "java line 1: 2026-01-01 ERROR it broke\\n  at a.b(C.java:1)\\n  at d.e(F.java:2)";
    assert!(explained.contains(joined), "{explained}");
}

#[test]
fn the_prompt_answers_expressions() {
    let folder = tempfile::tempdir().expect("a folder");
    copy_scripts(folder.path());
    let args = ["repl", "failed_ssh", "--message", LINE.trim(), "--set", "identifier=sshd"];
    let asked = "port > 1000 & user == \"admin\"\nip\nmessage.len()\nusr\n";
    let done = run_with_input(&args, folder.path(), asked);
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    assert_eq!(said.lines().collect::<Vec<_>>(), ["true", "203.0.113.9", &(LINE.len() - 1).to_string()]);
    assert!(stderr(&done).contains("did you mean `user`"), "{}", stderr(&done));
    assert_eq!(done.status.code(), Some(1));
}

#[test]
fn definition_files_name_our_functions() {
    let folder = tempfile::tempdir().expect("a folder");
    stdout(run(&["definitions", "--out", "defs"], folder.path()));
    let read = |path: &Path| fs::read_to_string(path).unwrap_or_default();
    let files = fs::read_dir(folder.path().join("defs")).expect("files").flatten();
    let all: String = files.map(|file| read(&file.path())).collect();
    for name in ["fn parser(", "fn pattern(", "fn schedule(", "fn cron("] {
        assert!(all.contains(name), "{name}");
    }
}
