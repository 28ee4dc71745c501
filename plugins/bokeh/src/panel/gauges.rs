//! How full things are: a bar for each host and mount, the fullest first, with what is left in words.

use crate::{
    columns::{number, word},
    html::{escape, shorten},
    model::{Model, Shared},
    page::{Page, Spot},
    panel::stat::State,
    plot::Note,
    theme::{FONT, Look},
    unit,
};
use infralogs_core::{
    dashboard::Unit,
    table::{Column, ColumnType, Rows},
};

/// The most bars.
const GAUGES_MAX: usize = 60;
/// From this share on it is worth a look, and bad, unless the panel says otherwise; of 100.
const GOOD_AND_BAD: (f64, f64) = (75.0, 90.0);

/// One bar.
struct Gauge {
    name: String,
    /// Of 100.
    share: f64,
    words: String,
}

/// The panel with rows, or why it can't be drawn with them.
pub(crate) fn draw(page: &Page<'_>, spot: &Spot<'_>, rows: &Rows) -> Result<Shared, String> {
    if rows.is_empty() {
        return Ok(without_data(page, spot, Note::Empty(spot.panel.empty.as_deref())));
    }
    let fullness = Fullness::find(rows).ok_or("gauges need columns such as `used` and `size`, or `percent`")?;
    let mut gauges: Vec<Gauge> = (0..rows.len()).filter_map(|row| fullness.gauge(rows, row)).collect();
    gauges.sort_by(|a, b| b.share.total_cmp(&a.share).then_with(|| a.name.cmp(&b.name)));
    let (good, bad) = (spot.panel.good.unwrap_or(GOOD_AND_BAD.0), spot.panel.bad.unwrap_or(GOOD_AND_BAD.1));
    let bar = |gauge: &Gauge| {
        let state = State::of(Some(good), Some(bad), gauge.share);
        let (name, words) = (escape(&shorten(&gauge.name, 60)), escape(&gauge.words));
        let percent = unit::text(&Unit::Percent, gauge.share.round());
        format!(
            "<li class=\"gauge\" style=\"--state:{};--fill:{}\" role=\"meter\" aria-valuemin=\"0\" aria-valuemax=\"100\" \
             aria-valuenow=\"{:.0}\" aria-label=\"{name}: {percent}, {words}, {}\"><span class=\"name\">{name}</span>\
             <span class=\"percent\">{percent}</span><span class=\"track\"><span class=\"fill\" style=\"width:{:.1}%\">\
             </span></span><span class=\"words\">{words}</span></li>",
            state.colour(page.look),
            state.fill(page.look),
            gauge.share,
            state.word(),
            gauge.share.clamp(0.0, 100.0),
        )
    };
    let mut html: String = gauges.iter().take(GAUGES_MAX).map(bar).collect();
    html = format!("<ul class=\"gauges\" style=\"--most:{}px\">{html}</ul>", spot.height);
    if gauges.len() > GAUGES_MAX {
        html += &format!("<p class=\"note\">and {} more, less full</p>", gauges.len() - GAUGES_MAX);
    }
    Ok(block(page, spot, html))
}

/// The panel with words instead of bars.
pub(crate) fn without_data(page: &Page<'_>, spot: &Spot<'_>, note: Note<'_>) -> Shared {
    let class = if matches!(note, Note::Trouble(_)) { "note trouble" } else { "note" };
    block(page, spot, format!("<p class=\"{class}\">{}</p>", escape(note.words().unwrap_or_default())))
}

fn block(page: &Page<'_>, spot: &Spot<'_>, html: String) -> Shared {
    Model::new("Div", &spot.id)
        .set("text", html)
        .set("disable_math", true)
        .set("sizing_mode", "stretch_width")
        .set("margin", 0)
        .set("stylesheets", vec![&page.styles.gauges])
        .share()
}

/// How it looks.
pub(crate) fn css(look: &Look) -> String {
    let Look { text, muted, edge, warn, .. } = look;
    format!(
        ":host{{font-family:{FONT};--bokeh-base-font:{FONT}}}.bk-clearfix{{width:100%}}\
         .gauges{{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(230px,100%),1fr));gap:14px 24px;\
         margin:4px -6px 4px 0;padding:0 6px 0 0;list-style:none;color:{text};font-variant-numeric:tabular-nums;\
         max-height:var(--room,var(--most));overflow:auto;scrollbar-width:thin;scrollbar-color:{edge} transparent}}\
         .gauge{{display:grid;grid-template-columns:1fr auto;gap:4px 8px;align-items:baseline;font-size:13px}}\
         .name{{overflow:hidden;text-overflow:ellipsis;white-space:nowrap}}\
         .percent{{font-weight:650;color:var(--state)}}\
         .track{{grid-column:1/3;height:7px;border-radius:4px;background:{edge};overflow:hidden}}\
         .fill{{display:block;height:100%;border-radius:4px;background:var(--fill)}}\
         .words{{grid-column:1/3;font-size:12px;color:{muted}}}\
         .note{{font-size:14px;color:{muted};text-align:center;padding:16px 0;margin:0}}\
         .trouble{{color:{warn}}}.trouble::before{{content:\"⚠ \"}}"
    )
}

/// Which columns tell how full something is.
struct Fullness<'a> {
    total: Option<&'a Column>,
    used: Option<&'a Column>,
    free: Option<&'a Column>,
    percent: Option<&'a Column>,
    unit: Unit,
}

impl<'a> Fullness<'a> {
    fn find(rows: &'a Rows) -> Option<Self> {
        let find = |names: &[&str]| {
            let named = |name: &str| names.iter().any(|ending| name == *ending || ends_with_word(name, ending));
            let found = rows.defs.iter().position(|def| def.kind != ColumnType::Text && named(&def.name))?;
            Some((&rows.columns[found], rows.defs[found].kind))
        };
        let total = find(&["size", "total", "capacity", "size_bytes", "total_bytes"]);
        let unit = match total {
            Some((_, ColumnType::Bytes)) => Unit::Bytes,
            _ => Unit::Number,
        };
        let column = |found: Option<(&'a Column, ColumnType)>| found.map(|(column, _)| column);
        let found = Self {
            total: column(total),
            percent: column(find(&["percent", "share", "usage", "percentage"])),
            used: column(find(&["used", "used_bytes"])),
            free: column(find(&["free", "available", "avail", "free_bytes", "available_bytes"])),
            unit,
        };
        let whole = found.total.is_some() && (found.used.is_some() || found.free.is_some());
        (whole || found.percent.is_some()).then_some(found)
    }

    /// The bar of a row; none if its numbers are missing.
    fn gauge(&self, rows: &Rows, row: usize) -> Option<Gauge> {
        let read = |column: Option<&Column>| column.map(|column| number(&column.get(row))).filter(|n| n.is_finite());
        let total = read(self.total).filter(|total| *total > 0.0);
        let used = read(self.used).or_else(|| Some(total? - read(self.free)?));
        let free = read(self.free).or_else(|| Some(total? - used?));
        // As `df` does: what is reserved counts as neither used nor free.
        let share = match (used, free) {
            (Some(used), Some(free)) if total.is_some() && used + free > 0.0 => used / (used + free) * 100.0,
            _ => read(self.percent)?,
        };
        let words = match (free, total) {
            (Some(free), Some(total)) => {
                format!("{} of {} free", unit::text(&self.unit, free), unit::text(&self.unit, total))
            }
            _ => String::new(),
        };
        let texts = rows.defs.iter().zip(&rows.columns).filter(|(def, _)| def.kind == ColumnType::Text);
        let names: Vec<String> = texts.map(|(def, column)| word(&def.name, &column.get(row))).collect();
        Some(Gauge { name: names.join(" · "), share, words })
    }
}

/// Whether a name ends in this word: `mean_percent` in `percent`.
fn ends_with_word(name: &str, word: &str) -> bool {
    name.strip_suffix(word).is_some_and(|rest| rest.ends_with('_'))
}
