//! Small multiples: one small chart for each value of a key, side by side and on one scale, so that they compare.

use super::lines;
use crate::{
    columns::word,
    html::shorten,
    id::Words,
    model::{Model, Shared},
    page::{Page, Spot},
    plot::{self, Note},
    theme::FONT,
};
use infralogs_core::{
    dashboard::{Answer, Panel},
    query::Shape,
    table::Rows,
};
use std::collections::BTreeMap;

/// The most small charts; more are told in words.
const CHARTS_MAX: usize = 24;
/// How high one is, in pixels.
const HEIGHT: u32 = 150;
/// How narrow one may be before the next begins below it, in pixels.
const WIDTH_MIN: u32 = 260;
/// How many stand side by side on an ordinary screen, about.
const ABREAST: u32 = 4;

/// How high the panel is about; it grows with its charts where they stand below each other.
pub(super) fn height(panel: &Panel, answer: &Answer) -> u32 {
    let count = match (answer, &panel.each) {
        (Answer::Rows(rows), Some(key)) => split(rows, key).len().min(CHARTS_MAX) as u32,
        _ => 1,
    };
    count.max(1).div_ceil(ABREAST) * HEIGHT
}

/// The rows of each value of the key, without the key; values in their order.
fn split(rows: &Rows, key: &str) -> BTreeMap<String, Rows> {
    let Some(column) = rows.column(key) else { return BTreeMap::new() };
    let kept: Vec<usize> = (0..rows.defs.len()).filter(|at| rows.defs[*at].name != key).collect();
    let mut parts: BTreeMap<String, Rows> = BTreeMap::new();
    for row in 0..rows.len() {
        let part = parts
            .entry(word(key, &column.get(row)))
            .or_insert_with(|| Rows::new(kept.iter().map(|at| rows.defs[*at].clone()).collect()));
        let cells: Vec<_> = kept.iter().map(|at| rows.columns[*at].get(row)).collect();
        part.push(&cells);
    }
    parts
}

/// The panel with rows, or why it can't be drawn with them.
pub(crate) fn draw(page: &Page<'_>, spot: &Spot<'_>, rows: &Rows) -> Result<Shared, String> {
    let Some(key) = spot.panel.each.as_deref() else { return Err("`.each` names no key".into()) };
    let parts = split(rows, key);
    if parts.is_empty() {
        return Ok(without_data(page, spot, Note::Empty(spot.panel.empty.as_deref())));
    }
    let panel = inner(spot.panel, key);
    let spot_of = |id, answer| Spot {
        id,
        panel: &panel,
        answer,
        spark: None,
        height: HEIGHT,
        width: WIDTH_MIN,
        place: spot.place,
        source: None,
    };
    let mut words = Words::default();
    let mut charts = Vec::new();
    let named: Vec<(String, Rows)> = parts.into_iter().collect();
    let top =
        named.iter().take(CHARTS_MAX).map(|(_, rows)| lines::largest(page, &spot_of(String::new(), spot.answer), rows));
    let top = top.fold(0.0, f64::max);
    for (name, rows) in named.iter().take(CHARTS_MAX) {
        let id = format!("{}/each/{}", spot.id, words.take(name));
        charts.push(lines::draw_small(page, &spot_of(id, spot.answer), rows, name, top)?);
    }
    let left_out = named.len().saturating_sub(CHARTS_MAX);
    if left_out > 0 {
        let note = format!("<p>and {left_out} more, not drawn</p>");
        charts.push(Model::new("Div", format!("{}/more", spot.id)).set("text", note).set("disable_math", true).share());
    }
    let said = format!("{}, {} small charts on one scale", spot.panel.title, charts.len());
    Ok(row(page, spot, charts, &said, Note::None))
}

/// The panel without charts.
pub(crate) fn without_data(page: &Page<'_>, spot: &Spot<'_>, note: Note<'_>) -> Shared {
    // A layout without children makes Python warn.
    let nothing = Model::new("Div", format!("{}/nothing", spot.id)).share();
    row(page, spot, vec![nothing], &format!("{}: no data", spot.panel.title), note)
}

/// The panel as one of its charts sees it: without the key.
fn inner(panel: &Panel, key: &str) -> Panel {
    let mut inner = panel.clone();
    if let Some(Shape::Groups { by, .. }) = inner.query.as_mut().map(|query| &mut query.shape) {
        by.retain(|by| by.name() != key);
    }
    inner
}

/// Charts side by side, and below each other where there is no room.
fn row(page: &Page<'_>, spot: &Spot<'_>, charts: Vec<Shared>, said: &str, note: Note<'_>) -> Shared {
    let css = format!(
        ":host{{display:grid!important;grid-template-columns:repeat(auto-fit,minmax({WIDTH_MIN}px,1fr));gap:8px 14px;\
         font:13px {FONT};color:{}}}:host>*{{min-width:0}}",
        page.look.muted
    );
    let style = Model::new("InlineStyleSheet", format!("{}/style", spot.id)).set("css", css);
    Model::new("Row", &spot.id)
        .set("children", charts)
        .set("sizing_mode", "stretch_width")
        .set("margin", 0)
        .set("min_height", HEIGHT)
        .set("stylesheets", vec![page.styles.plot.clone(), style.share()])
        .set_all([plot::spoken(&shorten(said, 200))])
        .set_all(note.attributes())
        .share()
}
