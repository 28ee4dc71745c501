//! An everyday journal, made up: services, sshd, cron and the kernel, some long, binary, repeated and multi-line
//! fields, two boots. systemd-journal-remote writes it to a file, once.

use std::{
    fmt::Write as _,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

const WORDS: [&str; 16] = [
    "connection",
    "timeout",
    "retry",
    "upstream",
    "request",
    "completed",
    "failed",
    "session",
    "user",
    "token",
    "cache",
    "miss",
    "flush",
    "queue",
    "leader",
    "backend",
];
const UNITS: [&str; 12] = [
    "nginx",
    "kubelet",
    "containerd",
    "postgres",
    "redis",
    "api",
    "worker",
    "billing",
    "auth",
    "cache",
    "queue",
    "vaultd",
];
/// 2026-01-01, in microseconds.
const START_US: u64 = 1_767_225_600_000_000;

/// A folder with one file of so many entries; made where it is not there yet.
pub fn journal(below: &Path, entries: u64) -> PathBuf {
    let folder = below.join(format!("journal-{entries}"));
    let file = folder.join("remote-everyday.journal");
    if !file.exists() {
        fs::create_dir_all(&folder).expect("a folder");
        let begun = folder.join("begun.journal");
        let mut remote = Command::new("/lib/systemd/systemd-journal-remote");
        let mut remote = remote.arg("-o").arg(&begun).arg("-").stdin(Stdio::piped()).stderr(Stdio::null()).spawn();
        let remote = remote.as_mut().expect("systemd-journal-remote is installed");
        let mut input = remote.stdin.take().expect("its input");
        let mut made = Made { state: 7, realtime: START_US, monotonic: 0, boot: String::new() };
        for number in 0..entries {
            if number % (entries / 2).max(1) == 0 {
                (made.boot, made.monotonic) = (made.id(), 1_000_000);
            }
            input.write_all(&made.entry()).expect("it reads");
        }
        drop(input);
        assert!(remote.wait().expect("it ends").success());
        fs::rename(begun, &file).expect("renamed");
    }
    folder
}

struct Made {
    state: u64,
    realtime: u64,
    monotonic: u64,
    boot: String,
}

impl Made {
    /// SplitMix64.
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn id(&mut self) -> String {
        format!("{:016x}{:016x}", self.next(), self.next())
    }

    fn words(&mut self, count: u64) -> String {
        (0..count).map(|_| WORDS[self.below(WORDS.len() as u64) as usize]).collect::<Vec<_>>().join(" ")
    }

    fn entry(&mut self) -> Vec<u8> {
        let pause = self.below(80_000) + 1;
        (self.realtime, self.monotonic) = (self.realtime + pause, self.monotonic + pause);
        let mut text = format!(
            "__REALTIME_TIMESTAMP={}\n__MONOTONIC_TIMESTAMP={}\n_BOOT_ID={}\n_MACHINE_ID={:032x}\n_HOSTNAME=web-1\n",
            self.realtime, self.monotonic, self.boot, 0xfeed
        );
        let mut binary = None;
        // Writing to a string can't fail.
        let _ = match self.below(100) {
            0..8 => writeln!(
                text,
                "_TRANSPORT=kernel\nPRIORITY={}\nSYSLOG_FACILITY=0\nSYSLOG_IDENTIFIER=kernel\n\
                 _SOURCE_MONOTONIC_TIMESTAMP={}\nMESSAGE=eth{}: link up, 10000 Mbps full duplex, irq {}",
                3 + self.below(4),
                self.monotonic - 50,
                self.below(4),
                self.below(900)
            ),
            8..25 => {
                let pid = 300 + self.below(60_000);
                writeln!(
                    text,
                    "PRIORITY=6\nSYSLOG_FACILITY=4\nSYSLOG_IDENTIFIER=sshd\nSYSLOG_PID={pid}\n_PID={pid}\n\
                     SYSLOG_TIMESTAMP=Jan 01 08:53:{:02} \n_TRANSPORT=syslog\n_UID=0\n_GID=0\n_COMM=sshd\n\
                     _EXE=/usr/sbin/sshd\n_CMDLINE=sshd: root [priv]\n_CAP_EFFECTIVE=1ffffffffff\n\
                     _SYSTEMD_CGROUP=/system.slice/ssh.service\n_SYSTEMD_UNIT=ssh.service\n\
                     _SYSTEMD_SLICE=system.slice\n_SYSTEMD_INVOCATION_ID={:032x}\n_SOURCE_REALTIME_TIMESTAMP={}\n\
                     MESSAGE=Failed password for invalid user admin from 10.{}.{}.{} port {} ssh2",
                    self.below(60),
                    0xabc,
                    self.realtime - 30,
                    self.below(255),
                    self.below(255),
                    self.below(255),
                    1024 + self.below(60_000)
                )
            }
            _ => {
                binary = self.service(&mut text);
                Ok(())
            }
        };
        let mut text = text.into_bytes();
        if let Some(value) = binary {
            text.extend_from_slice(b"MESSAGE\n");
            text.extend_from_slice(&(value.len() as u64).to_le_bytes());
            text.extend_from_slice(&value);
            text.push(b'\n');
        }
        text.push(b'\n');
        text
    }

    /// A service's own line, and its message if that is no line of text.
    fn service(&mut self, text: &mut String) -> Option<Vec<u8>> {
        let mut binary = None;
        let unit = self.below(UNITS.len() as u64);
        let name = UNITS[unit as usize];
        let mut message = self.words(4);
        message += &format!(" id={:x} dur={}ms", self.next() >> 16, self.below(5_000));
        match self.below(1_000) {
            0..10 => binary = Some(format!("{message}\n  at Foo.java:{}\n  at main", self.below(999)).into_bytes()),
            10..13 => binary = Some([b"\x1b[31m", message.as_bytes(), b"\xff\xfe bin"].concat()),
            13..20 => message = self.words(300),
            20 => message = self.words(4_000),
            21..24 => message += "\nTAG=a\nTAG=b",
            _ => message += &format!(" {}", self.words(unit + 2)),
        }
        if binary.is_none() {
            let _ = writeln!(text, "MESSAGE={message}");
        }
        let _ = writeln!(
            text,
            "PRIORITY={}\nSYSLOG_FACILITY=3\nSYSLOG_IDENTIFIER={name}\n_TRANSPORT=stdout\n_PID={}\n_UID=998\n\
             _GID=998\n_STREAM_ID={:032x}\n_COMM={name}\n_EXE=/usr/bin/{name}\n_CAP_EFFECTIVE=0\n\
             _CMDLINE=/usr/bin/{name} --config /etc/{name}.conf\n_SYSTEMD_CGROUP=/system.slice/{name}.service\n\
             _SYSTEMD_UNIT={name}.service\n_SYSTEMD_SLICE=system.slice\n_SYSTEMD_INVOCATION_ID={:032x}",
            self.below(8),
            1_000 + unit,
            unit + 1,
            unit + 77
        );
        binary
    }
}
