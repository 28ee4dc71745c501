//! A parser is wrong, its records wait in quarantine, it is mended, they are replayed.

mod parts;

use parts::program::{run, stdout};
use std::path::Path;

/// The demo's nginx, its time read by this format.
fn parser(format: &str) -> String {
    format!(
        "parser(\"access\").from(identifier == \"nginx\")\n    .pattern(`{{ip}} {{_}} {{_}} [{{at:time({format})}}] \"{{method}} {{path}} {{_}}`)\n    .columns([at, method, path]).into(\"access\");\n"
    )
}

fn count(folder: &Path, table: &str) -> u64 {
    let question = format!("{table}.last(30.days).count()");
    let said = stdout(run(&["query", "--config", "infralogs.yaml", &question, "--output", "csv"], folder));
    said.lines().nth(1).and_then(|count| count.parse().ok()).unwrap_or_else(|| panic!("{said}"))
}

fn replay(folder: &Path, more: &[&str]) -> (Option<i32>, String) {
    let done = run(&[&["replay", "--config", "infralogs.yaml", "--parser", "access"], more].concat(), folder);
    let said = [&done.stdout[..], &done.stderr].concat();
    (done.status.code(), String::from_utf8_lossy(&said).into_owned())
}

#[test]
fn a_mended_parser_takes_its_records_out_of_quarantine_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    std::fs::create_dir(folder.join("scripts")).expect("a folder");
    let script = folder.join("scripts/access.rhai");
    let write = |format: &str| std::fs::write(&script, parser(format)).expect("the script");
    std::fs::copy(parts::repository().join("scripts/schedules/fleet.rhai"), folder.join("scripts/fleet.rhai"))
        .expect("the schedule");
    write("rfc3339");
    let fleet = "inventories:\n  fleet:\n    - { name: web-1, source: demo, host: web-1, history: 2h }\n";
    std::fs::write(folder.join("infralogs.yaml"), format!("store: sqlite://data/infralogs.db\n{fleet}")).expect("yaml");
    stdout(run(&["collect", "--config", "infralogs.yaml", "--once"], folder));
    let failed = count(folder, "quarantine");
    assert!(failed > 10, "{failed}");

    let (code, said) = replay(folder, &[]);
    assert!(code == Some(1) && said.contains("fail again and stay") && said.contains("is no time"), "{said}");
    assert_eq!(count(folder, "quarantine"), failed);
    write("nginx");
    let (code, said) = replay(folder, &["--pretend"]);
    assert!(code == Some(0) && said.contains(&format!("{failed} would be stored")), "{said}");
    assert_eq!(count(folder, "quarantine"), failed);
    let (code, said) = replay(folder, &["--since", "-30d"]);
    assert!(code == Some(0) && said.contains(&format!("{failed} stored")), "{said}");
    assert_eq!((count(folder, "quarantine"), count(folder, "access")), (0, failed));
    let (_, said) = replay(folder, &[]);
    assert!(said.starts_with("0 records"), "{said}");
    assert_eq!(count(folder, "access"), failed);

    let explain = |question: &str| stdout(run(&["explain", "--config", "infralogs.yaml", question], folder));
    let row = explain("access.last(30.days).latest(1)");
    for words in
        ["path = /", "as it is loaded now", "access.rhai:1", ".pattern(", "SYSLOG_IDENTIFIER = nginx", "MESSAGE = "]
    {
        assert!(row.contains(words), "{words}: {row}");
    }
    let script = std::fs::read_to_string(&script).expect("the script") + "// changed\n";
    std::fs::write(folder.join("scripts/access.rhai"), script).expect("the script");
    assert!(explain("access.last(30.days).latest(1)").contains("which was changed since"));
    assert!(explain("logs.last(30.days).latest(1)").contains("_HOSTNAME = web-1"));
    let groups = run(&["explain", "--config", "infralogs.yaml", "access.count()"], folder);
    assert!(String::from_utf8_lossy(&groups.stderr).contains(".latest(1)"), "{groups:?}");

    let wrong = run(&["replay", "--config", "infralogs.yaml", "--parser", "acess"], folder);
    let said = String::from_utf8_lossy(&wrong.stderr);
    assert!(said.contains("`access`"), "{said}");
}
