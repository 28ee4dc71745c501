//! Moments by the calendar: cron lines, and hours of the week. UTC unless they name a zone.

use crate::{
    error::{Error, Result},
    time::Time,
};
use cronexpr::{Crontab, FallbackTimezoneOption, MakeTimestamp, ParseOptions};
use jiff::{Timestamp, Zoned, civil::Date, tz::TimeZone};
use std::{fmt, sync::Arc};

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const MINUTES_OF_DAY: u16 = 24 * 60;

/// `*/15 8-18 * * mon-fri Europe/Berlin`: minute, hour, day, month, weekday and, if it is not UTC, the zone.
#[derive(Debug, Clone)]
pub struct Cron {
    text: Arc<str>,
    crontab: Crontab,
}

impl Cron {
    /// Reads one.
    pub fn parse(text: &str) -> Result<Self> {
        let mut options = ParseOptions::default();
        options.fallback_timezone_option = FallbackTimezoneOption::UTC;
        let crontab = cronexpr::parse_crontab_with(text.trim(), options).map_err(|error| {
            // It draws its own caret; the last line behind it says what is wrong.
            let drawn = error.to_string();
            let why = drawn.lines().next_back().unwrap_or_default().trim_start().trim_start_matches("^ ");
            let why = why.split("; for a list of").next().unwrap_or(why).to_owned();
            Error::invalid(format!("this is no cron line: {why}"))
                .help("write minute, hour, day, month, weekday and perhaps a zone: `0 3 * * mon Europe/Berlin`")
        })?;
        Ok(Self { text: text.trim().into(), crontab })
    }

    /// The next moment after this one, if there ever is one.
    pub fn next(&self, after: Time) -> Option<Time> {
        let after = MakeTimestamp(Timestamp::from_microsecond(after.0).ok()?);
        let next = self.crontab.find_next(after).ok()?;
        Some(Time(next.timestamp().as_microsecond()))
    }
}

impl PartialEq for Cron {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl fmt::Display for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// `mon-fri 08:00-18:00 Europe/Berlin`: days, hours and, if it is not UTC, the zone. Days left out: all of them.
/// Hours that end before they begin go on over midnight and belong to the day they began on.
#[derive(Debug, Clone, PartialEq)]
pub struct Hours {
    /// Whether each day, from Monday, is one.
    days: [bool; 7],
    /// Minutes after midnight.
    from: u16,
    to: u16,
    zone: TimeZone,
}

impl Hours {
    /// Reads one.
    pub fn parse(text: &str) -> Result<Self> {
        let mut words = text.split_whitespace().peekable();
        let days = match words.next_if(|word| !word.starts_with(|c: char| c.is_ascii_digit())) {
            Some(word) => days(word)?,
            None => [true; 7],
        };
        let hours = words.next().ok_or_else(|| wrong("the hours are missing"))?;
        let (from, to) = hours.split_once('-').ok_or_else(|| wrong(format!("`{}` are no hours", shown(hours))))?;
        let (from, to) = (clock(from)?, clock(to)?);
        if from == to {
            return Err(wrong("these hours are over when they begin"));
        }
        let zone = match words.next() {
            Some(name) => TimeZone::get(name).map_err(|_| wrong(format!("`{}` is no time zone", shown(name))))?,
            None => TimeZone::UTC,
        };
        match words.next() {
            Some(more) => Err(wrong(format!("`{}` is one word too many", shown(more)))),
            None => Ok(Self { days, from, to, zone }),
        }
    }

    /// The first moment at or after this one that is inside.
    pub fn opens(&self, at: Time) -> Time {
        const NEVER: Time = Time(i64::MAX);
        let Ok(stamp) = Timestamp::from_microsecond(at.0) else { return NEVER };
        let today = Zoned::new(stamp, self.zone.clone()).date();
        // Yesterday's hours may still go on; a week has every day.
        let Ok(mut day) = today.yesterday() else { return NEVER };
        for _ in 0..9 {
            let weekday = usize::from(day.weekday().to_monday_zero_offset().unsigned_abs());
            if self.days[weekday] {
                let begins = self.moment(day, self.from);
                let ends = if self.to > self.from {
                    self.moment(day, self.to)
                } else {
                    day.tomorrow().ok().and_then(|next| self.moment(next, self.to))
                };
                if let (Some(begins), Some(ends)) = (begins, ends)
                    && at < ends
                {
                    return begins.max(at);
                }
            }
            let Ok(next) = day.tomorrow() else { return NEVER };
            day = next;
        }
        NEVER
    }

    /// A moment of a day; where clocks are put forward over it, the same time on the old clock.
    fn moment(&self, mut day: Date, mut minutes: u16) -> Option<Time> {
        if minutes == MINUTES_OF_DAY {
            (day, minutes) = (day.tomorrow().ok()?, 0);
        }
        let (hour, minute) = (i8::try_from(minutes / 60).ok()?, i8::try_from(minutes % 60).ok()?);
        let moment = day.at(hour, minute, 0, 0).to_zoned(self.zone.clone()).ok()?;
        Some(Time(moment.timestamp().as_microsecond()))
    }
}

/// `mon-fri`, `sat,sun`, `fri-mon`.
fn days(text: &str) -> Result<[bool; 7]> {
    let mut days = [false; 7];
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (mut day, last) = (weekday(first)?, weekday(last)?);
        days[last] = true;
        while day != last {
            days[day] = true;
            day = (day + 1) % 7;
        }
    }
    Ok(days)
}

fn weekday(name: &str) -> Result<usize> {
    let lower = name.to_ascii_lowercase();
    DAYS.iter().position(|day| *day == lower).ok_or_else(|| {
        Error::invalid(format!("`{}` is no day of the week", shown(name)))
            .help(crate::suggest::hint(&lower, "days are", DAYS))
    })
}

/// `08:00` in minutes.
fn clock(text: &str) -> Result<u16> {
    let read = || {
        let (hours, minutes) = text.split_once(':')?;
        let (hours, minutes): (u16, u16) = (hours.parse().ok()?, minutes.parse().ok()?);
        let fits = minutes < 60 && hours * 60 + minutes <= MINUTES_OF_DAY;
        (hours <= 24 && fits).then_some(hours * 60 + minutes)
    };
    read().ok_or_else(|| wrong(format!("`{}` is no time of day", shown(text))))
}

fn wrong(what: impl Into<String>) -> Error {
    Error::invalid(what).help("write days, hours and perhaps a zone: `mon-fri 08:00-18:00 Europe/Berlin`")
}

fn shown(text: &str) -> String {
    text.chars().take(40).flat_map(char::escape_debug).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Time {
        Time::parse(text, Time(0)).expect("a time")
    }

    #[test]
    fn hours_open_on_their_days_in_their_zone() {
        // 2026-01-30 is a Friday; Berlin is an hour ahead of UTC in winter and two in summer.
        for (hours, now, opens) in [
            ("08:00-18:00", "2026-01-30T07:59:00Z", "2026-01-30T08:00:00Z"),
            ("08:00-18:00", "2026-01-30T12:00:00Z", "2026-01-30T12:00:00Z"),
            ("08:00-18:00", "2026-01-30T18:00:00Z", "2026-01-31T08:00:00Z"),
            ("mon-fri 08:00-18:00", "2026-01-30T18:00:00Z", "2026-02-02T08:00:00Z"),
            ("mon-fri 08:00-18:00 Europe/Berlin", "2026-01-30T17:30:00Z", "2026-02-02T07:00:00Z"),
            ("22:00-06:00", "2026-01-30T05:59:00Z", "2026-01-30T05:59:00Z"),
            ("22:00-06:00", "2026-01-30T06:00:00Z", "2026-01-30T22:00:00Z"),
            ("fri 22:00-06:00", "2026-01-31T05:00:00Z", "2026-01-31T05:00:00Z"),
            ("sat,sun 00:00-24:00", "2026-01-30T12:00:00Z", "2026-01-31T00:00:00Z"),
            ("02:30-03:30 Europe/Berlin", "2026-03-29T00:00:00Z", "2026-03-29T01:30:00Z"),
        ] {
            assert_eq!(Hours::parse(hours).expect(hours).opens(at(now)), at(opens), "{hours} at {now}");
        }
    }

    #[test]
    fn cron_lines_go_on_in_their_zone() {
        for (cron, after, next) in [
            ("*/15 * * * *", "2026-01-30T07:59:00Z", "2026-01-30T08:00:00Z"),
            ("0 3 * * mon", "2026-01-30T07:59:00Z", "2026-02-02T03:00:00Z"),
            ("0 3 * * mon Europe/Berlin", "2026-07-03T07:59:00Z", "2026-07-06T01:00:00Z"),
        ] {
            assert_eq!(Cron::parse(cron).expect(cron).next(at(after)), Some(at(next)), "{cron} after {after}");
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, says) in [
            ("mno-fri 08:00-18:00", "did you mean `mon`"),
            ("8-18", "no time of day"),
            ("08:00-08:00", "over when they begin"),
            ("08:00-25:00", "no time of day"),
            ("08:00-18:00 Europe/Berlim", "no time zone"),
            ("mon-fri", "hours are missing"),
        ] {
            let error = Hours::parse(text).expect_err(text);
            let said = format!("{}; {}", error.what, error.help.unwrap_or_default());
            assert!(said.contains(says), "{text}: {said}");
        }
        for text in ["61 * * * *", "* * *", "* * * * * Mars/Phobos", ""] {
            assert!(Cron::parse(text).is_err(), "{text}");
        }
    }
}
