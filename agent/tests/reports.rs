//! Reports: failed units told from a journal, and the disks of the machine around a container.
#![allow(clippy::unwrap_used)]

mod common;
#[path = "../../plugins/journal/tests/parts/mod.rs"]
mod parts;

use infralogs_agent::disk::Disk;
use infralogs_core::{
    entry::Batch,
    plugin::{Ask, Source},
    script::{Reload, Scripts},
};
use std::{
    path::Path,
    process::{Command, Stdio},
    time::{SystemTime, UNIX_EPOCH},
};

const FAILED: &str = "d9b373ed55a64feb8242e02dbe79a49c";
const EXITED: &str = "98e322203f7a4ed290d09fe03c09fe15";
const OUT_OF_MEMORY: &str = "fe6faa94e7774663a0da52717891d8ef";
const STARTED: &str = "39f53479d3a045ac8e11786248231fbf";

/// What systemd writes to a journal of the made-up machine, an entry after the other.
struct Systemd<'a> {
    file: &'a Path,
    boot: u8,
    seconds: u64,
}

impl Systemd<'_> {
    fn says(&mut self, entries: &[(&str, &str)]) {
        let mut text = String::new();
        for (id, more) in entries {
            self.seconds += 1;
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros() as u64 - 60_000_000;
            text += &format!(
                "__REALTIME_TIMESTAMP={}\n__MONOTONIC_TIMESTAMP={}\n_BOOT_ID={:032x}\n_MACHINE_ID={:032x}\n\
                 _HOSTNAME=web-1\nSYSLOG_IDENTIFIER=systemd\nMESSAGE_ID={id}\nMESSAGE=of {id}\n{more}\n\n",
                now + self.seconds,
                self.seconds,
                self.boot,
                77
            );
        }
        parts::write(text.as_bytes(), self.file, &[]);
    }
}

fn messages(batch: &Batch) -> Vec<String> {
    let of = |message: String| {
        let words = message.split(' ').filter(|word| !word.starts_with("failed_at_us="));
        words.collect::<Vec<_>>().join(" ")
    };
    parts::messages(std::slice::from_ref(batch)).into_iter().map(of).collect()
}

#[test]
fn units_are_failed_until_the_journal_says_otherwise() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("system.journal");
    let mut systemd = Systemd { file: &file, boot: 1, seconds: 10 };
    systemd
        .says(&[(FAILED, "_PID=1\nUNIT=earlier.service\nUNIT_RESULT=timeout"), (STARTED, "_PID=1\nUNIT=fine.service")]);
    (systemd.boot, systemd.seconds) = (2, 3_600);
    systemd.says(&[
        (EXITED, "_PID=1\nUNIT=nginx.service\nEXIT_CODE=exited\nEXIT_STATUS=1"),
        (FAILED, "_PID=1\nUNIT=nginx.service\nUNIT_RESULT=exit-code"),
        (OUT_OF_MEMORY, "_PID=1\nUNIT=big.service"),
        (FAILED, "_PID=1\nUNIT=big.service\nUNIT_RESULT=oom-kill"),
        (FAILED, "_PID=1\nUNIT=again.service\nUNIT_RESULT=signal"),
        (STARTED, "_PID=1\nUNIT=again.service"),
        (FAILED, "_PID=4711\nUNIT=forged.service\nUNIT_RESULT=exit-code"),
        (FAILED, "_PID=812\n_UID=1000\nUSER_UNIT=sync.service\nUNIT_RESULT=exit-code"),
    ]);
    let agent = common::start(common::of(parts::open(folder.path())));
    let read = |after| agent.batch("/reports/failed_units", after, 100);
    let first = read(None);
    assert_eq!(
        messages(&first),
        [
            "unit=again.service state=recovered result=signal failures=1",
            "unit=big.service state=failed result=oom-kill failures=1 oom=true",
            "unit=nginx.service state=failed result=exit-code failures=1 code=exited status=1",
            "unit=sync.service state=failed result=exit-code failures=1 uid=1000",
        ]
    );
    let entry = first.entries.get(0);
    assert_eq!(entry.field("SYSLOG_IDENTIFIER"), Some(&b"infralogs-failed-units"[..]));
    assert!(first.entries.iter().all(|entry| entry.field("PRIORITY") == Some(&b"6"[..])), "no error each minute");
    assert_eq!((entry.field("_HOSTNAME"), first.machine), (Some(&b"web-1"[..]), agent.batch("/logs", None, 1).machine));

    // What is written since changes the next report, which is behind the first.
    systemd
        .says(&[(STARTED, "_PID=1\nUNIT=nginx.service"), (FAILED, "_PID=1\nUNIT=again.service\nUNIT_RESULT=signal")]);
    let second = read(first.next);
    assert_eq!(
        messages(&second),
        [
            "unit=again.service state=failed result=signal failures=2",
            "unit=big.service state=failed result=oom-kill failures=1 oom=true",
            "unit=nginx.service state=recovered result=exit-code failures=1",
            "unit=sync.service state=failed result=exit-code failures=1 uid=1000",
        ]
    );
    let seqnums = |batch: &Batch| batch.entries.iter().map(|entry| entry.cursor.seqnum).collect::<Vec<_>>();
    assert!(seqnums(&first).last() < seqnums(&second).first());

    // Another boot forgets; an empty report is one too.
    (systemd.boot, systemd.seconds) = (3, 7_200);
    systemd.says(&[(STARTED, "_PID=1\nUNIT=nginx.service")]);
    let third = read(second.next);
    assert_eq!((third.entries.len(), third.next, third.more), (0, second.next, false));
    assert_eq!(agent.ask("/reports/failed_units", "wrong").0, "401");
}

#[test]
fn scripts_in_force_are_told_with_an_edit_that_was_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("system.journal");
    let says = [(STARTED, "_PID=1\nUNIT=a.service"), (STARTED, "_PID=1\nUNIT=b.service")];
    Systemd { file: &file, boot: 1, seconds: 10 }.says(&says);
    let rules = folder.path().join("rules.rhai");
    let good = "rule(\"hide\").redact(message, `s3cr3t`, \"***\");\n";
    std::fs::write(&rules, good).unwrap();
    let scripts = Scripts::open(std::slice::from_ref(&rules)).unwrap();
    let agent = common::start(common::of(parts::open(&file)).scripts(scripts.clone()));
    let read = |after| agent.batch("/reports/scripts", after, 100);
    let health = || String::from_utf8(agent.ask("/health", "").1).unwrap();

    let first = read(None);
    let fine = format!("agent=0.1.0 scripts={} rules=1", scripts.current().hash);
    assert_eq!(parts::messages(std::slice::from_ref(&first)), [fine.as_str()]);
    let entry = first.entries.get(0);
    assert_eq!(entry.field("SYSLOG_IDENTIFIER"), Some(&b"infralogs-scripts"[..]));
    assert_eq!((entry.field("_HOSTNAME"), first.machine), (Some(&b"web-1"[..]), agent.batch("/logs", None, 1).machine));
    assert!(health().contains(&*scripts.current().hash) && health().contains("\"ok\""), "{}", health());

    std::fs::write(&rules, good.replace("redact", "redcat")).unwrap();
    assert_eq!(scripts.reload(), Reload::Rejected);
    let second = read(first.next);
    let [refused] = &*parts::messages(std::slice::from_ref(&second)) else { panic!("one entry a report") };
    assert!(refused.starts_with(&fine) && refused.contains("redcat") && refused.contains("rules.rhai:1:"), "{refused}");
    assert!(health().contains("degraded") && health().contains("redcat"), "{}", health());

    std::fs::write(&rules, good).unwrap();
    assert_ne!(scripts.reload(), Reload::Rejected);
    assert_eq!(parts::messages(&[read(second.next)]), [fine]);
    assert!(health().contains("\"ok\""), "{}", health());

    let without = common::start(common::of(parts::open(&file)));
    assert_eq!(parts::messages(&[without.batch("/reports/scripts", None, 1)]), ["agent=0.1.0 rules=0"]);
}

#[tokio::test]
async fn the_disks_of_the_machine_around_a_container_are_those_mounted_below_its_root() {
    let all = |disk: Disk| async move {
        let report = disk.clone().read(&Ask::default()).await;
        report.map(|report| parts::messages(&[report]))
    };
    let own = all(Disk::of_this_machine()).await.unwrap();
    let around = all(Disk::of_host_at(Path::new("/"))).await.unwrap();
    let mounts = |all: &[String]| -> Vec<String> {
        all.iter().map(|message| message.split(' ').next().unwrap().to_owned()).collect()
    };
    assert!(!own.is_empty());
    assert_eq!(mounts(&around), mounts(&own));
    let folder = tempfile::tempdir().unwrap();
    let error = all(Disk::of_host_at(folder.path())).await.expect_err("nothing is mounted there");
    assert!(error.to_string().contains("/:/host:ro,rslave"), "{error}");

    // In a namespace of its own, where this machine's root is mounted at another place.
    let agent = env!("CARGO_BIN_EXE_infralogs-agent");
    std::fs::create_dir(folder.path().join("host")).unwrap();
    parts::file(folder.path(), "system.journal", 5, 1, &[]);
    std::fs::write(folder.path().join("tokens"), "correct-horse-battery-staple\n").unwrap();
    let begin = r#"set -e; cd "$0"; mount --rbind / host; mount -o remount,bind,ro host
        exec "$1" --check --listen 127.0.0.1:0 --token-file tokens --journal . --host-root "$0/host""#;
    let mut unshare = Command::new("unshare");
    unshare.args(["--mount", "--propagation", "private", "sh", "-c", begin]).arg(folder.path()).arg(agent);
    let done = unshare.stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&[&done.stdout[..], &done.stderr].concat()).into_owned();
    assert!(done.status.success() && said.contains(&format!("ok    disks: {} mounted at", own.len())), "{said}");
}
