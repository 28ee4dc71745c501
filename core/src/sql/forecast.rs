//! When retention begins to delete: what each table keeps now beside what it may, as rows of `retention`.

use super::retention::Keep;
use crate::{table::TableDef, tables, time::Time};
use std::{collections::BTreeSet, sync::Arc, time::Duration};

/// What the row is called that is of all tables together.
pub const ALL: &str = "all tables";
/// Stores one row; its values in the order of [`Row`].
pub const INSERT: &str = "INSERT INTO retention (time, name, oldest, reach, keeps, bytes, bytes_max, growth_bytes, \
                          deletes_in) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)";
/// The size a name had the first time since a moment.
pub const BEFORE: &str = "SELECT time, bytes FROM retention WHERE name = ? AND time >= ? AND bytes IS NOT NULL \
                          ORDER BY time LIMIT 1";
/// Growth is not told from less than this.
const GROWTH_MIN_US: i64 = 600_000_000;
/// A day.
pub const DAY_US: i64 = 86_400_000_000;

/// A table, or all together, and what it may keep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limit {
    /// Its name.
    pub name: String,
    /// How old rows get.
    pub age: Option<Duration>,
    /// The most bytes.
    pub bytes_max: Option<u64>,
}

/// How it stands.
#[derive(Debug, Clone, Copy, Default)]
pub struct Standing {
    /// The time of its oldest row.
    pub oldest: Option<Time>,
    /// Its bytes, where they have a limit.
    pub bytes: Option<i64>,
    /// When they were looked at first in the last day, and what they were.
    pub before: Option<(Time, i64)>,
}

/// A row of `retention`, but for its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Of what.
    pub name: String,
    /// `oldest`, `reach`, `keeps`, `bytes`, `bytes_max`, `growth_bytes`, `deletes_in`.
    pub cells: [Option<i64>; 7],
}

impl Keep {
    /// The tables whose rows grow old, each with what it may keep, and all together if that has a limit.
    pub fn limits(&self, declared: &[Arc<TableDef>]) -> Vec<Limit> {
        let sizes = self.limited(declared);
        let ages = self.ages(declared);
        let built_in = [&*tables::LOGS.name, &*tables::QUARANTINE.name];
        let all = declared.iter().map(|table| &*table.name).chain(built_in);
        let names: BTreeSet<&str> = all.chain(self.ages.keys().chain(self.sizes.keys()).map(String::as_str)).collect();
        let size = |name: &str| sizes.iter().find(|(own, _)| own == name).map(|(_, size)| *size);
        let one = |name: &str| Limit { name: name.into(), age: ages.get(name).copied(), bytes_max: size(name) };
        let together = self.size_max.map(|size| Limit { name: ALL.into(), age: None, bytes_max: Some(size.0) });
        names.into_iter().map(one).chain(together).collect()
    }
}

impl Limit {
    /// Its row, if it holds anything: when what it keeps reaches what it may.
    pub fn row(self, now: Time, standing: Standing) -> Option<Row> {
        let oldest = standing.oldest?;
        let us = |span: Duration| i64::try_from(span.as_micros()).unwrap_or(i64::MAX);
        let int = |bytes: u64| i64::try_from(bytes).unwrap_or(i64::MAX);
        let reach = now.0.saturating_sub(oldest.0).max(0);
        let keeps = self.age.map(us);
        let growth = standing.before.zip(standing.bytes).and_then(|((then, from), to)| {
            let span_us = now.0 - then.0;
            (span_us >= GROWTH_MIN_US).then(|| ((to - from) as f64 * DAY_US as f64 / span_us as f64) as i64)
        });
        let room = self.bytes_max.map(int).zip(standing.bytes).map(|(most, bytes)| most.saturating_sub(bytes).max(0));
        let by_age = keeps.map(|keeps| keeps.saturating_sub(reach).max(0));
        let by_size = room.and_then(|room| match growth {
            _ if room == 0 => Some(0),
            Some(growth) if growth > 0 => Some((room as f64 / growth as f64 * DAY_US as f64) as i64),
            _ => None,
        });
        let first = by_age.into_iter().chain(by_size).min();
        let cells = [Some(oldest.0), Some(reach), keeps, standing.bytes, self.bytes_max.map(int), growth, first];
        Some(Row { name: self.name, cells })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR_US: i64 = DAY_US / 24;
    const NOW: Time = Time(100 * DAY_US);

    fn row(age_days: Option<u64>, bytes_max: Option<u64>, standing: Standing) -> [Option<i64>; 7] {
        let age = age_days.map(|days| Duration::from_secs(days * 86_400));
        Limit { name: "logs".into(), age, bytes_max }.row(NOW, standing).expect("it holds rows").cells
    }

    #[test]
    fn rows_go_when_what_is_kept_reaches_what_may_be() {
        let oldest = Some(Time(90 * DAY_US));
        let aged = Standing { oldest, ..Standing::default() };
        let days = |many: i64| Some(many * DAY_US);
        // reach, keeps, ..., deletes_in
        assert_eq!(row(Some(30), None, aged), [days(90), days(10), days(30), None, None, None, days(20)]);
        assert_eq!(row(Some(10), None, aged)[6], Some(0), "it deletes already");
        assert_eq!(row(None, None, aged)[6], None, "it never deletes");
        // 100 bytes in the last half day: 200 a day, and 600 are left.
        let grown = Standing { bytes: Some(400), before: Some((Time(NOW.0 - 12 * HOUR_US), 300)), ..aged };
        assert_eq!(row(None, Some(1_000), grown)[3..], [Some(400), Some(1_000), Some(200), days(3)]);
        assert_eq!(row(Some(12), Some(1_000), grown)[6], days(2), "whichever comes first");
        assert_eq!(row(None, Some(400), grown)[6], Some(0), "full");
        let shrunk = Standing { before: Some((Time(NOW.0 - 12 * HOUR_US), 500)), ..grown };
        assert_eq!(row(None, Some(1_000), shrunk)[5..], [Some(-200), None], "it does not grow");
        let young = Standing { before: Some((Time(NOW.0 - 1_000), 300)), ..grown };
        assert_eq!(row(None, Some(1_000), young)[5..], [None, None], "a moment is not asked for a day");
        assert_eq!(Limit { name: "logs".into(), age: None, bytes_max: None }.row(NOW, Standing::default()), None);
    }

    #[test]
    fn settings_and_scripts_say_what_may_be_kept() {
        let keep: Keep = serde_json::from_value(serde_json::json!({
            "keep": { "logs": "30d" }, "keep_size": { "tried": "5MB" }, "size_max": "2GB"
        }))
        .expect("settings");
        let tried = TableDef { name: "tried".into(), keep_for: Some(Duration::from_secs(60)), ..TableDef::default() };
        let limit = |name: &str, age_s: Option<u64>, bytes_max| Limit {
            name: name.into(),
            age: age_s.map(Duration::from_secs),
            bytes_max,
        };
        let expected = [
            limit("logs", Some(30 * 86_400), None),
            limit("quarantine", None, None),
            limit("tried", Some(60), Some(5_000_000)),
            limit(ALL, None, Some(2_000_000_000)),
        ];
        assert_eq!(keep.limits(&[Arc::new(tried)]), expected);
    }
}
