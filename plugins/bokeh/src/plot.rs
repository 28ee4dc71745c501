//! The plot that panels with axes are drawn on, and its parts.

use crate::{
    html::{css_string, plain, shorten},
    model::{Attr, Model, Shared, field},
    page::{Page, Spot},
    theme::{FONT, Look},
};
use infralogs_core::dashboard::PanelKind;
use serde_json::{Value, json};

/// The longest name at an axis, in characters.
const LABEL_LENGTH_MAX: usize = 26;

/// A column of a data source.
pub(crate) type NamedColumn = (String, Attr);

/// What lies over plots and tables.
///
/// `--note` is what a panel says instead of data: it lies over the panel, so that a panel keeps its models
/// (and an open page its patch) when data comes and goes.
pub(crate) fn css(look: &Look) -> String {
    let Look { muted, warn, .. } = look;
    format!(
        ":host{{--bokeh-base-font:{FONT};--bokeh-icon-color:{muted};font-variant-numeric:tabular-nums}}\
         :host::after{{content:var(--note,none);position:absolute;inset:0;display:flex;align-items:center;\
         justify-content:center;text-align:center;padding:12px;color:{muted};font:14px/1.5 {FONT};\
         pointer-events:none;white-space:pre-wrap;z-index:1}}:host(.trouble)::after{{color:{warn}}}",
    )
}

/// Toolbars lie lightly over their plot.
pub(crate) fn toolbar_css(look: &Look) -> String {
    let Look { muted, raised, edge, .. } = look;
    format!(
        ":host(.bk-inner){{background:none;opacity:1;pointer-events:none}}\
         :host{{--icon-color:{muted};--active-border:{muted};--button-width:26px;--button-height:26px}}\
         :host>*{{pointer-events:auto;background:{raised};border-top:1px solid {edge};border-bottom:1px solid {edge}}}\
         .bk-divider.bk-divider{{display:none}}"
    )
}

/// Legends wrap.
pub(crate) fn legend_css() -> String {
    ":host{max-width:100%}.bk-grid{display:flex;flex-wrap:wrap;width:auto;gap:2px 14px!important}\
     .bk-grid,.bk-item{max-width:100%}.bk-item,.bk-label{min-width:0;overflow:hidden;text-overflow:ellipsis}\
     .bk-item{border-radius:4px}.bk-item:hover{opacity:.8}.bk-glyph{border-radius:3px}"
        .to_owned()
}

/// An empty plot without frame or fill: what it stands on shines through.
pub(crate) fn plot(page: &Page<'_>, spot: &Spot<'_>, note: Note<'_>) -> Model {
    Model::new("Plot", &spot.id)
        .set("sizing_mode", "stretch_width")
        .set("height", spot.height)
        .set("background_fill_color", Value::Null)
        .set("border_fill_color", Value::Null)
        .set("outline_line_color", Value::Null)
        .set("min_border", 4)
        .set("toolbar_location", "above")
        .set("toolbar_inner", true)
        .set("stylesheets", vec![&page.styles.plot])
        .set_all(note.attributes())
}

/// What a panel says instead of data.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Note<'a> {
    /// Nothing: there is data.
    None,
    /// There are no rows.
    Empty(Option<&'a str>),
    /// There is no answer, and why.
    Trouble(&'a str),
}

impl<'a> Note<'a> {
    /// The words.
    pub(crate) fn words(self) -> Option<&'a str> {
        match self {
            Self::None => None,
            Self::Empty(own) => Some(own.unwrap_or("No data in this range")),
            Self::Trouble(words) => Some(words),
        }
    }

    /// Attributes of the model that shows it; always the same ones, so that they can be patched.
    /// One variable only: BokehJS 3.9.2 drops all but the first.
    pub(crate) fn attributes(self) -> [(&'static str, Attr); 2] {
        let trouble = matches!(self, Self::Trouble(_));
        let sign = if trouble { "⚠ " } else { "" };
        let note = self.words().map(|words| (json!("--note"), css_string(&format!("{sign}{words}")).into()));
        let classes = if trouble { vec!["trouble"] } else { Vec::new() };
        [("css_variables", Attr::Map(note.into_iter().collect())), ("css_classes", classes.into())]
    }
}

/// A small title above a plot.
pub(crate) fn title(page: &Page<'_>, id: &str, words: &str) -> Model {
    let title = Model::new("Title", format!("{id}/title")).set("text", plain(&shorten(words, LABEL_LENGTH_MAX)));
    title.set_all(text_font(page.look.text, "12px")).set("text_font_style", "normal").set("standoff", 4)
}

/// What a screen reader says of a plot.
pub(crate) fn spoken(label: &str) -> (&'static str, Attr) {
    ("html_attributes", Attr::Map(vec![(json!("role"), "img".into()), (json!("aria-label"), label.into())]))
}

/// The axis of the shared time.
pub(crate) fn time_axis(page: &Page<'_>, id: &str) -> Shared {
    let axis = Model::new("DatetimeAxis", format!("{id}/x")).set_all(page.look.axis());
    axis.set("formatter", &page.time_format).share()
}

/// A value axis with labels in a unit; without data it has nothing to say.
pub(crate) fn value_axis(page: &Page<'_>, id: &str, scale: Vec<(&'static str, Attr)>, visible: bool) -> Shared {
    let axis = Model::new("LinearAxis", format!("{id}/y")).set_all(page.look.axis()).set_all(scale);
    axis.set("visible", visible).share()
}

/// An axis with a name at each whole number from 0 on; an empty name is not written.
pub(crate) fn names_axis(page: &Page<'_>, id: &str, names: &[String]) -> Model {
    let named: Vec<_> = names.iter().enumerate().filter(|(_, name)| !name.is_empty()).collect();
    let ticks: Vec<u32> = named.iter().map(|(at, _)| *at as u32).collect();
    let ticker = Model::new("FixedTicker", format!("{id}/ticker")).set("ticks", ticks);
    let label = |(at, name): (usize, &String)| (json!(at), plain(&shorten(name, LABEL_LENGTH_MAX)).into());
    Model::new("LinearAxis", id)
        .set_all(page.look.axis())
        .set("ticker", ticker)
        .set("major_label_overrides", Attr::Map(named.into_iter().map(label).collect()))
}

/// Labels along an axis leave each other room, however narrow the screen is.
pub(crate) fn no_overlap(id: &str) -> Model {
    Model::new("NoOverlap", format!("{id}/x/room")).set("min_distance", 10)
}

/// The range of so many names; the first stands at the top, or left.
pub(crate) fn names_range(id: &str, count: usize, down: bool) -> Model {
    let (first, last) = (-0.5, count.max(1) as f64 - 0.5);
    let (start, end) = if down { (last, first) } else { (first, last) };
    Model::new("Range1d", id).set("start", start).set("end", end)
}

/// Quiet lines at an axis' ticks; `dimension` 0 stands, 1 lies.
pub(crate) fn grid(page: &Page<'_>, id: &str, axis: &Shared, dimension: u32) -> Model {
    let grid = Model::new("Grid", format!("{id}/grid/{dimension}")).set("axis", axis).set("dimension", dimension);
    grid.set("grid_line_color", page.look.grid)
}

/// The columns that glyphs draw.
pub(crate) fn source(id: &str, columns: Vec<NamedColumn>) -> Shared {
    let data = columns.into_iter().map(|(name, column)| (Value::String(name), column)).collect();
    Model::new("ColumnDataSource", format!("{id}/data")).set("data", Attr::Map(data)).share()
}

/// A glyph drawn from a source.
pub(crate) fn glyph(id: &str, part: &str, source: &Shared, glyph: Model) -> Model {
    Model::new("GlyphRenderer", format!("{id}/{part}")).set("data_source", source).set("glyph", glyph)
}

/// Text in the page's font.
pub(crate) fn text_font(colour: &str, size: &'static str) -> [(&'static str, Attr); 3] {
    [("text_color", colour.into()), ("text_font", FONT.into()), ("text_font_size", size.into())]
}

/// One name in a legend.
pub(crate) struct LegendEntry {
    /// The end of its id.
    pub word: String,
    /// What a person reads.
    pub name: String,
    /// What a click hides.
    pub renderers: Vec<Shared>,
}

/// Names of series with a toggle each, above the plot.
pub(crate) fn legend(page: &Page<'_>, id: &str, entries: Vec<LegendEntry>) -> Model {
    let item = |LegendEntry { word, name, renderers }| {
        let item = Model::new("LegendItem", format!("{id}/legend/{word}"));
        item.set("label", crate::model::value(name)).set("renderers", renderers)
    };
    legend_of(page, id, entries.into_iter().map(item).collect())
        .set("orientation", "horizontal")
        .set("location", "top_left")
        .set("click_policy", "hide")
        .set("label_text_color", page.look.muted)
        .set("stylesheets", vec![&page.styles.legend])
}

/// A legend without frame or fill.
pub(crate) fn legend_of(page: &Page<'_>, id: &str, items: Vec<Model>) -> Model {
    Model::new("Legend", format!("{id}/legend"))
        .set("items", items)
        .set("background_fill_color", Value::Null)
        .set("border_line_color", Value::Null)
        .set("inactive_fill_color", page.look.card)
        .set("label_text_font", FONT)
        .set("label_text_font_size", "12px")
        .set("glyph_width", 12)
        .set("glyph_height", 12)
        .set("margin", 0)
}

/// Pan, zoom and reset along time, and what else a panel has. Dragging zooms; Ctrl and the wheel too.
pub(crate) fn time_tools(page: &Page<'_>, spot: &Spot<'_>, more: Vec<Attr>) -> Model {
    let id = spot.id.as_str();
    let overlay = overlay(&format!("{id}/zoom/box"), page.look.mark);
    let zoom = Model::new("BoxZoomTool", format!("{id}/zoom")).set("dimensions", "width").set("overlay", overlay);
    let zoom = zoom.share();
    let wheel = Model::new("WheelZoomTool", format!("{id}/wheel")).set("dimensions", "width").set("visible", false);
    let wheel = wheel.set("modifiers", json!({"type": "map", "entries": [["ctrl", true]]})).share();
    let pan = Model::new("PanTool", format!("{id}/pan")).set("dimensions", "width");
    let cross = Model::new("CrosshairTool", format!("{id}/cross")).set("dimensions", "height").set("visible", false);
    let mut tools: Vec<Attr> = vec![(&zoom).into(), pan.into(), (&wheel).into()];
    tools.push(Model::new("ResetTool", format!("{id}/reset")).into());
    tools.push(cross.set("overlay", &page.crosshair).into());
    let along = match (page.scene.dashboard.spans(spot.panel), chooses_cells(page, spot)) {
        (None, false) => None,
        (None, true) => Some("height"),
        (Some(_), false) => Some("width"),
        (Some(_), true) => Some("both"),
    };
    // It only says where it was dragged: moments, not points, are selected.
    tools.extend(along.map(|along| Attr::from(box_select(page, id, along, &[]))));
    tools.extend(more);
    toolbar(page, id, tools).set("active_drag", &zoom).set("active_scroll", &wheel)
}

/// What lies over a plot while something is dragged over it.
fn overlay(id: &str, colour: &'static str) -> Model {
    let faint = Model::new("BoxAnnotation", id).set("fill_color", colour).set("fill_alpha", 0.12);
    faint.set("line_color", colour).set("line_alpha", 0.5).set("visible", false).set("level", "overlay")
}

/// Selects by dragging; the page hears of it and narrows what follows the panel.
pub(crate) fn box_select(page: &Page<'_>, id: &str, dimensions: &str, drawn: &[&Shared]) -> Shared {
    let overlay = overlay(&format!("{id}/select/box"), page.look.series[0]);
    let tool = Model::new("BoxSelectTool", format!("{id}/select")).set("dimensions", dimensions);
    let tool = tool.set("description", "Select: narrows the panels that follow (Shift and drag)");
    tool.set("renderers", drawn.to_vec()).set("overlay", overlay).share()
}

/// Whether a tap on a cell of a heat map, or a box over some, chooses by its keys.
fn chooses_cells(page: &Page<'_>, spot: &Spot<'_>) -> bool {
    page.scene.dashboard.cells(spot.panel).iter().any(Option::is_some)
}

/// What is selected along the axis or of the cells, drawn by the page, which knows it from its address.
pub(crate) fn chosen(page: &Page<'_>, spot: &Spot<'_>) -> Option<Attr> {
    if page.scene.dashboard.spans(spot.panel).is_none() && !chooses_cells(page, spot) {
        return None;
    }
    let look = page.look;
    let chosen = overlay(&format!("{}/chosen", spot.id), look.series[0]);
    Some(chosen.set("level", "underlay").into())
}

/// A toolbar that shows itself when the pointer is over the plot.
pub(crate) fn toolbar(page: &Page<'_>, id: &str, tools: Vec<Attr>) -> Model {
    Model::new("Toolbar", format!("{id}/tools"))
        .set("tools", Attr::List(tools))
        .set("logo", Value::Null)
        .set("autohide", true)
        .set("stylesheets", vec![&page.styles.toolbar])
}

/// A tooltip for this renderer; its formatters by placeholder. It is drawn outside the plot, out of reach of its
/// style sheets, so it brings its own colours; the page may style the frame around it, `.bk-Tooltip`.
pub(crate) fn hover(
    page: &Page<'_>,
    id: &str,
    target: &Shared,
    html: String,
    formats: Vec<(String, &'static str)>,
) -> Model {
    let formats = formats.into_iter().map(|(placeholder, name)| (Value::String(placeholder), name.into())).collect();
    let Look { text, card, .. } = page.look;
    let html = format!(
        "<div style=\"margin:-5px;padding:8px 12px;background:{card};color:{text};\
         font:12px/18px {FONT};\
         font-variant-numeric:tabular-nums\">{html}</div>"
    );
    Model::new("HoverTool", format!("{id}/hover"))
        .set("renderers", vec![target])
        .set("tooltips", html)
        .set("formatters", Attr::Map(formats))
        .set("show_arrow", false)
        .set("visible", false)
}

/// The hover, and a tap where it chooses what is tapped on: the page hears of it by the source's selection.
pub(crate) fn tappable(page: &Page<'_>, spot: &Spot<'_>, drawn: &Shared, hover: Model) -> Vec<Attr> {
    let (dashboard, panel) = (page.scene.dashboard, spot.panel);
    // A cell of a heat map stands for its moments too.
    let moments = panel.kind == PanelKind::Heat && dashboard.spans(panel).is_some();
    let taps = dashboard.taps(panel).is_some() || chooses_cells(page, spot) || moments;
    let tap = taps.then(|| {
        let tap = Model::new("TapTool", format!("{}/tap", spot.id)).set("renderers", vec![drawn]);
        tap.set("visible", false).into()
    });
    std::iter::once(hover.into()).chain(tap).collect()
}

/// The tools of a plot whose bars are chosen: by a tap, and several by dragging over them.
pub(crate) fn selecting(page: &Page<'_>, spot: &Spot<'_>, along: &str, drawn: &Shared, hover: Model) -> Model {
    let dashboard = page.scene.dashboard;
    let mut tools = tappable(page, spot, drawn, hover);
    let chooses = dashboard.taps(spot.panel).is_some() || chooses_cells(page, spot);
    if !chooses && dashboard.spans(spot.panel).is_none() {
        return toolbar(page, &spot.id, tools);
    }
    let select = box_select(page, &spot.id, along, &[drawn]);
    tools.push((&select).into());
    toolbar(page, &spot.id, tools).set("active_drag", &select)
}

/// A line that is only there to be pointed at: it spans the plot at half its height. A panel without data has nothing
/// to say (`seen`), though others that share the source do.
pub(crate) fn pointed_at(id: &str, source: &Shared, time: &str, seen: bool) -> Shared {
    let line = Model::new("Line", format!("{id}/hit/line")).set("x", field(time));
    let line = line.set("y", crate::model::value(0.5)).set("line_alpha", 0.0);
    glyph(id, "hit", source, line).set("y_range_name", "unit").set("visible", seen).share()
}
