//! One number that is read from across the room, with its state and a spark line.

use crate::{
    columns::{Columns, word},
    html::{escape, shorten},
    model::{Model, Shared},
    page::{Page, Spot},
    plot::Note,
    reduce,
    series::Chart,
    theme::{FONT, Look},
    unit,
};
use infralogs_core::{
    dashboard::{Panel, PanelKind},
    table::Rows,
};

/// How many steps a spark line has at most.
const SPARK_STEPS: usize = 60;

/// How a number does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// Nobody said what is good.
    Plain,
    /// As it should be.
    Good,
    /// Neither good nor bad.
    Warn,
    /// Broken.
    Bad,
}

impl State {
    /// What the panel's limits make of a number.
    pub(crate) fn of(good: Option<f64>, bad: Option<f64>, value: f64) -> Self {
        let larger_is_better = matches!((good, bad), (Some(good), Some(bad)) if good > bad);
        let reaches = |limit: f64| if larger_is_better { value <= limit } else { value >= limit };
        let fine = |limit: f64| if larger_is_better { value >= limit } else { value <= limit };
        match (good, bad) {
            _ if value.is_nan() => Self::Plain,
            (_, Some(bad)) if reaches(bad) => Self::Bad,
            (Some(good), _) if fine(good) => Self::Good,
            (Some(_), _) => Self::Warn,
            (None, Some(_)) => Self::Good,
            (None, None) => Self::Plain,
        }
    }
    /// Its colour.
    pub(crate) fn colour(self, look: &Look) -> &'static str {
        match self {
            Self::Plain => look.text,
            Self::Good => look.good,
            Self::Warn => look.warn,
            Self::Bad => look.bad,
        }
    }
    /// Its colour for shapes, which need less contrast than text.
    pub(crate) fn fill(self, look: &Look) -> &'static str {
        if self == Self::Warn { look.warn_fill } else { self.colour(look) }
    }
    /// A shape, for eyes that don't tell the colours apart.
    fn sign(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Good => "●",
            Self::Warn => "◆",
            Self::Bad => "▲",
        }
    }
    /// A word, for ears.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Good => "good",
            Self::Warn => "worth a look",
            Self::Bad => "bad",
        }
    }
}

/// The panel with rows, or why it can't be drawn with them.
pub(crate) fn draw(page: &Page<'_>, spot: &Spot<'_>, rows: &Rows) -> Result<Shared, String> {
    let panel = spot.panel;
    let columns = Columns::of(panel, rows);
    if rows.is_empty() {
        return Ok(without_data(page, spot, Note::Empty(panel.empty.as_deref())));
    }
    let Some(measure) = columns.measures.first() else {
        let text = rows.columns.first().map(|column| word("", &column.get(0))).unwrap_or_default();
        let number = format!("<span class=\"number words\">{}</span>", escape(&shorten(&text, 40)));
        return Ok(block(page, spot, State::Plain, &number, &text));
    };
    let last = if columns.time.is_some() { rows.len() - 1 } else { 0 };
    // The store answered: the sum of nothing is zero. Other measures of nothing are unknown.
    let value = match measure.number(last) {
        nothing if nothing.is_nan() && measure.zero_if_missing => 0.0,
        value => value,
    };
    let state = State::of(panel.good, panel.bad, value);
    let (number, name) = unit::parts(&panel.unit, value);
    let whose = if columns.keys.is_empty() { String::new() } else { columns.name(last) };
    let mut html = format!("<span class=\"number\">{}</span>", escape(&number));
    if !name.is_empty() {
        html += &format!("<span class=\"unit\">{}</span>", escape(&name));
    }
    if state != State::Plain {
        html += &format!("<span class=\"state\" title=\"{}\">{}</span>", state.word(), state.sign());
    }
    if !whose.is_empty() {
        html += &format!("<span class=\"whose\">{}</span>", escape(&shorten(&whose, 40)));
    }
    html += &spark(page, spot);
    let spoken = [unit::text(&panel.unit, value), state.word().to_owned(), whose];
    Ok(block(page, spot, state, &html, &spoken.join(" ")))
}

/// The panel with words instead of a number.
pub(crate) fn without_data(page: &Page<'_>, spot: &Spot<'_>, note: Note<'_>) -> Shared {
    let words = note.words().unwrap_or_default();
    let class = if matches!(note, Note::Trouble(_)) { "note trouble" } else { "note" };
    block(page, spot, State::Plain, &format!("<span class=\"{class}\">{}</span>", escape(words)), words)
}

fn block(page: &Page<'_>, spot: &Spot<'_>, state: State, inside: &str, spoken: &str) -> Shared {
    let Panel { title, .. } = spot.panel;
    let label = escape(&format!("{title}: {}", spoken.trim()));
    let colour = state.colour(page.look);
    let text =
        format!("<div class=\"stat\" style=\"--state:{colour}\" role=\"img\" aria-label=\"{label}\">{inside}</div>");
    Model::new("Div", &spot.id)
        .set("text", text)
        .set("disable_math", true)
        .set("sizing_mode", "stretch_width")
        .set("margin", 0)
        .set("height", spot.height)
        .set("stylesheets", vec![&page.styles.stat])
        .share()
}

/// How it looks.
pub(crate) fn css(look: &Look) -> String {
    let Look { text, muted, warn, .. } = look;
    format!(
        ":host{{font-family:{FONT};--bokeh-base-font:{FONT}}}.bk-clearfix{{width:100%;height:100%}}\
         .stat{{position:relative;display:flex;align-items:baseline;flex-wrap:wrap;gap:0 6px;height:100%;\
         box-sizing:border-box;padding:2px 0;color:{text};font-variant-numeric:tabular-nums}}\
         .number{{font-size:34px;line-height:44px;font-weight:650;letter-spacing:-.02em;color:var(--state)}}\
         .words{{font-size:22px}}.unit{{font-size:15px;color:{muted}}}.state{{font-size:12px;color:var(--state)}}\
         .whose{{flex-basis:100%;font-size:12px;color:{muted};position:relative;z-index:1}}\
         .note{{align-self:center;font-size:14px;color:{muted}}}.trouble{{color:{warn}}}.trouble::before{{content:\"⚠ \"}}\
         svg{{position:absolute;left:0;right:0;bottom:0;width:100%;height:34px;overflow:visible;color:var(--state)}}"
    )
}

/// The way the number went, as a drawing of 100 by 30.
fn spark(page: &Page<'_>, spot: &Spot<'_>) -> String {
    let (PanelKind::Stat { spark: true }, Some(rows)) = (spot.panel.kind, spot.spark) else { return String::new() };
    let columns = Columns::of(spot.panel, rows);
    let columns = if columns.time.is_some() { columns } else { Columns::by_type(rows) };
    let Ok(chart) = Chart::read(&columns, rows.len(), page.window(spot.panel.query.as_ref())) else {
        return String::new();
    };
    let Some(series) = chart.series.first() else { return String::new() };
    let kept = reduce::keep(&[&series.values], series.values.len(), SPARK_STEPS);
    let known: Vec<f64> = kept.iter().map(|at| series.values[*at]).filter(|value| value.is_finite()).collect();
    let (low, high) = known.iter().fold((0.0, 0.0), |(low, high), value| (value.min(low), value.max(high)));
    if known.len() < 2 || high <= low {
        return String::new();
    }
    let step = 100.0 / (known.len() - 1) as f64;
    let points = known
        .iter()
        .enumerate()
        .map(|(at, value)| format!("{:.1},{:.1}", at as f64 * step, 29.0 - (value - low) / (high - low) * 28.0));
    let points = points.collect::<Vec<_>>().join(" ");
    format!(
        "<svg viewBox=\"0 0 100 30\" preserveAspectRatio=\"none\" aria-hidden=\"true\">\
         <polygon points=\"0,30 {points} 100,30\" fill=\"currentColor\" opacity=\".12\"/>\
         <polyline points=\"{points}\" fill=\"none\" stroke=\"currentColor\" stroke-width=\"1.5\" opacity=\".7\" \
         stroke-linejoin=\"round\" vector-effect=\"non-scaling-stroke\"/></svg>"
    )
}
