//! Runs a program once, within its time and with bounded output.

use infralogs_core::{
    error::{Error, Kind, Result},
    plugin::Ask,
};
use rustix::process::{Pid, Signal, kill_process_group};
use std::{path::PathBuf, process::Stdio, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    process::Command,
    time::timeout,
};

/// The most bytes taken from one run.
const OUTPUT_BYTES_MAX: u64 = 64 << 20;
/// The most bytes kept of what it complains of.
const COMPLAINT_BYTES_MAX: u64 = 16 << 10;

/// What is run.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    /// The program.
    pub(crate) path: PathBuf,
    /// Its arguments.
    pub(crate) arguments: Vec<String>,
    /// Where it runs; empty: here.
    pub(crate) folder: PathBuf,
    /// The longest it may run.
    pub(crate) timeout: Duration,
}

/// Ends a program with all it started, whenever nobody waits for it any more.
struct Group(Option<Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(leader) = self.0.take() {
            // It may have ended by itself.
            let _ = kill_process_group(leader, Signal::KILL);
        }
    }
}

impl Program {
    /// What a person calls it.
    pub(crate) fn name(&self) -> String {
        self.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// All it printed in one run that ended well.
    ///
    /// # Errors
    /// `Invalid` if it can't be started; `Limit` if it prints too much; `Unavailable` if it takes too long or fails.
    pub(crate) async fn run(&self, ask: &Ask) -> Result<Vec<u8>> {
        let place = self.path.display().to_string();
        let mut child = self.command(ask).spawn().map_err(|error| {
            Error::invalid("cannot start the program").at(&place).because(error).help("check `command`")
        })?;
        let group = Group(child.id().and_then(|id| Pid::from_raw(id.cast_signed())));
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let run = async {
            let (printed, complaint) =
                tokio::join!(first_bytes(stdout, OUTPUT_BYTES_MAX + 1), first_bytes(stderr, COMPLAINT_BYTES_MAX));
            if printed.len() as u64 > OUTPUT_BYTES_MAX {
                return Err(Error::new(Kind::Limit, format!("the program prints more than {OUTPUT_BYTES_MAX} bytes"))
                    .help("let it honour INFRALOGS_LIMIT"));
            }
            let status = child.wait().await.map_err(|error| Error::failed("the program was lost").because(error))?;
            if status.success() {
                return Ok(printed);
            }
            let last = String::from_utf8_lossy(&complaint).trim_end().lines().last().unwrap_or_default().to_owned();
            let failed = Error::unavailable(format!("the program failed ({status})"));
            Err(if last.is_empty() { failed } else { failed.because(last.escape_debug().to_string()) })
        };
        let ended = timeout(self.timeout, run).await.unwrap_or_else(|_| {
            let what = format!("the program ran longer than {:?} and was killed", self.timeout);
            Err(Error::unavailable(what).help("set `timeout` higher if it needs more"))
        });
        drop(group);
        ended.map_err(|error| error.at(place))
    }

    fn command(&self, ask: &Ask) -> Command {
        let mut command = Command::new(&self.path);
        command.args(&self.arguments).process_group(0).kill_on_drop(true);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        if !self.folder.as_os_str().is_empty() {
            command.current_dir(&self.folder);
        }
        command.env("INFRALOGS_LIMIT", ask.limit.to_string());
        for (name, value) in [
            ("INFRALOGS_AFTER", ask.after.map(|after| after.to_string())),
            ("INFRALOGS_SINCE", ask.since.map(|since| since.0.to_string())),
        ] {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command
    }
}

/// The first bytes of a pipe; the rest is read and forgotten, so that who writes is not held up.
async fn first_bytes(pipe: Option<impl AsyncRead + Unpin>, bytes_max: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    let Some(mut pipe) = pipe else { return bytes };
    // A pipe that breaks has ended.
    let _ = (&mut pipe).take(bytes_max).read_to_end(&mut bytes).await;
    if (bytes.len() as u64) < OUTPUT_BYTES_MAX {
        let _ = tokio::io::copy(&mut pipe, &mut tokio::io::sink()).await;
    }
    bytes
}
