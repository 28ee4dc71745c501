//! Entries over the wire: what is written is read back whole, by us and by systemd's own tools.

use infralogs_core::{
    Kind,
    cursor::Cursor,
    entry::{Batch, ENTRY_BYTES_MAX, Entries, Gap},
    id::Id128,
    wire::{End, LINE_BYTES_MAX, Limits, Line, Reader, export, read_line, write_end, write_entry},
};
use proptest::prelude::*;
use std::{fmt::Write as _, path::Path, process::Command};

/// Fields as a test writes them.
type Fields = Vec<(String, Vec<u8>)>;

fn cursor(seqnum: u64) -> Cursor {
    Cursor {
        seqnum_id: Id128::of(&[b"seqnum"]),
        seqnum,
        boot: Id128::of(&[b"boot"]),
        monotonic: 1_000_000 + seqnum,
        realtime: 1_760_000_000_000_000 + seqnum,
        xor_hash: seqnum.wrapping_mul(0x9e37_79b9_7f4a_7c15),
    }
}

fn batch(all: &[Fields]) -> Batch {
    let mut entries = Entries::default();
    for (index, fields) in all.iter().enumerate() {
        fields.iter().for_each(|(name, value)| entries.push_field(name.as_bytes(), value));
        entries.end(cursor(index as u64 + 1));
    }
    let last = entries.last_cursor();
    let gap = Gap { after: last, before: cursor(9), lost: Some(3) };
    let machine = Id128::of(&[b"machine"]);
    Batch { entries, machine, next: last, head: last, dropped: 2, gaps: vec![gap], more: true, ..Batch::default() }
}

fn shown(entries: &Entries) -> String {
    let mut text = String::new();
    for entry in entries.iter() {
        writeln!(text, "{}", entry.cursor).expect("text");
        for (name, value) in entry.fields() {
            writeln!(text, "  {}={}", name.escape_ascii(), value.escape_ascii()).expect("text");
        }
    }
    text
}

fn ndjson(batch: &Batch) -> Vec<u8> {
    let mut text = Vec::new();
    batch.entries.iter().for_each(|entry| write_entry(&entry, &mut text));
    write_end(&End::of(batch), &mut text);
    text
}

fn read(text: &[u8], piece: usize) -> infralogs_core::Result<Batch> {
    let mut reader = Reader::new(Limits::default());
    text.chunks(piece.max(1)).try_for_each(|piece| reader.push(piece))?;
    reader.finish()
}

fn odd_entries() -> Vec<Fields> {
    let field = |name: &str, value: &[u8]| (name.to_owned(), value.to_vec());
    vec![
        vec![field("_BOOT_ID", &cursor(1).boot.digits()), field("MESSAGE", "plain, then ümläut \u{1f600}".as_bytes())],
        vec![field("MESSAGE", b"two\nlines\t\"quoted\" \\ \x1b[31mred\x7f\r\n"), field("EMPTY", b"")],
        vec![field("MESSAGE", b"\xff\xfe bin \x00"), field("TAG", b"a"), field("PRIORITY", b"3"), field("TAG", b"b")],
        vec![field("MESSAGE", "no character: \u{fffe}, control: \u{85}".as_bytes())],
        vec![field("MESSAGE", &b"x\x01".repeat(5_000)), field("BLOB", &(0..=255).collect::<Vec<u8>>())],
        vec![field("MESSAGE", &b"long line ".repeat(20_000))],
    ]
}

#[test]
fn odd_entries_come_back_whole_in_pieces_of_any_size() {
    let sent = batch(&odd_entries());
    let text = ndjson(&sent);
    assert!(text.iter().filter(|byte| **byte == b'\n').count() == 7, "one line each");
    for piece in [1, 7, 4_096, text.len()] {
        let got = read(&text, piece).expect("whole");
        // Repeated fields stand together, where the first one stood.
        let expect = shown(&sent.entries).replace("  PRIORITY=3\n  TAG=b\n", "  TAG=b\n  PRIORITY=3\n");
        assert_eq!(shown(&got.entries), expect);
        assert_eq!(End::of(&got), End::of(&sent));
    }
}

#[test]
fn an_answer_that_is_not_whole_is_refused() {
    let sent = batch(&odd_entries());
    let text = ndjson(&sent);
    let end_at = text.len() - 1 - text[..text.len() - 1].iter().rev().position(|b| *b == b'\n').expect("lines");
    assert!(read(&text[..text.len() - 1], 50).is_ok(), "only the last newline is missing");
    for cut in (0..end_at).step_by(997).chain(end_at..text.len() - 1) {
        let error = read(&text[..cut], 4_096).expect_err("cut short");
        assert_eq!(error.kind, Kind::Unavailable, "cut at {cut}: {error}");
    }
    let check = |text: &str, kind: Kind, what: &str| {
        let error = read(text.as_bytes(), 64).expect_err(text);
        assert!(error.kind == kind && error.to_string().contains(what), "{text}: {error:?}");
    };
    let whole = String::from_utf8(text[end_at..].to_vec()).expect("JSON").replace("\"entries\":6", "\"entries\":0");
    check(&format!("{whole}{whole}"), Kind::Corrupt, "behind the closing line");
    check(&format!("{whole}x"), Kind::Corrupt, "behind the closing line");
    check(&whole.replace("\"entries\":0", "\"entries\":1"), Kind::Corrupt, "0 entries came, the closing line counts 1");
    check(&whole.replace("\"machine\":\"", "\"machine\":\"x"), Kind::Corrupt, "no 128-bit id");
    check("{\"MESSAGE\":\"x\"}\n", Kind::Corrupt, "without `__CURSOR` (line 1)");
    check("{\"__CURSOR\":\"s=1\"}\n", Kind::Corrupt, "no journal cursor");
    check("hello\n", Kind::Corrupt, "no entry");
    check(&format!("{{\"A\":\"{}", "a".repeat(LINE_BYTES_MAX)), Kind::Limit, "a line of more than");
    let mut few = Reader::new(Limits { entries: 3, ..Limits::default() });
    assert_eq!(few.push(&text).expect_err("too many").kind, Kind::Limit);
}

#[test]
fn values_of_other_writers_are_read() {
    let check = |line: &str, expect: &[(&str, &[u8])]| {
        let mut entries = Entries::default();
        match read_line(line.as_bytes(), &mut entries) {
            Ok(Line::Entry(_)) => entries.end(cursor(1)),
            other => panic!("{line}: {other:?}"),
        }
        let got: Vec<_> = entries.get(0).fields().collect();
        let expect: Vec<_> = expect.iter().map(|(name, value)| (name.as_bytes(), *value)).collect();
        assert_eq!(got, expect, "{line}");
    };
    check(r#"{"MESSAGE":[255,254,32],"__SEQNUM":"7"}"#, &[("MESSAGE", b"\xff\xfe ")]);
    check(r#"{"T":["a",[0,1],"b"],"N":null}"#, &[("T", b"a"), ("T", b"\0\x01"), ("T", b"b"), ("INFRALOGS_CUT", b"N")]);
    check(r#"{"T":["a",{"$b64":"/w=="},null]}"#, &[("T", b"a"), ("T", b"\xff"), ("INFRALOGS_CUT", b"T")]);
    check(r#"{"A":3,"B":-1,"C":1.5,"D":true}"#, &[("A", b"3"), ("B", b"-1"), ("C", b"1.5"), ("D", b"true")]);
    let refuse = |line: &str| {
        let mut entries = Entries::default();
        assert!(read_line(line.as_bytes(), &mut entries).is_err(), "{line}");
        assert_eq!(entries.bytes(), 0, "{line}: nothing may be left of it");
    };
    let deep = format!("{{\"A\":{}", "[".repeat(100_000));
    let named = format!("{{\"{}\":\"x\"}}", "A".repeat(300));
    for line in [
        r#"{"A":"b","C":{"x":1}}"#,
        r#"{"A":[300]}"#,
        r#"{"A":[1,"a"]}"#,
        r#"{"A":[[["a"]]]}"#,
        r#"{"":"a"}"#,
        "[]",
        &deep,
        &named,
    ] {
        refuse(line);
    }
}

#[test]
fn a_line_never_outgrows_its_limit() {
    let field = |name: &str, byte: u8, length: usize| (name.to_owned(), vec![byte; length]);
    let many =
        |byte: u8, length: usize, count: usize| (0..count).map(|n| field(&format!("F{n}"), byte, length)).collect();
    let all: Vec<Fields> = vec![
        many(1, 1_024, 1_000),
        many(b'"', 4 << 20, 5),
        many(0xff, 4 << 20, 5),
        vec![field("__CURSOR", b'x', 5), field("MESSAGE", 1, ENTRY_BYTES_MAX + 1), field("B", b'x', 2)],
    ];
    let mut cuts = Vec::new();
    for fields in all {
        let mut line = Vec::new();
        write_entry(&batch(&[fields]).entries.get(0), &mut line);
        assert!(line.len() <= LINE_BYTES_MAX, "{} bytes", line.len());
        let mut entries = Entries::default();
        read_line(&line, &mut entries).expect("an entry");
        entries.end(cursor(1));
        cuts.push(entries.get(0).field("INFRALOGS_CUT").map(|cut| String::from_utf8_lossy(cut).into_owned()));
    }
    assert_eq!(cuts, [None, Some("F4".into()), Some("F4".into()), Some("MESSAGE".into())]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_entry_survives_both_formats(
        all in prop::collection::vec(prop::collection::vec(("[A-Z][A-Z_]{0,3}", prop::collection::vec(any::<u8>(), 0..60)), 0..12), 0..6),
        piece in 1usize..200,
    ) {
        let sent = batch(&all);
        let got = read(&ndjson(&sent), piece).expect("whole");
        prop_assert_eq!(sorted(&got.entries), sorted(&sent.entries));
        let mut text = Vec::new();
        sent.entries.iter().for_each(|entry| export::write_entry(&entry, &mut text));
        let mut reader = export::Reader::new(Limits::default());
        text.chunks(piece).try_for_each(|piece| reader.push(piece)).expect("export");
        let got = reader.finish(Some(End::of(&sent))).expect("whole");
        prop_assert_eq!(sorted(&got.entries), sorted(&sent.entries));
    }

    #[test]
    fn any_bytes_are_refused_or_read(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = read(&bytes, 20);
        let _ = read_line(&bytes, &mut Entries::default());
        let mut reader = export::Reader::new(Limits::default());
        let _ = reader.push(&bytes);
        let _ = End::from_json(&bytes);
    }
}

/// Each entry's fields in order of name; values of one name keep theirs. `_BOOT_ID` is added by the export head.
fn sorted(entries: &Entries) -> Vec<(Cursor, Fields)> {
    let fields = |entry: infralogs_core::entry::Entry<'_>| {
        let mut fields: Fields = entry
            .fields()
            .filter(|(name, _)| *name != b"_BOOT_ID")
            .map(|(name, value)| (String::from_utf8_lossy(name).into_owned(), value.to_vec()))
            .collect();
        fields.sort_by(|a, b| a.0.cmp(&b.0));
        (entry.cursor, fields)
    };
    entries.iter().map(fields).collect()
}

/// What `journalctl` prints of a file.
fn journalctl(file: &Path, arguments: &[&str]) -> Vec<u8> {
    let run = Command::new("journalctl").arg("--file").arg(file).args(arguments).output().expect("journalctl runs");
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    run.stdout
}

#[test]
fn systemd_reads_what_we_write_and_we_write_what_systemd_does() {
    let folder = tempfile::tempdir().expect("a folder");
    let sent = batch(&odd_entries());
    let mut text = Vec::new();
    sent.entries.iter().for_each(|entry| export::write_entry(&entry, &mut text));
    let (from, file) = (folder.path().join("sent"), folder.path().join("got.journal"));
    std::fs::write(&from, &text).expect("written");
    let run = Command::new("/lib/systemd/systemd-journal-remote").arg("-o").arg(&file).arg(&from).output();
    let run = run.expect("systemd-journal-remote is installed");
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));

    // Its export text is ours, byte for byte.
    let theirs = journalctl(&file, &["-o", "export"]);
    let mut reader = export::Reader::new(Limits::default());
    theirs.chunks(1_000).try_for_each(|piece| reader.push(piece)).expect("export");
    let got = reader.finish(None).expect("whole");
    let mut ours = Vec::new();
    got.entries.iter().for_each(|entry| export::write_entry(&entry, &mut ours));
    assert_eq!(ours.escape_ascii().to_string(), theirs.escape_ascii().to_string());

    // It holds what we sent; the file's own counter makes new cursors.
    let fields = |entries: &Entries| sorted(entries).into_iter().map(|(_, fields)| fields).collect::<Vec<_>>();
    assert_eq!(fields(&got.entries), fields(&sent.entries));

    // Its JSON is read too.
    let mut entries = Entries::default();
    for line in journalctl(&file, &["-o", "json", "--all"]).split(|byte| *byte == b'\n') {
        if let Line::Entry(marks) = read_line(line, &mut entries).expect("a line") {
            entries.end(marks.cursor.expect("a cursor"));
        }
    }
    assert_eq!(sorted(&entries), sorted(&got.entries));
}
