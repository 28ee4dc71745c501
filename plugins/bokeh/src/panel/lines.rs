//! Lines and areas over time, stacked or not.

use crate::{
    columns::Columns,
    html::{shorten, template},
    model::{Attr, Model, Shared, computed, field, value},
    page::{Page, Spot},
    plot::{self, LegendEntry, Note},
    series::{Chart, Series},
    unit::{self, Scale},
};
use infralogs_core::{
    dashboard::{Answer, Panel, PanelKind},
    query::Shape,
    table::Rows,
};
use serde_json::json;
use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

/// The column of moments. No series can have its name.
const TIME: &str = "~t";
/// The longest name of a series in a legend or a tooltip, in characters.
const NAME_LENGTH_MAX: usize = 40;

/// How series are drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Style {
    Lines,
    Areas,
    Stacked,
    /// Lines with the space between neighbours filled.
    Bands,
}

/// A chart on its way to being drawn.
struct Drawing<'a> {
    page: &'a Page<'a>,
    spot: &'a Spot<'a>,
    chart: Chart,
    style: Style,
    scale: Scale,
    largest: f64,
    colours: Vec<String>,
    every: Option<Duration>,
    /// Of small multiples: whose chart it is, and the scale of all.
    small: Option<(String, f64)>,
}

/// The sources that panels have in common, by the panels' ids: panels of the layout that count by the same length of
/// bucket stand at the same moments, which are then sent, and moved on, once. One whose moments differ keeps a source
/// of its own.
pub(crate) fn shared_sources(page: &Page<'_>, spots: &[Spot<'_>]) -> HashMap<String, Shared> {
    let mut groups: BTreeMap<Duration, Vec<&Spot<'_>>> = BTreeMap::new();
    for spot in spots {
        if let Some(every) = common_step(spot.panel) {
            groups.entry(every).or_default().push(spot);
        }
    }
    let mut found = HashMap::new();
    for (every, spots) in groups.into_iter().filter(|(_, spots)| spots.len() > 1) {
        let mut times: Option<Vec<i64>> = None;
        let mut columns = Vec::new();
        let mut members = Vec::new();
        for spot in spots {
            let drawing = Drawing::of(page, spot);
            if let Some(drawing) = drawing.filter(|drawing| !drawing.chart.series.is_empty()) {
                if times.get_or_insert_with(|| drawing.chart.times.clone()) != &drawing.chart.times {
                    continue;
                }
                columns.extend(drawing.columns());
            }
            members.push(spot.id.clone());
        }
        let moments = page.moments(&times.unwrap_or_default());
        let id = format!("shared/every/{}", every.as_secs());
        let source = plot::source(&id, std::iter::once((TIME.to_owned(), moments)).chain(columns).collect());
        found.extend(members.into_iter().map(|id| (id, source.clone())));
    }
    found
}

/// The length of the buckets of a panel that looks at the page's window; `None` if it looks elsewhere or does not count.
fn common_step(panel: &Panel) -> Option<Duration> {
    let query = panel.query.as_ref().filter(|query| query.last.is_none() && panel.each.is_none())?;
    let over_time = matches!(panel.kind, PanelKind::Lines { .. } | PanelKind::Areas { .. } | PanelKind::Bands);
    match &query.shape {
        Shape::Groups { every, .. } if over_time => *every,
        _ => None,
    }
}

/// The panel with rows, or why it can't be drawn with them.
pub(crate) fn draw(page: &Page<'_>, spot: &Spot<'_>, rows: &Rows) -> Result<Shared, String> {
    if rows.is_empty() {
        return Ok(without_data(page, spot, Note::Empty(spot.panel.empty.as_deref())));
    }
    let columns = Columns::of(spot.panel, rows);
    let chart = Chart::read(&columns, rows.len(), page.window(spot.panel.query.as_ref()))?;
    Ok(Drawing::new(page, spot, chart, &columns.scope(), columns.every).draw(Note::None))
}

/// The panel without rows, but with axes and marks.
pub(crate) fn without_data(page: &Page<'_>, spot: &Spot<'_>, note: Note<'_>) -> Shared {
    Drawing::new(page, spot, Chart::default(), "", None).draw(note)
}

/// The largest number one of several small charts draws.
pub(crate) fn largest(page: &Page<'_>, spot: &Spot<'_>, rows: &Rows) -> f64 {
    let columns = Columns::of(spot.panel, rows);
    let chart = Chart::read(&columns, rows.len(), page.window(spot.panel.query.as_ref()));
    chart.map_or(0.0, |chart| Drawing::new(page, spot, chart, "", None).largest)
}

/// One of several small charts: whose it is stands above it, and `top` is where the scale of all ends.
pub(crate) fn draw_small(
    page: &Page<'_>,
    spot: &Spot<'_>,
    rows: &Rows,
    name: &str,
    top: f64,
) -> Result<Shared, String> {
    let columns = Columns::of(spot.panel, rows);
    let chart = Chart::read(&columns, rows.len(), page.window(spot.panel.query.as_ref()))?;
    let mut drawing = Drawing::new(page, spot, chart, &columns.scope(), columns.every);
    drawing.scale = Scale::new(&spot.panel.unit, top);
    drawing.small = Some((name.to_owned(), top));
    Ok(drawing.draw(Note::None))
}

impl<'a> Drawing<'a> {
    /// A panel with rows that can be drawn.
    fn of(page: &'a Page<'a>, spot: &'a Spot<'a>) -> Option<Self> {
        let Answer::Rows(rows) = spot.answer else { return None };
        let columns = Columns::of(spot.panel, rows);
        let chart = Chart::read(&columns, rows.len(), page.window(spot.panel.query.as_ref())).ok()?;
        Some(Self::new(page, spot, chart, &columns.scope(), columns.every))
    }

    fn new(page: &'a Page<'a>, spot: &'a Spot<'a>, chart: Chart, scope: &str, every: Option<Duration>) -> Self {
        let style = match spot.panel.kind {
            PanelKind::Lines { stacked: true } | PanelKind::Areas { stacked: true } => Style::Stacked,
            PanelKind::Areas { .. } => Style::Areas,
            PanelKind::Bands => Style::Bands,
            _ => Style::Lines,
        };
        let largest = chart.largest(style == Style::Stacked);
        let colours = chart.series.iter().enumerate().map(|(place, series)| match series.others {
            true => page.look.others.to_owned(),
            false => page.colour(spot.panel, scope, &series.name, place),
        });
        let (colours, scale) = (colours.collect(), Scale::new(&spot.panel.unit, largest));
        Self { page, spot, chart, style, scale, largest, colours, every, small: None }
    }

    fn id(&self) -> &str {
        &self.spot.id
    }

    fn draw(&self, note: Note<'_>) -> Shared {
        let (page, id) = (self.page, self.id());
        let source = self.source();
        let series = self.series(&source);
        let hit = plot::pointed_at(id, &source, TIME, !self.chart.series.is_empty());
        let x = plot::time_axis(page, id);
        let y = plot::value_axis(page, id, self.scale_axis(), !self.chart.series.is_empty());
        let mut center: Vec<Attr> = vec![plot::grid(page, id, &y, 1).into()];
        center.extend(self.thresholds());
        center.extend(plot::chosen(page, self.spot));
        let mut renderers: Vec<Shared> = series.concat();
        renderers.push(hit.clone());
        let marks = page.marks(id);
        // The labels of marks would cover a small chart.
        renderers.extend(if self.small.is_some() { marks[..1].to_vec() } else { marks.to_vec() });
        plot::plot(page, self.spot, note)
            .set_all(self.small.iter().map(|(name, _)| ("title", plot::title(page, id, name).into())))
            .set_all([plot::spoken(&self.spoken())])
            .set("x_range", page.range(self.spot))
            .set("y_range", self.y_range(&series))
            .set("extra_y_ranges", page.extra_ranges())
            .set("below", vec![x])
            .set("left", vec![y])
            .set("above", self.legend(&series))
            .set("center", Attr::List(center))
            .set("renderers", renderers)
            .set("toolbar", plot::time_tools(page, self.spot, vec![self.hover(&hit).into()]))
            .share()
    }

    /// A small chart has room for few numbers.
    fn scale_axis(&self) -> Vec<(&'static str, Attr)> {
        let id = format!("{}/y", self.id());
        let Some((_, top)) = &self.small else { return self.scale.axis(&id, self.largest) };
        let mut axis = self.scale.axis(&id, *top);
        if axis.iter().all(|(name, _)| *name != "ticker") {
            let ticker = Model::new("BasicTicker", format!("{id}/ticker")).set("desired_num_ticks", 3);
            axis.push(("ticker", ticker.into()));
        }
        axis
    }

    /// What the panel shares with others, or its own.
    fn source(&self) -> Shared {
        if let Some(shared) = &self.spot.source {
            return shared.clone();
        }
        let times = (TIME.to_owned(), self.page.moments(&self.chart.times));
        plot::source(self.id(), std::iter::once(times).chain(self.columns()).collect())
    }

    /// The series' columns.
    fn columns(&self) -> Vec<plot::NamedColumn> {
        let mut columns = Vec::new();
        for series in &self.chart.series {
            let name = self.column(series);
            let values: Vec<f64> = series.values.iter().map(|value| unit::figures(value / self.scale.divide)).collect();
            columns.extend(self.scale.written(&name, &values).map(|(name, texts)| (name, texts.into())));
            if self.style == Style::Areas && has_gaps(series) {
                let filled = values.iter().map(|value| if value.is_nan() { 0.0 } else { *value }).collect();
                columns.push((self.area_column(series), Attr::Numbers(filled)));
            }
            columns.push((name, Attr::Numbers(values)));
        }
        columns
    }

    /// The column of a series; in a source of several panels it says whose it is.
    fn column(&self, series: &Series) -> String {
        match common_step(self.spot.panel) {
            Some(_) => format!("{}/{}", self.spot.place, series.word),
            None => series.word.clone(),
        }
    }

    /// The column an area is filled up to: down to zero in gaps, which BokehJS would fill across.
    fn area_column(&self, series: &Series) -> String {
        let column = self.column(series);
        if has_gaps(series) { format!("{column}~area") } else { column }
    }

    /// The renderers of each series.
    fn series(&self, source: &Shared) -> Vec<Vec<Shared>> {
        let id = self.id();
        let mut below: Option<Shared> = None;
        let mut drawn = Vec::new();
        for (place, series) in self.chart.series.iter().enumerate() {
            let (word, colour) = (series.word.as_str(), self.colours[place].as_str());
            let column = self.column(series);
            let stack = (self.style == Style::Stacked).then(|| {
                let fields: Vec<String> = self.chart.series[..=place].iter().map(|one| self.column(one)).collect();
                Model::new("Stack", format!("{id}/stack/{word}")).set("fields", fields).share()
            });
            let top = stack.as_ref().map_or_else(|| field(&self.area_column(series)), computed);
            let mut renderers = Vec::new();
            if let (Style::Bands, Some(lower)) = (self.style, place.checked_sub(1)) {
                let lower = self.column(&self.chart.series[lower]);
                let band = Model::new("VArea", format!("{id}/area/{word}/glyph")).set("x", field(TIME));
                let band = band.set("y1", field(&lower)).set("y2", field(&column)).set("fill_color", colour);
                renderers.push(plot::glyph(id, &format!("area/{word}"), source, band.set("fill_alpha", 0.22)).share());
            }
            if matches!(self.style, Style::Areas | Style::Stacked) {
                let alpha = if self.style == Style::Stacked { 0.88 } else { 0.16 };
                let bottom = below.as_ref().map_or_else(|| value(0), computed);
                let area = Model::new("VArea", format!("{id}/area/{word}/glyph")).set("x", field(TIME));
                let area = area.set("y1", bottom).set("y2", top).set("fill_color", colour);
                let area = area.set("fill_alpha", alpha);
                renderers.push(plot::glyph(id, &format!("area/{word}"), source, area).share());
            }
            if self.style != Style::Stacked {
                let line = Model::new("Line", format!("{id}/line/{word}/glyph")).set("x", field(TIME));
                let line = line.set("y", field(&column)).set("line_color", colour).set("line_join", "round");
                let wide = self.style == Style::Lines || (self.style == Style::Bands && place == 0);
                let line = line.set("line_width", if wide { 1.8 } else { 1.2 });
                renderers.push(plot::glyph(id, &format!("line/{word}"), source, line).share());
            }
            below = stack;
            drawn.push(renderers);
        }
        drawn
    }

    /// From zero to what is drawn; follows data and hidden series by itself.
    fn y_range(&self, series: &[Vec<Shared>]) -> Shared {
        let id = format!("{}/y/range", self.id());
        if let Some((_, top)) = self.small.as_ref().filter(|(_, top)| *top > 0.0) {
            return Model::new("Range1d", id).set("start", 0).set("end", top / self.scale.divide * 1.08).share();
        }
        if self.largest <= 0.0 {
            return Model::new("Range1d", format!("{id}/empty")).set("start", 0).set("end", 1).share();
        }
        let range = Model::new("DataRange1d", id).set("only_visible", true).set("range_padding", 0.08);
        let range = range.set("renderers", series.iter().flatten().collect::<Vec<_>>());
        let negative = self.chart.series.iter().flat_map(|series| &series.values).any(|value| *value < 0.0);
        range.set("start", if negative { f64::NAN } else { 0.0 }).share()
    }

    /// Lines where good ends and bad begins, seen if they are near the data.
    fn thresholds(&self) -> Vec<Attr> {
        let (panel, look) = (self.spot.panel, self.page.look);
        let limits = [("good", panel.good, look.good), ("bad", panel.bad, look.bad)];
        let near = limits.into_iter().filter_map(|(name, limit, colour)| Some((name, limit?, colour)));
        near.map(|(name, limit, colour)| {
            let span = Model::new("Span", format!("{}/{name}", self.id())).set("dimension", "width");
            let span = span.set("location", limit / self.scale.divide).set("line_color", colour);
            let seen = limit <= self.largest * 1.5 && !self.chart.series.is_empty();
            span.set("line_dash", json!([2, 3])).set("line_alpha", 0.8).set("visible", seen).into()
        })
        .collect()
    }

    /// One name per series. It is there even when not seen: BokehJS can't add a legend to an open plot.
    fn legend(&self, series: &[Vec<Shared>]) -> Vec<Model> {
        let entry = |(one, renderers): (&Series, &Vec<Shared>)| LegendEntry {
            word: one.word.clone(),
            name: shorten(&one.name, NAME_LENGTH_MAX),
            renderers: renderers.clone(),
        };
        let entries = self.chart.series.iter().zip(series).map(entry).collect();
        vec![plot::legend(self.page, self.id(), entries).set("visible", series.len() > 1)]
    }

    /// The moment, then every series with its colour, the topmost first.
    fn hover(&self, hit: &Shared) -> Model {
        let moment = match self.every {
            Some(every) if every >= Duration::from_secs(86_400) => "%a %-d %b %Y",
            Some(every) if every >= Duration::from_secs(60) => "%a %-d %b %H:%M",
            _ => "%a %-d %b %H:%M:%S",
        };
        let muted = self.page.look.muted;
        let mut formats = vec![(format!("@{{{TIME}}}"), "datetime")];
        let mut html = format!("<div style=\"color:{muted};margin-bottom:2px\">@{{{TIME}}}{{{moment}}}</div>");
        if let ([only], 0) = (self.chart.series.as_slice(), self.chart.left_out) {
            let (number, format) = self.scale.hover(&self.column(only));
            html += &format!("{} <b>{number}</b>", template(&shorten(&only.name, NAME_LENGTH_MAX)));
            return plot::hover(self.page, self.id(), hit, html, formats.into_iter().chain(format).collect());
        }
        html += "<div style=\"display:grid;grid-template-columns:auto 1fr auto;gap:0 8px;align-items:center\">";
        let mut ordered: Vec<_> = self.chart.series.iter().zip(&self.colours).collect();
        if self.style == Style::Stacked {
            ordered.reverse();
        }
        for (series, colour) in ordered {
            let (number, format) = self.scale.hover(&self.column(series));
            let name = template(&shorten(&series.name, NAME_LENGTH_MAX));
            html += &format!(
                "<i style=\"width:9px;height:9px;border-radius:3px;background:{colour}\"></i>\
                 <span>{name}</span><b style=\"text-align:right\">{number}</b>"
            );
            formats.extend(format);
        }
        html += "</div>";
        if self.chart.left_out > 0 {
            html += &format!("<div style=\"color:{muted}\">and {} more series not drawn</div>", self.chart.left_out);
        }
        plot::hover(self.page, self.id(), hit, html, formats)
    }

    /// What a screen reader says: the title, and each series' last and largest value.
    fn spoken(&self) -> String {
        const SPOKEN_MAX: usize = 6;
        let panel = self.spot.panel;
        let finite = |series: &Series| {
            let mut values = series.values.iter().copied().filter(|value| value.is_finite());
            let (largest, last) = (values.clone().fold(f64::NEG_INFINITY, f64::max), values.next_back()?);
            let [largest, last] = [largest, last].map(|value| unit::text(&panel.unit, value));
            Some(format!("{}: last {last}, largest {largest}", shorten(&series.name, NAME_LENGTH_MAX)))
        };
        let series: Vec<String> = self.chart.series.iter().take(SPOKEN_MAX).filter_map(finite).collect();
        match series.is_empty() {
            true => format!("{}: no data", panel.title),
            false => format!("{}, chart over time. {}", panel.title, series.join("; ")),
        }
    }
}

/// Whether a number is missing.
fn has_gaps(series: &Series) -> bool {
    series.values.iter().any(|value| value.is_nan())
}
