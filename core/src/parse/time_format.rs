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
        let mut rest = text.as_bytes();
        let mut parts = Parts::default();
        for item in &self.0 {
            rest = item.read(rest, &mut parts)?;
        }
        if rest.is_empty() { parts.micros_since_1970(clock) } else { None }
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
        match self {
            Self::Year => parts.year = Some(number),
            Self::YearOfCentury => parts.year = Some(number + if number < 69 { 2000 } else { 1900 }),
            Self::Month => parts.month = Some(number),
            Self::Day => parts.day = Some(number),
            Self::DayOfYear => parts.day_of_year = Some(number),
            Self::Minute => parts.minute = number,
            Self::Second => parts.second = number,
            Self::DotFraction | Self::Fraction => parts.micros = number,
            Self::EpochUnits(units) => parts.epoch_us = Some(number.checked_mul(1_000_000 / units)?),
            _ => parts.hour = number,
        }
        Some(rest)
    }
}

impl Parts {
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
                nearest([-1, 0, 1].map(|more| day_number(year + more, month, day.unwrap_or(1))))
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
    let guess = 1970 + day.div_euclid(366);
    (guess..).take_while(|year| day_number(*year, 1, 1).is_some_and(|first| first <= day)).last().unwrap_or(guess)
}

/// Between `least` and `most` digits.
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
    let short = text.get(..3)?;
    let month = MONTHS.iter().position(|name| name.as_bytes()[..3].eq_ignore_ascii_case(short))?;
    let name = MONTHS[month].as_bytes();
    parts.month = Some(month as i64 + 1);
    let whole = text.get(..name.len()).is_some_and(|long| long.eq_ignore_ascii_case(name));
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
    parts.offset_s = sign * (hours * 3600 + minutes * 60);
    (hours <= 25 && minutes <= 59).then_some(rest)
}
