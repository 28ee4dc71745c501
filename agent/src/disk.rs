//! Disk usage of every real mount, as entries like any other: one per mount and report.

use infralogs_core::{
    Error, Result,
    cursor::Cursor,
    entry::{Batch, Entries},
    id::Id128,
    plugin::{Ask, Later, Source},
    time::Time,
};
use std::collections::BTreeSet;

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
/// The most mounts of one report.
const MOUNTS_MAX: usize = 1_000;

/// Reports of one machine. Each read is a new report.
#[derive(Debug, Clone)]
pub struct Disk {
    machine: Id128,
    host: String,
}

impl Disk {
    /// Reports in the name of this machine and host.
    pub fn new(machine: Id128, host: String) -> Self {
        Self { machine, host }
    }

    /// The host in whose name it reports.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Reports of this machine as `/etc/machine-id` and its host name say.
    pub fn of_this_machine() -> Self {
        let id = std::fs::read_to_string("/etc/machine-id").ok().and_then(|id| id.trim().parse().ok());
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        Self::new(id.unwrap_or_else(|| Id128::of(&[b"infralogs host", host.as_bytes()])), host)
    }

    fn report(&self, ask: &Ask) -> Result<Batch> {
        let seqnum_id = Id128::of(&[b"infralogs disk", &self.machine.0]);
        let now = Time::now().0.max(0) as u64;
        // The counter is the time of the report, and never falls behind what was read.
        let first =
            ask.after.filter(|after| after.seqnum_id == seqnum_id).map_or(now, |after| now.max(after.seqnum + 1));
        let cursor = |seqnum| Cursor { seqnum_id, seqnum, realtime: now, xor_hash: seqnum, ..Cursor::default() };
        let mut batch = Batch { machine: self.machine, head: Some(cursor(first)), next: ask.after, ..Batch::default() };
        if ask.limit == 0 {
            return Ok(batch);
        }
        for (index, mount) in mounts()?.iter().take(ask.limit.min(MOUNTS_MAX)).enumerate() {
            if self.write(mount, &mut batch.entries) {
                batch.entries.end(cursor(first + index as u64));
            } else {
                batch.entries.abandon();
                batch.unreadable += 1;
            }
        }
        batch.next = batch.entries.last_cursor().or(ask.after);
        batch.head = batch.next.or(batch.head);
        Ok(batch)
    }

    /// False where the mount can't be asked.
    fn write(&self, mount: &Mount, entries: &mut Entries) -> bool {
        let Ok(usage) = rustix::fs::statvfs(mount.path.as_str()) else { return false };
        let total = usage.f_blocks.saturating_mul(usage.f_frsize);
        let free = usage.f_bavail.saturating_mul(usage.f_frsize);
        let used = usage.f_blocks.saturating_sub(usage.f_bfree).saturating_mul(usage.f_frsize);
        let (inodes, inodes_used) = (usage.f_files, usage.f_files.saturating_sub(usage.f_ffree));
        let Mount { path, device, kind } = mount;
        let numbers = [
            ("DISK_TOTAL_BYTES", total),
            ("DISK_USED_BYTES", used),
            ("DISK_FREE_BYTES", free),
            ("DISK_INODES", inodes),
            ("DISK_INODES_USED", inodes_used),
        ];
        let message = format!(
            "mount={path} device={device} fstype={kind} total_bytes={total} used_bytes={used} free_bytes={free} inodes={inodes} inodes_used={inodes_used}"
        );
        let machine = self.machine.to_string();
        let texts: [(&str, &str); 8] = [
            ("_MACHINE_ID", &machine),
            ("_HOSTNAME", &self.host),
            ("SYSLOG_IDENTIFIER", "infralogs-disk"),
            ("PRIORITY", "6"),
            ("DISK_MOUNT", path),
            ("DISK_DEVICE", device),
            ("DISK_FSTYPE", kind),
            ("MESSAGE", &message),
        ];
        texts.iter().for_each(|(name, value)| entries.push_field(name.as_bytes(), value.as_bytes()));
        numbers.iter().for_each(|(name, value)| entries.push_field(name.as_bytes(), value.to_string().as_bytes()));
        true
    }
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

struct Mount {
    path: String,
    device: String,
    kind: String,
}

/// Real mounts, each device once (the first place it is mounted at).
fn mounts() -> Result<Vec<Mount>> {
    let table = std::fs::read_to_string("/proc/self/mounts")
        .map_err(|error| Error::unavailable("cannot read the mounts").at("/proc/self/mounts").because(error))?;
    let mut devices = BTreeSet::new();
    let mut mounts = Vec::new();
    for line in table.lines() {
        let mut words = line.split(' ').map(unescaped);
        let (Some(device), Some(path), Some(kind)) = (words.next(), words.next(), words.next()) else { continue };
        if !UNREAL.contains(&kind.as_str()) && devices.insert(device.clone()) {
            mounts.push(Mount { path, device, kind });
        }
    }
    Ok(mounts)
}

/// `\040` and the like, as the kernel writes blanks in names (`man 5 proc`).
fn unescaped(word: &str) -> String {
    word.replace("\\040", " ").replace("\\011", "\t").replace("\\012", "\n").replace("\\134", "\\")
}
