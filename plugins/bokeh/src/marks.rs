//! Moments over all time panels: deploys, incidents. One source for the whole page, so a new mark is one small event.

use crate::{
    html::{plain, shorten},
    model::{Attr, Model, Shared, field, value},
    theme::{FONT, Look},
};
use infralogs_core::{
    plugin::Scene,
    time::{Time, Window},
};
use serde_json::json;

/// The most marks drawn; the newest stay.
const MARKS_MAX: usize = 100;
/// Marks nearer to the last labelled one than this share of the window get no label.
const LABEL_DISTANCE: f64 = 0.08;
/// From this share of the window on, labels stand on the left of their line.
const TURNED_FROM: f64 = 0.8;
/// The longest label, in characters.
const LABEL_LENGTH_MAX: usize = 40;

/// What draws the marks; every time panel has renderers of its own for it.
pub(crate) struct Marks {
    /// Moments and labels.
    pub source: Shared,
    /// A line from top to bottom.
    pub line: Shared,
    /// A word at its top.
    pub label: Shared,
}

impl Marks {
    /// The marks of a page.
    pub(crate) fn new(scene: &Scene<'_>, look: &Look) -> Self {
        let colour = || value(look.mark);
        let line = Model::new("VSpan", "shared/mark/line").set("x", field("time")).set("line_color", colour());
        let label = Model::new("Text", "shared/mark/label").set("x", field("time")).set("y", value(1));
        let label =
            label.set("text", field("label")).set("text_align", field("align")).set("x_offset", field("offset"));
        let label = label.set("text_baseline", value("top")).set("text_color", colour()).set("text_font", value(FONT));
        Self {
            source: source(scene),
            line: line.set("line_dash", value(json!([5, 3]))).set("line_alpha", value(0.9)).share(),
            label: label.set("text_font_size", value("11px")).share(),
        }
    }
}

fn source(scene: &Scene<'_>) -> Shared {
    let Window { from: Time(from), to: Time(to) } = scene.window;
    let mut marks: Vec<_> = scene.marks.iter().collect();
    marks.sort();
    marks.dedup();
    let (mut times, mut labels, mut aligns, mut offsets) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut labelled = f64::NEG_INFINITY;
    for (at, label) in &marks[marks.len().saturating_sub(MARKS_MAX)..] {
        let place = (at.0 - from) as f64 / (to - from).max(1) as f64;
        let label =
            if place - labelled < LABEL_DISTANCE { String::new() } else { plain(&shorten(label, LABEL_LENGTH_MAX)) };
        if !label.is_empty() {
            labelled = place;
        }
        times.push(millis(at.0, scene.zone_s));
        labels.push(label);
        aligns.push(if place > TURNED_FROM { "right" } else { "left" });
        offsets.push(if place > TURNED_FROM { -5.0 } else { 5.0 });
    }
    let data = vec![
        (json!("time"), Attr::Numbers(times)),
        (json!("label"), labels.into()),
        (json!("align"), aligns.into()),
        (json!("offset"), Attr::Numbers(offsets)),
    ];
    Model::new("ColumnDataSource", "shared/marks").set("data", Attr::Map(data)).share()
}

/// A moment as BokehJS counts: milliseconds, as clocks show them so many seconds east of UTC.
pub(crate) fn millis(micros: i64, zone_s: i32) -> f64 {
    micros as f64 / 1_000.0 + f64::from(zone_s) * 1_000.0
}
