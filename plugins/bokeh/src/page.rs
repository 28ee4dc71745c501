//! What all panels of a page share: look, time range, crosshair, formats, and which series has which colour.

use crate::{
    columns::Columns,
    marks::{Marks, millis},
    model::{Attr, Model, Shared},
    panel, plot,
    theme::Look,
};
use infralogs_core::{
    dashboard::{Answer, Panel, PanelKind},
    plugin::Scene,
    query::Query,
    table::Rows,
    time::Window,
};
use serde_json::json;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    rc::Rc,
};

/// One page being drawn.
pub(crate) struct Page<'a> {
    /// What is drawn.
    pub scene: &'a Scene<'a>,
    /// With which colours.
    pub look: &'static Look,
    /// The time range that all time panels share.
    pub time: Shared,
    /// The line under the pointer, on all time panels at once.
    pub crosshair: Shared,
    /// Style sheets by what they style.
    pub styles: Styles,
    /// How moments are written at time axes.
    pub time_format: Shared,
    /// From 0 to 1, for what is only there to be pointed at.
    pub unit_range: Shared,
    marks: Marks,
    colours: HashMap<(String, String), usize>,
}

/// The style sheets of a page.
pub(crate) struct Styles {
    /// Every plot and table.
    pub plot: Shared,
    /// Legends.
    pub legend: Shared,
    /// Toolbars.
    pub toolbar: Shared,
    /// Stats.
    pub stat: Shared,
    /// Gauges.
    pub gauges: Shared,
    /// Tables.
    pub table: Shared,
}

/// One panel being drawn.
pub(crate) struct Spot<'a> {
    /// Its root's id; the beginning of all ids in it.
    pub id: String,
    /// Its layout.
    pub panel: &'a Panel,
    /// What it shows.
    pub answer: &'a Answer,
    /// The same question asked per bucket of time, for a stat.
    pub spark: Option<&'a Rows>,
    /// In pixels.
    pub height: u32,
    /// On an ordinary screen, about, in pixels.
    pub width: u32,
    /// Which panel of the page it is, in reading order.
    pub place: usize,
    /// The columns it has in common with other panels.
    pub source: Option<Shared>,
}

impl<'a> Page<'a> {
    /// Lays out what panels share.
    pub(crate) fn new(scene: &'a Scene<'a>, panels: &[&Panel]) -> Self {
        let look = Look::of(scene.theme);
        let crosshair = Model::new("Span", "crosshair").set("dimension", "height").set("line_color", look.muted);
        Self {
            scene,
            look,
            time: time_range("time", scene.window, scene.zone_s),
            crosshair: crosshair.set("line_dash", json!([3, 3])).set("line_alpha", 0.8).share(),
            styles: Styles {
                plot: style_sheet("plot", plot::css(look)),
                legend: style_sheet("legend", plot::legend_css()),
                toolbar: style_sheet("toolbar", plot::toolbar_css(look)),
                stat: style_sheet("stat", panel::stat::css(look)),
                gauges: style_sheet("gauges", panel::gauges::css(look)),
                table: style_sheet("table", panel::table::css(look)),
            },
            time_format: time_format(),
            unit_range: Model::new("Range1d", "shared/unit").share(),
            marks: Marks::new(scene, look),
            colours: colours(scene, panels),
        }
    }

    /// The moment as BokehJS counts: milliseconds, as clocks show them at the reader's.
    pub(crate) fn millis(&self, micros: i64) -> f64 {
        millis(micros, self.scene.zone_s)
    }

    /// Moments as a column.
    pub(crate) fn moments(&self, times: &[i64]) -> Attr {
        Attr::Numbers(times.iter().map(|time| self.millis(*time)).collect())
    }

    /// The window a panel looks at: the page's, or its own.
    pub(crate) fn window(&self, query: Option<&Query>) -> Window {
        match query.and_then(|query| query.last) {
            Some(last) => Window { from: self.scene.window.to.minus(last), to: self.scene.window.to },
            None => self.scene.window,
        }
    }

    /// The time range of a panel: the shared one, or its own if its query has its own window.
    pub(crate) fn range(&self, spot: &Spot<'_>) -> Shared {
        match spot.panel.query.as_ref().and_then(|query| query.last) {
            None => self.time.clone(),
            Some(_) => {
                let window = self.window(spot.panel.query.as_ref());
                time_range(&format!("{}/time", spot.id), window, self.scene.zone_s)
            }
        }
    }

    /// The colour of a series: the panel's own palette, the level's, or the same for this name on the whole page.
    pub(crate) fn colour(&self, panel: &Panel, scope: &str, name: &str, place: usize) -> String {
        if let Some(own) = panel.palette.get(place % panel.palette.len().max(1)) {
            return own.clone();
        }
        if let ("priority" | "level" | "severity", Some(level)) = (scope, self.look.level(name)) {
            return level.to_owned();
        }
        let place = self.colours.get(&(scope.to_owned(), name.to_owned())).copied().unwrap_or(place);
        self.look.series_at(place)
    }

    /// A second vertical range from 0 to 1, for what stands at a height of its own.
    pub(crate) fn extra_ranges(&self) -> Attr {
        Attr::Map(vec![(json!("unit"), (&self.unit_range).into())])
    }

    /// The marks, drawn over the panel with this id.
    pub(crate) fn marks(&self, id: &str) -> [Shared; 2] {
        let Marks { source, line, label } = &self.marks;
        let drawn = |part: &str, glyph: &Shared| {
            // Not as an overlay, though it lies over the panel: BokehJS draws overlays beyond the frame too, so a mark
            // that a zoom leaves out would stand on the axis. Marks come last among the renderers.
            Model::new("GlyphRenderer", format!("{id}/mark/{part}")).set("data_source", source).set("glyph", glyph)
        };
        [drawn("line", line).share(), drawn("label", label).set("y_range_name", "unit").share()]
    }
}

/// A style sheet that panels of one kind share.
fn style_sheet(kind: &str, css: String) -> Shared {
    Model::new("InlineStyleSheet", format!("shared/style/{kind}")).set("css", css).share()
}

/// A range of moments. It says itself where a reset goes: set later, every chart would be painted once more.
fn time_range(id: &str, window: Window, zone_s: i32) -> Shared {
    const ZOOM_MS_MIN: u32 = 100;
    let (start, end) = (millis(window.from.0, zone_s), millis(window.to.0, zone_s));
    let range = Model::new("Range1d", id).set("start", start).set("end", end);
    range.set("reset_start", start).set("reset_end", end).set("min_interval", ZOOM_MS_MIN).share()
}

/// Hours and minutes always, the day once below them.
fn time_format() -> Shared {
    let day = Model::new("DatetimeTickFormatter", "shared/day");
    let parts = ["microseconds", "milliseconds", "seconds", "minsec", "minutes", "hourmin", "hours"];
    let day = day.set_all(parts.map(|part| (part, "%a %-d %b".into())));
    let day = day.set("days", "%Y").set("months", "%Y").set("years", "").set("hide_repeats", true);
    let format = Model::new("DatetimeTickFormatter", "shared/moment").set("microseconds", "%H:%M:%S.%6N");
    let format = format.set("milliseconds", "%H:%M:%S.%3N").set("seconds", "%H:%M:%S").set("minsec", "%H:%M:%S");
    let format = format.set("minutes", "%H:%M").set("hourmin", "%H:%M").set("hours", "%H:%M").set("days", "%-d %b");
    format.set("months", "%b %Y").set("years", "%Y").set("context", day).set("context_which", "start").share()
}

/// Gives every name a place in the palette: the names of one kind (hosts, say) in their order, page-wide.
fn colours(scene: &Scene<'_>, panels: &[&Panel]) -> HashMap<(String, String), usize> {
    let mut names: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (panel, answer) in panels.iter().zip(scene.answers) {
        let coloured = matches!(panel.kind, PanelKind::Lines { .. } | PanelKind::Areas { .. } | PanelKind::Shares)
            && panel.each.is_none();
        if let (true, Answer::Rows(rows)) = (coloured, answer) {
            let columns = Columns::of(panel, rows);
            if columns.measures.len() == 1 && !columns.keys.is_empty() {
                let own = names.entry(columns.scope()).or_default();
                own.extend((0..rows.len()).map(|row| columns.name(row)));
            }
        }
    }
    let placed = |(scope, names): (String, BTreeSet<String>)| {
        let scope = Rc::<str>::from(scope);
        names.into_iter().enumerate().map(move |(place, name)| ((scope.to_string(), name), place))
    };
    names.into_iter().flat_map(placed).collect()
}
