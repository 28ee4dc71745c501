//! Every kind of panel, with data, without, and in trouble.

use super::{
    MINUTE, NOW, Sample, counts, disks, durations, errors_by_host, fatal, grouped, key, latest, means, one, panel,
    percentiles, records, unit_states, week,
};
use infralogs_core::{
    dashboard::{
        Answer, Panel,
        PanelKind::{Areas, Bands, Bars, Gauges, Heat, Histogram, Lines, Shares, Stat, States, Table, Text},
        Unit,
    },
    query::{Aggregate, Key, Measure, Query, Shape},
};
use std::time::Duration;

type Row = Vec<(Panel, Answer)>;
const EVERY: Option<Duration> = Some(Duration::from_secs(300));
const HOSTS: [&str; 3] = ["db-1", "web-1", "web-2"];

fn count(every: Option<Duration>, by: &[Key]) -> Option<Query> {
    grouped(every, by, "count", Aggregate::Count)
}

fn mean(every: Option<Duration>, by: &[Key]) -> Option<Query> {
    grouped(every, by, "mean", Aggregate::Mean("x".into()))
}

fn stats() -> Row {
    let spark = Stat { spark: true };
    vec![
        (
            Panel { good: Some(0.0), bad: Some(100.0), ..panel("Errors", spark, count(None, &[])) },
            one("count", 12_840.0),
        ),
        (
            Panel { good: Some(0.0), bad: Some(3.0), ..panel("Silent hosts", Stat { spark: false }, count(None, &[])) },
            one("count", 2.0),
        ),
        (Panel { good: Some(0.0), ..panel("Failed units", spark, count(None, &[])) }, one("count", 0.0)),
        (Panel { unit: Unit::Duration, ..panel("Lag p99", spark, mean(None, &[])) }, one("mean", 98_300.0)),
    ]
}

fn over_time() -> Row {
    let times = panel("Request time", Lines { stacked: false }, mean(EVERY, &[key("host")]));
    vec![
        (panel("Errors by host", Lines { stacked: true }, count(EVERY, &[key("host")])), errors_by_host(&HOSTS, 1.0)),
        (Panel { unit: Unit::Duration, bad: Some(760_000.0), ..times }, means(&HOSTS, 900_000.0)),
    ]
}

fn by_key() -> Row {
    let services = [
        ("nginx.service", 41_240),
        ("sshd.service", 23_300),
        ("mariadb.service", 12_010),
        ("kubelet.service", 6_504),
        ("systemd-networkd-wait-online.service", 1_200),
        ("cron.service", 98),
    ];
    let levels = [("info", 5210), ("warning", 1503), ("error", 812), ("critical", 31)];
    vec![
        (panel("Noisiest services", Bars, count(None, &[key("unit")])), counts("unit", &services)),
        (panel("Levels", Shares, count(None, &[key("level")])), counts("level", &levels)),
        (panel("When it hurts", Heat, count(None, &[Key::Weekday, Key::Hour])), week()),
    ]
}

fn usage() -> Row {
    let memory = panel("Memory", Areas { stacked: false }, mean(EVERY, &[key("host")]));
    vec![
        (panel("Storage", Gauges, latest()), disks()),
        (
            Panel { unit: Unit::Bytes, follows: vec!["Noisiest services".into()], ..memory },
            means(&["db-1", "web-1"], 12e9),
        ),
    ]
}

fn more() -> Row {
    let by_host = count(EVERY, &[key("host")]);
    vec![
        (panel("Errors by host and time", Heat, by_host.clone()), errors_by_host(&HOSTS, 1.0)),
        (panel("Bytes sent", Lines { stacked: false }, by_host), errors_by_host(&HOSTS, 2100.0)),
    ]
}

fn spread() -> Row {
    let mut taken = count(None, &[Key::Binned("duration".into())]);
    let measures = [50, 90, 99].map(|share| Measure {
        name: format!("p{share}_duration").into(),
        of: Aggregate::Percentile("duration".into(), share),
    });
    let shape = Shape::Groups { every: EVERY, by: Vec::new(), measures: measures.to_vec(), top: None };
    let bands = taken.as_mut().map(|query| Query { shape, ..query.clone() });
    vec![
        (Panel { good: Some(300_000.0), bad: Some(2e6), ..panel("Request times", Histogram, taken) }, durations()),
        (Panel { unit: Unit::Duration, ..panel("Request times over time", Bands, bands) }, percentiles()),
    ]
}

fn states() -> Row {
    let heard =
        Panel { good: Some(1.0), bad: Some(0.0), ..panel("Machines heard", States, count(EVERY, &[key("host")])) };
    let services = Panel { follows: vec!["Request times".into()], ..panel("Services", States, latest()) };
    vec![(heard, errors_by_host(&HOSTS, 0.12)), (services, unit_states())]
}

fn multiples() -> Row {
    let by_host = count(EVERY, &[key("host")]);
    let each = Panel { each: Some("host".into()), ..panel("Errors, each host", Areas { stacked: false }, by_host) };
    vec![(each, errors_by_host(&HOSTS, 1.0))]
}

fn words() -> Row {
    let words = "Restart **nginx** with `systemctl restart nginx`.\n\nThen watch the errors above.";
    vec![(Panel { empty: Some(words.into()), ..panel("Runbook", Text, None) }, counts("none", &[]))]
}

/// Every kind of panel with data.
pub fn gallery() -> Sample {
    let follows = vec!["Errors by host".into()];
    let table = Panel { tint: fatal(), follows, ..panel("Latest errors", Table, latest()) };
    let table = vec![(table, records(40))];
    let rows = [stats(), over_time(), by_key(), usage(), more(), spread(), states(), multiples(), table, words()];
    let mut sample = rows.into_iter().fold(Sample::new("Fleet errors"), Sample::row);
    if let Answer::Rows(rows) = errors_by_host(&["all"], 3.0) {
        sample.sparks[0] = Some(rows.clone());
        sample.sparks[3] = Some(rows);
    }
    sample.marks =
        vec![(NOW.minus(150 * MINUTE), "deploy 1.4.2".into()), (NOW.minus(20 * MINUTE), "web-2 went silent".into())];
    sample
}

/// The same panels without rows, or in trouble.
pub fn without_data(answer: &Answer) -> Sample {
    let mut sample = gallery();
    sample.answers.iter_mut().for_each(|old| *old = answer.clone());
    sample.sparks.iter_mut().for_each(|spark| *spark = None);
    sample
}
