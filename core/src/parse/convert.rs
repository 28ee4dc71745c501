//! Text to typed values: each is read once, by a type that was prepared when the script was loaded.

use super::{bytes::is_ipv4, spec::FieldType, time_format::TimeFormat};
use crate::{
    expr::slots::{Slot, Slots},
    table::ColumnType,
    time::Time,
};
use std::{fmt::Write, net::Ipv6Addr};

/// The longest text of an address in canonical form, in bytes.
const IP_BYTES_MAX: usize = 45;

/// A type ready to read texts.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Reading {
    Text,
    Int,
    Float,
    Bool,
    Ip,
    Time(TimeFormat),
    /// RFC 3164's or RFC 3339.
    SyslogTime(TimeFormat, TimeFormat),
    Duration,
    Bytes,
}

impl Reading {
    /// Prepares a type; an error says what is wrong with its format.
    pub fn compile(kind: &FieldType) -> Result<Self, String> {
        Ok(match kind {
            FieldType::Text => Self::Text,
            FieldType::Int => Self::Int,
            FieldType::Float => Self::Float,
            FieldType::Bool | FieldType::Flag(_) => Self::Bool,
            FieldType::Ip => Self::Ip,
            FieldType::Time(format) if &**format == "syslog" => {
                Self::SyslogTime(TimeFormat::compile(format)?, TimeFormat::rfc3339())
            }
            FieldType::Time(format) => Self::Time(TimeFormat::compile(format)?),
            FieldType::Duration => Self::Duration,
            FieldType::Bytes => Self::Bytes,
        })
    }

    /// How a text becomes a value of this column when nothing more is said: times are RFC 3339.
    pub fn of_column(kind: ColumnType) -> Self {
        match kind {
            ColumnType::Text => Self::Text,
            ColumnType::Int => Self::Int,
            ColumnType::Float => Self::Float,
            ColumnType::Bool => Self::Bool,
            ColumnType::Ip => Self::Ip,
            ColumnType::Time => Self::Time(TimeFormat::rfc3339()),
            ColumnType::Duration => Self::Duration,
            ColumnType::Bytes => Self::Bytes,
        }
    }

    /// Reads a text that is in a slot; `None` if it is not of this type.
    pub fn read<'a>(&self, slot: Slot<'a>, on: &mut Slots<'a>, clock: Time) -> Option<Slot<'a>> {
        if matches!(self, Self::Text) {
            return Some(slot);
        }
        let text = on.text(slot)?;
        match self {
            Self::Text => Some(slot),
            Self::Int => int(text).map(Slot::Int),
            Self::Float => float(text).map(Slot::Float),
            Self::Bool => bool(text).map(Slot::Bool),
            Self::Time(_) | Self::SyslogTime(..) => self.time(text, clock).map(Slot::Int),
            Self::Duration => duration_us(text).map(Slot::Int),
            Self::Bytes => bytes(text).map(Slot::Int),
            Self::Ip => ip(slot, on),
        }
    }

    /// Reads a time, in microseconds since 1970; what its text lacks is taken to be nearest to `clock`.
    pub fn time(&self, text: &str, clock: Time) -> Option<i64> {
        match self {
            Self::Time(format) => format.read(text, clock),
            Self::SyslogTime(old, new) => old.read(text, clock).or_else(|| new.read(text, clock)),
            _ => None,
        }
    }

    /// Reads a time at the start of a text, and how many bytes it takes; no time if there is no such day.
    pub fn time_start(&self, text: &str, clock: Time) -> Option<(Option<i64>, usize)> {
        match self {
            Self::Time(format) => format.read_start(text, clock),
            Self::SyslogTime(old, new) => old.read_start(text, clock).or_else(|| new.read_start(text, clock)),
            _ => None,
        }
    }

    /// Whether a byte that is no digit or letter may stand in a time.
    pub fn time_may_hold(&self, byte: u8) -> bool {
        match self {
            Self::Time(format) => format.may_hold(byte),
            Self::SyslogTime(old, new) => old.may_hold(byte) || new.may_hold(byte),
            _ => false,
        }
    }
}

/// A whole number, also with a sign; no space, no point.
#[inline]
pub(super) fn int(text: &str) -> Option<i64> {
    // Most numbers in logs are short: no overflow to look for.
    let digits = text.as_bytes();
    if (1..=18).contains(&digits.len()) {
        let (mut sum, mut are_digits) = (0_i64, true);
        for byte in digits {
            let digit = byte.wrapping_sub(b'0');
            are_digits &= digit < 10;
            sum = sum.wrapping_mul(10).wrapping_add(i64::from(digit));
        }
        if are_digits {
            return Some(sum);
        }
    }
    text.parse().ok()
}

/// A finite fraction in digits, `1.5` or `2e3`; no `inf`, no `nan`.
fn float(text: &str) -> Option<f64> {
    text.parse().ok().filter(|float: &f64| float.is_finite())
}

fn bool(text: &str) -> Option<bool> {
    let is_one_of = |words: [&str; 4]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
    if is_one_of(["true", "yes", "on", "1"]) {
        Some(true)
    } else if is_one_of(["false", "no", "off", "0"]) {
        Some(false)
    } else {
        None
    }
}

/// An address in canonical form: the text itself if it already is, else made. An IPv6 zone (`%eth0`) stays.
fn ip<'a>(slot: Slot<'a>, on: &mut Slots<'a>) -> Option<Slot<'a>> {
    const ZONE_BYTES_MAX: usize = 15;
    let text = on.text(slot)?;
    if is_ipv4(text.as_bytes(), 0, text.len()) {
        return Some(slot);
    }
    let (bare, zone) = text.split_once('%').map_or((text, None), |(bare, zone)| (bare, Some(zone)));
    let address: Ipv6Addr = bare.parse().ok()?;
    let is_name = |zone: &str| zone.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte));
    if zone.is_some_and(|zone| zone.is_empty() || zone.len() > ZONE_BYTES_MAX || !is_name(zone)) {
        return None;
    }
    let zone_at = bare.len();
    let zoned = on.part(slot, zone_at..text.len());
    let made = on.make(IP_BYTES_MAX, |made| _ = write!(made, "{address}"));
    let is_canonical = on.text(made) == on.text(on.part(slot, 0..zone_at));
    Some(if is_canonical { slot } else { on.copy(&[made, zoned]) })
}

/// `1.5s`, `250ms`, `1h30m` or a plain number of seconds, in microseconds; what is finer is cut off.
fn duration_us(text: &str) -> Option<i64> {
    let (negative, mut rest) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let mut sum_us: i64 = 0;
    loop {
        let (whole, fraction, after) = decimal(rest)?;
        let unit_end = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, next) = after.split_at(unit_end);
        let unit_ns: i128 = match unit.trim_ascii() {
            "ns" => 1,
            "us" | "µs" | "μs" => 1_000,
            "ms" => 1_000_000,
            "s" | "sec" | "secs" | "second" | "seconds" => 1_000_000_000,
            "" if rest.len() == text.len() - usize::from(negative) && next.is_empty() => 1_000_000_000,
            "m" | "min" | "mins" | "minute" | "minutes" => 60_000_000_000,
            "h" | "hour" | "hours" => 3_600_000_000_000,
            "d" | "day" | "days" => 86_400_000_000_000,
            "w" | "week" | "weeks" => 604_800_000_000_000,
            _ => return None,
        };
        sum_us = sum_us.checked_add(scaled(whole, fraction, unit_ns, 1_000)?)?;
        if next.is_empty() {
            return Some(if negative { -sum_us } else { sum_us });
        }
        rest = next;
    }
}

/// `10k` (thousands), `1.5GiB` (1024s) or a plain number, in bytes; a part of a byte is cut off.
fn bytes(text: &str) -> Option<i64> {
    let (whole, fraction, unit) = decimal(text)?;
    let unit = unit.trim_ascii();
    let unit = unit.strip_suffix(['B', 'b']).unwrap_or(unit);
    let (letter, base) = unit.strip_suffix('i').map_or((unit, 1000), |letter| (letter, 1024));
    let power = match letter {
        "" if base == 1000 => 0,
        "k" | "K" => 1,
        "m" | "M" => 2,
        "g" | "G" => 3,
        "t" | "T" => 4,
        "p" | "P" => 5,
        "e" | "E" => 6,
        _ => return None,
    };
    scaled(whole, fraction, i128::pow(base, power), 1)
}

/// Digits, digits after a point (may be empty), and what follows.
fn decimal(text: &str) -> Option<(&str, &str, &str)> {
    let digits_end = |text: &str| text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (whole, rest) = text.split_at(digits_end(text));
    let (fraction, rest) = match rest.strip_prefix('.') {
        Some(rest) => rest.split_at(digits_end(rest)),
        None => ("", rest),
    };
    (!whole.is_empty() || !fraction.is_empty()).then_some((whole, fraction, rest))
}

/// A decimal number times `unit`, divided by `by` and cut off, counted without rounding.
fn scaled(whole: &str, fraction: &str, unit: i128, by: i128) -> Option<i64> {
    const FRACTION_DIGITS_MAX: usize = 18;
    let number = |digits: &str| if digits.is_empty() { Some(0) } else { digits.parse::<u64>().ok().map(i128::from) };
    let fraction = fraction.get(..FRACTION_DIGITS_MAX).unwrap_or(fraction);
    let part = number(fraction)?.checked_mul(unit)? / 10_i128.pow(fraction.len() as u32);
    i64::try_from((number(whole)?.checked_mul(unit)? + part) / by).ok()
}
