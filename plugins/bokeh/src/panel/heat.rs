//! Two keys, or time and one key, as a grid of colours.

use crate::{
    columns::{Columns, Key, Measure, moment},
    model::{Attr, Model, Shared, field, mapped, value},
    page::{Page, Spot},
    plot::{self, Note},
    theme::FONT,
    unit::{self, Scale},
};
use infralogs_core::{query::Key as Grouped, table::Rows};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};

/// The most cells.
const CELLS_MAX: usize = 6_000;
const WEEKDAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/// The cells and the names along their sides; the first row is the topmost.
#[derive(Debug, Default)]
struct Cells {
    columns: Vec<String>,
    rows: Vec<String>,
    /// (column, row) → number.
    numbers: HashMap<(usize, usize), f64>,
    /// Cells of time: where the columns begin, and how long they last, in milliseconds.
    times: Option<(Vec<f64>, f64)>,
    /// What a cell without a record counts.
    missing: Option<f64>,
}

/// The panel with rows, or why it can't be drawn with them.
pub(crate) fn draw(page: &Page<'_>, spot: &Spot<'_>, rows: &Rows) -> Result<Shared, String> {
    if rows.is_empty() {
        return Ok(without_data(page, spot, Note::Empty(spot.panel.empty.as_deref())));
    }
    let columns = Columns::of(spot.panel, rows);
    let measure = columns.measures.first().ok_or("the query gives no numbers to draw")?;
    let missing = measure.zero_if_missing.then_some(0.0);
    let mut cells = match (columns.time, columns.keys.as_slice()) {
        (Some(_), [key]) => over_time(page, &columns, key, measure, rows.len())?,
        (None, [a, b]) => {
            let turned = spot.panel.axes()[0].is_some_and(|across| across.name() == b.name);
            let (across, down) = if turned { (b, a) } else { (a, b) };
            by_keys(across, down, measure, rows.len())
        }
        _ => return Err("a heat map needs two keys, or .every(…) and one key".into()),
    };
    cells.missing = missing;
    if cells.columns.len() * cells.rows.len() > CELLS_MAX {
        return Err(format!("more than {CELLS_MAX} cells: choose longer buckets, or .top(…)"));
    }
    Ok(with_cells(page, spot, &cells, Note::None))
}

/// The panel without cells. Whether time goes along is known from its query.
pub(crate) fn without_data(page: &Page<'_>, spot: &Spot<'_>, note: Note<'_>) -> Shared {
    use infralogs_core::query::Shape;
    let shape = spot.panel.query.as_ref().map(|query| &query.shape);
    let times = matches!(shape, Some(Shape::Groups { every: Some(_), .. })).then(|| (Vec::new(), 1.0));
    let weekly = matches!(shape, Some(Shape::Groups { every: None, by, .. })
        if by.contains(&Grouped::Weekday) && by.contains(&Grouped::Hour));
    let mut cells = Cells { times, ..Cells::default() };
    if weekly {
        cells.rows = names_of("weekday").unwrap_or_default();
        cells.columns = names_of("hour").unwrap_or_default();
    }
    with_cells(page, spot, &cells, note)
}

/// All names of a key whose values are known beforehand.
fn names_of(key: &str) -> Option<Vec<String>> {
    match key {
        "weekday" => Some(WEEKDAYS.map(str::to_owned).to_vec()),
        "hour" => Some((0..24).map(|hour| format!("{hour:02}")).collect()),
        _ => None,
    }
}

/// Where each value of a key stands, and all names in order.
fn places(key: &Key<'_>, count: usize) -> (Vec<String>, Vec<Option<usize>>) {
    if let Some(names) = names_of(key.name) {
        let place = |row| key.number(row).and_then(|at| usize::try_from(at).ok()).filter(|at| *at < names.len());
        let places = (0..count).map(place).collect();
        return (names, places);
    }
    let mut known: BTreeMap<String, usize> = BTreeMap::new();
    let words: Vec<String> = (0..count).map(|row| key.word(row)).collect();
    known.extend(words.iter().map(|word| (word.clone(), 0)));
    known.values_mut().enumerate().for_each(|(at, place)| *place = at);
    let places = words.iter().map(|word| known.get(word).copied()).collect();
    (known.into_keys().collect(), places)
}

fn by_keys(across: &Key<'_>, down: &Key<'_>, measure: &Measure<'_>, count: usize) -> Cells {
    let (columns, x) = places(across, count);
    let (rows, y) = places(down, count);
    let numbers = (0..count).filter_map(|row| Some(((x[row]?, y[row]?), measure.number(row)))).collect();
    Cells { columns, rows, numbers, ..Cells::default() }
}

fn over_time(
    page: &Page<'_>,
    columns: &Columns<'_>,
    key: &Key<'_>,
    measure: &Measure<'_>,
    count: usize,
) -> Result<Cells, String> {
    let (Some(time), Some(every)) = (columns.time, columns.every) else {
        return Err("a heat map over time needs .every(…)".into());
    };
    let (rows, y) = places(key, count);
    let mut times: Vec<i64> = (0..count).filter_map(|row| moment(time, row)).collect();
    times.sort_unstable();
    times.dedup();
    let place = |row| moment(time, row).and_then(|moment| times.binary_search(&moment).ok());
    let numbers = (0..count).filter_map(|row| Some(((place(row)?, y[row]?), measure.number(row)))).collect();
    let names = times.iter().map(|_| String::new()).collect();
    let starts = times.iter().map(|time| page.millis(*time)).collect();
    Ok(Cells { columns: names, rows, numbers, times: Some((starts, every.as_secs_f64() * 1_000.0)), missing: None })
}

fn with_cells(page: &Page<'_>, spot: &Spot<'_>, cells: &Cells, note: Note<'_>) -> Shared {
    let id = spot.id.as_str();
    let largest = cells.numbers.values().copied().filter(|number| number.is_finite()).fold(0.0, f64::max);
    let source = source(spot, cells);
    let mapper = Model::new("LinearColorMapper", format!("{id}/colours")).set("palette", palette(page, spot));
    let mapper = mapper.set("low", 0).set("high", if largest > 0.0 { largest } else { 1.0 }).share();
    let cell = Model::new("Rect", format!("{id}/cells/glyph")).set("x", field("x")).set("y", field("y"));
    let width = cells.times.as_ref().map_or(0.94, |(_, length)| length * 0.98);
    let cell = cell.set("width", value(width)).set("height", value(0.92)).set("border_radius", 2);
    let cell = cell.set("fill_color", mapped("value", &mapper)).set("line_color", value(Value::Null));
    let drawn = plot::glyph(id, "cells", &source, cell).share();
    let tooltip = match cells.times {
        Some(_) => "<b>@{row}</b> @{x}{%a %-d %b %H:%M}<br>@{text}",
        None => "<b>@{row} @{column}</b><br>@{text}",
    };
    let formats = cells.times.iter().map(|_| ("@{x}".to_owned(), "datetime")).collect();
    let hover = plot::hover(page, id, &drawn, tooltip.into(), formats);
    let largest_text = unit::text(&spot.panel.unit, largest);
    let said = format!("{}, heat map of {} rows, largest {largest_text}", spot.panel.title, cells.rows.len());
    let plot = plot::plot(page, spot, note)
        .set_all([plot::spoken(&said)])
        .set("y_range", plot::names_range(&format!("{id}/y/range"), cells.rows.len(), true))
        .set("left", vec![plot::names_axis(page, &format!("{id}/y"), &cells.rows)])
        .set("right", vec![colour_bar(page, spot, &mapper, largest)]);
    let plot = plot.set_all(plot::chosen(page, spot).map(|chosen| ("center", Attr::List(vec![chosen]))));
    match cells.times {
        Some(_) => plot
            .set("toolbar", plot::time_tools(page, spot, plot::tappable(page, spot, &drawn, hover)))
            .set("renderers", [vec![drawn], page.marks(id).to_vec()].concat())
            .set("x_range", page.range(spot))
            .set("below", vec![plot::time_axis(page, id)])
            .set("extra_y_ranges", page.extra_ranges())
            .share(),
        None => plot
            .set("toolbar", plot::selecting(page, spot, "both", &drawn, hover))
            .set("renderers", vec![drawn])
            .set("x_range", plot::names_range(&format!("{id}/x/range"), cells.columns.len(), false))
            .set(
                "below",
                vec![
                    plot::names_axis(page, &format!("{id}/x"), &sparse(&cells.columns))
                        .set("major_label_policy", plot::no_overlap(id)),
                ],
            )
            .share(),
    }
}

/// One row per cell, also for cells without a record if those count zero.
fn source(spot: &Spot<'_>, cells: &Cells) -> Shared {
    let (mut x, mut y, mut names, mut columns) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (mut values, mut texts) = (Vec::new(), Vec::new());
    for (row, name) in cells.rows.iter().enumerate() {
        for (column, column_name) in cells.columns.iter().enumerate() {
            let Some(number) = cells.numbers.get(&(column, row)).copied().or(cells.missing) else { continue };
            x.push(match &cells.times {
                Some((starts, length)) => crate::model::number(starts[column] + length / 2.0),
                None => column.into(),
            });
            y.push(Value::from(row));
            names.push(Value::from(name.as_str()));
            columns.push(Value::from(column_name.as_str()));
            values.push(unit::figures(number));
            texts.push(Value::from(unit::text(&spot.panel.unit, number)));
        }
    }
    let lists = [("x", x), ("y", y), ("row", names), ("column", columns), ("text", texts)];
    let lists = lists.into_iter().map(|(name, list)| (name.to_owned(), Attr::Json(Value::Array(list))));
    plot::source(&spot.id, lists.chain([("value".to_owned(), Attr::Numbers(values))]).collect())
}

/// The panel's colours or the theme's.
fn palette(page: &Page<'_>, spot: &Spot<'_>) -> Value {
    match spot.panel.palette.as_slice() {
        own if own.len() > 1 => json!(own),
        _ => json!(page.look.heat),
    }
}

/// Names that leave each other room: every third only, if there are many.
fn sparse(names: &[String]) -> Vec<String> {
    const NAMES_MAX: usize = 12;
    let every = if names.len() == 24 { 3 } else { names.len().div_ceil(NAMES_MAX).max(1) };
    let kept = |(at, name): (usize, &String)| if at % every == 0 { name.clone() } else { String::new() };
    names.iter().enumerate().map(kept).collect()
}

/// What the colours mean.
fn colour_bar(page: &Page<'_>, spot: &Spot<'_>, mapper: &Shared, largest: f64) -> Model {
    let id = format!("{}/colours/bar", spot.id);
    let scale = Scale::new(&spot.panel.unit, largest).axis(&id, largest);
    Model::new("ColorBar", &id)
        .set("color_mapper", mapper)
        .set("visible", largest > 0.0)
        .set("width", 8)
        .set("padding", 6)
        .set("bar_line_color", Value::Null)
        .set("background_fill_color", Value::Null)
        .set("major_tick_line_color", Value::Null)
        .set("major_label_text_color", page.look.muted)
        .set("major_label_text_font", FONT)
        .set("major_label_text_font_size", "11px")
        .set_all(scale)
}
