//! Made-up entries as export text: units and their constant fields, the kernel, bytes that are no text, repeated and
//! empty fields, long messages that get compressed, several boots. The same seed gives the same text.

/// Numbers that look random (SplitMix64).
pub struct Numbers(pub u64);

impl Numbers {
    /// The next one.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Below a bound.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn id(&mut self) -> String {
        format!("{:016x}{:016x}", self.next(), self.next())
    }
}

/// When the first entry is written: 2026-01-01, in microseconds.
pub const START_US: u64 = 1_767_225_600_000_000;
const BOOTS: usize = 3;
const WORDS: &str = "connection timeout retry upstream request completed failed session user cache miss flush queue";
const UNITS: [&str; 6] = ["nginx", "kubelet", "postgres", "worker", "vaultd", "größe"];

/// So many entries of one machine.
pub fn entries(count: usize, seed: u64) -> Vec<u8> {
    entries_from(count, seed, START_US)
}

/// So many entries of one machine, from a moment on.
pub fn entries_from(count: usize, seed: u64, start_us: u64) -> Vec<u8> {
    let mut numbers = Numbers(seed);
    let (machine, mut boot) = (numbers.id(), numbers.id());
    let invocations: Vec<_> = UNITS.iter().map(|_| numbers.id()).collect();
    let (mut realtime, mut monotonic) = (start_us, 5_000_000);
    let mut text = Vec::new();
    for number in 0..count {
        if number > 0 && number % count.div_ceil(BOOTS) == 0 {
            (boot, monotonic) = (numbers.id(), 5_000_000);
        }
        let pause = numbers.below(80_000) + 1;
        (realtime, monotonic) = (realtime + pause, monotonic + pause);
        line(&mut text, &format!("__REALTIME_TIMESTAMP={realtime}"));
        line(&mut text, &format!("__MONOTONIC_TIMESTAMP={monotonic}"));
        for constant in [format!("_BOOT_ID={boot}"), format!("_MACHINE_ID={machine}"), format!("_HOSTNAME=vm{seed}")] {
            line(&mut text, &constant);
        }
        fields(&mut text, &mut numbers, number, &invocations);
        text.push(b'\n');
    }
    text
}

fn line(text: &mut Vec<u8>, line: &str) {
    text.extend_from_slice(line.as_bytes());
    text.push(b'\n');
}

fn binary(text: &mut Vec<u8>, name: &str, value: &[u8]) {
    line(text, name);
    text.extend_from_slice(&(value.len() as u64).to_le_bytes());
    text.extend_from_slice(value);
    text.push(b'\n');
}

fn fields(text: &mut Vec<u8>, numbers: &mut Numbers, number: usize, invocations: &[String]) {
    line(text, &format!("NUMBER={number}"));
    line(text, &format!("PRIORITY={}", numbers.below(8)));
    if numbers.below(10) == 0 {
        line(text, "_TRANSPORT=kernel\nSYSLOG_IDENTIFIER=kernel\nSYSLOG_FACILITY=0");
        line(text, &format!("MESSAGE=eth{}: link up, number {number}", numbers.below(4)));
        return;
    }
    let unit = numbers.below(UNITS.len() as u64) as usize;
    let (name, pid) = (UNITS[unit], 1000 + unit);
    line(text, &format!("_TRANSPORT=stdout\nSYSLOG_IDENTIFIER={name}\n_PID={pid}\n_COMM={name}\n_UID=998\n_GID=998"));
    line(text, &format!("_EXE=/usr/bin/{name}\n_CMDLINE={name} --config /etc/{name}.conf\n_CAP_EFFECTIVE=0"));
    line(text, &format!("_SYSTEMD_CGROUP=/system.slice/{name}.service\n_SYSTEMD_UNIT={name}.service"));
    line(text, &format!("_SYSTEMD_SLICE=system.slice\n_SYSTEMD_INVOCATION_ID={}", invocations[unit]));
    let words: Vec<_> = WORDS.split(' ').collect();
    let some = |numbers: &mut Numbers, count: u64| {
        (0..count).map(|_| words[numbers.below(words.len() as u64) as usize]).collect::<Vec<_>>().join(" ")
    };
    let message = format!("{} number={number}", some(numbers, 3 + numbers.0 % 9));
    match numbers.below(60) {
        0 => binary(text, "MESSAGE", format!("{message}\n  at main\n  at exit").as_bytes()),
        1 => binary(text, "MESSAGE", b"\x1b[31mred\x1b[0m \xff\xfe"),
        2 => line(text, &format!("MESSAGE={message} {}", some(numbers, 400))),
        3 => line(text, &format!("MESSAGE={}", message.repeat(3_000))),
        4 => line(text, "MESSAGE="),
        5 => line(text, &format!("MESSAGE={message}\nTAG=a\nTAG=b\nTAG=c")),
        6 => binary(text, "BLOB", &(0..2_000).map(|_| numbers.next() as u8).collect::<Vec<_>>()),
        7 => line(text, &format!("MESSAGE={message}\ttab \u{85} \u{a0} ünï {}", '\u{10ffff}')),
        8 => binary(text, "MESSAGE", &[0; 700]),
        _ => line(text, &format!("MESSAGE={message}")),
    }
}
