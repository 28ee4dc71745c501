//! Real programs as sources: reports, programs that keep a place, and those that misbehave.

use infralogs_core::{
    Kind,
    cursor::Cursor,
    entry::Batch,
    error::Result,
    id::Id128,
    plugin::{Ask, Build, Filter, Settings, Source},
};
use infralogs_exec::PLUGIN;
use serde_json::{Value, json};
use std::{
    path::Path,
    time::{Duration, Instant},
};

fn build(folder: &Path, value: Value) -> Result<Box<dyn Source>> {
    let Build::Source(build) = &PLUGIN.build else { panic!("a source") };
    build(&Settings { place: "test".into(), value, folder: folder.into() })
}

fn shell(script: &str) -> Box<dyn Source> {
    build(Path::new(""), json!({ "command": ["sh", "-c", script] })).expect("good settings")
}

fn messages(batch: &Batch) -> Vec<String> {
    batch.entries.iter().map(|entry| String::from_utf8_lossy(entry.field("MESSAGE").unwrap_or(b"?")).into()).collect()
}

#[tokio::test]
async fn a_report_is_new_each_time_and_says_who_wrote_it() {
    let mut source = shell(
        r#"printf '%s\n' '{"MESSAGE":"one","PRIORITY":3}' '' '{"MESSAGE":"two","_HOSTNAME":"other","__REALTIME_TIMESTAMP":"7"}'"#,
    );
    let first = source.read(&Ask::default()).await.expect("a report");
    assert_eq!(messages(&first), ["one", "two"]);
    let (one, two) = (first.entries.get(0), first.entries.get(1));
    assert_eq!((one.field("SYSLOG_IDENTIFIER"), one.field("PRIORITY")), (Some(&b"sh"[..]), Some(&b"3"[..])));
    assert_eq!(one.machine(), Some(first.machine));
    assert_eq!((two.field("_HOSTNAME"), two.time().0), (Some(&b"other"[..]), 7));
    assert!(one.cursor.seqnum < two.cursor.seqnum);

    let ask = Ask { after: first.next, ..Ask::default() };
    let second = source.read(&ask).await.expect("a report");
    assert_eq!(messages(&second), ["one", "two"], "each run is a report of its own");
    assert!(second.entries.get(0).cursor.seqnum > two.cursor.seqnum);

    // A clock set back does not make places stand still.
    let far = Cursor { seqnum: u64::MAX / 2, ..first.next.expect("a place") };
    let later = source.read(&Ask { after: Some(far), ..Ask::default() }).await.expect("a report");
    assert!(later.next.expect("a place").seqnum > far.seqnum);

    let filter = Filter { priority_max: Some(3), ..Filter::default() };
    let severe = source.read(&Ask { filter, ..Ask::default() }).await.expect("a report");
    assert_eq!((messages(&severe), severe.dropped), (vec!["one".to_owned()], 1));
    let asked = source.read(&Ask { limit: 0, ..Ask::default() }).await.expect("who it is");
    assert!(asked.entries.is_empty() && asked.next.is_none() && asked.head.is_some());
}

#[tokio::test]
async fn a_program_that_keeps_its_place_is_told_where_it_was() {
    let id = Id128::of(&[b"a program"]);
    let cursor = |seqnum| Cursor { seqnum_id: id, seqnum, ..Cursor::default() };
    let script = format!(
        r#"[ -z "$INFRALOGS_AFTER" ] && after=none || after=$INFRALOGS_AFTER
           printf '{{"__CURSOR":"%s","MESSAGE":"after %s limit %s"}}\n' '{0}' "$after" "$INFRALOGS_LIMIT"
           printf '{{"$end":{{"cursor":"%s","machine":"{id}","entries":1,"more":true}}}}' '{0}'"#,
        cursor(5)
    );
    let mut source = shell(&script);
    let first = source.read(&Ask { limit: 9, ..Ask::default() }).await.expect("a batch");
    assert_eq!(messages(&first), ["after none limit 9"]);
    assert_eq!((first.next, first.machine, first.more), (Some(cursor(5)), id, true));
    let second = source.read(&Ask { after: first.next, ..Ask::default() }).await.expect("a batch");
    assert_eq!(messages(&second), [format!("after {} limit 5000", cursor(5))]);
}

#[tokio::test]
async fn what_goes_wrong_is_said_and_nothing_of_it_counts() {
    let cases = [
        (
            "echo '{\"MESSAGE\":\"x\"}'; echo 'first' >&2; echo 'no such ups' >&2; exit 3",
            Kind::Unavailable,
            "no such ups",
        ),
        ("echo '{\"MESSAGE\":\"x\"}'; echo 'not json'", Kind::Corrupt, "line 2"),
        (
            "printf '{\"MESSAGE\":\"x\"}\\n{\"$end\":{\"cursor\":null,\"machine\":\"x\",\"entries\":1}}'",
            Kind::Corrupt,
            "sh",
        ),
        ("kill -9 $$", Kind::Unavailable, "signal: 9"),
        ("yes", Kind::Limit, "bytes"),
    ];
    for (script, kind, words) in cases {
        let error = shell(script).read(&Ask::default()).await.expect_err(script);
        assert_eq!(error.kind, kind, "{script}: {error}");
        assert!(error.to_string().contains(words), "{script}: {error}");
    }
    let limited = shell("for i in 1 2 3; do echo '{\"MESSAGE\":\"x\"}'; done");
    let error = { limited }.read(&Ask { limit: 2, ..Ask::default() }).await.expect_err("too many");
    assert_eq!(error.kind, Kind::Limit);
}

#[tokio::test]
async fn a_program_that_hangs_is_killed_with_all_it_started() {
    let folder = tempfile::tempdir().expect("a folder");
    let command = ["sh", "-c", "sleep 1000 & echo $! > child; wait"];
    let mut source = build(folder.path(), json!({ "command": command, "timeout": "500ms" })).expect("good settings");
    let begun = Instant::now();
    let error = source.read(&Ask::default()).await.expect_err("it hangs");
    assert!(error.to_string().contains("longer than"), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(60));
    let child = std::fs::read_to_string(folder.path().join("child")).expect("the child's number");
    let gone = || !Path::new("/proc").join(child.trim()).join("cwd").exists();
    while !gone() && begun.elapsed() < Duration::from_secs(60) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(gone(), "what it started still runs");
}

#[test]
fn settings_are_checked_before_anything_runs() {
    let here = Path::new(".");
    let refused = |value: Value| build(here, value).err().map(|error| error.to_string()).unwrap_or_default();
    assert!(refused(json!({ "command": [] })).contains("names no program"));
    assert!(refused(json!({ "command": ["x"], "timeout": "2h" })).contains("10m"));
    assert!(refused(json!({ "command": ["x"], "shell": true })).contains("shell"));
    let readme = include_str!("../README.md");
    assert!(readme.contains(PLUGIN.sample), "the README shows the sample");
}

#[tokio::test]
async fn a_missing_program_is_one_clear_error() {
    let mut source = build(Path::new(""), json!({ "command": ["no-such-program-anywhere"] })).expect("good settings");
    let error = source.read(&Ask::default()).await.expect_err("there is none");
    assert_eq!(error.kind, Kind::Invalid);
    assert!(error.to_string().contains("no-such-program-anywhere"), "{error}");
}
