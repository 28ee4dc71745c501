//! Entries out of files: the same journal in every form that journalctl writes gives the same entries.

use crate::common::NOW;
use infralogs_core::parse::input::{Format, Input};
use std::{collections::BTreeSet, path::PathBuf};

/// The fields of every entry, sorted, and what was odd.
fn read(bytes: &[u8], format: Option<Format>, given: &[(&str, &str)]) -> (Format, Vec<BTreeSet<String>>, Vec<String>) {
    let given: Vec<_> = given.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    let mut input = Input::new(bytes, format, &given, NOW).expect("readable");
    let (mut all, mut odd) = (Vec::new(), Vec::new());
    while let Some(batch) = input.next_batch().expect("readable") {
        assert_eq!(batch.entries.len(), batch.lines.len());
        for (entry, line) in batch.entries.iter().zip(&batch.lines) {
            let field =
                |(name, value): (&[u8], &[u8])| format!("{}={}", name.escape_ascii(), String::from_utf8_lossy(value));
            let mut fields: BTreeSet<String> = entry.fields().map(field).collect();
            fields.insert(format!("@{} line {line}", entry.time().0));
            all.push(fields);
        }
        odd.extend(batch.odd.iter().map(|(line, why)| format!("{line}: {why}")));
    }
    (input.format(), all, odd)
}

fn journal(form: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/parse/journal").join(format!("j.{form}"));
    std::fs::read(path).expect("a sample")
}

fn without_lines(all: &[BTreeSet<String>]) -> Vec<BTreeSet<String>> {
    let plain = |field: &String| field.split(" line ").next().unwrap_or("").to_owned();
    all.iter().map(|fields| fields.iter().map(plain).collect()).collect()
}

#[test]
fn every_form_of_a_journal_gives_the_same_entries() {
    let (format, export, odd) = read(&journal("export"), None, &[]);
    assert_eq!((format, odd.len(), export.len()), (Format::Export, 0, 4));
    for (form, wanted) in [("json", Format::Json), ("verbose", Format::Verbose)] {
        let (format, entries, odd) = read(&journal(form), None, &[]);
        assert_eq!((format, odd), (wanted, vec![]), "{form}");
        assert_eq!(without_lines(&entries), without_lines(&export), "{form}");
    }
    let (format, short, _) = read(&journal("short"), None, &[]);
    assert_eq!(format, Format::Syslog);
    // What `-o short` writes at all is the same, but for the fraction of the second.
    for (entry, whole) in without_lines(&short).iter().zip(without_lines(&export)) {
        let missing: Vec<_> =
            entry.iter().filter(|field| !whole.contains(&field.replace("SYSLOG_PID", "_PID"))).collect();
        assert!(missing.is_empty(), "{missing:?} not in {whole:?}");
    }
    assert!(short[1].contains("@1767614401000000 line 2"), "{:?}", short[1]);
    assert!(short[2].contains("@1767614402000000 line 7"), "{:?}", short[2]);
}

#[test]
fn lines_of_a_program_that_begin_with_a_time_are_no_syslog() {
    for (text, wanted) in [
        ("2026-11-27T10:00:00Z INFO worker-3 job 81 took 120 ms\n", Format::Text),
        ("2026-11-27T10:00:00Z WARN worker-3: job 81 took 120 ms\n", Format::Text),
        ("Nov 27 10:00:00 web-1 sshd[7]: Failed password for root\n", Format::Syslog),
        ("2026-11-27T10:00:00.5+01:00 web-1 kernel: sda1 is failing\n", Format::Syslog),
        ("Nov 27 10:00:00 web-1 last message repeated\nNov 27 10:00:01 web-1 cron[7]: done\n", Format::Syslog),
        ("<34>1 2026-11-27T10:00:00Z web-1 su 7 ID47 - failed\n", Format::Syslog),
    ] {
        assert_eq!(read(text.as_bytes(), None, &[]).0, wanted, "{text}");
    }
}

#[test]
fn text_lines_are_messages_and_given_fields_win() {
    let (format, all, _) = read(b"one\r\n{\"app\": 1}", None, &[("identifier", "sshd")]);
    assert_eq!(format, Format::Text);
    let expect = ["@1767614400000000 line 2", "MESSAGE={\"app\": 1}", "SYSLOG_IDENTIFIER=sshd"];
    assert_eq!(all[1].iter().collect::<Vec<_>>(), expect);
    let error = Input::new(&b""[..], None, &[("identfier".into(), "x".into())], NOW).expect_err("no field");
    assert!(error.to_string().contains("did you mean `identifier`?"), "{error}");
}

#[test]
fn what_is_not_as_it_should_be_is_said() {
    let (_, all, odd) = read(b"{\"MESSAGE\":\"a\",\"_BOOT_ID\":\"x\"}\nnope\n", None, &[]);
    assert_eq!((all.len(), odd.len()), (1, 1));
    assert!(odd[0].starts_with("2: no entry: "), "{odd:?}");
    let (_, all, odd) = read(b"<13>Jan  5 12:00:00 a b: c\nnope\n", None, &[]);
    assert_eq!((all.len(), odd), (2, vec!["2: no syslog line: taken as a message".to_owned()]));
    let mut cut = journal("export");
    cut.truncate(cut.len() - 20);
    let (_, all, odd) = read(&cut, None, &[]);
    assert_eq!((all.len(), odd.len()), (3, 1), "{odd:?}");
}
