//! Pages that hold hostile text, and pages before and after a change.

use super::{
    MINUTE, NOW, Sample, counts, errors_by_host, gallery, grouped, key, latest, means, one, panel, records, rows, text,
    without_data,
};
use infralogs_core::{
    dashboard::{
        Answer, Panel,
        PanelKind::{Bars, Gauges, Heat, Lines, Shares, Stat, Table, Text},
        Unit,
    },
    query::Aggregate,
    table::ColumnType,
    time::Window,
    value::Value,
};
use std::{sync::Arc, time::Duration};

/// One line each: what a log line may hold to become more than text.
const CORPUS: &str = include_str!("../data/hostile.txt");

/// Every kind of panel, with the corpus wherever text goes.
pub fn hostile() -> Sample {
    let words: Vec<&str> = CORPUS.lines().collect();
    let many: Vec<(&str, i64)> = words.iter().enumerate().map(|(at, word)| (*word, 5000 - at as i64)).collect();
    let count = |every: Option<Duration>, name: &str| grouped(every, &[key(name)], "count", Aggregate::Count);
    let every = Some(5 * MINUTE);
    let hosts = errors_by_host(&words[..8], 1.0);
    let messages = words.iter().map(|word| vec![Value::Int(NOW.0), text(word), text(word)]).collect();
    let columns = [("time", ColumnType::Time), ("host", ColumnType::Text), ("message", ColumnType::Text)];
    let disks = words.iter().map(|word| vec![text(word), Value::Float(50.0)]).collect();
    let disks = rows(&[("host", ColumnType::Text), ("percent", ColumnType::Float)], disks);
    let said = Panel { empty: Some(CORPUS.into()), unit: Unit::Named(words[0].into()), ..panel(words[1], Text, None) };
    let newest = rows(&[("message", ColumnType::Text)], vec![vec![text(words[0])]]);
    let mut sample = Sample::new(words[0])
        .row(vec![
            (panel(words[2], Stat { spark: false }, latest()), newest),
            (
                Panel { unit: said.unit.clone(), ..panel(words[3], Stat { spark: false }, count(None, "x")) },
                one("count", 2.0),
            ),
            (panel("Trouble", Stat { spark: false }, latest()), Answer::Trouble(words[0].into())),
        ])
        .row(vec![
            (
                Panel {
                    unit: said.unit.clone(),
                    ..panel("Errors by host", Lines { stacked: true }, count(every, "host"))
                },
                hosts.clone(),
            ),
            (panel(words[4], Lines { stacked: false }, latest()), Answer::Trouble(CORPUS.into())),
        ])
        .row(vec![
            (Panel { unit: said.unit.clone(), ..panel("Bars", Bars, count(None, "unit")) }, counts("unit", &many)),
            (panel("Shares", Shares, count(None, "unit")), counts("unit", &many)),
            (panel("Heat", Heat, count(every, "host")), hosts),
        ])
        .row(vec![
            (panel("Table", Table, latest()), rows(&columns, messages)),
            (panel("Gauges", Gauges, latest()), disks),
        ])
        .row(vec![(said, counts("none", &[]))]);
    sample.marks =
        words.iter().enumerate().map(|(at, word)| (NOW.minus(at as u32 * 9 * MINUTE), (*word).into())).collect();
    sample
}

/// (name, before, after): what happens to a page that stays open.
pub fn patches() -> Vec<(&'static str, Sample, Sample)> {
    let empty = || without_data(&Answer::Rows(Arc::default()));
    let trouble = || without_data(&Answer::Trouble("The database is away".into()));
    vec![
        ("retitled", gallery(), retitled()),
        ("data comes", empty(), gallery()),
        ("data goes", gallery(), empty()),
        ("trouble comes", gallery(), trouble()),
        ("trouble goes", trouble(), gallery()),
        ("time goes on", gallery(), later()),
        ("the last bucket grows", gallery(), grown(gallery())),
        ("time goes on and buckets grow", gallery(), grown(later())),
        ("others", gallery(), others()),
    ]
}

fn retitled() -> Sample {
    let mut sample = gallery();
    sample.dashboard.title = "Fleet".into();
    sample
}

/// The same questions five minutes later, the window slid along.
pub fn later() -> Sample {
    let mut sample = gallery();
    let step = 5 * MINUTE;
    sample.window = Window { from: sample.window.from.plus(step), to: sample.window.to.plus(step) };
    for answer in &mut sample.answers {
        if let Answer::Rows(rows) = answer {
            *answer = Answer::Rows(Arc::new(moved(rows, step)));
        }
    }
    sample
}

/// The last row of every answer counted a little more.
fn grown(mut sample: Sample) -> Sample {
    for answer in &mut sample.answers {
        let Answer::Rows(rows) = answer else { continue };
        let mut grown = infralogs_core::table::Rows::new(rows.defs.clone());
        for at in 0..rows.len() {
            let cells = rows.columns.iter().zip(&rows.defs).map(|(column, def)| match column.get(at) {
                Value::Int(count) if at + 1 == rows.len() && def.kind == ColumnType::Int => Value::Int(count + 1),
                Value::Float(mean) if at + 1 == rows.len() => Value::Float(mean * 1.5),
                cell => cell,
            });
            grown.push(&cells.collect::<Vec<_>>());
        }
        *answer = Answer::Rows(Arc::new(grown));
    }
    sample
}

/// Rows without the oldest moment and with one more, which repeats the newest.
fn moved(rows: &infralogs_core::table::Rows, step: Duration) -> infralogs_core::table::Rows {
    let mut moved = infralogs_core::table::Rows::new(rows.defs.clone());
    let row = |at: usize| rows.columns.iter().map(|column| column.get(at)).collect::<Vec<_>>();
    let Some(time) = rows.column("time").filter(|_| rows.defs[0].name == "time") else { return rows.clone() };
    let newest = (0..rows.len()).filter(|at| time.get(*at) == time.get(rows.len() - 1));
    (0..rows.len()).filter(|at| time.get(*at) != time.get(0)).for_each(|at| moved.push(&row(at)));
    for at in newest {
        let mut again = row(at);
        if let Value::Int(moment) = again[0] {
            again[0] = Value::Int(moment + step.as_micros() as i64);
        }
        moved.push(&again);
    }
    moved
}

/// Other hosts, services and records, another limit, no marks.
fn others() -> Sample {
    let mut sample = gallery();
    sample.marks.clear();
    sample.answers[0] = one("count", 3.0);
    sample.answers[4] = errors_by_host(&["web-2", "web-3", "db-1", "a new one"], 2.0);
    sample.answers[5] = means(&["web-9"], 12_000_000.0);
    sample.answers[6] = counts("unit", &[("cron.service", 12), ("a new one", 900)]);
    sample.answers[11] = errors_by_host(&["one", "two"], 3.0);
    sample.answers[18] = records(3);
    sample
}
