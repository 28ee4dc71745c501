//! A moment: microseconds since 1970, as the journal counts them.

use crate::error::{Error, Result};
use jiff::{Timestamp, tz::TimeZone};
use std::{fmt, time::Duration};

/// Microseconds since 1970-01-01T00:00:00Z; negative before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Time(pub i64);

/// From (included) to (excluded).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Window {
    /// The first moment inside.
    pub from: Time,
    /// The first moment after.
    pub to: Time,
}

impl Time {
    /// The present.
    pub fn now() -> Self {
        Self(Timestamp::now().as_microsecond())
    }

    /// This much later; stays at the ends of time.
    #[must_use]
    pub fn plus(self, span: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(span.as_micros()).unwrap_or(i64::MAX)))
    }

    /// This much earlier; stays at the ends of time.
    #[must_use]
    pub fn minus(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(span.as_micros()).unwrap_or(i64::MAX)))
    }

    /// RFC 3339, microseconds since 1970, or `-1h` (that long before `now`).
    pub fn parse(text: &str, now: Self) -> Result<Self> {
        if let Some(span) = text.strip_prefix('-').filter(|rest| rest.ends_with(char::is_alphabetic)) {
            return Ok(now.minus(parse_span(span)?));
        }
        if let Ok(micros) = text.parse() {
            return Ok(Self(micros));
        }
        text.parse::<Timestamp>().map(|stamp| Self(stamp.as_microsecond())).map_err(|_| {
            Error::invalid(format!("`{}` is no time", text.escape_debug()))
                .help("write 2026-01-31T12:00:00Z, microseconds since 1970, or -1h")
        })
    }
}

/// A length of time: `90s`, `15m`, `6h`, `7d`, `250ms`, `2w`.
pub fn parse_span(text: &str) -> Result<Duration> {
    let bad = || {
        Error::invalid(format!("`{}` is no length of time", text.escape_debug()))
            .help("write 250ms, 90s, 15m, 6h, 7d or 2w")
    };
    let unit_at = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(bad)?;
    let number: u64 = text[..unit_at].parse().map_err(|_| bad())?;
    let unit_ms: u64 = match &text[unit_at..] {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        "w" => 604_800_000,
        _ => return Err(bad()),
    };
    number.checked_mul(unit_ms).map(Duration::from_millis).ok_or_else(bad)
}

impl fmt::Display for Time {
    /// RFC 3339 in UTC with microseconds, or the plain number outside the years -9999 to 9999.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Timestamp::from_microsecond(self.0) {
            Ok(stamp) => {
                let local = stamp.to_zoned(TimeZone::UTC).datetime();
                write!(f, "{}T{}.{:06}Z", local.date(), local.time().strftime("%H:%M:%S"), self.0.rem_euclid(1_000_000))
            }
            Err(_) => write!(f, "{}", self.0),
        }
    }
}
