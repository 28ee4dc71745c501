//! A journald of the test's own: in a mount namespace where `/run` and `/var/log` are folders of the test. Needs root.

use rustix::process::{Pid, Signal, kill_process};
use std::{
    io::ErrorKind,
    os::unix::net::UnixDatagram,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

/// Far beyond what anything here takes.
pub const LONG: Duration = Duration::from_secs(60);
/// Nothing is left out, nothing of the kernel's comes between, and files are as small as they can be.
const SETTINGS: &str = "Storage=persistent\nRateLimitIntervalSec=0\nReadKMsg=no\nAudit=no\nForwardToSyslog=no\n\
                        ForwardToWall=no\nSystemMaxFileSize=512K\n";
/// What makes the namespace and becomes journald.
const BEGIN: &str = r#"set -e; mount --bind "$0/run" /run; mount --bind "$0/log" /var/log
if [ -f "$0/boot_id" ]; then mount --bind "$0/boot_id" /proc/sys/kernel/random/boot_id; fi
if [ -n "$1" ]; then mount -t tmpfs -o size="$1" tmpfs /var/log/journal; fi
shift; exec "$@" /lib/systemd/systemd-journald"#;

/// A running journald, killed at the end.
pub struct Journald {
    folder: PathBuf,
    child: Child,
    socket: UnixDatagram,
}

impl Journald {
    /// One that keeps its journal below this folder, with further settings, such as `SystemMaxFiles=3`.
    pub fn start(folder: &Path, settings: &str) -> Self {
        Self::begin(folder, settings, "", &[])
    }

    /// Gives those started from now on another boot, as long as nothing of `/run` outlived it.
    pub fn reboot(folder: &Path, boot: u8) {
        let _ = std::fs::remove_dir_all(folder.join("run"));
        std::fs::write(folder.join("boot_id"), format!("{boot:08x}-0000-4000-8000-000000000000\n")).unwrap();
    }

    /// One whose disk has so much room (`4M`): the folder is only seen through [`Journald::journal`].
    pub fn on_a_disk_of(folder: &Path, settings: &str, size: &str) -> Self {
        Self::begin(folder, settings, size, &[])
    }

    /// One whose wall clock is set by what stands in the file `clock` of the folder, such as `-3600` seconds.
    pub fn with_a_clock(folder: &Path, settings: &str) -> Self {
        let clock = format!("FAKETIME_TIMESTAMP_FILE={}", folder.join("clock").display());
        let library = "LD_PRELOAD=/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1";
        Self::begin(
            folder,
            settings,
            "",
            &["env", library, &clock, "FAKETIME_NO_CACHE=1", "FAKETIME_DONT_FAKE_MONOTONIC=1"],
        )
    }

    fn begin(folder: &Path, settings: &str, size: &str, through: &[&str]) -> Self {
        let run = folder.join("run/systemd");
        std::fs::create_dir_all(folder.join("log/journal")).unwrap();
        std::fs::create_dir_all(run.join("journald.conf.d")).unwrap();
        std::fs::create_dir_all(run.join("journal")).unwrap();
        std::fs::write(run.join("journald.conf.d/test.conf"), format!("[Journal]\n{SETTINGS}{settings}\n")).unwrap();
        // As if it had been told that the disk is there: it writes to the disk from the start.
        std::fs::write(run.join("journal/flushed"), "").unwrap();
        let at = run.join("journal/socket");
        let _ = std::fs::remove_file(&at);
        let mut unshare = Command::new("unshare");
        unshare.args(["--mount", "--propagation", "private", "sh", "-c", BEGIN]).arg(folder).arg(size).args(through);
        let child = unshare.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("unshare is there");
        let socket = UnixDatagram::unbound().unwrap();
        let begun = Instant::now();
        while socket.connect(&at).is_err() {
            assert!(begun.elapsed() < LONG, "journald does not start; are you root?");
            sleep(Duration::from_millis(5));
        }
        Self { folder: folder.to_owned(), child, socket }
    }

    /// Where it keeps its journal, as seen from outside.
    pub fn journal(&self) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root/var/log/journal", self.child.id()))
    }

    /// The same, if its disk is the folder's.
    pub fn folder(&self) -> PathBuf {
        self.folder.join("log/journal")
    }

    /// Gives it an entry; `false` if it is dead.
    pub fn write(&self, fields: &str) -> bool {
        loop {
            match self.socket.send(fields.as_bytes()) {
                Ok(_) => return true,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return false,
            }
        }
    }

    /// Gives it numbered entries of about 200 bytes each, none so severe that it writes all to the disk at once;
    /// `false` if it died.
    pub fn number(&self, numbers: impl IntoIterator<Item = u64>) -> bool {
        numbers.into_iter().all(|number| {
            let more = format!("{number:x}").repeat(12 + (number % 7) as usize);
            self.write(&format!("MESSAGE=entry {number} {more}\nNUMBER={number}\nPRIORITY={}\n", 3 + number % 5))
        })
    }

    /// `SIGUSR2` rotates.
    pub fn signal(&self, signal: Signal) {
        let _ = kill_process(Pid::from_child(&self.child), signal);
    }

    /// Kills it, whatever it is doing.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Journald {
    fn drop(&mut self) {
        self.kill();
    }
}
