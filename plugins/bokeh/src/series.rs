//! Turns grouped rows into series on one grid of times: zeros where nothing was counted, gaps where unknown.

use crate::{
    columns::{Columns, Measure},
    id::Words,
    reduce,
};
use infralogs_core::time::{Time, Window};
use std::{collections::HashMap, time::Duration};

/// The most series one panel draws; the rest is added up or left out, and said so.
const SERIES_MAX: usize = 16;
/// The most buckets that missing ones are filled in for.
const GRID_MAX: usize = 50_000;

/// Numbers over time, all series at the same moments.
#[derive(Debug, Default)]
pub(crate) struct Chart {
    /// Microseconds since 1970, ascending.
    pub times: Vec<i64>,
    /// Each as long as `times`.
    pub series: Vec<Series>,
    /// How many series were left out because they are too many.
    pub left_out: usize,
}

/// One line of a chart.
#[derive(Debug)]
pub(crate) struct Series {
    /// What a person reads.
    pub name: String,
    /// The name of its column, and the last part of its models' ids.
    pub word: String,
    /// Whether it is the sum of those that would be too many.
    pub others: bool,
    /// NaN where there is no number.
    pub values: Vec<f64>,
}

impl Chart {
    /// Reads the rows of an answer of `count` rows.
    pub(crate) fn read(columns: &Columns<'_>, count: usize, window: Window) -> Result<Self, String> {
        let time = columns.time.ok_or("this panel needs numbers over time: add .every(…) to its query")?;
        if columns.measures.is_empty() {
            return Err("the query gives no numbers to draw".into());
        }
        let moments: Vec<Option<i64>> = (0..count).map(|row| crate::columns::moment(time, row)).collect();
        let times = grid(&moments, columns.every, window);
        let mut chart = Self { times, series: Vec::new(), left_out: 0 };
        let at: HashMap<i64, usize> = chart.times.iter().enumerate().map(|(at, time)| (*time, at)).collect();
        let mut words = Words::default();
        for measure in &columns.measures {
            let missing = if measure.zero_if_missing && columns.every.is_some() { 0.0 } else { f64::NAN };
            let mut known: HashMap<String, usize> = HashMap::new();
            for (row, moment) in moments.iter().enumerate() {
                let Some(at) = moment.and_then(|moment| at.get(&moment)) else { continue };
                let name = series_name(columns, measure, row);
                let index = *known.entry(name).or_insert_with_key(|name| {
                    let values = vec![missing; chart.times.len()];
                    let word = words.take(name);
                    chart.series.push(Series { name: name.clone(), word, others: false, values });
                    chart.series.len() - 1
                });
                chart.series[index].values[*at] = measure.number(row);
            }
        }
        chart.limit(columns.measures.iter().all(|measure| measure.adds));
        chart.reduce();
        Ok(chart)
    }

    /// The largest finite number drawn; of the sums if the series are stacked.
    pub(crate) fn largest(&self, stacked: bool) -> f64 {
        let at = |row: usize| {
            let values = self.series.iter().map(|series| series.values[row]).filter(|value| value.is_finite());
            if stacked { values.sum() } else { values.fold(0.0, |largest: f64, value| largest.max(value.abs())) }
        };
        (0..self.times.len()).map(at).fold(0.0, f64::max)
    }

    /// Keeps the largest series, in the order of their names; adds up the rest if it may be added.
    fn limit(&mut self, adds: bool) {
        if self.series.len() > SERIES_MAX {
            let sum = |series: &Series| series.values.iter().filter(|value| value.is_finite()).sum::<f64>();
            self.series.sort_by(|a, b| sum(b).total_cmp(&sum(a)).then_with(|| a.name.cmp(&b.name)));
            let rest = self.series.split_off(SERIES_MAX - 1);
            self.series.sort_by(|a, b| a.name.cmp(&b.name));
            if adds {
                let total = |at: usize| {
                    rest.iter().map(|series: &Series| series.values[at]).filter(|value| value.is_finite()).sum()
                };
                let values = (0..self.times.len()).map(total).collect();
                let name = format!("{} others", rest.len());
                self.series.push(Series { name, word: "others~".into(), others: true, values });
            } else {
                self.left_out = rest.len();
            }
        } else {
            self.series.sort_by(|a, b| a.name.cmp(&b.name));
        }
    }

    /// Leaves out points between which no pixel lies.
    fn reduce(&mut self) {
        if self.times.len() <= reduce::POINTS_MAX {
            return;
        }
        let values: Vec<&[f64]> = self.series.iter().map(|series| series.values.as_slice()).collect();
        let kept = reduce::keep(&values, self.times.len(), reduce::pixels(self.series.len()));
        self.times = kept.iter().map(|at| self.times[*at]).collect();
        for series in &mut self.series {
            series.values = kept.iter().map(|at| series.values[*at]).collect();
        }
    }
}

/// Every bucket of the window, or the moments there are.
fn grid(moments: &[Option<i64>], every: Option<Duration>, window: Window) -> Vec<i64> {
    let mut times: Vec<i64> = moments.iter().flatten().copied().collect();
    let step = every.and_then(|every| i64::try_from(every.as_micros()).ok()).filter(|step| *step > 0);
    if let (Some(step), false) = (step, times.is_empty()) {
        let Window { from: Time(from), to: Time(to) } = window;
        let first = from.div_euclid(step) * step;
        let count = usize::try_from(to.saturating_sub(first) / step + 1).unwrap_or(usize::MAX);
        if count <= GRID_MAX {
            times.extend((0..count as i64).map(|bucket| first + bucket * step).filter(|time| *time < to));
        }
    }
    times.sort_unstable();
    times.dedup();
    times
}

/// The keys; the measure too if there are several, alone if there are no keys.
fn series_name(columns: &Columns<'_>, measure: &Measure<'_>, row: usize) -> String {
    match (columns.keys.is_empty(), columns.measures.len()) {
        (true, _) => measure.name.clone(),
        (false, 1) => columns.name(row),
        (false, _) => format!("{} · {}", columns.name(row), measure.name),
    }
}
