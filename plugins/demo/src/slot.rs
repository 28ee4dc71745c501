//! Everything one host writes in one second.

use crate::{chance::Chance, database, disk, incident::Incident, line::Line, line::Program, system, web};

/// The most entries of one host in one second: six bits of the sequence number count them.
pub const LINES_MAX: usize = 64;

/// What a host does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Serves pages.
    Web,
    /// Keeps the orders.
    Database,
}

/// Which of its entries are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stream {
    /// All.
    #[default]
    All,
    /// All but disk reports.
    Logs,
    /// Disk reports only.
    Disk,
}

/// One second of one host.
#[derive(Debug)]
pub struct Slot {
    /// Seconds since 1970.
    pub second: u64,
    /// What the host does.
    pub role: Role,
    /// The host as a number.
    pub host: u64,
    /// What goes wrong just now.
    pub incident: Option<Incident>,
    /// How busy the shop is by the hour: 0.5 to 1.5.
    pub busy: f64,
    /// The dice.
    pub chance: Chance,
    lines: Vec<Line>,
}

/// The entries of a second, oldest first.
pub fn lines(seed: u64, host: u64, role: Role, stream: Stream, second: u64) -> Vec<Line> {
    let day = (second % 86_400) as f64 / 86_400.0;
    let mut slot = Slot {
        second,
        role,
        host,
        incident: Incident::at(seed, second),
        // Busiest at 16:00 UTC.
        busy: 1.0 + 0.5 * ((day - 16.0 / 24.0) * std::f64::consts::TAU).cos(),
        chance: Chance::of(&[seed, host, second]),
        lines: Vec::new(),
    };
    if stream != Stream::Disk {
        match role {
            Role::Web => web::write(&mut slot),
            Role::Database => database::write(&mut slot),
        }
        system::write(&mut slot);
    }
    if stream != Stream::Logs {
        disk::write(&mut slot);
    }
    slot.lines.sort_by_key(|line| line.offset_us);
    slot.lines.truncate(LINES_MAX);
    slot.lines
}

impl Slot {
    /// Adds an entry at some moment of this second.
    pub fn say(&mut self, program: &'static Program, pid: u32, priority: u8, message: String) {
        self.say_more(program, pid, priority, message, Vec::new());
    }
    /// Adds an entry with more fields.
    pub fn say_more(
        &mut self,
        program: &'static Program,
        pid: u32,
        priority: u8,
        message: String,
        more: Vec<(&'static str, String)>,
    ) {
        let offset_us = self.chance.below(1_000_000) as u32;
        self.lines.push(Line { offset_us, program, pid, priority, message, more });
    }
    /// A process id that stays for hours.
    pub fn pid_of(&self, base: u32) -> u32 {
        base + (self.host % 97) as u32 + (self.second / 21_600 % 211) as u32
    }
    /// A process id of something short.
    pub fn new_pid(&mut self) -> u32 {
        20_000 + self.chance.below(40_000) as u32
    }
    /// An address of a visitor: few networks, many of them.
    pub fn visitor(&mut self) -> String {
        let network = self.chance.pick(&["198.51.100", "203.0.113", "192.0.2"]);
        format!("{network}.{}", 1 + self.chance.below(254))
    }
}
