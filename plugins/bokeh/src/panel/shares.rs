//! Parts of a whole: a ring, its names with their shares beside it, the whole in its middle.

use crate::{
    columns::Columns,
    html::{plain, shorten},
    model::{Attr, Model, Shared, field, value},
    page::{Page, Spot},
    plot::{self, Note},
    unit,
};
use infralogs_core::table::Rows;
use serde_json::json;
use std::f64::consts::{FRAC_PI_2, TAU};

/// The largest ring, in pixels.
const RADIUS_MAX: f64 = 92.0;
/// The most parts; the rest is added up.
const PARTS_MAX: usize = 8;

/// The panel with rows, or why it can't be drawn with them.
pub(crate) fn draw(page: &Page<'_>, spot: &Spot<'_>, rows: &Rows) -> Result<Shared, String> {
    let columns = Columns::of(spot.panel, rows);
    if rows.is_empty() {
        return Ok(without_data(page, spot, Note::Empty(spot.panel.empty.as_deref())));
    }
    let measure = columns.measures.first().ok_or("the query gives no numbers to draw")?;
    let named = |row| (columns.name(row), measure.number(row));
    let mut parts: Vec<(String, f64)> = (0..rows.len()).map(named).filter(|(_, value)| *value > 0.0).collect();
    if parts.is_empty() {
        return Ok(without_data(page, spot, Note::Empty(spot.panel.empty.as_deref())));
    }
    parts.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let scope = columns.scope();
    let mut colours: Vec<String> =
        parts.iter().enumerate().map(|(place, (name, _))| page.colour(spot.panel, &scope, name, place)).collect();
    if parts.len() > PARTS_MAX {
        let rest = parts.split_off(PARTS_MAX - 1);
        parts.push((format!("({} others)", rest.len()), rest.iter().map(|(_, value)| value).sum()));
        colours.truncate(PARTS_MAX - 1);
        colours.push(page.look.others.to_owned());
    }
    Ok(with_parts(page, spot, &parts, colours, Note::None))
}

/// The panel without parts.
pub(crate) fn without_data(page: &Page<'_>, spot: &Spot<'_>, note: Note<'_>) -> Shared {
    with_parts(page, spot, &[], Vec::new(), note)
}

fn with_parts(
    page: &Page<'_>,
    spot: &Spot<'_>,
    parts: &[(String, f64)],
    colours: Vec<String>,
    note: Note<'_>,
) -> Shared {
    let (id, unit) = (spot.id.as_str(), &spot.panel.unit);
    let whole: f64 = parts.iter().map(|(_, value)| value).sum();
    let mut ends = Vec::with_capacity(parts.len());
    let mut angle = FRAC_PI_2;
    for (_, value) in parts {
        let from = angle;
        angle -= value / whole * TAU;
        ends.push((from, angle));
    }
    let percent = |value: &f64| unit::digits((value / whole * 1000.0).round() / 10.0);
    let labels: Vec<String> =
        parts.iter().map(|(name, value)| format!("{}  {}\u{202f}%", shorten(name, 28), percent(value))).collect();
    let texts: Vec<String> = parts.iter().map(|(_, value)| unit::text(unit, *value)).collect();
    let source = plot::source(
        id,
        vec![
            ("from".into(), Attr::Numbers(ends.iter().map(|(from, _)| unit::figures(*from)).collect())),
            ("to".into(), Attr::Numbers(ends.iter().map(|(_, to)| unit::figures(*to)).collect())),
            ("name".into(), parts.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().into()),
            ("label".into(), labels.clone().into()),
            ("text".into(), texts.into()),
            ("colour".into(), colours.into()),
        ],
    );
    let ring = plot::glyph(id, "ring", &source, ring(page, spot)).share();
    let centre = Model::new("Label", format!("{id}/whole"))
        .set("x", 0)
        .set("y", 0)
        .set_all(plot::text_font(page.look.text, "18px"));
    let centre = centre.set("text", plain(&if whole > 0.0 { unit::text(unit, whole) } else { String::new() }));
    let centre = centre.set("text_align", "center").set("text_baseline", "middle").set("text_font_style", "bold");
    let item = Model::new("LegendItem", format!("{id}/legend/parts")).set("label", field("label"));
    let legend = plot::legend_of(page, id, vec![item.set("renderers", vec![&ring])]).set("orientation", "vertical");
    let legend = legend.set("location", "center_left").set("click_policy", "none").set("spacing", 6);
    let range = |axis| Model::new("Range1d", format!("{id}/{axis}/range")).set("start", -1).set("end", 1);
    let hover = plot::hover(page, id, &ring, "<b>@{name}</b> &nbsp;@{text}".into(), Vec::new());
    plot::plot(page, spot, note)
        .set_all([plot::spoken(&format!("{}, shares. {}", spot.panel.title, labels.join("; ")))])
        .set("x_range", range("x"))
        .set("y_range", range("y"))
        .set("center", vec![centre])
        .set("right", vec![legend.set("label_text_color", page.look.text)])
        .set("renderers", vec![&ring])
        .set("toolbar", plot::toolbar(page, id, plot::tappable(page, spot, &ring, hover)))
        .share()
}

/// The ring, round whatever the panel's shape: its radii are pixels.
fn ring(page: &Page<'_>, spot: &Spot<'_>) -> Model {
    // A phone has room for no more beside the names.
    let radius = (f64::from(spot.height) * 0.46 - 6.0).min(RADIUS_MAX);
    Model::new("AnnularWedge", format!("{}/ring/glyph", spot.id))
        .set("x", value(0))
        .set("y", value(0))
        .set("inner_radius", screen(radius * 0.66))
        .set("outer_radius", screen(radius))
        .set("start_angle", field("from"))
        .set("end_angle", field("to"))
        .set("direction", "clock")
        .set("fill_color", field("colour"))
        .set("line_color", value(page.look.card))
        .set("line_width", value(2))
}

/// So many pixels.
fn screen(pixels: f64) -> Attr {
    Attr::Json(json!({"type": "value", "value": pixels.round(), "units": "screen"}))
}
