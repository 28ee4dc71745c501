//! A journald of a machine of the test's own: in namespaces where `/run`, `/var/log`, the machine's id and its name are
//! the test's. Needs root.

use super::wait_for;
use std::{
    io::ErrorKind,
    os::unix::net::UnixDatagram,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

/// Nothing is left out, nothing of the kernel's comes between, and files are as small as they can be.
const SETTINGS: &str = "[Journal]\nStorage=persistent\nRateLimitIntervalSec=0\nReadKMsg=no\nAudit=no\n\
                        ForwardToSyslog=no\nForwardToWall=no\nSystemMaxFileSize=512K\n";
/// What makes the namespaces and becomes journald.
const BEGIN: &str = r#"set -e; hostname "$1"; mount --bind "$0/machine-id" /etc/machine-id
mount --bind "$0/run" /run; mount --bind "$0/log" /var/log; exec /lib/systemd/systemd-journald"#;

/// A running journald, killed at the end.
pub struct Journald {
    folder: PathBuf,
    child: Child,
    socket: UnixDatagram,
}

impl Journald {
    /// One that keeps its journal below this folder, with further settings, such as `SystemMaxFiles=3`.
    pub fn start(folder: &Path, host: &str, machine: u128, settings: &str) -> Self {
        let run = folder.join("run/systemd");
        for needed in [folder.join("log/journal"), run.join("journald.conf.d"), run.join("journal")] {
            std::fs::create_dir_all(needed).expect("a folder");
        }
        std::fs::write(folder.join("machine-id"), format!("{machine:032x}\n")).expect("written");
        std::fs::write(run.join("journald.conf.d/test.conf"), format!("{SETTINGS}{settings}\n")).expect("written");
        // As if it had been told that the disk is there: it writes to the disk from the start.
        std::fs::write(run.join("journal/flushed"), "").expect("written");
        let mut unshare = Command::new("unshare");
        unshare.args(["--mount", "--uts", "--propagation", "private", "sh", "-c", BEGIN]).arg(folder).arg(host);
        let child = unshare.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("unshare is there");
        let (at, socket) = (run.join("journal/socket"), UnixDatagram::unbound().expect("a socket"));
        wait_for("journald, which needs root", || socket.connect(&at).ok());
        Self { folder: folder.to_owned(), child, socket }
    }

    /// Where it keeps its journal.
    pub fn journal(&self) -> PathBuf {
        self.folder.join("log/journal")
    }

    /// Its files that are written no more, oldest first.
    pub fn archived(&self) -> Vec<PathBuf> {
        let folders = std::fs::read_dir(self.journal()).expect("a folder").flatten();
        let files = folders.filter_map(|folder| std::fs::read_dir(folder.path()).ok()).flatten().flatten();
        let mut archived: Vec<PathBuf> = files.map(|file| file.path()).filter(|file| is_archived(file)).collect();
        // Their names tell of the first number in them.
        archived.sort();
        archived
    }

    /// Gives it an entry, waiting as long as it is busy.
    pub fn write(&self, fields: &str) {
        loop {
            match self.socket.send(fields.as_bytes()) {
                Ok(_) => return,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => panic!("journald is gone: {error}"),
            }
        }
    }

    /// Begins a new file behind all that was given to it; one more is there then that is written no more.
    pub fn rotate(&self) {
        self.flush();
        let before = self.archived().len();
        self.signal("-USR2");
        wait_for("the rotation", || (self.archived().len() > before).then_some(()));
    }

    /// All that was written is in its files.
    pub fn flush(&self) {
        let _ = std::fs::remove_file(self.folder.join("run/systemd/journal/synced"));
        self.signal("-RTMIN+1");
        wait_for("the file", || self.folder.join("run/systemd/journal/synced").exists().then_some(()));
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([name, &self.child.id().to_string()]).status();
        assert!(sent.expect("kill is there").success(), "journald is gone");
    }
}

impl Drop for Journald {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn is_archived(file: &Path) -> bool {
    file.file_name().is_some_and(|name| name.to_string_lossy().starts_with("system@"))
}
