//! Horizontal bars, the largest on top, each with its number.

use crate::{
    columns::Columns,
    model::{Attr, Model, Shared, field, value},
    page::{Page, Spot},
    panel::stat::State,
    plot::{self, Note},
    unit,
};
use infralogs_core::table::Rows;
use serde_json::Value;

/// The most bars.
const BARS_MAX: usize = 30;
/// From one bar to the next at most, in pixels.
const PITCH_MAX: u32 = 38;

/// One bar.
#[derive(Debug, Default)]
struct Bar {
    name: String,
    value: f64,
    colour: String,
}

/// The panel with rows, or why it can't be drawn with them.
pub(crate) fn draw(page: &Page<'_>, spot: &Spot<'_>, rows: &Rows) -> Result<Shared, String> {
    if rows.is_empty() {
        return Ok(without_data(page, spot, Note::Empty(spot.panel.empty.as_deref())));
    }
    let columns = Columns::of(spot.panel, rows);
    let measure = columns.measures.first().ok_or("the query gives no numbers to draw")?;
    if columns.every.is_some() {
        return Err("bars show one number per name: leave out .every(…), or use lines".into());
    }
    let named = |row| (columns.name(row), measure.number(row));
    let mut bars: Vec<(String, f64)> = (0..rows.len()).map(named).filter(|(_, value)| value.is_finite()).collect();
    if !matches!(columns.keys.first().map(|key| key.name), Some("hour" | "weekday")) {
        bars.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    }
    bars.truncate(BARS_MAX);
    Ok(with_bars(page, spot, &coloured(page, spot, &columns.scope(), bars), Note::None))
}

/// The panel without bars.
pub(crate) fn without_data(page: &Page<'_>, spot: &Spot<'_>, note: Note<'_>) -> Shared {
    with_bars(page, spot, &[], note)
}

/// Colours for the bars.
fn coloured(page: &Page<'_>, spot: &Spot<'_>, scope: &str, bars: Vec<(String, f64)>) -> Vec<Bar> {
    let panel = spot.panel;
    let bar = |(place, (name, value)): (usize, (String, f64))| {
        let colour = match State::of(panel.good, panel.bad, value) {
            _ if !panel.palette.is_empty() => page.colour(panel, scope, &name, place),
            State::Plain => page.look.level(&name).unwrap_or(page.look.series[0]).to_owned(),
            state => state.fill(page.look).to_owned(),
        };
        Bar { name, value, colour }
    };
    bars.into_iter().enumerate().map(bar).collect()
}

fn with_bars(page: &Page<'_>, spot: &Spot<'_>, bars: &[Bar], note: Note<'_>) -> Shared {
    let (id, unit) = (spot.id.as_str(), &spot.panel.unit);
    let names: Vec<String> = bars.iter().map(|bar| bar.name.clone()).collect();
    let texts: Vec<String> = bars.iter().map(|bar| unit::text(unit, bar.value)).collect();
    let largest = bars.iter().map(|bar| bar.value).fold(0.0, f64::max);
    let colours: Vec<&str> = bars.iter().map(|bar| bar.colour.as_str()).collect();
    let said = bars.iter().zip(&texts).take(5).map(|(bar, text)| format!("{} {text}", bar.name));
    let said = format!("{}, bars. {}", spot.panel.title, said.collect::<Vec<_>>().join("; "));
    let columns = vec![
        ("place".into(), Attr::Numbers((0..bars.len()).map(|place| place as f64).collect())),
        ("value".into(), Attr::Numbers(bars.iter().map(|bar| bar.value).collect())),
        ("colour".into(), colours.into()),
        ("name".into(), names.clone().into()),
        ("text".into(), texts.clone().into()),
    ];
    let source = plot::source(id, columns);
    let bar = Model::new("HBar", format!("{id}/bars/glyph")).set("y", field("place")).set("right", field("value"));
    let bar = bar.set("height", value(0.62)).set("fill_color", field("colour")).set("line_color", value(Value::Null));
    let drawn = plot::glyph(id, "bars", &source, bar.set("border_radius", 3)).share();
    let end = if largest > 0.0 { largest } else { 1.0 };
    let x_range = Model::new("Range1d", format!("{id}/x/range")).set("start", 0).set("end", end);
    let numbers = plot::names_axis(page, &format!("{id}/numbers"), &texts);
    // Few bars in a high panel stay as thick as bars are, at its top.
    let room = (spot.height / PITCH_MAX) as usize;
    let hover = plot::hover(page, id, &drawn, "<b>@{name}</b> &nbsp;@{text}".into(), Vec::new());
    plot::plot(page, spot, note)
        .set_all([plot::spoken(&said)])
        .set("x_range", x_range)
        .set("y_range", plot::names_range(&format!("{id}/y/range"), bars.len().max(room), true))
        .set("left", vec![plot::names_axis(page, &format!("{id}/names"), &names)])
        .set("right", vec![numbers.set("major_label_text_color", page.look.text)])
        .set("renderers", vec![&drawn])
        .set("toolbar", plot::selecting(page, spot, "height", &drawn, hover))
        .share()
}
