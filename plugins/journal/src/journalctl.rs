//! Asks journalctl, with every wait and size limited.

use infralogs_core::{
    Error, Kind, Result,
    cursor::Cursor,
    entry::Entries,
    time::Time,
    wire::{Limits, export},
};
use std::{
    ffi::OsString,
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Command, Stdio},
};

/// The most bytes read of one answer.
const ANSWER_BYTES_MAX: u64 = 256 << 20;
/// The longest first line read when looking for the oldest entry, in bytes.
const LINE_BYTES_MAX: u64 = 64 << 10;

/// Which journal is asked.
#[derive(Debug)]
pub(crate) struct Journalctl {
    place: Vec<OsString>,
    name: String,
}

impl Journalctl {
    /// `None`: this machine's own.
    pub(crate) fn new(path: Option<&Path>) -> Self {
        let place = match path {
            None => Vec::new(),
            Some(path) if path.is_dir() => vec!["--directory".into(), path.into()],
            Some(path) => vec!["--file".into(), path.into()],
        };
        Self { place, name: path.map_or_else(|| "this machine's journal".into(), |path| path.display().to_string()) }
    }

    /// The newest entry, if there is one.
    pub(crate) fn newest(&self) -> Result<Option<Entries>> {
        let entries = self.export(&["--lines=1".into()])?;
        Ok(Some(entries).filter(|entries| !entries.is_empty()))
    }

    /// The place of the oldest entry from this time on.
    pub(crate) fn first(&self, since: Option<Time>) -> Result<Option<Cursor>> {
        let since = since.map_or(0, |time| time.0.max(0));
        let since = format!("--since=@{}.{:06}", since / 1_000_000, since % 1_000_000);
        let mut child = self
            .command(&[since, "--output=json".into(), "--output-fields=__CURSOR".into(), "--lines=all".into()])
            .spawn()
            .map_err(|error| self.cannot_start(error))?;
        let mut line = Vec::new();
        if let Some(out) = child.stdout.take() {
            BufReader::new(out.take(LINE_BYTES_MAX))
                .read_until(b'\n', &mut line)
                .map_err(|error| self.cannot_read(error))?;
        }
        let _ = child.kill();
        let _ = child.wait();
        let read = serde_json::from_slice::<serde_json::Value>(&line).ok();
        read.and_then(|entry| entry.get("__CURSOR")?.as_str().map(str::parse)).transpose()
    }

    /// At most `limit` entries from this one on (or from the next one still there).
    pub(crate) fn from(&self, start: &Cursor, limit: usize) -> Result<Entries> {
        self.export(&[format!("--cursor={start}"), format!("--lines={limit}")])
    }

    fn export(&self, what: &[String]) -> Result<Entries> {
        let args: Vec<String> = what.iter().cloned().chain(["--output=export".into()]).collect();
        let mut child = self.command(&args).stderr(Stdio::piped()).spawn().map_err(|error| self.cannot_start(error))?;
        let mut reader = export::Reader::new(Limits::default());
        let mut fed = Ok(());
        if let Some(out) = child.stdout.take() {
            let mut out = out.take(ANSWER_BYTES_MAX);
            let mut piece = vec![0; 256 << 10];
            loop {
                let count = out.read(&mut piece).map_err(|error| self.cannot_read(error))?;
                fed = reader.push(&piece[..count]);
                if count == 0 || fed.is_err() {
                    break;
                }
            }
        }
        let said = child.stderr.take().map(|err| {
            let mut said = String::new();
            let _ = err.take(LINE_BYTES_MAX).read_to_string(&mut said);
            said
        });
        let _ = child.kill();
        let _ = child.wait();
        fed?;
        if let Some(said) =
            said.filter(|said| said.contains("insufficient permissions") || said.contains("not seeing messages"))
        {
            return Err(Error::new(Kind::Denied, "the journal may not be read")
                .at(&self.name)
                .because(said.lines().next().unwrap_or_default().to_owned())
                .help("add the agent's user to the group systemd-journal"));
        }
        Ok(reader.finish(None)?.entries)
    }

    fn command(&self, args: &[String]) -> Command {
        let mut command = Command::new("journalctl");
        command.args(&self.place).args(args).args(["--no-pager", "--all"]).env("LC_ALL", "C");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        command
    }

    fn cannot_start(&self, error: std::io::Error) -> Error {
        Error::failed("journalctl does not start").at(&self.name).because(error).help("install systemd's journalctl")
    }

    fn cannot_read(&self, error: std::io::Error) -> Error {
        Error::unavailable("journalctl's answer broke off").at(&self.name).because(error)
    }
}
