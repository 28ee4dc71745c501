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
/// In how many lines labels stand below each other; one that finds no room is left out.
const LINES: usize = 3;
/// From one line to the next, in pixels.
const LINE_HEIGHT: f64 = 16.0;
/// How wide a letter is, as a share of a plot of 480 pixels.
const LETTER_WIDTH: f64 = 7.0 / 480.0;
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
        let label = label.set("y_offset", field("drop")).set("background_fill_color", value(look.card));
        let label = label.set("background_fill_alpha", value(0.75)).set("padding", 2).set("border_radius", 3);
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
    let (mut times, mut labels, mut aligns) = (Vec::new(), Vec::new(), Vec::new());
    let (mut offsets, mut drops) = (Vec::new(), Vec::new());
    let mut lines = [f64::NEG_INFINITY; LINES];
    for (at, label) in &marks[marks.len().saturating_sub(MARKS_MAX)..] {
        let place = (at.0 - from) as f64 / (to - from).max(1) as f64;
        let label = plain(&shorten(label, LABEL_LENGTH_MAX));
        let width = (label.chars().count() + 2) as f64 * LETTER_WIDTH;
        let turned = place + width > 1.0;
        let (begin, end) = if turned { (place - width, place) } else { (place, place + width) };
        let line = lines.iter().position(|taken| *taken < begin);
        if let Some(line) = line {
            lines[line] = end;
        }
        times.push(millis(at.0, scene.zone_s));
        labels.push(if line.is_some() { label } else { String::new() });
        aligns.push(if turned { "right" } else { "left" });
        offsets.push(if turned { -5.0 } else { 5.0 });
        drops.push(line.unwrap_or(0) as f64 * LINE_HEIGHT + 2.0);
    }
    let data = vec![
        (json!("time"), Attr::Numbers(times)),
        (json!("label"), labels.into()),
        (json!("align"), aligns.into()),
        (json!("offset"), Attr::Numbers(offsets)),
        (json!("drop"), Attr::Numbers(drops)),
    ];
    Model::new("ColumnDataSource", "shared/marks").set("data", Attr::Map(data)).share()
}

/// A moment as BokehJS counts: milliseconds, as clocks show them so many seconds east of UTC.
pub(crate) fn millis(micros: i64, zone_s: i32) -> f64 {
    micros as f64 / 1_000.0 + f64::from(zone_s) * 1_000.0
}
