//! What every host writes: logins, cron, systemd and the kernel.

use crate::{
    incident::Incident,
    line::Program,
    slot::{Role, Slot},
};

const SSHD: Program = Program { identifier: "sshd", unit: "ssh.service", command: "sshd: unknown [priv]", user: 0 };
const CRON: Program = Program { identifier: "CRON", unit: "cron.service", command: "/usr/sbin/CRON -f -P", user: 0 };
const SYSTEMD: Program = Program { identifier: "systemd", unit: "init.scope", command: "/sbin/init", user: 0 };
const KERNEL: Program = Program { identifier: "kernel", unit: "", command: "", user: 0 };

/// The id of systemd's message that a unit failed.
const UNIT_FAILED: &str = "d9b373ed55a64feb8242e02dbe79a49c";
/// The one who guesses passwords.
const GUESSER: &str = "203.0.113.66";

/// Adds this second's entries.
pub fn write(slot: &mut Slot) {
    logins(slot);
    if slot.second % 60 == 1 {
        let pid = slot.new_pid();
        let command = match slot.second / 60 % 60 {
            17 => "   cd / && run-parts --report /etc/cron.hourly",
            minute if minute % 5 == 0 => "command -v debian-sa1 > /dev/null && debian-sa1 1 1",
            _ => return,
        };
        slot.say(&CRON, pid, 6, format!("(root) CMD ({command})"));
    }
    if slot.chance.happens(0.002) {
        kernel(slot);
    }
    units(slot);
}

fn logins(slot: &mut Slot) {
    let guessing = slot.incident == Some(Incident::Guessing) && slot.role == Role::Web;
    for _ in 0..slot.chance.count(if guessing { 2.2 } else { 0.02 }) {
        let (pid, port) = (slot.new_pid(), 1_024 + slot.chance.below(64_000));
        let ip = if guessing { GUESSER.to_owned() } else { slot.visitor() };
        let user =
            slot.chance.pick(&["root", "root", "admin", "ubuntu", "oracle", "test", "git", "deploy", "postgres"]);
        let invalid = if matches!(user, "admin" | "oracle" | "test") { "invalid user " } else { "" };
        slot.say(&SSHD, pid, 6, format!("Failed password for {invalid}{user} from {ip} port {port} ssh2"));
        if slot.chance.happens(0.3) {
            let message = format!("Connection closed by authenticating user {user} {ip} port {port} [preauth]");
            slot.say(&SSHD, pid, 6, message);
        }
    }
    if slot.chance.happens(0.004 * slot.busy) {
        let (pid, port) = (slot.new_pid(), 1_024 + slot.chance.below(64_000));
        let user = slot.chance.pick(&["deploy", "ana", "tomas"]);
        let key = slot.chance.next();
        slot.say(
            &SSHD,
            pid,
            6,
            format!(
                "Accepted publickey for {user} from 10.0.4.{} port {port} ssh2: ED25519 SHA256:{key:016x}",
                key % 200
            ),
        );
    }
}

fn kernel(slot: &mut Slot) {
    let address = slot.visitor();
    let (priority, message) = match slot.chance.below(40) {
        0 => (0, "watchdog: BUG: soft lockup - CPU#1 stuck for 22s! [kworker/1:2:4211]".to_owned()),
        1..=3 => (
            3,
            "EXT4-fs error (device vdb): ext4_lookup:1854: inode #262145: comm postgres: deleted inode referenced"
                .into(),
        ),
        4..=9 => (4, "TCP: request_sock_TCP: Possible SYN flooding on port 443. Sending cookies.".to_owned()),
        10..=19 => (5, "eth0: link becomes ready, 10000 Mbps full duplex".to_owned()),
        _ => (6, format!("[UFW BLOCK] IN=eth0 OUT= SRC={address} DST=10.0.4.11 LEN=40 PROTO=TCP DPT=23")),
    };
    slot.say(&KERNEL, 0, priority, message);
}

/// Timers that run, and now and then a unit that fails.
fn units(slot: &mut Slot) {
    if slot.chance.happens(0.004) {
        let unit = slot.chance.pick(&["logrotate", "apt-daily", "fstrim", "systemd-tmpfiles-clean", "man-db"]);
        slot.say(&SYSTEMD, 1, 6, format!("{unit}.service: Deactivated successfully."));
    }
    if slot.chance.happens(0.000_25) {
        let unit =
            slot.chance.pick(&["backup.service", "certbot.service", "apt-daily.service", "node-exporter.service"]);
        unit_failed(slot, unit, "exit-code");
    }
}

/// systemd says that a unit failed.
pub fn unit_failed(slot: &mut Slot, unit: &str, result: &str) {
    let more = vec![
        ("MESSAGE_ID", UNIT_FAILED.to_owned()),
        ("UNIT", unit.to_owned()),
        ("UNIT_RESULT", result.to_owned()),
        ("CODE_FUNC", "unit_log_failure".to_owned()),
    ];
    slot.say_more(&SYSTEMD, 1, 4, format!("{unit}: Failed with result '{result}'."), more);
}

/// The kernel kills a program that took too much memory.
pub fn killed(slot: &mut Slot, program: &str, pid: u32) {
    let message = format!(
        "Out of memory: Killed process {pid} ({program}) total-vm:4194304kB, anon-rss:1965312kB, file-rss:0kB, \
         shmem-rss:0kB, UID:998 pgtables:4120kB oom_score_adj:0"
    );
    slot.say(&KERNEL, 0, 3, message);
}
