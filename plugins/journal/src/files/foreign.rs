//! Reads a file that a newer systemd wrote through that systemd's own `journalctl`, which knows the form.

use infralogs_core::{
    cursor::Cursor,
    entry::{Entries, Entry, FIELD_BYTES_MAX},
    wire::{Limits, export},
};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
};
use std::{
    io::{self, ErrorKind, Read},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    time::{Duration, Instant},
};

/// How much of what it prints is taken at once.
const PIECE_BYTES: usize = 64 << 10;
/// Of a longer field only what is kept of it is ever held.
const FIELD_HELD_BYTES_MAX: usize = FIELD_BYTES_MAX + (64 << 10);
/// The longest it may be silent.
const SILENCE_S_MAX: i64 = 30;
/// How long after a failure it is tried again.
const RETRY_AFTER: Duration = Duration::from_secs(60);

/// A file read through `journalctl`, entry by entry. It runs only during a read.
#[derive(Debug, Default)]
pub(crate) struct Foreign {
    journalctl: PathBuf,
    file: PathBuf,
    /// The file's first entry.
    pub(crate) first: Option<Cursor>,
    /// The entry that comes next, alone.
    entry: Entries,
    running: Option<Running>,
    tried: Option<Instant>,
    failed: Option<String>,
}

#[derive(Debug)]
struct Running {
    child: Child,
    printed: ChildStdout,
    text: Vec<u8>,
    /// How much of the text was taken.
    taken: usize,
}

impl Foreign {
    /// Tries whether it can be read at all, unless that is known. Whether it was tried.
    pub(crate) fn try_out(&mut self, journalctl: &Path, file: &Path) -> bool {
        // Files are renamed.
        (self.journalctl, self.file) = (journalctl.to_owned(), file.to_owned());
        let again = self.failed.is_some();
        if self.tried.is_some_and(|at| !again || at.elapsed() < RETRY_AFTER) {
            return false;
        }
        let read = self.start(None);
        self.stop();
        self.tried = Some(Instant::now());
        (self.first, self.failed) = match read {
            Ok(()) => (self.entry().map(|entry| entry.cursor), None),
            Err(error) => (None, Some(error.to_string())),
        };
        true
    }

    /// Why it can't be read.
    pub(crate) fn failure(&self) -> Option<&str> {
        self.failed.as_deref()
    }

    /// Begins with the first entry, or the one nearest to `from`: whoever asks compares. There must be one.
    pub(crate) fn start(&mut self, from: Option<Cursor>) -> io::Result<()> {
        self.stop();
        let mut command = Command::new(&self.journalctl);
        command.args(["--quiet", "--no-pager", "--all", "--output=export"]).arg(with("--file=", &self.file));
        command.args(from.map(|from| format!("--cursor={from}")));
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let printed = child.stdout.take().ok_or(ErrorKind::BrokenPipe)?;
        self.running = Some(Running { child, printed, text: Vec::new(), taken: 0 });
        if self.advance()? { Ok(()) } else { Err(io::Error::other("journalctl printed no entry")) }
    }

    /// Whether it runs.
    pub(crate) fn is_begun(&self) -> bool {
        self.running.is_some()
    }

    /// The entry that comes next.
    pub(crate) fn entry(&self) -> Option<Entry<'_>> {
        self.entry.iter().next()
    }

    /// Reads the next entry; `false` if there is none.
    pub(crate) fn advance(&mut self) -> io::Result<bool> {
        let Some(running) = &mut self.running else { return Ok(false) };
        match running.entry()? {
            Some(entry) => {
                self.entry = entry;
                Ok(true)
            }
            None => {
                self.stop();
                Ok(false)
            }
        }
    }

    /// Ends it.
    pub(crate) fn stop(&mut self) {
        self.running = None;
    }
}

impl Running {
    /// The next entry, alone. Of a field too long for us the beginning is kept.
    fn entry(&mut self) -> io::Result<Option<Entries>> {
        let broken = |error: infralogs_core::Error| io::Error::new(ErrorKind::InvalidData, error.what);
        let mut reader = export::Reader::new(Limits { line_bytes: FIELD_HELD_BYTES_MAX, ..Limits::default() });
        while reader.entries() == 0 {
            if self.taken == self.text.len() && !self.more()? {
                return self.ended(reader.is_within()).map(|()| None);
            }
            self.taken += reader.push_one(&self.text[self.taken..]).map_err(broken)?;
        }
        reader.finish(None).map(|batch| Some(batch.entries)).map_err(broken)
    }

    /// Takes the next piece in place of the last; `false` at the end.
    fn more(&mut self) -> io::Result<bool> {
        let patience = Timespec { tv_sec: SILENCE_S_MAX, tv_nsec: 0 };
        match poll(&mut [PollFd::new(&self.printed, PollFlags::IN)], Some(&patience)) {
            Ok(0) => return Err(io::Error::new(ErrorKind::TimedOut, "journalctl printed nothing for too long")),
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        self.taken = 0;
        self.text.resize(PIECE_BYTES, 0);
        let read = self.printed.read(&mut self.text);
        self.text.truncate(*read.as_ref().unwrap_or(&0));
        Ok(read? > 0)
    }

    /// What it printed counts only if it was not cut short.
    fn ended(&mut self, is_within: bool) -> io::Result<()> {
        let status = self.child.wait()?;
        if status.success() && !is_within {
            return Ok(());
        }
        Err(io::Error::other(format!("journalctl ended with {status}")))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Whether it has ended already does not matter; what matters is that no process is left.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `--file=` and the path, whatever bytes it has.
fn with(option: &str, path: &Path) -> std::ffi::OsString {
    let mut argument = std::ffi::OsString::from(option);
    argument.push(path);
    argument
}
