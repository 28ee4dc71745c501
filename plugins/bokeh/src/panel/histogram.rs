//! How many records have how large a number: even bins, or ones that grow where numbers differ by orders of magnitude.

use crate::{
    columns::Columns,
    model::{Attr, Model, Shared, field, value},
    page::{Page, Spot},
    panel::stat::State,
    plot::{self, Note},
    unit::{self, Scale},
};
use infralogs_core::{
    dashboard::Unit,
    table::{ColumnType, Rows},
};
use serde_json::{Value, json};

/// About how many even bins there are.
const BINS: f64 = 30.0;
/// From this ratio of the largest to the smallest number on, bins grow: 1, 2, 5, 10 …
const GROWS_FROM: f64 = 200.0;

/// Bins side by side: `edges` is one longer than `counts`.
#[derive(Debug, Default, PartialEq)]
struct Bins {
    edges: Vec<f64>,
    counts: Vec<f64>,
}

impl Bins {
    fn of(numbers: &[(f64, f64)], unit: &Unit) -> Self {
        let smallest = numbers.iter().map(|(number, _)| *number).fold(f64::INFINITY, f64::min);
        let largest = numbers.iter().map(|(number, _)| *number).fold(f64::NEG_INFINITY, f64::max);
        let positive = numbers.iter().map(|(number, _)| *number).filter(|number| *number > 0.0);
        let least = positive.fold(f64::INFINITY, f64::min);
        let edges = if smallest >= 0.0 && largest / least > GROWS_FROM {
            growing(smallest, least, largest, unit)
        } else {
            even(smallest, largest, unit)
        };
        let mut counts = vec![0.0; edges.len().saturating_sub(1)];
        for (number, count) in numbers {
            let bin = edges.partition_point(|edge| *edge <= *number).saturating_sub(1);
            if let Some(bin) = counts.get_mut(bin) {
                *bin += count;
            }
        }
        Self { edges, counts }
    }

    fn total(&self) -> f64 {
        self.counts.iter().sum()
    }

    /// The bin in which this share of all records is reached, and how far in it.
    fn place_of(&self, share: f64) -> f64 {
        let wanted = self.total() * share;
        let mut before = 0.0;
        for (bin, count) in self.counts.iter().enumerate() {
            if before + count >= wanted && *count > 0.0 {
                return bin as f64 + (wanted - before) / count;
            }
            before += count;
        }
        self.counts.len() as f64
    }
}

/// Steps that people read easily: 1, 2 or 5 times a power of ten, of bytes powers of two.
fn even(smallest: f64, largest: f64, unit: &Unit) -> Vec<f64> {
    let wanted = ((largest - smallest) / BINS).max(f64::MIN_POSITIVE);
    let power = 10f64.powf(wanted.log10().floor());
    let round = [1.0, 2.0, 5.0, 10.0].map(|part| part * power).into_iter().find(|step| *step >= wanted * 0.999);
    let round = match unit {
        Unit::Bytes => 2f64.powf(wanted.log2().ceil().max(0.0)),
        _ => round.unwrap_or(wanted),
    };
    // Numbers are cut to three figures: no bin may be narrower than their steps, or some would always be empty.
    let figures = 10f64.powf(largest.abs().max(smallest.abs()).max(f64::MIN_POSITIVE).log10().floor() - 2.0);
    let step = round.max(figures);
    let first = (smallest / step).floor();
    let count = ((largest / step).floor() - first) as usize + 1;
    (0..=count.min(200)).map(|at| (first + at as f64) * step).collect()
}

/// Edges that grow, from the smallest number above zero; zeros have a bin of their own.
fn growing(smallest: f64, least: f64, largest: f64, unit: &Unit) -> Vec<f64> {
    let mut edges = if smallest == 0.0 { vec![0.0] } else { Vec::new() };
    let all = ladder(least, largest, unit);
    let first = all.iter().rposition(|edge| *edge <= least).unwrap_or(0);
    let last = all.iter().position(|edge| *edge > largest).unwrap_or(all.len() - 1);
    edges.extend(&all[first..=last]);
    edges
}

/// 1, 2, 5, 10, 20 …; of bytes powers of two; of lengths of time what clocks count by.
fn ladder(least: f64, largest: f64, unit: &Unit) -> Vec<f64> {
    /// From a second on, in seconds.
    const CLOCK: [f64; 17] = [
        1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1_800.0, 3_600.0, 7_200.0, 18_000.0, 43_200.0, 86_400.0,
        172_800.0, 432_000.0,
    ];
    let tens = |least: f64, largest: f64| -> Vec<f64> {
        let powers = least.log10().floor() as i32..=largest.log10().floor() as i32 + 1;
        powers.flat_map(|power| [1.0, 2.0, 5.0].map(|part| part * 10f64.powi(power))).collect()
    };
    let micros = match unit {
        Unit::Duration => Some(1.0),
        Unit::Named(word) => unit::micros_of(word),
        _ => None,
    };
    match (unit, micros) {
        (Unit::Bytes, _) => {
            let powers = least.log2().floor() as i32..=largest.log2().floor() as i32 + 1;
            powers.map(|power| 2f64.powi(power)).collect()
        }
        (_, Some(micros)) => {
            let second = 1e6 / micros;
            let mut edges = tens(least, largest.min(second));
            edges.retain(|edge| *edge < second);
            edges.extend(CLOCK.map(|seconds| seconds * second));
            let days = 1_000_000.0 * second;
            edges.extend(tens(days, largest.max(days)));
            edges
        }
        _ => tens(least, largest),
    }
}

/// The panel with rows, or why it can't be drawn with them.
pub(crate) fn draw(page: &Page<'_>, spot: &Spot<'_>, rows: &Rows) -> Result<Shared, String> {
    if rows.is_empty() {
        return Ok(without_data(page, spot, Note::Empty(spot.panel.empty.as_deref())));
    }
    let columns = Columns::of(spot.panel, rows);
    let (Some(key), Some(measure)) = (rows.columns.first(), columns.measures.first()) else {
        return Err("a histogram needs a column of numbers to count by".into());
    };
    let unit = match (&spot.panel.unit, rows.defs[0].kind) {
        (Unit::Number, ColumnType::Duration) => Unit::Duration,
        (Unit::Number, ColumnType::Bytes) => Unit::Bytes,
        (own, _) => own.clone(),
    };
    let pair = |row| (crate::columns::number(&key.get(row)), measure.number(row));
    let numbers: Vec<(f64, f64)> =
        (0..rows.len()).map(pair).filter(|(number, count)| number.is_finite() && *count > 0.0).collect();
    if numbers.is_empty() {
        return Ok(without_data(page, spot, Note::Empty(spot.panel.empty.as_deref())));
    }
    Ok(with_bins(page, spot, &Bins::of(&numbers, &unit), &unit, Note::None))
}

/// The panel without bins.
pub(crate) fn without_data(page: &Page<'_>, spot: &Spot<'_>, note: Note<'_>) -> Shared {
    with_bins(page, spot, &Bins::default(), &Unit::Number, note)
}

fn with_bins(page: &Page<'_>, spot: &Spot<'_>, bins: &Bins, unit: &Unit, note: Note<'_>) -> Shared {
    let (id, panel) = (spot.id.as_str(), spot.panel);
    let total = bins.total();
    let largest = bins.counts.iter().copied().fold(0.0, f64::max);
    let edge = |at: usize| unit::text(unit, bins.edges[at]);
    let (mut colours, mut spans, mut texts, mut below) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut sum = 0.0;
    for (at, count) in bins.counts.iter().enumerate() {
        let colour = match State::of(panel.good, panel.bad, bins.edges[at]) {
            State::Plain => panel.palette.first().map_or(page.look.series[0], String::as_str),
            state => state.fill(page.look),
        };
        sum += count;
        let share = |part: f64| unit::text(&Unit::Percent, (part / total * 1_000.0).round() / 10.0);
        colours.push(Value::from(colour));
        spans.push(Value::from(format!("{} – {}", edge(at), edge(at + 1))));
        texts.push(Value::from(format!("{} ({})", unit::digits(*count), share(*count))));
        below.push(Value::from(format!("{} are below {}", share(sum), edge(at + 1))));
    }
    let places = |shift: f64| Attr::Numbers((0..bins.counts.len()).map(|at| at as f64 + shift).collect());
    let lists = [("colour", colours), ("span", spans), ("text", texts), ("below", below)];
    let mut data: Vec<_> =
        lists.into_iter().map(|(name, list)| (name.to_owned(), Attr::Json(Value::Array(list)))).collect();
    data.extend([("left".into(), places(0.04)), ("right".into(), places(0.96))]);
    data.push(("count".into(), Attr::Numbers(bins.counts.clone())));
    if page.scene.dashboard.spans(panel).is_some() {
        // Whole numbers, as a selection has them: a bin begins with the first of its own.
        let ends = |from: usize| {
            Attr::Numbers(bins.edges.iter().skip(from).take(bins.counts.len()).map(|edge| edge.ceil()).collect())
        };
        data.extend([("from".into(), ends(0)), ("to".into(), ends(1))]);
    }
    let source = plot::source(id, data);
    let corners = Attr::Map(vec![(json!("top_left"), 2.into()), (json!("top_right"), 2.into())]);
    let bar = Model::new("Quad", format!("{id}/bins/glyph")).set("left", field("left")).set("right", field("right"));
    let bar = bar.set("bottom", value(0)).set("top", field("count")).set("fill_color", field("colour"));
    let bar = bar.set("line_color", value(Value::Null)).set("border_radius", corners);
    let drawn = plot::glyph(id, "bins", &source, bar).share();
    let tooltip = "<b>@{span}</b><br>@{text}<br>@{below}";
    let hover = plot::hover(page, id, &drawn, tooltip.into(), Vec::new());
    let mut scale = Scale::new(&Unit::Number, largest).axis(&format!("{id}/y"), largest);
    // Records are whole.
    let ticker = Model::new("BasicTicker", format!("{id}/y/ticker")).set("min_interval", 1);
    scale.push(("ticker", ticker.into()));
    let y = plot::value_axis(page, id, scale, !bins.counts.is_empty());
    let mut center: Vec<Attr> = vec![plot::grid(page, id, &y, 1).into()];
    center.extend([("p50", 0.5), ("p95", 0.95)].map(|(name, share)| percentile(page, id, bins, name, share)));
    let end = if largest > 0.0 { largest * 1.08 } else { 1.0 };
    let y_range = Model::new("Range1d", format!("{id}/y/range")).set("start", 0).set("end", end);
    let x_range = Model::new("Range1d", format!("{id}/x/range")).set("start", 0);
    let said = format!(
        "{}, histogram of {} records, half of them below {}, 95 of 100 below {}",
        panel.title,
        unit::digits(total),
        said_edge(bins, unit, 0.5),
        said_edge(bins, unit, 0.95)
    );
    plot::plot(page, spot, note)
        .set_all([plot::spoken(&said)])
        .set("x_range", x_range.set("end", bins.counts.len().max(1) as u32))
        .set("y_range", y_range)
        .set("below", vec![edges_axis(page, id, bins, unit)])
        .set("left", vec![y])
        .set("center", Attr::List(center))
        .set("renderers", vec![&drawn])
        .set("toolbar", plot::selecting(page, spot, "width", &drawn, hover))
        .share()
}

fn said_edge(bins: &Bins, unit: &Unit, share: f64) -> String {
    let edge = bins.place_of(share).ceil() as usize;
    bins.edges.get(edge).map_or_else(|| "–".into(), |edge| unit::text(unit, *edge))
}

/// A line where so many records are reached.
fn percentile(page: &Page<'_>, id: &str, bins: &Bins, name: &str, share: f64) -> Attr {
    let span = Model::new("Span", format!("{id}/{name}")).set("dimension", "height");
    let span = span.set("location", bins.place_of(share)).set("line_color", page.look.muted);
    let dash = if share > 0.9 { json!([2, 3]) } else { json!([6, 4]) };
    span.set("line_dash", dash).set("line_alpha", 0.8).set("visible", !bins.counts.is_empty()).into()
}

/// Every bin's edge, or as many as find room: the browser leaves out what would touch its neighbour.
fn edges_axis(page: &Page<'_>, id: &str, bins: &Bins, unit: &Unit) -> Model {
    const LABELS_MAX: usize = 10;
    let every = bins.edges.len().div_ceil(LABELS_MAX).max(1);
    let label = |(at, edge): (usize, &f64)| if at % every == 0 { unit::text(unit, *edge) } else { String::new() };
    let names: Vec<String> = bins.edges.iter().enumerate().map(label).collect();
    plot::names_axis(page, &format!("{id}/x"), &names).set("major_label_policy", plot::no_overlap(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_have_round_edges_and_lose_nothing() {
        let plain = |numbers: &[(f64, f64)]| Bins::of(numbers, &Unit::Number);
        let even = plain(&[(3.0, 2.0), (7.5, 1.0), (59.0, 4.0)]);
        assert_eq!((even.edges[0], even.total()), (2.0, 7.0), "{even:?}");
        let growing = plain(&[(0.0, 1.0), (0.3, 2.0), (40.0, 3.0), (5_000.0, 4.0)]);
        assert_eq!(growing.edges[..4], [0.0, 0.2, 0.5, 1.0]);
        assert_eq!((growing.total(), growing.edges.last()), (10.0, Some(&10_000.0)));
        assert_eq!(plain(&[(5.0, 9.0)]).total(), 9.0, "one number");
        let texts = |unit: &Unit, numbers: &[(f64, f64)]| -> Vec<String> {
            let edges = Bins::of(numbers, unit).edges;
            edges.iter().map(|edge| unit::text(unit, *edge).replace('\u{202f}', " ")).collect()
        };
        let lag = texts(&Unit::Named("ms".into()), &[(300.0, 1.0), (4_000_000.0, 1.0)]);
        assert_eq!(lag[..7], ["200 ms", "500 ms", "1 s", "2 s", "5 s", "10 s", "30 s"], "{lag:?}");
        assert_eq!(lag.last().map(String::as_str), Some("2 h"));
        let sizes = texts(&Unit::Bytes, &[(700.0, 1.0), (900_000.0, 1.0)]);
        assert_eq!(sizes[..3], ["512 B", "1 KiB", "2 KiB"], "{sizes:?}");
    }
}
