//! What state each thing was in over time: a strip for each, coloured by state, as long as the state lasted.

use crate::{
    columns::{Columns, moment, word},
    html::shorten,
    model::{Attr, Model, Shared, field, value},
    page::{Page, Spot},
    panel::stat::State,
    plot::{self, Note},
    theme::Look,
    unit,
};
use infralogs_core::{
    dashboard::Panel,
    query::Shape,
    table::{ColumnType, Rows},
    value::Value as Cell,
};
use serde_json::Value;
use std::collections::BTreeMap;

/// The most strips; those that were worst longest stay.
const STRIPS_MAX: usize = 40;
/// The most stretches of all strips together.
const STRETCHES_MAX: usize = 5_000;
/// The longest word of a state, in characters.
const WORD_LENGTH_MAX: usize = 60;

/// A time in one state, in microseconds.
#[derive(Debug, Clone, PartialEq)]
struct Stretch {
    from: i64,
    to: i64,
    state: State,
    word: String,
}

type Strips = BTreeMap<String, Vec<Stretch>>;

/// The panel with rows, or why it can't be drawn with them.
pub(crate) fn draw(page: &Page<'_>, spot: &Spot<'_>, rows: &Rows) -> Result<Shared, String> {
    if rows.is_empty() {
        return Ok(without_data(page, spot, Note::Empty(spot.panel.empty.as_deref())));
    }
    let mut strips = match spot.panel.query.as_ref().map(|query| &query.shape) {
        Some(Shape::Groups { .. }) => by_bucket(page, spot, rows)?,
        _ => by_record(page, spot, rows)?,
    };
    let bad = |strip: &[Stretch]| -> i64 {
        let bad = strip.iter().filter(|stretch| matches!(stretch.state, State::Bad | State::Warn));
        bad.map(|stretch| stretch.to - stretch.from).sum()
    };
    let left_out = strips.len().saturating_sub(STRIPS_MAX);
    if left_out > 0 {
        let mut worst: Vec<_> = strips.into_iter().collect();
        worst.sort_by_key(|(_, strip)| std::cmp::Reverse(bad(strip)));
        worst.truncate(STRIPS_MAX);
        strips = worst.into_iter().collect();
    }
    if strips.values().map(Vec::len).sum::<usize>() > STRETCHES_MAX {
        return Err(format!("more than {STRETCHES_MAX} changes of state: choose a shorter time or longer buckets"));
    }
    Ok(with_strips(page, spot, &strips, Note::None))
}

/// The panel without strips.
pub(crate) fn without_data(page: &Page<'_>, spot: &Spot<'_>, note: Note<'_>) -> Shared {
    with_strips(page, spot, &Strips::new(), note)
}

/// How many strips an answer has, for the panel's height.
pub(crate) fn count(panel: &Panel, rows: &Rows) -> u32 {
    let columns = Columns::of(panel, rows);
    let keys = columns.keys.len().saturating_sub(usize::from(columns.every.is_none()));
    let name = |row| columns.keys[..keys].iter().map(|key| key.word(row)).collect::<Vec<_>>();
    (0..rows.len()).map(name).collect::<std::collections::BTreeSet<_>>().len().min(STRIPS_MAX) as u32
}

/// A number or word for each bucket. A bucket without a record counts zero, or is unknown where nothing is counted.
fn by_bucket(page: &Page<'_>, spot: &Spot<'_>, rows: &Rows) -> Result<Strips, String> {
    let panel = spot.panel;
    let columns = Columns::of(panel, rows);
    let (Some(time), Some(every)) = (columns.time, columns.every) else {
        return Err("states need .every(…), or records".into());
    };
    let measure = columns.measures.first().ok_or("the query gives no states to draw")?;
    let words = rows.defs.last().filter(|def| matches!(def.kind, ColumnType::Text | ColumnType::Bool));
    let words = words.and_then(|def| rows.column(&def.name));
    let step = (every.as_micros() as i64).max(1);
    let mut known: BTreeMap<String, BTreeMap<i64, (State, String)>> = BTreeMap::new();
    for row in 0..rows.len() {
        let Some(at) = moment(time, row) else { continue };
        let state = match words {
            Some(column) => spoken(&word("", &column.get(row))),
            None => judged(panel, measure.number(row)),
        };
        known.entry(columns.name(row)).or_default().insert(at, state);
    }
    let window = page.window(panel.query.as_ref());
    let nothing = (measure.zero_if_missing && words.is_none()).then(|| judged(panel, 0.0));
    let starts: Vec<i64> =
        (0..).map(|at| (window.from.0.div_euclid(step) + at) * step).take_while(|at| *at < window.to.0).collect();
    let strip = |states: BTreeMap<i64, (State, String)>| {
        let mut strip = Vec::new();
        for at in &starts {
            let Some((state, word)) = states.get(at).cloned().or_else(|| nothing.clone()) else { continue };
            let (from, to) = ((*at).max(window.from.0), (at + step).min(window.to.0));
            join(&mut strip, Stretch { from, to, state, word });
        }
        strip
    };
    Ok(known.into_iter().map(|(name, states)| (name, strip(states))).collect())
}

/// A record says the state from its time on: its last column. The others but `time` tell who.
fn by_record(page: &Page<'_>, spot: &Spot<'_>, rows: &Rows) -> Result<Strips, String> {
    let time = rows.column("time").ok_or("states need a column `time`")?;
    let columns = Columns::of(spot.panel, rows);
    let (last, def) = rows.columns.last().zip(rows.defs.last()).ok_or("the query gives no states to draw")?;
    let keys = columns.keys.iter().filter(|key| key.name != def.name).collect::<Vec<_>>();
    if keys.is_empty() {
        return Err("states need a column that tells who, and one with the state".into());
    }
    let window = page.window(spot.panel.query.as_ref());
    let mut all: Vec<(i64, usize)> = (0..rows.len()).filter_map(|row| Some((moment(time, row)?, row))).collect();
    all.sort_unstable();
    let mut strips = Strips::new();
    for (at, row) in all {
        let (state, word) = match last.get(row) {
            Cell::Int(int) => judged(spot.panel, int as f64),
            Cell::Float(float) => judged(spot.panel, float),
            other => spoken(&word("", &other)),
        };
        let name = keys.iter().map(|key| key.word(row)).collect::<Vec<_>>().join(" · ");
        let strip = strips.entry(name).or_default();
        if let Some(before) = strip.last_mut() {
            before.to = at;
        }
        join(strip, Stretch { from: at.max(window.from.0), to: window.to.0, state, word });
    }
    Ok(strips)
}

/// Adds a stretch, to the one before if the state goes on.
fn join(strip: &mut Vec<Stretch>, next: Stretch) {
    match strip.last_mut() {
        Some(last) if last.to == next.from && last.state == next.state && last.word == next.word => last.to = next.to,
        _ => strip.push(next),
    }
}

/// A number as the panel's limits judge it. What is simply there or not is said in those words.
fn judged(panel: &Panel, number: f64) -> (State, String) {
    let state = match (panel.good, panel.bad) {
        (None, None) if number > 0.0 => State::Good,
        (None, None) => State::Bad,
        (good, bad) => State::of(good, bad, number),
    };
    let state_word = match state {
        State::Plain => "unknown",
        State::Good => "good",
        State::Warn => "worth a look",
        State::Bad => "bad",
    };
    (state, state_word.to_owned())
}

/// A word as systemd and people use it.
fn spoken(word: &str) -> (State, String) {
    let state = match word.to_ascii_lowercase().as_str() {
        "up" | "ok" | "active" | "running" | "healthy" | "success" | "started" | "yes" | "online" | "pass" => {
            State::Good
        }
        "activating" | "deactivating" | "reloading" | "degraded" | "warning" | "starting" | "stopping" => State::Warn,
        "down" | "failed" | "error" | "dead" | "critical" | "offline" | "fail" | "exit-code" | "timeout" | "signal"
        | "core-dump" | "oom-kill" | "watchdog" | "start-limit-hit" | "no" => State::Bad,
        _ => State::Plain,
    };
    (state, shorten(word, WORD_LENGTH_MAX))
}

/// The colour of a state; one that says nothing of good or bad has the others' grey.
fn colour(state: State, look: &Look) -> &'static str {
    if state == State::Plain { look.others } else { state.fill(look) }
}

fn with_strips(page: &Page<'_>, spot: &Spot<'_>, strips: &Strips, note: Note<'_>) -> Shared {
    let (id, look) = (spot.id.as_str(), page.look);
    let names: Vec<String> = strips.keys().cloned().collect();
    let (mut from, mut to, mut places) = (Vec::new(), Vec::new(), Vec::new());
    let (mut colours, mut who, mut states, mut lasted) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (place, (name, strip)) in strips.iter().enumerate() {
        for stretch in strip {
            from.push(page.millis(stretch.from));
            to.push(page.millis(stretch.to));
            places.push(place as f64);
            colours.push(Value::from(colour(stretch.state, look)));
            who.push(Value::from(name.as_str()));
            states.push(Value::from(stretch.word.as_str()));
            let span = (stretch.to - stretch.from) as f64;
            lasted.push(Value::from(unit::text(&infralogs_core::dashboard::Unit::Duration, span)));
        }
    }
    let lists = [("colour", colours), ("name", who), ("state", states), ("lasted", lasted)];
    let lists = lists.into_iter().map(|(name, list)| (name.to_owned(), Attr::Json(Value::Array(list))));
    let numbers = [("from", from), ("to", to), ("place", places)];
    let numbers = numbers.into_iter().map(|(name, list)| (name.to_owned(), Attr::Numbers(list)));
    let source = plot::source(id, numbers.chain(lists).collect());
    let bar = Model::new("HBar", format!("{id}/strips/glyph")).set("y", field("place")).set("left", field("from"));
    let bar = bar.set("right", field("to")).set("height", value(0.7)).set("fill_color", field("colour"));
    let bar = bar.set("line_color", value(Value::Null)).set("fill_alpha", value(0.9));
    let drawn = plot::glyph(id, "strips", &source, bar).share();
    let tooltip = "<b>@{name}</b> &nbsp;@{state}<br>@{from}{%a %-d %b %H:%M} – @{to}{%H:%M}, @{lasted}";
    let formats = ["@{from}", "@{to}"].map(|placeholder| (placeholder.to_owned(), "datetime")).to_vec();
    let hover = plot::hover(page, id, &drawn, tooltip.into(), formats);
    plot::plot(page, spot, note)
        .set_all([plot::spoken(&said(&spot.panel.title, strips))])
        .set("x_range", page.range(spot))
        .set("y_range", plot::names_range(&format!("{id}/y/range"), names.len(), true))
        .set("extra_y_ranges", page.extra_ranges())
        .set("below", vec![plot::time_axis(page, id)])
        .set("left", vec![plot::names_axis(page, &format!("{id}/names"), &names)])
        .set_all(plot::chosen(page, spot).map(|chosen| ("center", Attr::List(vec![chosen]))))
        .set("renderers", [vec![drawn], page.marks(id).to_vec()].concat())
        .set("toolbar", plot::time_tools(page, spot, vec![hover.into()]))
        .share()
}

/// What a screen reader says: who is how now.
fn said(title: &str, strips: &Strips) -> String {
    const SPOKEN_MAX: usize = 6;
    let now = strips.iter().filter_map(|(name, strip)| Some(format!("{name}: {}", strip.last()?.word)));
    format!("{title}, states over time. {}", now.take(SPOKEN_MAX).collect::<Vec<_>>().join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_that_goes_on_is_one_stretch() {
        let mut strip = Vec::new();
        let stretch = |from, to, state| Stretch { from, to, state, word: "x".into() };
        for (from, to, state) in [(0, 5, State::Good), (5, 9, State::Good), (9, 12, State::Bad), (20, 25, State::Bad)] {
            join(&mut strip, stretch(from, to, state));
        }
        assert_eq!(strip, [stretch(0, 9, State::Good), stretch(9, 12, State::Bad), stretch(20, 25, State::Bad)]);
    }
}
