//! How long and how much a store keeps, as its settings and the scripts say.

use crate::{
    error::{Error, Result},
    plugin::Settings,
    table::TableDef,
    tables,
    time::{Time, parse_span},
};
use serde::{Deserialize, Deserializer, de::Error as _};
use std::{collections::BTreeMap, sync::Arc, time::Duration};

/// Rows go by whole hours, as the rollups that count them.
pub const HOUR_US: i64 = 3_600_000_000;

/// How long rows of our own health are kept where the settings say nothing.
const OWN_HEALTH: Duration = Duration::from_secs(90 * 86_400);

/// The part of a store's settings about keeping: `keep: { logs: 30d }`, `size_max: 200GB`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Keep {
    /// How long rows are kept, by table. Goes before what scripts say.
    #[serde(rename = "keep")]
    pub ages: BTreeMap<String, Age>,
    /// The most bytes a table may take. Goes before what scripts say.
    #[serde(rename = "keep_size")]
    pub sizes: BTreeMap<String, Size>,
    /// The most bytes all tables together may take; then the oldest rows go.
    pub size_max: Option<Size>,
}

/// A length of time as configurations write it: `30d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Age(pub Duration);

/// A number of bytes as configurations write it: `200GB`, `64MiB`, `4096`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size(pub u64);

impl<'de> Deserialize<'de> for Age {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        parse_span(&text).map(Self).map_err(|error| D::Error::custom(error.to_string()))
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = serde_json::Value::deserialize(deserializer)?;
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        parse_size(&text)
            .map(Self)
            .ok_or_else(|| D::Error::custom(format!("`{text}` is no size; write 500MB, 64GiB or 2TB")))
    }
}

/// A size as people write it; `None` if it is none.
pub fn parse_size(text: &str) -> Option<u64> {
    let at = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number: u64 = text[..at].parse().ok()?;
    let unit = match text[at..].trim() {
        "" | "B" => 1,
        "KB" | "kB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "TB" => 1_000_000_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "TiB" => 1 << 40,
        _ => return None,
    };
    number.checked_mul(unit)
}

impl Keep {
    /// Takes this part out of a store's settings; what is left is the store's own.
    pub fn take(settings: &Settings) -> Result<(Self, Settings)> {
        let mut rest = settings.clone();
        let mut own = serde_json::Map::new();
        if let Some(map) = rest.value.as_object_mut() {
            own.extend(
                ["keep", "keep_size", "size_max"]
                    .into_iter()
                    .filter_map(|key| Some((key.to_owned(), map.remove(key)?))),
            );
        }
        let keep: Self = Settings { value: own.into(), ..settings.clone() }.read()?;
        keep.check(&settings.place)?;
        Ok((keep, rest))
    }

    fn check(&self, place: &str) -> Result<()> {
        match self.ages.keys().chain(self.sizes.keys()).find(|name| **name == tables::AGENTS.name) {
            None => Ok(()),
            Some(name) => {
                let what = format!("`{name}` holds one row per target, which does not grow old");
                Err(Error::invalid(what).at(format!("{place}: keep")).help("leave it out"))
            }
        }
    }

    /// Each table that may only take so many bytes.
    pub fn limited(&self, declared: &[Arc<TableDef>]) -> Vec<(String, u64)> {
        let mut sizes: BTreeMap<&str, u64> =
            declared.iter().filter_map(|table| Some((table.name.as_str(), table.keep_size?))).collect();
        sizes.extend(self.sizes.iter().map(|(name, size)| (name.as_str(), size.0)));
        sizes.into_iter().map(|(name, size)| (name.to_owned(), size)).collect()
    }

    /// Each table that keeps its rows for a while, and how long.
    pub fn ages<'k>(&'k self, declared: &'k [Arc<TableDef>]) -> BTreeMap<&'k str, Duration> {
        let mut ages: BTreeMap<&str, Duration> =
            [&tables::PROCESSES, &tables::RETENTION].map(|own| (own.name.as_str(), OWN_HEALTH)).into();
        ages.extend(declared.iter().filter_map(|table| Some((table.name.as_str(), table.keep_for?))));
        ages.extend(self.ages.iter().map(|(name, age)| (name.as_str(), age.0)));
        ages
    }

    /// The same, with the hour before which rows go.
    pub fn due(&self, declared: &[Arc<TableDef>], now: Time) -> Vec<(String, Time)> {
        let hour = |time: Time| Time(time.0.div_euclid(HOUR_US).saturating_mul(HOUR_US));
        self.ages(declared).into_iter().map(|(name, age)| (name.to_owned(), hour(now.minus(age)))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_go_before_scripts() {
        let keep: Keep = serde_json::from_value(serde_json::json!({
            "keep": { "logs": "30d", "tried": "1h" }, "size_max": "2GiB"
        }))
        .expect("settings");
        assert_eq!(keep.size_max, Some(Size(2 << 30)));
        let day = Some(Duration::from_secs(86_400));
        let table = |name: &str| Arc::new(TableDef { name: name.into(), keep_for: day, ..TableDef::default() });
        let due = keep.due(&[table("tried"), table("other")], Time(2_700 * 3_600_000_000 + 5));
        let hour = |hours: i64| Time(hours * 3_600_000_000);
        let expected = [("logs", 1_980), ("other", 2_676), ("processes", 540), ("retention", 540), ("tried", 2_699)];
        assert_eq!(due, expected.map(|(name, hours)| (name.to_owned(), hour(hours))));
        assert!(serde_json::from_value::<Keep>(serde_json::json!({ "keep": { "logs": "long" } })).is_err());
        for (text, bytes) in [("4096", 4_096), ("3 MB", 3_000_000), ("1TiB", 1 << 40)] {
            assert_eq!(parse_size(text), Some(bytes));
        }
        assert_eq!(parse_size("many"), None);
    }
}
