//! Time formats compiled once: strftime words become items that read digits straight out of the text.

use super::{
    bytes::eight,
    time_parts::{Date, Parts, month_of},
};
use crate::time::Time;

/// A compiled format.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TimeFormat(Vec<Item>);

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Item {
    /// What the next items read in its usual form, all of it at once; where the text is otherwise, they read it.
    Quick(Quick),
    Byte(u8),
    /// `T`, `t` or a space.
    DateEnd,
    Year,
    YearOfCentury,
    Month,
    MonthName,
    Day,
    DayOfYear,
    WeekdayName,
    Hour,
    HalfDayHour,
    HalfDay,
    Minute,
    Second,
    /// `.` and one to nine digits, or nothing.
    DotFraction,
    Fraction,
    /// `+0100`, `+01:00`, `+01` or `Z`.
    Offset,
    /// `UTC`, `GMT` or `Z`.
    ZoneName,
    /// Seconds since 1970, with a fraction if there is one.
    Epoch,
    /// Since 1970, so many a second.
    EpochUnits(i64),
}

/// Items that mostly stand together, read by their bytes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Quick {
    /// `12:34:56`.
    Clock,
    /// `2026-01-31`.
    Date,
    /// `31/Jan/2026`.
    SlashedDate,
    /// `Jan 31` or `Jan  1`.
    MonthDay,
}

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

impl TimeFormat {
    /// Compiles `rfc3339`, `nginx`, `syslog`, `unix`, `unix_ms`, `unix_us` or strftime words; says what is unknown.
    pub fn compile(format: &str) -> Result<Self, String> {
        let mut items = Vec::new();
        match format {
            "" => return Err("a time format is empty".into()),
            "unix" => items.push(Item::Epoch),
            "unix_ms" => items.push(Item::EpochUnits(1_000)),
            "unix_us" => items.push(Item::EpochUnits(1_000_000)),
            "rfc3339" => return Ok(Self::rfc3339()),
            "nginx" | "apache" => words("%d/%b/%Y:%H:%M:%S %z", &mut items)?,
            "syslog" => words("%b %e %H:%M:%S", &mut items)?,
            format => words(format, &mut items)?,
        }
        let timed = items.iter().any(|item| !matches!(item, Item::Byte(_) | Item::WeekdayName | Item::ZoneName));
        if timed {
            Ok(Self::fused(items))
        } else {
            Err(format!("`{format}` is no time format: it has no words such as %Y"))
        }
    }

    /// `2026-01-31T12:00:00.5+01:00`.
    pub fn rfc3339() -> Self {
        use Item::{Byte, DateEnd, Day, DotFraction, Hour, Minute, Month, Offset, Second, Year};
        let date = [Year, Byte(b'-'), Month, Byte(b'-'), Day, DateEnd];
        let of_day = [Hour, Byte(b':'), Minute, Byte(b':'), Second, DotFraction, Offset];
        Self::fused(date.into_iter().chain(of_day).collect())
    }

    /// With the quick forms of what stands together.
    fn fused(items: Vec<Item>) -> Self {
        let mut fused = Vec::with_capacity(items.len() + 2);
        let mut at = 0;
        while at < items.len() {
            let known = Quick::ALL.iter().find(|(_, of)| items[at..].starts_with(of));
            let taken = known.map_or(1, |(quick, of)| {
                fused.push(Item::Quick(*quick));
                of.len()
            });
            fused.extend_from_slice(&items[at..at + taken]);
            at += taken;
        }
        Self(fused)
    }

    /// Reads a whole text. What the format lacks (a year, a date) is taken so that it lies nearest to `clock`;
    /// without a zone it is UTC.
    pub fn read(&self, text: &str, clock: Time) -> Option<i64> {
        let mut parts = Parts::default();
        let end = self.parts(text.as_bytes(), &mut parts)?;
        if end == text.len() { parts.micros_since_1970(clock) } else { None }
    }

    /// Reads what stands at the start of a text, and how many bytes it takes; no time if there is no such day.
    pub fn read_start(&self, text: &str, clock: Time) -> Option<(Option<i64>, usize)> {
        let mut parts = Parts::default();
        let end = self.parts(text.as_bytes(), &mut parts)?;
        Some((parts.micros_since_1970(clock), end))
    }

    /// Where what is written at the start of a text ends.
    fn parts(&self, text: &[u8], parts: &mut Parts) -> Option<usize> {
        let (mut at, mut next) = (0, 0);
        while let Some(item) = self.0.get(next) {
            next += 1;
            match item {
                Item::Quick(quick) => {
                    if let Some(length) = quick.read(text, at, parts) {
                        at += length;
                        next += quick.items();
                    }
                }
                Item::Byte(byte) if text.get(at) == Some(byte) => at += 1,
                _ => at = text.len() - item.read(text.get(at..)?, parts)?.len(),
            }
        }
        Some(at)
    }

    /// Whether this byte may stand in a time of this format; letters and digits are not asked for.
    pub fn may_hold(&self, byte: u8) -> bool {
        self.0.iter().any(|item| match item {
            Item::Byte(own) => *own == byte,
            Item::DateEnd => matches!(byte, b'T' | b't' | b' '),
            Item::Offset => matches!(byte, b'+' | b'-' | b':'),
            Item::DotFraction | Item::Epoch => byte == b'.',
            _ => false,
        })
    }
}

fn words(format: &str, items: &mut Vec<Item>) -> Result<(), String> {
    let mut signs = format.bytes();
    while let Some(sign) = signs.next() {
        if sign != b'%' {
            items.push(Item::Byte(sign));
            continue;
        }
        let word = signs.next().ok_or("a time format ends in a lone %")?;
        match word {
            b'Y' => items.push(Item::Year),
            b'y' => items.push(Item::YearOfCentury),
            b'm' => items.push(Item::Month),
            b'b' | b'B' | b'h' => items.push(Item::MonthName),
            b'd' | b'e' => items.push(Item::Day),
            b'j' => items.push(Item::DayOfYear),
            b'a' | b'A' => items.push(Item::WeekdayName),
            b'H' | b'k' => items.push(Item::Hour),
            b'I' | b'l' => items.push(Item::HalfDayHour),
            b'p' | b'P' => items.push(Item::HalfDay),
            b'M' => items.push(Item::Minute),
            b'S' => items.push(Item::Second),
            b'f' => items.push(Item::Fraction),
            b'z' => items.push(Item::Offset),
            b'Z' => items.push(Item::ZoneName),
            b's' => items.push(Item::Epoch),
            b'T' => words("%H:%M:%S", items)?,
            b'R' => words("%H:%M", items)?,
            b'F' => words("%Y-%m-%d", items)?,
            b'D' => words("%m/%d/%y", items)?,
            b'%' => items.push(Item::Byte(b'%')),
            b'.' if signs.next() == Some(b'f') => items.push(Item::DotFraction),
            b':' if signs.next() == Some(b'z') => items.push(Item::Offset),
            _ => return Err(unknown_word(word as char)),
        }
    }
    Ok(())
}

fn unknown_word(word: char) -> String {
    format!(
        "a time format has no word `%{}`; there are Y y m b B d e j a A H I p M S f .f z :z Z s T R F D and %%",
        word.escape_debug()
    )
}

impl Item {
    fn read<'t>(self, text: &'t [u8], parts: &mut Parts) -> Option<&'t [u8]> {
        let (number, rest) = match self {
            Self::Quick(_) => return Some(text),
            Self::Byte(byte) => return text.strip_prefix(&[byte]),
            Self::DateEnd => return matches!(text.first(), Some(b'T' | b't' | b' ')).then(|| &text[1..]),
            Self::MonthName => return month_name(text, parts),
            Self::WeekdayName => return weekday(text),
            Self::HalfDay => return half_day(text, parts),
            Self::Offset => return offset(text, parts),
            Self::ZoneName => return [&b"UTC"[..], b"GMT", b"Z"].iter().find_map(|name| text.strip_prefix(*name)),
            Self::DotFraction => match text.strip_prefix(b".") {
                Some(text) => fraction(text)?,
                None => (0, text),
            },
            Self::Fraction => fraction(text)?,
            Self::Epoch => return epoch(text, parts),
            Self::EpochUnits(_) => signed(text)?,
            Self::Year => digits(text, 4, 4)?,
            Self::DayOfYear => digits(text, 3, 3)?,
            Self::YearOfCentury | Self::Minute => digits(text, 2, 2)?,
            _ => digits(text.strip_prefix(b" ").unwrap_or(text), 1, 2)?,
        };
        if let Self::EpochUnits(units) = self {
            parts.epoch_us = Some(number.checked_mul(1_000_000 / units)?);
        } else {
            parts.put(self, number);
        }
        Some(rest)
    }
}

impl Quick {
    const ALL: [(Self, &[Item]); 4] = [
        (Self::Clock, &[Item::Hour, Item::Byte(b':'), Item::Minute, Item::Byte(b':'), Item::Second]),
        (Self::Date, &[Item::Year, Item::Byte(b'-'), Item::Month, Item::Byte(b'-'), Item::Day]),
        (Self::SlashedDate, &[Item::Day, Item::Byte(b'/'), Item::MonthName, Item::Byte(b'/'), Item::Year]),
        (Self::MonthDay, &[Item::MonthName, Item::Byte(b' '), Item::Day]),
    ];

    /// How many items it stands for.
    fn items(self) -> usize {
        if self == Self::MonthDay { 3 } else { 5 }
    }

    /// How many bytes it read; nothing is read if the text has another form.
    #[inline]
    fn read(self, text: &[u8], at: usize, parts: &mut Parts) -> Option<usize> {
        match self {
            Self::Clock => {
                let pairs = pairs(eight(text, at)?, 0x3030_3a30_303a_3030, 0x0000_ff00_00ff_0000)?;
                (parts.hour, parts.minute, parts.second) = (pair(pairs, 0), pair(pairs, 3), pair(pairs, 6));
                Some(8)
            }
            Self::Date => {
                let pairs = pairs(eight(text, at)?, 0x2d30_302d_3030_3030, 0xff00_00ff_0000_0000)?;
                let day = two(text, at + 8)?;
                let year = u16::from(pair(pairs, 0)) * 100 + u16::from(pair(pairs, 2));
                parts.date = Date { year: Some(year), month: Some(pair(pairs, 5)), day: Some(day as u8) };
                Some(10)
            }
            Self::SlashedDate => {
                let date: &[u8; 11] = text.get(at..)?.first_chunk()?;
                let [_, _, b'/', a, b, c, b'/', ..] = *date else { return None };
                let month = month_of([a | 0x20, b | 0x20, c | 0x20])?;
                let (day, century, year) = (two(date, 0)?, two(date, 7)?, two(date, 9)?);
                let year = (century * 100 + year) as u16;
                parts.date = Date { year: Some(year), month: Some(month as u8 + 1), day: Some(day as u8) };
                Some(11)
            }
            Self::MonthDay => {
                let [a, b, c, b' ', tens, ones, after] = *text.get(at..)?.first_chunk()? else { return None };
                let month = month_of([a | 0x20, b | 0x20, c | 0x20])?;
                let tens = if tens == b' ' && !after.is_ascii_digit() { b'0' } else { tens };
                let day = two(&[tens, ones], 0)?;
                (parts.date.month, parts.date.day) = (Some(month as u8 + 1), Some(day as u8));
                Some(6)
            }
        }
    }
}

/// Of eight bytes with digits where `form` has zeros, and exactly its bytes at `others`: in each byte, the number that
/// its digit and the next one make.
#[inline]
fn pairs(bytes: u64, form: u64, others: u64) -> Option<u64> {
    let digits = bytes ^ form;
    // Digits are 0 to 9 now: six more does not reach the upper half of their byte.
    let above = (digits | digits.wrapping_add(0x0606_0606_0606_0606)) & 0xf0f0_f0f0_f0f0_f0f0;
    (above & !others == 0 && digits & others == 0).then(|| digits.wrapping_mul(10).wrapping_add(digits >> 8))
}

#[inline]
fn pair(pairs: u64, byte: u32) -> u8 {
    (pairs >> (byte * 8)) as u8
}

/// Two digits that stand at a place.
#[inline]
fn two(text: &[u8], at: usize) -> Option<i64> {
    let (tens, ones) = (text.get(at)?.wrapping_sub(b'0'), text.get(at + 1)?.wrapping_sub(b'0'));
    (tens < 10 && ones < 10).then(|| i64::from(tens) * 10 + i64::from(ones))
}

/// Between `least` and `most` digits.
#[inline]
fn digits(text: &[u8], least: usize, most: usize) -> Option<(i64, &[u8])> {
    let count = text.iter().take(most).take_while(|byte| byte.is_ascii_digit()).count();
    if count < least {
        return None;
    }
    let (number, rest) = text.split_at(count);
    Some((number.iter().fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0')), rest))
}

/// Up to nine digits after a point, as microseconds.
#[inline]
fn fraction(text: &[u8]) -> Option<(i64, &[u8])> {
    const POWERS: [i64; 7] = [1_000_000, 100_000, 10_000, 1_000, 100, 10, 1];
    let (mut number, mut count) = (0, 0);
    while count < 9
        && let Some(digit) = text.get(count).map(|byte| byte.wrapping_sub(b'0')).filter(|digit| *digit < 10)
    {
        // What is finer than microseconds is cut off.
        number = if count < 6 { number * 10 + i64::from(digit) } else { number };
        count += 1;
    }
    (count > 0).then(|| (number * POWERS[count.min(6)], &text[count..]))
}

/// A whole number of at most 18 digits.
fn signed(text: &[u8]) -> Option<(i64, &[u8])> {
    let (sign, text) = text.strip_prefix(b"-").map_or((1, text), |rest| (-1, rest));
    digits(text, 1, 18).map(|(number, rest)| (sign * number, rest))
}

fn epoch<'t>(text: &'t [u8], parts: &mut Parts) -> Option<&'t [u8]> {
    let negative = text.first() == Some(&b'-');
    let (seconds, rest) = signed(text)?;
    let (micros, rest) = rest.strip_prefix(b".").map_or(Some((0, rest)), fraction)?;
    let micros = if negative { -micros } else { micros };
    parts.epoch_us = Some(seconds.checked_mul(1_000_000)?.checked_add(micros)?);
    Some(rest)
}

fn month_name<'t>(text: &'t [u8], parts: &mut Parts) -> Option<&'t [u8]> {
    let (&[a, b, c], _) = text.split_first_chunk()?;
    let month = month_of([a | 0x20, b | 0x20, c | 0x20])?;
    let name = MONTHS[month].as_bytes();
    parts.date.month = Some(month as u8 + 1);
    let goes_on = text.get(3).is_some_and(u8::is_ascii_alphabetic);
    let whole = goes_on && text.get(..name.len()).is_some_and(|long| long.eq_ignore_ascii_case(name));
    Some(&text[if whole { name.len() } else { 3 }..])
}

fn weekday(text: &[u8]) -> Option<&[u8]> {
    let letters = text.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
    (letters >= 3).then(|| &text[letters..])
}

fn half_day<'t>(text: &'t [u8], parts: &mut Parts) -> Option<&'t [u8]> {
    parts.afternoon = Some(match text.first()?.to_ascii_lowercase() {
        b'a' => false,
        b'p' => true,
        _ => return None,
    });
    text.get(1)?.eq_ignore_ascii_case(&b'm').then(|| &text[2..])
}

fn offset<'t>(text: &'t [u8], parts: &mut Parts) -> Option<&'t [u8]> {
    let sign = match text.first()? {
        b'Z' | b'z' => return Some(&text[1..]),
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let (hours, rest) = digits(&text[1..], 2, 2)?;
    let (minutes, rest) = match digits(rest.strip_prefix(b":").unwrap_or(rest), 2, 2) {
        Some(found) => found,
        None => (0, rest),
    };
    parts.offset_s = sign * (hours * 3600 + minutes * 60) as i32;
    (hours <= 25 && minutes <= 59).then_some(rest)
}
