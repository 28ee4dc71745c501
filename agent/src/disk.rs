//! Disk usage of every real mount, as entries like any other: one per mount and report.

use crate::report::Report;
use infralogs_core::{
    Error, Result,
    entry::Batch,
    id::Id128,
    plugin::{Ask, Later, Source},
};
use std::path::{Path, PathBuf};

/// File systems that hold no data of their own.
const UNREAL: [&str; 22] = [
    "autofs",
    "binfmt_misc",
    "bpf",
    "cgroup",
    "cgroup2",
    "configfs",
    "debugfs",
    "devpts",
    "devtmpfs",
    "fusectl",
    "hugetlbfs",
    "mqueue",
    "nsfs",
    "overlay",
    "proc",
    "pstore",
    "ramfs",
    "securityfs",
    "squashfs",
    "sysfs",
    "tmpfs",
    "tracefs",
];
/// Where the kernel lists what is mounted.
const MOUNTS: &str = "/proc/self/mountinfo";
/// The most mounts of one report.
const MOUNTS_MAX: usize = 1_000;

/// Reports of one machine. Each read is a new report.
#[derive(Debug, Clone)]
pub struct Disk {
    machine: Id128,
    host: String,
    /// Where the machine's root is mounted, if it is not ours.
    root: Option<PathBuf>,
}

impl Disk {
    /// The host in whose name it reports.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Reports of this machine as `/etc/machine-id` and its host name say.
    pub fn of_this_machine() -> Self {
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let machine = first_line("/etc/machine-id".as_ref()).and_then(|id| id.parse().ok());
        let machine = machine.unwrap_or_else(|| Id128::of(&[b"infralogs host", host.as_bytes()]));
        Self { machine, host, root: None }
    }

    /// Reports of the machine whose root, with all that is mounted below it, is mounted here at `root`: in a
    /// container, at `/host`. Its name is in that root's `etc/hostname`, its id in `etc/machine-id`.
    pub fn of_host_at(root: &Path) -> Self {
        let own = Self::of_this_machine();
        let machine = first_line(&root.join("etc/machine-id")).and_then(|id| id.parse().ok());
        Self {
            machine: machine.unwrap_or(own.machine),
            host: first_line(&root.join("etc/hostname")).unwrap_or(own.host),
            root: Some(root.to_owned()),
        }
    }

    fn report(&self, ask: &Ask) -> Result<Batch> {
        let mut report = Report::new("disk", self.machine, &self.host, ask);
        for mount in self.mounts()?.iter().take(MOUNTS_MAX) {
            if report.has_room() && !write(mount, &mut report) {
                report.batch.unreadable += 1;
            }
        }
        Ok(report.end())
    }

    fn mounts(&self) -> Result<Vec<Mount>> {
        let table = std::fs::read_to_string(MOUNTS)
            .map_err(|error| Error::unavailable("cannot read the mounts").at(MOUNTS).because(error))?;
        let Some(root) = &self.root else { return Ok(mounts(&table, Path::new("/"))) };
        let mounts = mounts(&table, root);
        if mounts.is_empty() {
            return Err(Error::unavailable("no disk of the machine is mounted here")
                .at(root.display().to_string())
                .help(
                    "mount the machine's root there with all that is mounted below it: `--volume /:/host:ro,rslave`",
                ));
        }
        Ok(mounts)
    }
}

/// False where the mount can't be asked.
fn write(mount: &Mount, report: &mut Report) -> bool {
    let Ok(usage) = rustix::fs::statvfs(&mount.seen_at) else { return false };
    let bytes = |blocks: u64| blocks.saturating_mul(usage.f_frsize).to_string();
    let total = bytes(usage.f_blocks);
    let used = bytes(usage.f_blocks.saturating_sub(usage.f_bfree));
    let free = bytes(usage.f_bavail);
    let inodes = usage.f_files.to_string();
    let inodes_used = usage.f_files.saturating_sub(usage.f_ffree).to_string();
    let Mount { path, device, kind, .. } = mount;
    let says: [(&str, &str, &str); 8] = [
        ("mount", "DISK_MOUNT", path),
        ("device", "DISK_DEVICE", device),
        ("fstype", "DISK_FSTYPE", kind),
        ("total_bytes", "DISK_TOTAL_BYTES", &total),
        ("used_bytes", "DISK_USED_BYTES", &used),
        ("free_bytes", "DISK_FREE_BYTES", &free),
        ("inodes", "DISK_INODES", &inodes),
        ("inodes_used", "DISK_INODES_USED", &inodes_used),
    ];
    report.entry(&says.map(|(name, _, value)| (name, value)), &says.map(|(_, field, value)| (field, value)));
    true
}

impl Source for Disk {
    fn read<'a>(&'a mut self, ask: &'a Ask) -> Later<'a, Result<Batch>> {
        let (disk, ask) = (self.clone(), ask.clone());
        // A network file system that hangs must not hold up the agent's other answers.
        Box::pin(async move {
            tokio::task::spawn_blocking(move || disk.report(&ask))
                .await
                .unwrap_or_else(|error| Err(Error::failed("reading disk usage did not end").because(error)))
        })
    }
}

/// A file system, and where it is mounted.
#[derive(Debug, PartialEq, Eq)]
struct Mount {
    path: String,
    /// The same place as we see it.
    seen_at: PathBuf,
    device: String,
    kind: String,
}

/// The real mounts of a table (`man 5 proc`, mountinfo) at `root` and below, each file system once: where all of it
/// is mounted, or else the first place where some of it is.
fn mounts(table: &str, root: &Path) -> Vec<Mount> {
    let mut found = Vec::<(bool, &str, Mount)>::new();
    for line in table.lines() {
        let mut words = line.split(' ');
        let (Some(number), Some(part), Some(at)) = (words.nth(2), words.next(), words.next()) else { continue };
        let mut words = words.skip_while(|word| *word != "-").skip(1).map(unescaped);
        let (Some(kind), Some(device)) = (words.next(), words.next()) else { continue };
        let seen_at = PathBuf::from(unescaped(at));
        let Ok(path) = seen_at.strip_prefix(root) else { continue };
        let path = Path::new("/").join(path).to_string_lossy().into_owned();
        if UNREAL.contains(&kind.as_str()) {
            continue;
        }
        let mount = (part == "/", number, Mount { path, seen_at, device, kind });
        match found.iter_mut().find(|(_, other, _)| *other == number) {
            None => found.push(mount),
            Some(other) if mount.0 && !other.0 => *other = mount,
            Some(_) => {}
        }
    }
    found.into_iter().map(|(_, _, mount)| mount).collect()
}

fn first_line(path: &Path) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    Some(text.lines().next()?.trim().to_owned()).filter(|line| !line.is_empty())
}

/// `\040` and the like, as the kernel writes blanks in names.
fn unescaped(word: &str) -> String {
    word.replace("\\040", " ").replace("\\011", "\t").replace("\\012", "\n").replace("\\134", "\\")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "\
21 1 254:1 / / ro - overlay overlay rw
30 21 254:1 /etc/hosts /etc/hosts ro shared:1 master:2 - ext4 /dev/vda1 rw
31 21 254:1 / /host ro - ext4 /dev/vda1 rw
32 31 254:2 /@data /host/mnt/big\\040data rw - btrfs /dev/vdb rw
33 31 0:5 / /host/proc rw - proc proc rw
34 31 254:2 /@data /host/again rw - btrfs /dev/vdb rw
35 21 254:9 / /hostile rw - xfs /dev/vdc rw
";

    #[test]
    fn a_host_is_what_is_mounted_at_its_root_and_below() {
        let all = |root: &str| -> Vec<String> {
            let mounts = mounts(TABLE, Path::new(root)).into_iter();
            mounts.map(|mount| format!("{} {} {}", mount.path, mount.device, mount.seen_at.display())).collect()
        };
        assert_eq!(all("/host"), ["/ /dev/vda1 /host", "/mnt/big data /dev/vdb /host/mnt/big data"]);
        assert_eq!(
            all("/"),
            ["/host /dev/vda1 /host", "/host/mnt/big data /dev/vdb /host/mnt/big data", "/hostile /dev/vdc /hostile"]
        );
        assert!(all("/nowhere").is_empty());
    }
}
