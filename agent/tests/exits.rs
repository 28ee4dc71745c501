//! Every way out of an agent, drawn by real clients from real journal files: whole, faithful, redacted, guarded.

mod common;
#[path = "../../plugins/journal/tests/parts/mod.rs"]
mod parts;

use common::{Running, TOKEN};
use infralogs_core::script::Scripts;
use std::{io::Read, path::Path, process::Command, sync::Arc};

const EXPORT: &str = "accept: application/vnd.fdo.journal";

fn start(journal: &Path, scripts: Option<Arc<Scripts>>) -> Running {
    let agent = common::of(parts::open(journal));
    common::start(match scripts {
        Some(scripts) => agent.scripts(scripts),
        None => agent,
    })
}

fn without_cursors(export: &[u8]) -> Vec<u8> {
    let lines = export.split_inclusive(|byte| *byte == b'\n').filter(|line| !line.starts_with(b"__CURSOR="));
    lines.flatten().copied().collect()
}

#[test]
fn journal_remote_pulls_everything() {
    let folder = tempfile::tempdir().unwrap();
    let file = parts::file(folder.path(), "source.journal", 3_000, 1, &[]);
    let agent = start(&file, None);
    let theirs = without_cursors(&parts::exported(&file));
    let url = format!("--url=http://x:{TOKEN}@{}/", agent.address);
    let getter = format!(
        "--getter=curl -sSf -H 'Accept: application/vnd.fdo.journal' -H 'Authorization: Bearer {TOKEN}' http://{}/entries",
        agent.address
    );
    for (name, way) in [("by-url.journal", url), ("by-getter.journal", getter)] {
        let pulled = folder.path().join(name);
        let mut remote = Command::new("/lib/systemd/systemd-journal-remote");
        let done = remote.arg(&way).args(["--split-mode=none", "-o"]).arg(&pulled).output().expect("it is installed");
        assert!(done.status.success(), "{name}: {}", String::from_utf8_lossy(&done.stderr));
        parts::assert_same(&without_cursors(&parts::exported(&pulled)), &theirs, name);
    }
}

#[test]
fn every_form_and_packing_says_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let file = parts::file(folder.path(), "source.journal", 1_500, 2, &[]);
    let agent = start(&file, None);
    let theirs = parts::exported(&file);
    parts::assert_same(&agent.get("/logs?limit=5000", &[EXPORT], &[]), &theirs, "/logs");
    parts::assert_same(&agent.get("/entries", &[EXPORT], &[]), &theirs, "/entries");
    let raw = agent.get("/logs?limit=5000", &[EXPORT, "te: trailers"], &["--raw"]);
    let tail = String::from_utf8_lossy(&raw[raw.len().saturating_sub(2_000)..]).to_lowercase();
    assert!(tail.contains("infralogs-end: {") && tail.contains("\"entries\":1500"), "{tail}");

    let lines = agent.get("/logs?limit=5000", &[], &[]);
    let zstd = agent.get("/logs?limit=5000", &["accept-encoding: gzip, zstd"], &[]);
    assert!(zstd.len() * 3 < lines.len(), "{} bytes packed, {} not", zstd.len(), lines.len());
    parts::assert_same(&zstd::decode_all(&zstd[..]).expect("zstd"), &lines, "zstd");
    let gzip = agent.get("/logs?limit=5000", &["accept-encoding: gzip, zstd;q=0"], &[]);
    let mut unpacked = Vec::new();
    flate2::read::GzDecoder::new(&gzip[..]).read_to_end(&mut unpacked).expect("gzip");
    parts::assert_same(&unpacked, &lines, "gzip");

    let events = String::from_utf8(agent.get("/logs?limit=5000", &["accept: text/event-stream"], &[])).unwrap();
    let told: Vec<&str> = events.lines().filter_map(|line| line.strip_prefix("data: ")).collect();
    let lines = String::from_utf8(lines).unwrap();
    assert!(told.iter().zip(lines.lines()).take(1_500).all(|(event, line)| event == &line), "events are the lines");
    assert!(events.contains("\nevent: end\ndata: {\"cursor\""), "the end");
    let last = events.lines().rfind(|line| line.starts_with("id: ")).unwrap().trim_start_matches("id: ");
    let again = agent.get("/logs", &["accept: text/event-stream", &format!("last-event-id: {last}")], &[]);
    assert!(String::from_utf8_lossy(&again).contains("\"entries\":0"), "a browser goes on where it was");
}

#[test]
fn ranges_begin_at_the_cursor() {
    let folder = tempfile::tempdir().unwrap();
    let file = parts::file(folder.path(), "source.journal", 300, 3, &[]);
    let agent = start(&file, None);
    let lines = String::from_utf8(agent.get("/entries", &[], &[])).unwrap();
    let lines: Vec<&str> = lines.lines().collect();
    assert_eq!(lines.len(), 300);
    let entry: serde_json::Value = serde_json::from_str(lines[100]).unwrap();
    let cursor = entry["__CURSOR"].as_str().unwrap();
    for (range, expect) in [
        (format!("{cursor}:5"), &lines[100..105]),
        (format!("{cursor}:1:3"), &lines[101..104]),
        (cursor.to_owned(), &lines[100..]),
        (":298:9".to_owned(), &lines[298..]),
        (":-1:1".to_owned(), &lines[299..]),
        (":-7:3".to_owned(), &lines[293..296]),
        (":-9999:2".to_owned(), &lines[..2]),
        (format!("{cursor}:-10:12"), &lines[90..102]),
    ] {
        let got = agent.get("/entries", &[&format!("range: entries={range}")], &[]);
        assert_eq!(String::from_utf8_lossy(&got).lines().collect::<Vec<_>>(), expect, "{range}");
    }
    for wrong in ["entries=:-10001:1", "entries=x", "bytes=0-1", "entries=:0"] {
        let got = agent.get("/entries", &[&format!("range: {wrong}")], &["-w", "%{http_code}"]);
        assert!(got.ends_with(b"400"), "{wrong}: {}", String::from_utf8_lossy(&got));
    }
}

#[test]
fn what_is_redacted_leaves_by_no_exit() {
    let folder = tempfile::tempdir().unwrap();
    let mut text = Vec::new();
    for number in 1..=20 {
        let message = if number % 2 == 0 { "token=s3cr3t-value" } else { "plain" };
        text.extend_from_slice(
            format!("__REALTIME_TIMESTAMP={}\n__MONOTONIC_TIMESTAMP={number}\n_BOOT_ID={:032x}\nMESSAGE={message}\nSYSLOG_IDENTIFIER={}\n\n",
                1_700_000_000_000_000_u64 + number, 7, if number > 15 { "noise" } else { "app" }).as_bytes(),
        );
    }
    let file = folder.path().join("source.journal");
    parts::write(&text, &file, &[]);
    let rules = folder.path().join("scripts");
    std::fs::create_dir(&rules).unwrap();
    let rule =
        "rule(\"quiet\").drop(identifier == \"noise\");\nrule(\"hide\").redact(message, `s3cr3t-\\w+`, \"***\");\n";
    std::fs::write(rules.join("rules.rhai"), rule).unwrap();
    let scripts = Scripts::open(&[rules]).unwrap_or_else(|rejected| panic!("{}", rejected.draw(false)));
    let agent = start(&file, Some(scripts));
    for path in ["/logs", "/entries", "/logs?match=SYSLOG_IDENTIFIER=app", "/entries?SYSLOG_IDENTIFIER=app"] {
        for accept in ["accept: application/x-ndjson", EXPORT, "accept: text/event-stream"] {
            let got = String::from_utf8_lossy(&agent.get(path, &[accept], &[])).into_owned();
            assert_eq!(got.matches("token=***").count(), 7, "{path} {accept}: {got}");
            assert!(!got.contains("s3cr3t") && !got.contains("noise"), "{path} {accept}");
        }
    }
    let end = agent.get("/logs", &[], &[]);
    assert!(String::from_utf8_lossy(&end).contains("\"dropped\":5"), "the closing line counts what was dropped");
}

#[test]
fn health_names_the_remedy_and_strangers_hear_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().join("journal");
    std::fs::create_dir(&journal).unwrap();
    parts::file(&journal, "system.journal", 20, 4, &[]);
    let agent = start(&journal, None);
    let code = ["-w", " %{http_code}"];
    assert!(agent.get("/logs", &[], &[]).len() > 100);
    assert!(String::from_utf8_lossy(&agent.get("/health", &[], &code)).ends_with(" 200"));
    std::fs::remove_dir_all(&journal).unwrap();
    for path in ["/logs", "/entries", "/health", "/ready"] {
        let got = String::from_utf8_lossy(&agent.get(path, &[], &code)).into_owned();
        assert!(got.ends_with(" 503") && got.contains("no journal") && got.contains("--journal"), "{path}: {got}");
    }
    for path in ["/logs", "/entries"] {
        let url = format!("http://{}{path}", agent.address);
        let done = Command::new("curl")
            .args(["-sS", "-H", "authorization: Bearer wrong", "-w", "%{http_code}", &url])
            .output()
            .unwrap();
        assert_eq!(done.stdout, b"401", "{path}");
    }
}

/// A file as a newer systemd writes it, for the header: a flag that none of today has.
fn alienate(path: &Path) {
    use std::os::unix::fs::FileExt;
    let file = std::fs::OpenOptions::new().write(true).open(path).expect("it is there");
    file.write_all_at(&[1], 15).expect("written");
}

#[test]
fn health_and_metrics_say_which_files_are_not_read_as_they_should_be() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let whole = parts::file(folder, "remote-1.journal", 20, 1, &[]);
    let (alien, second) = (folder.join("remote-2.journal"), folder.join("remote-3.journal"));
    std::fs::copy(&whole, &alien).unwrap();
    let agent = start(folder, None);
    let code = ["-w", " %{http_code}"];
    let of = |path: &str| String::from_utf8_lossy(&agent.get(path, &[], &code)).into_owned();
    let files = |how: &str, count: usize| {
        let line = format!("infralogs_agent_journal_files{{read=\"{how}\"}} {count}");
        let metrics = of("/metrics");
        assert!(metrics.contains(&line), "{line}: {metrics}");
    };
    agent.get("/logs?limit=0", &[], &[]);
    let health = of("/health");
    assert!(health.contains("\"ok\"") && health.ends_with(" 200"), "{health}");
    files("not: damaged", 0);

    // Nothing can be read of it, since this machine's journalctl does not know the flag either. It serves all the same.
    alienate(&alien);
    assert_eq!(String::from_utf8_lossy(&agent.get("/entries", &[], &[])).lines().count(), 20);
    let health = of("/health");
    for words in ["degraded", "remote-2.journal", "journalctl --verify"] {
        assert!(health.contains(words) && health.ends_with(" 200"), "{words}: {health}");
    }
    assert!(of("/ready").ends_with(" 200"));
    files("not: damaged", 1);
    std::fs::copy(&alien, &second).unwrap();
    agent.get("/logs?limit=1", &[], &[]);
    assert!(of("/health").contains("and one more file"), "{}", of("/health"));
    files("not: damaged", 2);
    for file in [&alien, &second] {
        std::fs::remove_file(file).unwrap();
    }
    agent.get("/logs?limit=1", &[], &[]);
    assert!(of("/health").contains("\"ok\""), "{}", of("/health"));
}

#[test]
fn health_says_that_a_file_is_read_through_the_journalctl_of_a_newer_systemd() {
    use infralogs_core::plugin::Settings;
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let (journal, program) = (folder.path().join("journal"), folder.path().join("journalctl"));
    std::fs::create_dir(&journal).unwrap();
    let alien = parts::file(&journal, "remote-1.journal", 20, 1, &[]);
    let known = folder.path().join("known.journal");
    std::fs::copy(&alien, &known).unwrap();
    let script = format!("#!/bin/sh\nexec journalctl --file={} --all --output=export\n", known.display());
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    alienate(&alien);
    let settings = Settings::of(serde_json::json!({"path": journal, "journalctl": program}));
    let agent = common::start(common::of(infralogs_journal::with(&settings).unwrap()));
    assert_eq!(String::from_utf8_lossy(&agent.get("/entries", &[], &[])).lines().count(), 20);
    let health = String::from_utf8_lossy(&agent.get("/health", &[], &[])).into_owned();
    for words in ["degraded", "remote-1.journal", "read through journalctl", "update infralogs"] {
        assert!(health.contains(words), "{words}: {health}");
    }
    let metrics = String::from_utf8_lossy(&agent.get("/metrics", &[], &[])).into_owned();
    assert!(metrics.contains("infralogs_agent_journal_files{read=\"through journalctl\"} 1"), "{metrics}");
}
