//! Disk reports as the agent makes them: one entry a mount, once a minute.

use crate::{
    chance::Chance,
    line::Program,
    slot::{Role, Slot},
};

const REPORT: Program = Program {
    identifier: "infralogs-disk",
    unit: "infralogs-agent.service",
    command: "/usr/bin/infralogs-agent",
    user: 0,
};

const GIB: u64 = 1 << 30;
/// Usage grows for two weeks, then somebody cleans up. In seconds.
const CLEANED_EVERY_S: u64 = 14 * 86_400;

/// A file system.
struct Mount {
    path: &'static str,
    device: &'static str,
    kind: &'static str,
    total: u64,
    /// Percent used after cleaning, and how many are added until the next time.
    used: (f64, f64),
}

const WEB: [Mount; 2] = [
    Mount { path: "/", device: "/dev/vda1", kind: "ext4", total: 40 * GIB, used: (38.0, 24.0) },
    Mount { path: "/var/log", device: "/dev/vda2", kind: "ext4", total: 20 * GIB, used: (22.0, 69.0) },
];
const DATABASE: [Mount; 2] = [
    Mount { path: "/", device: "/dev/vda1", kind: "ext4", total: 40 * GIB, used: (31.0, 9.0) },
    Mount { path: "/var/lib/postgresql", device: "/dev/vdb", kind: "xfs", total: 200 * GIB, used: (71.0, 23.0) },
];

/// Adds this second's entries.
pub fn write(slot: &mut Slot) {
    if slot.second % 60 != 30 {
        return;
    }
    let mounts = match slot.role {
        Role::Web => &WEB,
        Role::Database => &DATABASE,
    };
    for (index, mount) in mounts.iter().enumerate() {
        // Every mount is at another point of its two weeks.
        let shift = Chance::of(&[slot.host, index as u64, 5]).below(CLEANED_EVERY_S);
        let share = ((slot.second + shift) % CLEANED_EVERY_S) as f64 / CLEANED_EVERY_S as f64;
        let percent = mount.used.0 + mount.used.1 * share + slot.chance.below(100) as f64 / 400.0;
        report(slot, mount, (mount.total as f64 * percent / 100.0) as u64 / 4_096 * 4_096);
    }
}

fn report(slot: &mut Slot, mount: &Mount, used: u64) {
    let (total, free) = (mount.total, mount.total - used);
    let (inodes, inodes_used) = (total / 16_384, used / 41_000);
    let Mount { path, device, kind, .. } = mount;
    let message = format!(
        "mount={path} device={device} fstype={kind} total_bytes={total} used_bytes={used} free_bytes={free} \
         inodes={inodes} inodes_used={inodes_used}"
    );
    let more = vec![
        ("DISK_MOUNT", path.to_string()),
        ("DISK_DEVICE", device.to_string()),
        ("DISK_FSTYPE", kind.to_string()),
        ("DISK_TOTAL_BYTES", total.to_string()),
        ("DISK_USED_BYTES", used.to_string()),
        ("DISK_FREE_BYTES", free.to_string()),
        ("DISK_INODES", inodes.to_string()),
        ("DISK_INODES_USED", inodes_used.to_string()),
    ];
    let pid = slot.pid_of(512);
    slot.say_more(&REPORT, pid, 6, message, more);
}
