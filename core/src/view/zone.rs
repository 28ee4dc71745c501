//! A time zone by name or offset, and how far it is from UTC at a moment.

use crate::{
    error::{Error, Result},
    time::Time,
};
use jiff::{Timestamp, tz::TimeZone};
use std::sync::Arc;

/// A checked time zone: `UTC`, `Europe/Berlin` or `+02:00`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Zone(Arc<str>);

impl Zone {
    /// Without any offset.
    pub fn utc() -> Self {
        Self("UTC".into())
    }

    /// A name of the zone database or an offset.
    pub fn parse(text: &str) -> Result<Self> {
        find(text).map(|_| Self(text.into())).ok_or_else(|| {
            Error::invalid(format!("`{}` is no time zone known here", text.escape_debug()))
                .help("write UTC, +02:00 or a name such as Europe/Berlin")
        })
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        &self.0
    }

    /// Seconds east of UTC at a moment.
    pub fn offset_s(&self, at: Time) -> i32 {
        let stamp = Timestamp::from_microsecond(at.0).unwrap_or(Timestamp::UNIX_EPOCH);
        find(&self.0).map_or(0, |zone| zone.to_offset(stamp).seconds())
    }
}

fn find(text: &str) -> Option<TimeZone> {
    if text == "UTC" {
        return Some(TimeZone::UTC);
    }
    if let Some((sign, digits)) = text.strip_prefix('+').map(|t| (1, t)).or(text.strip_prefix('-').map(|t| (-1, t))) {
        let (hours, minutes) = digits.split_once(':')?;
        let (hours, minutes): (u8, u8) = (hours.parse().ok()?, minutes.parse().ok()?);
        if hours > 14 || minutes > 59 {
            return None;
        }
        let seconds = sign * (i32::from(hours) * 3_600 + i32::from(minutes) * 60);
        return jiff::tz::Offset::from_seconds(seconds).ok().map(TimeZone::fixed);
    }
    // Names only: a path would let a reader probe files.
    let is_name = text.len() <= 64 && !text.contains("..") && !text.starts_with('/');
    is_name.then(|| TimeZone::get(text).ok()).flatten()
}
