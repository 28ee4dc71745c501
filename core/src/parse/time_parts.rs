//! The parts of a time as they are read, and the moment they make.

use super::time_format::Item;
use crate::time::Time;
use std::cell::Cell;

/// What was read so far.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Parts {
    pub date: Date,
    pub day_of_year: Option<u16>,
    pub hour: u8,
    pub afternoon: Option<bool>,
    pub minute: u8,
    pub second: u8,
    pub micros: u32,
    pub offset_s: i32,
    pub epoch_us: Option<i64>,
}

/// As much of a date as was written.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
pub(super) struct Date {
    pub year: Option<u16>,
    pub month: Option<u8>,
    pub day: Option<u8>,
}

thread_local! {
    /// The last date that was read, with the day of the clock it was read by, and which day it is.
    static LAST: Cell<Option<(Date, i64, i64)>> = const { Cell::new(None) };
}

const DAY_S: i64 = 86_400;
/// A day no farther than this is nearest in its own year.
const NEAR_DAYS: u64 = 180;

impl Parts {
    #[inline]
    pub fn put(&mut self, item: Item, number: i64) {
        match item {
            Item::Year => self.date.year = Some(number as u16),
            Item::YearOfCentury => self.date.year = Some(number as u16 + if number < 69 { 2000 } else { 1900 }),
            Item::Month => self.date.month = Some(number as u8),
            Item::Day => self.date.day = Some(number as u8),
            Item::DayOfYear => self.day_of_year = Some(number as u16),
            Item::Minute => self.minute = number as u8,
            Item::Second => self.second = number as u8,
            Item::DotFraction | Item::Fraction => self.micros = number as u32,
            _ => self.hour = number as u8,
        }
    }

    #[inline]
    pub fn micros_since_1970(&self, clock: Time) -> Option<i64> {
        if let Some(micros) = self.epoch_us {
            return Some(micros);
        }
        let hour = match self.afternoon {
            None => self.hour,
            Some(_) if !(1..=12).contains(&self.hour) => return None,
            Some(afternoon) => self.hour % 12 + if afternoon { 12 } else { 0 },
        };
        if hour > 23 || self.minute > 59 || self.second > 60 {
            return None;
        }
        let minutes = i64::from(hour) * 60 + i64::from(self.minute);
        let of_day_s = minutes * 60 + i64::from(self.second.min(59)) - i64::from(self.offset_s);
        let at = |day: i64| (day * DAY_S + of_day_s) * 1_000_000 + i64::from(self.micros);
        let clock_day = clock.0.div_euclid(DAY_S * 1_000_000);
        // One date follows the same: what it was the last time is remembered.
        match LAST.get() {
            Some((date, by, day)) if date == self.date && by == clock_day && self.day_of_year.is_none() => {
                Some(at(day))
            }
            _ => self.on_day(clock, clock_day, at),
        }
    }

    /// `at` says which moment it is on a day.
    fn on_day(&self, clock: Time, clock_day: i64, at: impl Fn(i64) -> i64) -> Option<i64> {
        let nearest = |days: [Option<i64>; 3]| days.into_iter().flatten().map(&at).min_by_key(|t| t.abs_diff(clock.0));
        let remembered = |day: i64| {
            LAST.set(Some((self.date, clock_day, day)));
            at(day)
        };
        let Date { year, month, day } = self.date;
        let (year, month, day) = (year.map(i64::from), month.map(i64::from), day.map(i64::from));
        match (year, month, self.day_of_year) {
            (Some(year), _, Some(nth)) => {
                let (nth, long) = (i64::from(nth), day_number(year, 2, 29).is_some());
                (1..=if long { 366 } else { 365 }).contains(&nth).then_some(())?;
                Some(at(day_number(year, 1, 1)? + nth - 1))
            }
            (Some(year), month, None) => Some(remembered(day_number(year, month.unwrap_or(1), day.unwrap_or(1))?)),
            (None, Some(month), _) => {
                let year = year_of(clock_day);
                let of = |year| day_number(year, month, day.unwrap_or(1));
                match of(year) {
                    Some(day) if day.abs_diff(clock_day) < NEAR_DAYS => Some(remembered(day)),
                    this => nearest([of(year - 1), this, of(year + 1)]),
                }
            }
            (None, None, None) if day.is_none() => nearest([-1, 0, 1].map(|more| Some(clock_day + more))),
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

/// The year a day is in: counted in eras of 400 years that begin in March.
fn year_of(day: i64) -> i64 {
    let day = day + 719_468;
    let era = day.div_euclid(146_097);
    let of_era = day.rem_euclid(146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    // From the 306th day on it is January.
    era * 400 + year + i64::from(of_year >= 306)
}

/// A month by the first three letters of its name, small.
pub(super) fn month_of(short: [u8; 3]) -> Option<usize> {
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
