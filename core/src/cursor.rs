//! A place in a source, written as systemd writes journal cursors.

use crate::{
    error::{Error, Result},
    id::Id128,
    time::Time,
};
use std::{fmt, str::FromStr};

/// `s=<seqnum id>;i=<seqnum>;b=<boot>;m=<monotonic>;t=<realtime>;x=<xor hash>`, numbers in hexadecimal.
///
/// Two cursors name the same entry when all parts are equal. Order within one `seqnum_id` is by `seqnum`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Cursor {
    /// Which counter `seqnum` belongs to: one per journal, not per machine or address.
    pub seqnum_id: Id128,
    /// Counts the entries of that journal.
    pub seqnum: u64,
    /// The boot the entry was written in.
    pub boot: Id128,
    /// Microseconds since that boot.
    pub monotonic: u64,
    /// Microseconds since 1970 by the machine's own clock, which may jump.
    pub realtime: u64,
    /// The entry's XOR hash, which tells entries of equal place apart.
    pub xor_hash: u64,
}

impl Cursor {
    /// The wall-clock time in it.
    pub fn time(&self) -> Time {
        Time(i64::try_from(self.realtime).unwrap_or(i64::MAX))
    }

    /// Its text appended to `out`: what `Display` writes, without the cost of formatting.
    pub fn write_to(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"s=");
        out.extend_from_slice(&self.seqnum_id.digits());
        out.extend_from_slice(b";i=");
        write_hex(self.seqnum, out);
        out.extend_from_slice(b";b=");
        out.extend_from_slice(&self.boot.digits());
        for (name, number) in [(b";m=", self.monotonic), (b";t=", self.realtime), (b";x=", self.xor_hash)] {
            out.extend_from_slice(name);
            write_hex(number, out);
        }
    }
}

fn write_hex(number: u64, out: &mut Vec<u8>) {
    let nibbles = (16 - number.leading_zeros() / 4).max(1);
    for at in (0..nibbles).rev() {
        out.push(b"0123456789abcdef"[(number >> (at * 4)) as usize & 15]);
    }
}

impl FromStr for Cursor {
    type Err = Error;
    /// Parts may come in any order; unknown ones are refused, all six are needed.
    fn from_str(text: &str) -> Result<Self> {
        let bad = || Error::corrupt(format!("`{}` is no journal cursor", text.escape_debug()));
        let mut cursor = Self::default();
        let mut seen = 0u8;
        for part in text.split(';') {
            let (name, value) = part.split_once('=').ok_or_else(bad)?;
            let number = || u64::from_str_radix(value, 16).map_err(|_| bad());
            let bit = match name {
                "s" => (cursor.seqnum_id = value.parse().map_err(|_| bad())?, 1).1,
                "i" => (cursor.seqnum = number()?, 2).1,
                "b" => (cursor.boot = value.parse().map_err(|_| bad())?, 4).1,
                "m" => (cursor.monotonic = number()?, 8).1,
                "t" => (cursor.realtime = number()?, 16).1,
                "x" => (cursor.xor_hash = number()?, 32).1,
                _ => return Err(bad()),
            };
            seen |= bit;
        }
        if seen == 63 { Ok(cursor) } else { Err(bad()) }
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = Vec::with_capacity(160);
        self.write_to(&mut text);
        f.write_str(std::str::from_utf8(&text).unwrap_or_default())
    }
}
