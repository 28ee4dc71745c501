//! Real journal files for tests: made-up entries that systemd-journal-remote writes and journalctl reads back.
#![allow(dead_code, reason = "every test uses some of it")]
#![allow(clippy::unwrap_used)]

use infralogs_core::{
    cursor::Cursor,
    entry::{Batch, Entries},
    plugin::Ask,
    wire::export,
};
use infralogs_journal::Journal;
use std::{
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

pub mod journald;
pub mod text;

/// Writes export text into a journal file as this environment has it.
pub fn write(text: &[u8], to: &Path, environment: &[(&str, &str)]) {
    let mut command = Command::new("/lib/systemd/systemd-journal-remote");
    command.arg("-o").arg(to).arg("-").envs(environment.iter().copied());
    write_by(command, text);
}

/// Writes it into a file in which nothing is packed.
pub fn write_unpacked(text: &[u8], to: &Path, environment: &[(&str, &str)]) {
    let mut command = Command::new("/lib/systemd/systemd-journal-remote");
    command.arg("--compress=no").arg("-o").arg(to).arg("-").envs(environment.iter().copied());
    write_by(command, text);
}

fn write_by(mut command: Command, text: &[u8]) {
    let mut running =
        command.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("systemd-journal-remote is installed");
    running.stdin.take().expect("its input").write_all(text).expect("written");
    let done = running.wait_with_output().expect("it ends");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

/// A journal file of so many entries in a folder.
pub fn file(folder: &Path, name: &str, entries: usize, seed: u64, environment: &[(&str, &str)]) -> PathBuf {
    let path = folder.join(name);
    write(&text::entries(entries, seed), &path, environment);
    path
}

/// What journalctl exports of a file or folder, cursors too.
pub fn exported(path: &Path) -> Vec<u8> {
    journalctl(path, &["-o", "export"])
}

/// What journalctl says of a file or folder.
pub fn journalctl(path: &Path, arguments: &[&str]) -> Vec<u8> {
    let mut command = Command::new("journalctl");
    if path.is_dir() {
        command.arg("-D").arg(path);
    } else {
        command.arg(format!("--file={}", path.display()));
    }
    let done = command.args(["-q", "--no-pager"]).args(arguments).output().expect("journalctl is installed");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    done.stdout
}

/// A journal at a path.
pub fn open(path: &Path) -> Journal {
    infralogs_journal::open(&[path.to_owned()]).expect("it is there")
}

/// One batch.
pub fn read(journal: &Journal, after: Option<Cursor>, limit: usize) -> Batch {
    journal.read_now(&Ask { after, limit, ..Ask::default() }).expect("readable")
}

/// All batches of so many entries each; every one must begin exactly behind the last.
pub fn batches(journal: &Journal, limit: usize) -> Vec<Batch> {
    let mut batches = Vec::<Batch>::new();
    loop {
        let after = batches.last().and_then(|batch| batch.next);
        let batch = read(journal, after, limit);
        let more = batch.more;
        batches.push(batch);
        if !more {
            return batches;
        }
    }
}

/// Batches as export text.
pub fn export(batches: &[Batch]) -> Vec<u8> {
    let mut text = Vec::new();
    batches.iter().for_each(|batch| export_entries(&batch.entries, &mut text));
    text
}

/// Entries as export text.
pub fn export_entries(entries: &Entries, text: &mut Vec<u8>) {
    entries.iter().for_each(|entry| export::write_entry(&entry, text));
}

/// The messages of batches, in order.
pub fn messages(batches: &[Batch]) -> Vec<String> {
    let entries = batches.iter().flat_map(|batch| batch.entries.iter());
    entries.map(|entry| String::from_utf8_lossy(entry.field("MESSAGE").unwrap_or_default()).into_owned()).collect()
}

/// Both texts must be equal; says where they part.
pub fn assert_same(ours: &[u8], theirs: &[u8], what: &str) {
    if ours == theirs {
        return;
    }
    let at = ours.iter().zip(theirs).position(|(a, b)| a != b).unwrap_or(ours.len().min(theirs.len()));
    let around =
        |text: &[u8]| String::from_utf8_lossy(&text[at.saturating_sub(200)..(at + 100).min(text.len())]).into_owned();
    panic!(
        "{what}: {} and {} bytes part at {at}\nours:\n{}\ntheirs:\n{}",
        ours.len(),
        theirs.len(),
        around(ours),
        around(theirs)
    );
}
