//! Answers as a store would give them, the same every time.

use super::{NOW, rows, text};
use infralogs_core::{
    dashboard::{Answer, Tint, TintRow},
    error::Result,
    table::ColumnType,
    value::Value,
};
use std::sync::Arc;

/// The same numbers every time, between 0 and 1.
pub fn noise(seed: u64) -> f64 {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(0x1234_5678_9abc_def1);
    state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((state ^ (state >> 31)) >> 11) as f64 / (1u64 << 53) as f64
}

/// Counts per host and five minutes, with an incident on the first host.
pub fn errors_by_host(hosts: &[&str], scale: f64) -> Answer {
    let mut out = Vec::new();
    for bucket in 0..72i64 {
        let time = NOW.0 - (72 - bucket) * 300_000_000;
        for (at, host) in hosts.iter().enumerate() {
            let wave = 6.0 + 4.0 * ((bucket as f64 / 11.0) + at as f64).sin();
            let incident = if at == 0 && (40..46).contains(&bucket) { 60.0 } else { 0.0 };
            let count = ((wave + 5.0 * noise(bucket as u64 * 31 + at as u64) + incident) * scale) as i64;
            if count > 0 && noise(bucket as u64 * 7 + at as u64) > 0.03 {
                out.push(vec![Value::Int(time), text(host), Value::Int(count)]);
            }
        }
    }
    rows(&[("time", ColumnType::Time), ("host", ColumnType::Text), ("count", ColumnType::Int)], out)
}

/// A mean over time, in a unit of the store's; gaps stay gaps.
pub fn means(columns: &[&str], scale: f64) -> Answer {
    let mut out = Vec::new();
    for bucket in 0..72i64 {
        if (50..54).contains(&bucket) {
            continue;
        }
        for (at, name) in columns.iter().enumerate() {
            let value =
                0.5 + 0.3 * (bucket as f64 / 9.0 + at as f64 * 2.0).sin() + 0.15 * noise(bucket as u64 * 3 + at as u64);
            let time = Value::Int(NOW.0 - (72 - bucket) * 300_000_000);
            out.push(vec![time, text(name), Value::Float(value * scale)]);
        }
    }
    rows(&[("time", ColumnType::Time), ("host", ColumnType::Text), ("mean", ColumnType::Float)], out)
}

/// Names with counts.
pub fn counts(name: &str, of: &[(&str, i64)]) -> Answer {
    let out = of.iter().map(|(name, count)| vec![text(name), Value::Int(*count)]).collect();
    rows(&[(name, ColumnType::Text), ("count", ColumnType::Int)], out)
}

/// One number.
pub fn one(name: &str, number: f64) -> Answer {
    rows(&[(name, ColumnType::Float)], vec![vec![Value::Float(number)]])
}

/// Colours fatal rows.
struct Fatal;

impl TintRow for Fatal {
    fn tint(&self, row: &[(&str, Value<'_>)]) -> Result<Option<String>> {
        let fatal = row.iter().any(|(name, value)| *name == "priority" && matches!(value, Value::Int(0..=2)));
        Ok(fatal.then(|| "#e5484d".to_owned()))
    }
}

pub fn fatal() -> Option<Tint> {
    Some(Tint(Arc::new(Fatal)))
}

/// The newest records of three services.
pub fn records(count: i64) -> Answer {
    let messages = [
        "upstream timed out (110: Connection timed out) while reading response header from upstream",
        "Out of memory: Killed process 4121 (java) total-vm:8123456kB",
        "Failed password for invalid user admin from 203.0.113.9 port 52144 ssh2",
        "Connection reset by peer",
    ];
    let row = |at: i64| {
        let pick = (noise(at as u64) * 4.0) as usize;
        vec![
            Value::Int(NOW.0 - at * 37_000_000),
            text(["web-1", "web-2", "db-1"][(at % 3) as usize]),
            text(["nginx.service", "kernel", "sshd.service", "mariadb.service"][pick]),
            Value::Int([3, 2, 4, 3][pick]),
            Value::Int(400 + at),
            text(messages[pick]),
        ]
    };
    let columns = [
        ("time", ColumnType::Time),
        ("host", ColumnType::Text),
        ("unit", ColumnType::Text),
        ("priority", ColumnType::Int),
        ("pid", ColumnType::Int),
        ("message", ColumnType::Text),
    ];
    rows(&columns, (0..count).map(row).collect())
}

/// Disks of some hosts.
pub fn disks() -> Answer {
    const GIB: f64 = 1024.0 * 1024.0 * 1024.0;
    let disk = |host: &str, mount: &str, size: f64, used: f64| {
        vec![text(host), text(mount), Value::Int((size * GIB) as i64), Value::Int((used * GIB) as i64)]
    };
    let columns = [
        ("host", ColumnType::Text),
        ("mount", ColumnType::Text),
        ("size", ColumnType::Bytes),
        ("used", ColumnType::Bytes),
    ];
    let disks = vec![
        disk("db-1", "/", 40.0, 12.5),
        disk("db-1", "/var/lib/mysql", 512.0, 489.0),
        disk("web-1", "/", 40.0, 31.2),
        disk("web-1", "/boot", 1.0, 0.3),
        disk("web-2", "/", 40.0, 18.0),
        disk("web-2", "/var/log", 20.0, 16.9),
    ];
    rows(&columns, disks)
}

/// Counts per weekday and hour.
pub fn week() -> Answer {
    let mut out = Vec::new();
    for weekday in 0..7i64 {
        for hour in 0..24i64 {
            let busy = if (8..18).contains(&hour) && weekday < 5 { 40.0 } else { 6.0 };
            let count = (busy * noise((weekday * 24 + hour) as u64)) as i64;
            if count > 1 {
                out.push(vec![Value::Int(weekday), Value::Int(hour), Value::Int(count)]);
            }
        }
    }
    rows(&[("weekday", ColumnType::Int), ("hour", ColumnType::Int), ("count", ColumnType::Int)], out)
}

/// How many requests took how long, over orders of magnitude.
pub fn durations() -> Answer {
    let row = |step: u64| {
        let micros = 900.0 * 1.17f64.powi(step as i32);
        let count = 4_000.0 * (-((step as f64 - 22.0) / 11.0).powi(2)).exp() * (0.7 + 0.6 * noise(step));
        vec![Value::Int(micros as i64), Value::Int(count as i64 + 1)]
    };
    rows(&[("duration", ColumnType::Duration), ("count", ColumnType::Int)], (0..58).map(row).collect())
}

/// Three percentiles over time.
pub fn percentiles() -> Answer {
    let row = |bucket: i64| {
        let half = 90_000.0 + 40_000.0 * (bucket as f64 / 9.0).sin() + 9_000.0 * noise(bucket as u64);
        let [half, most, worst] =
            [half, half * 2.2, half * (4.0 + noise(bucket as u64 + 500))].map(|v| Value::Int(v as i64));
        vec![Value::Int(NOW.0 - (72 - bucket) * 300_000_000), half, most, worst]
    };
    let duration = |name| (name, ColumnType::Duration);
    let columns =
        [("time", ColumnType::Time), duration("p50_duration"), duration("p90_duration"), duration("p99_duration")];
    rows(&columns, (0..72).map(row).collect())
}

/// What state units went to, newest first.
pub fn unit_states() -> Answer {
    let states =
        [("nginx.service", ["active", "failed", "active"]), ("backup.service", ["activating", "active", "failed"])];
    let row = |(at, (unit, states)): (usize, (&'static str, [&'static str; 3]))| {
        let record = move |(step, state): (usize, &'static str)| {
            let back = 20_000_000_000 - step as i64 * 6_000_000_000 - at as i64 * 1_500_000_000;
            vec![Value::Int(NOW.0 - back), text(unit), text(state)]
        };
        states.into_iter().enumerate().map(record)
    };
    let all = states.into_iter().enumerate().flat_map(row).collect();
    rows(&[("time", ColumnType::Time), ("unit", ColumnType::Text), ("state", ColumnType::Text)], all)
}
