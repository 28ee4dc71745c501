//! What goes wrong while an agent serves: files cut short or taken away, clients that leave, tokens that are revoked,
//! clients at once. Nothing is lost, nothing comes twice, and the agent goes on.
#![allow(clippy::unwrap_used)]

mod common;
#[path = "../../plugins/journal/tests/parts/mod.rs"]
mod parts;

use common::{LONG, Running, TOKEN};
use infralogs_http::Tokens;
use std::{
    io::{Read, Write},
    path::Path,
    process::Command,
    thread,
    time::{Duration, Instant},
};

fn start(journal: &Path, tokens: Tokens) -> Running {
    common::start(common::with(parts::open(journal), tokens))
}

#[test]
fn clients_at_once_each_get_everything_once() {
    let folder = tempfile::tempdir().unwrap();
    let file = parts::file(folder.path(), "source.journal", 2_000, 1, &[]);
    let agent = start(&file, Tokens::held(TOKEN));
    let theirs = parts::exported(&file);
    thread::scope(|scope| {
        for limit in [50_000, 333, 70] {
            let (agent, theirs) = (&agent, &theirs);
            scope.spawn(move || {
                let batches = agent.batches(limit);
                parts::assert_same(&parts::export(&batches), theirs, &format!("by {limit}"));
            });
        }
    });
}

#[test]
fn a_client_that_leaves_costs_nobody_anything() {
    let folder = tempfile::tempdir().unwrap();
    let file = parts::file(folder.path(), "source.journal", 4_000, 2, &[]);
    let agent = start(&file, Tokens::held(TOKEN));
    for round in 0..20 {
        let stream = agent.begin(if round % 2 == 0 { "/logs?limit=50000" } else { "/entries" }, TOKEN);
        drop(stream);
    }
    // Who draws nothing holds up nobody else either.
    let _idle: Vec<_> = (0..4).map(|_| agent.begin("/entries", TOKEN)).collect();
    let begun = Instant::now();
    let count: usize = agent.batches(5_000).iter().map(|batch| batch.entries.len()).sum();
    assert_eq!(count, 4_000);
    assert!(begun.elapsed() < LONG, "{:?}", begun.elapsed());
}

#[test]
fn a_file_cut_short_or_taken_away_while_it_is_served_breaks_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().join("journal");
    std::fs::create_dir(&journal).unwrap();
    let cut = parts::file(&journal, "remote-cut.journal", 3_000, 3, &[]);
    parts::file(&journal, "remote-whole.journal", 500, 4, &[]);
    let agent = start(&journal, Tokens::held(TOKEN));
    let whole = parts::exported(&journal.join("remote-whole.journal"));

    let mut stream = agent.begin("/logs?limit=50000", TOKEN);
    // A file begins with its hash tables and ends with room: the cut is to go through its entries.
    let used = std::fs::read(&cut).unwrap().iter().rposition(|byte| *byte != 0).unwrap() as u64;
    std::fs::OpenOptions::new().write(true).open(&cut).unwrap().set_len(used * 9 / 10).unwrap();
    // It goes on to its end, whole or broken off; a mapped file would have killed the process.
    stream.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
    while matches!(stream.read(&mut [0; 64 << 10]), Ok(1..)) {}
    let batches = agent.batches(1_000);
    let count: usize = batches.iter().map(|batch| batch.entries.len()).sum();
    let unreadable: u64 = batches.iter().map(|batch| batch.unreadable).sum();
    assert!(count > 500 && count < 3_500 && unreadable > 0, "{count} and {unreadable}");

    let stream = agent.begin("/entries", TOKEN);
    std::fs::remove_file(&cut).unwrap();
    drop(stream);
    parts::assert_same(&parts::export(&agent.batches(100)), &whole, "what is left");
}

#[test]
fn a_writer_killed_at_any_moment_loses_nothing_that_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("remote-a.journal");
    let text = parts::text::entries(6_000, 5);
    for pause_ms in [40, 150, 400] {
        let _ = std::fs::remove_file(&file);
        let mut remote = Command::new("/lib/systemd/systemd-journal-remote");
        let remote = remote.arg("-o").arg(&file).arg("-").stdin(std::process::Stdio::piped());
        let mut remote = remote.stderr(std::process::Stdio::null()).spawn().unwrap();
        let mut input = remote.stdin.take().unwrap();
        let text = text.clone();
        // It ends when its reader is killed.
        let writer = thread::spawn(move || drop(input.write_all(&text)));
        while !file.exists() {
            thread::sleep(Duration::from_millis(5));
        }
        let agent = start(folder.path(), Tokens::held(TOKEN));
        thread::sleep(Duration::from_millis(pause_ms));
        agent.batches(100);
        remote.kill().unwrap();
        remote.wait().unwrap();
        writer.join().unwrap();
        let theirs = parts::exported(&file);
        let ours = parts::export(&agent.batches(100));
        // journalctl and we may part at the entry that was half written, never before it.
        assert!(!ours.is_empty() && (ours.starts_with(&theirs) || theirs.starts_with(&ours)), "{pause_ms} ms");
        assert!(ours.len().abs_diff(theirs.len()) < 400_000, "{} and {}", ours.len(), theirs.len());
    }
}

#[test]
fn a_revoked_token_stops_working_and_its_successor_begins() {
    let folder = tempfile::tempdir().unwrap();
    let file = parts::file(folder.path(), "source.journal", 10, 6, &[]);
    let tokens = folder.path().join("tokens");
    std::fs::write(&tokens, "old\nnew\nthird\n").unwrap();
    let agent = start(&file, Tokens::from_file(&tokens).unwrap());
    let status = |token: &str| {
        let (status, said) = agent.ask("/logs?limit=1", token);
        assert!(status == "200" || (status == "401" && said.is_empty()), "{status}");
        status
    };
    assert_eq!((status("old"), status("new")), ("200".into(), "200".into()));
    assert_eq!((status("third"), status("wrong")), ("401".into(), "401".into()));
    std::fs::write(&tokens, "new\nthird\n").unwrap();
    let begun = Instant::now();
    while status("old") != "401" {
        assert!(begun.elapsed() < LONG, "the old token still works");
        thread::sleep(Duration::from_millis(100));
    }
    assert_eq!((status("new"), status("third")), ("200".into(), "200".into()));
}

#[test]
fn a_token_revoked_in_the_middle_of_a_stream_ends_it_unfinished() {
    let folder = tempfile::tempdir().unwrap();
    let file = parts::file(folder.path(), "source.journal", 4_000, 7, &[]);
    let tokens = folder.path().join("tokens");
    std::fs::write(&tokens, "old\nnew\n").unwrap();
    let agent = start(&file, Tokens::from_file(&tokens).unwrap());
    // One follows and has everything, one does not draw what is there, and one goes on.
    let mut streams = [
        agent.begin("/entries?follow", "old"),
        agent.begin("/logs?limit=50000", "old"),
        agent.begin("/entries?follow", "new"),
    ];
    streams[0].set_read_timeout(Some(Duration::from_millis(500))).unwrap();
    while matches!(streams[0].read(&mut [0; 64 << 10]), Ok(1..)) {}
    std::fs::write(&tokens, "new\nthird\n").unwrap();
    for stream in &mut streams[..2] {
        stream.set_read_timeout(Some(LONG)).unwrap();
        let mut rest = Vec::new();
        // Broken off, with or without a word of the socket's.
        let _ = stream.read_to_end(&mut rest);
        let tail = String::from_utf8_lossy(&rest[rest.len().saturating_sub(300)..]).into_owned();
        assert!(!tail.contains("$end") && !tail.ends_with("0\r\n\r\n"), "{tail}");
    }
    // What is written meanwhile reaches who still has a token.
    let mut open = streams.into_iter().nth(2).unwrap();
    open.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
    while matches!(open.read(&mut [0; 64 << 10]), Ok(1..)) {}
    parts::write(&parts::text::entries_from(3, 8, parts::text::START_US + 3_600_000_000), &file, &[]);
    assert!(open.read(&mut [0; 1_000]).unwrap() > 0);
    assert_eq!(agent.ask("/logs?limit=1", "old").0, "401");
}
