//! Real journal files, written by systemd-journal-remote and read back by journalctl.

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

/// Writes `count` entries of one machine into `folder` and returns the file.
pub fn write(folder: &Path, host: &str, machine: u128, first: u64, count: u64) -> PathBuf {
    let file = folder.join(format!("{host}-{first}.journal"));
    let mut text = String::new();
    for number in first..first + count {
        entry(&mut text, host, machine, number);
    }
    write_text(&file, &text);
    file
}

/// Writes entries in export format into this file.
pub fn write_text(file: &Path, text: &str) {
    let mut writer = Command::new("/lib/systemd/systemd-journal-remote")
        .arg("-o")
        .arg(file)
        .arg("-")
        .stdin(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("systemd-journal-remote is installed");
    writer.stdin.take().expect("its input").write_all(text.as_bytes()).expect("entries written");
    assert!(writer.wait().expect("it ends").success(), "systemd-journal-remote failed");
}

/// Writes one journal bit by bit, as journald does: readers see it grow.
pub struct Writer {
    child: Child,
    host: String,
    machine: u128,
    written: u64,
}

impl Writer {
    /// A new file in `folder`.
    pub fn new(folder: &Path, host: &str, machine: u128) -> Self {
        let child = Command::new("/lib/systemd/systemd-journal-remote")
            .arg("-o")
            .arg(folder.join(format!("{host}.journal")))
            .arg("-")
            .stdin(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("systemd-journal-remote is installed");
        Self { child, host: host.to_owned(), machine, written: 0 }
    }

    /// Writes so many further entries.
    pub fn write(&mut self, count: u64) {
        let mut text = String::new();
        (0..count).for_each(|number| entry(&mut text, &self.host, self.machine, self.written + 1 + number));
        self.written += count;
        let pipe = self.child.stdin.as_mut().expect("its input");
        pipe.write_all(text.as_bytes()).and_then(|()| pipe.flush()).expect("entries written");
    }

    /// How many were written.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Ends the file; how many entries it has.
    pub fn finish(&mut self) -> u64 {
        drop(self.child.stdin.take());
        assert!(self.child.wait().expect("it ends").success(), "systemd-journal-remote failed");
        self.written
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One entry in export format; every tenth is a failed login, every seventh a critical one.
fn entry(text: &mut String, host: &str, machine: u128, number: u64) {
    let micros = 1_790_000_000_000_000 + number * 250_000;
    let message = match number {
        n if n % 10 == 0 => {
            format!("Failed password for invalid user u{n} from 203.0.113.{} port {} ssh2", n % 250, 1024 + n % 60_000)
        }
        n if n % 7 == 0 => format!("disk sda{} is failing at block {n}", n % 5),
        n => format!("request {n} took {} ms", n % 900),
    };
    let (identifier, priority) = match number {
        n if n % 10 == 0 => ("sshd", 6),
        n if n % 7 == 0 => ("kernel", 2),
        _ => ("api", 6),
    };
    let _ = write!(
        text,
        "__CURSOR=s={machine:032x};i={number:x};b={machine:032x};m={number:x};t={micros:x};x={number:x}\n\
         __REALTIME_TIMESTAMP={micros}\n__MONOTONIC_TIMESTAMP={number}\n_BOOT_ID={machine:032x}\n_MACHINE_ID={machine:032x}\n\
         _HOSTNAME={host}\nPRIORITY={priority}\nSYSLOG_IDENTIFIER={identifier}\n_PID={}\n_SYSTEMD_UNIT={identifier}.service\n\
         MESSAGE={message}\n\n",
        300 + number % 40
    );
}

/// What journalctl reads from a folder: each entry's message.
pub fn messages(folder: &Path) -> BTreeSet<String> {
    let read = Command::new("journalctl")
        .arg("--directory")
        .arg(folder)
        .args(["-o", "cat", "--output-fields=MESSAGE", "--no-pager"])
        .output()
        .expect("journalctl is installed");
    String::from_utf8_lossy(&read.stdout).lines().map(str::to_owned).collect()
}

/// What journalctl reads from a folder: each entry's counter and number in it, as its cursor says.
pub fn keys(folder: &Path) -> BTreeSet<(String, u64)> {
    let read = Command::new("journalctl")
        .arg("--directory")
        .arg(folder)
        .args(["-o", "json", "--output-fields=PRIORITY", "--no-pager"])
        .output()
        .expect("journalctl is installed");
    let text = String::from_utf8_lossy(&read.stdout);
    let cursors = text.lines().filter_map(|line| line.split_once("\"__CURSOR\":\"")?.1.split('"').next());
    let key = |cursor: &str| {
        let part = |name| cursor.split(';').find_map(|part| part.strip_prefix(name));
        Some((part("s=")?.to_owned(), u64::from_str_radix(part("i=")?, 16).ok()?))
    };
    cursors.map(|cursor| key(cursor).expect("a cursor")).collect()
}
