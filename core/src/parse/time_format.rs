//! Time formats compiled once: strftime words become items that read digits straight out of the text.

use crate::time::Time;

/// A compiled format.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TimeFormat(Vec<Item>);

#[derive(Debug, Clone, Copy, PartialEq)]
enum Item {
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

/// What was read so far.
#[derive(Debug, Default, Clone, Copy)]
struct Parts {
    year: Option<i64>,
    month: Option<i64>,
    day: Option<i64>,
    day_of_year: Option<i64>,
    hour: i64,
    afternoon: Option<bool>,
    minute: i64,
    second: i64,
    micros: i64,
    offset_s: i64,
    epoch_us: Option<i64>,
}

const DAY_S: i64 = 86_400;
/// A day no farther than this is nearest in its own year.
const NEAR_DAYS: u64 = 180;
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
        if timed { Ok(Self(items)) } else { Err(format!("`{format}` is no time format: it has no words such as %Y")) }
    }

    /// `2026-01-31T12:00:00.5+01:00`.
    pub fn rfc3339() -> Self {
        use Item::{Byte, DateEnd, Day, DotFraction, Hour, Minute, Month, Offset, Second, Year};
        let date = [Year, Byte(b'-'), Month, Byte(b'-'), Day, DateEnd];
        let of_day = [Hour, Byte(b':'), Minute, Byte(b':'), Second, DotFraction, Offset];
        Self(date.into_iter().chain(of_day).collect())
    }

    /// Reads a whole text. What the format lacks (a year, a date) is taken so that it lies nearest to `clock`;
    /// without a zone it is UTC.
    pub fn read(&self, text: &str, clock: Time) -> Option<i64> {
        let (parts, end) = self.parts(text.as_bytes())?;
        if end == text.len() { parts.micros_since_1970(clock) } else { None }
    }

    /// How many bytes at the start of a text have this format; whether there is such a day is not looked at.
    pub fn length(&self, text: &str) -> Option<usize> {
        self.parts(text.as_bytes()).map(|(_, end)| end)
    }

    /// What is written at the start of a text, and where that ends.
    fn parts(&self, text: &[u8]) -> Option<(Parts, usize)> {
        let mut parts = Parts::default();
        let mut at = 0;
        for item in &self.0 {
            match (item, two(text, at)) {
                (Item::Byte(byte), _) if text.get(at) == Some(byte) => at += 1,
                // Two digits, as most numbers of times are.
                (Item::Month | Item::Day | Item::Hour | Item::Minute | Item::Second, Some(number)) => {
                    parts.put(*item, number);
                    at += 2;
                }
                _ => at = text.len() - item.read(text.get(at..)?, &mut parts)?.len(),
            }
        }
        Some((parts, at))
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

impl Parts {
    #[inline]
    fn put(&mut self, item: Item, number: i64) {
        match item {
            Item::Year => self.year = Some(number),
            Item::YearOfCentury => self.year = Some(number + if number < 69 { 2000 } else { 1900 }),
            Item::Month => self.month = Some(number),
            Item::Day => self.day = Some(number),
            Item::DayOfYear => self.day_of_year = Some(number),
            Item::Minute => self.minute = number,
            Item::Second => self.second = number,
            Item::DotFraction | Item::Fraction => self.micros = number,
            _ => self.hour = number,
        }
    }

    fn micros_since_1970(mut self, clock: Time) -> Option<i64> {
        if let Some(micros) = self.epoch_us {
            return Some(micros);
        }
        if let Some(afternoon) = self.afternoon {
            if !(1..=12).contains(&self.hour) {
                return None;
            }
            self.hour = self.hour % 12 + if afternoon { 12 } else { 0 };
        }
        if self.hour > 23 || self.minute > 59 || self.second > 60 {
            return None;
        }
        let of_day_s = self.hour * 3600 + self.minute * 60 + self.second.min(59) - self.offset_s;
        let at = |day: i64| (day * DAY_S + of_day_s) * 1_000_000 + self.micros;
        let nearest = |days: [Option<i64>; 3]| days.into_iter().flatten().map(at).min_by_key(|t| t.abs_diff(clock.0));
        let clock_day = clock.0.div_euclid(DAY_S * 1_000_000);
        match (self.year, self.month, self.day, self.day_of_year) {
            (Some(year), _, _, Some(nth)) => {
                let long = day_number(year, 2, 29).is_some();
                (1..=if long { 366 } else { 365 }).contains(&nth).then_some(())?;
                Some(at(day_number(year, 1, 1)? + nth - 1))
            }
            (Some(year), month, day, None) => Some(at(day_number(year, month.unwrap_or(1), day.unwrap_or(1))?)),
            (None, Some(month), day, _) => {
                let year = year_of(clock_day);
                let of = |year| day_number(year, month, day.unwrap_or(1));
                match of(year) {
                    Some(day) if day.abs_diff(clock_day) < NEAR_DAYS => Some(at(day)),
                    this => nearest([of(year - 1), this, of(year + 1)]),
                }
            }
            (None, None, None, None) => nearest([-1, 0, 1].map(|more| Some(clock_day + more))),
            _ => None,
        }
    }
}

/// Days since 1970-01-01, if there is such a day.
fn day_number(year: i64, month: i64, day: i64) -> Option<i64> {
    let long = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days_max = match month {
        4 | 6 | 9 | 11 => 30,
        2 if long => 29,
        2 => 28,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=days_max).contains(&day) {
        return None;
    }
    // The year begins in March, so that a leap day is its last: counted in eras of 400 years.
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    Some(era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468)
}

/// The year a day is in.
fn year_of(day: i64) -> i64 {
    let guess = 1970 + (day * 400).div_euclid(146_097);
    let begins_after = |year| day_number(year, 1, 1).is_some_and(|first| first > day);
    if begins_after(guess) {
        guess - 1
    } else if begins_after(guess + 1) {
        guess
    } else {
        guess + 1
    }
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
fn fraction(text: &[u8]) -> Option<(i64, &[u8])> {
    let count = text.iter().take(9).take_while(|byte| byte.is_ascii_digit()).count();
    let (number, rest) = digits(text, 1, 9)?;
    Some((if count <= 6 { number * 10_i64.pow(6 - count as u32) } else { number / 10_i64.pow(count as u32 - 6) }, rest))
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
    parts.month = Some(month as i64 + 1);
    let goes_on = text.get(3).is_some_and(u8::is_ascii_alphabetic);
    let whole = goes_on && text.get(..name.len()).is_some_and(|long| long.eq_ignore_ascii_case(name));
    Some(&text[if whole { name.len() } else { 3 }..])
}

/// A month by the first three letters of its name, small.
fn month_of(short: [u8; 3]) -> Option<usize> {
    Some(match &short {
        b"jan" => 0,
        b"feb" => 1,
        b"mar" => 2,
        b"apr" => 3,
        b"may" => 4,
        b"jun" => 5,
        b"jul" => 6,
        b"aug" => 7,
        b"sep" => 8,
        b"oct" => 9,
        b"nov" => 10,
        b"dec" => 11,
        _ => return None,
    })
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
    parts.offset_s = sign * (hours * 3600 + minutes * 60);
    (hours <= 25 && minutes <= 59).then_some(rest)
}
