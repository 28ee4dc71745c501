//! The panels: which file draws which kind, and how high each is.

mod bars;
pub(crate) mod gauges;
mod heat;
mod histogram;
mod lines;
mod multiples;
mod shares;
pub(crate) mod stat;
mod states;
pub(crate) mod table;
mod text;

pub(crate) use lines::shared_sources;

use crate::{
    model::Shared,
    page::{Page, Spot},
    plot::Note,
};
use infralogs_core::dashboard::{Answer, Panel, PanelKind};

/// The root of one panel. It is of the same type whatever the answer, so that pages can be patched.
pub(crate) fn draw(page: &Page<'_>, spot: &Spot<'_>) -> Shared {
    let drawn = match spot.answer {
        Answer::Trouble(words) => Err(words.clone()),
        Answer::ToCome => return without_data(page, spot, Note::Empty(Some("Still asking…"))),
        Answer::Rows(rows) if spot.panel.each.is_some() => multiples::draw(page, spot, rows),
        Answer::Rows(rows) => match spot.panel.kind {
            PanelKind::Stat { .. } => stat::draw(page, spot, rows),
            PanelKind::Lines { .. } | PanelKind::Areas { .. } | PanelKind::Bands => lines::draw(page, spot, rows),
            PanelKind::Histogram => histogram::draw(page, spot, rows),
            PanelKind::States => states::draw(page, spot, rows),
            PanelKind::Bars => bars::draw(page, spot, rows),
            PanelKind::Heat => heat::draw(page, spot, rows),
            PanelKind::Shares => shares::draw(page, spot, rows),
            PanelKind::Table => table::draw(page, spot, rows),
            PanelKind::Gauges => gauges::draw(page, spot, rows),
            PanelKind::Text => Ok(text::draw(page, spot)),
        },
    };
    drawn.unwrap_or_else(|trouble| without_data(page, spot, Note::Trouble(&trouble)))
}

/// The root of a panel that has nothing to show but words.
fn without_data(page: &Page<'_>, spot: &Spot<'_>, note: Note<'_>) -> Shared {
    match spot.panel.kind {
        _ if spot.panel.each.is_some() => multiples::without_data(page, spot, note),
        PanelKind::Stat { .. } => stat::without_data(page, spot, note),
        PanelKind::Lines { .. } | PanelKind::Areas { .. } | PanelKind::Bands => lines::without_data(page, spot, note),
        PanelKind::Histogram => histogram::without_data(page, spot, note),
        PanelKind::States => states::without_data(page, spot, note),
        PanelKind::Bars => bars::without_data(page, spot, note),
        PanelKind::Heat => heat::without_data(page, spot, note),
        PanelKind::Shares => shares::without_data(page, spot, note),
        PanelKind::Table => table::without_data(page, spot, note),
        PanelKind::Gauges => gauges::without_data(page, spot, note),
        PanelKind::Text => text::draw(page, spot),
    }
}

/// How high a list may make the charts beside it, in pixels; what is more scrolls.
const LIST_BESIDE_CHARTS: u32 = 322;

/// How high the panels of a row are, in pixels: as high as its highest needs to be.
pub(crate) fn row_height(row: &[Panel], answers: &[Answer]) -> u32 {
    let highest = |lists: bool| {
        let those = row.iter().zip(answers).filter(|(panel, _)| is_list(panel) == lists);
        those.map(|(panel, answer)| natural_height(panel, answer)).max()
    };
    match (highest(false), highest(true)) {
        (Some(charts), Some(lists)) => charts.max(lists.min(LIST_BESIDE_CHARTS)),
        (charts, lists) => charts.or(lists).unwrap_or_default(),
    }
}

/// Whether it shows one line a record, and scrolls.
fn is_list(panel: &Panel) -> bool {
    matches!(panel.kind, PanelKind::Table | PanelKind::Gauges)
}

/// How high a panel is, in pixels, when its row does not say otherwise.
fn natural_height(panel: &Panel, answer: &Answer) -> u32 {
    let count = match answer {
        Answer::Rows(rows) => rows.len() as u32,
        Answer::Trouble(_) | Answer::ToCome => 0,
    };
    let suits = match panel.kind {
        _ if panel.each.is_some() => multiples::height(panel, answer),
        PanelKind::Stat { spark } => {
            if spark {
                84
            } else {
                56
            }
        }
        PanelKind::Lines { .. } | PanelKind::Areas { .. } | PanelKind::Bands => 260,
        PanelKind::Histogram => 240,
        PanelKind::States => strips(panel, answer).clamp(2, 40) * 24 + 46,
        PanelKind::Bars => (count.clamp(4, 20)) * 28 + 20,
        PanelKind::Heat => 250,
        PanelKind::Shares => 220,
        PanelKind::Table => (count.clamp(4, 12)) * 30 + 36,
        PanelKind::Gauges => (count.clamp(2, 24)) * 46,
        PanelKind::Text => 40,
    };
    panel.height.map_or(suits, u32::from)
}

/// How many strips a state timeline has.
fn strips(panel: &Panel, answer: &Answer) -> u32 {
    match answer {
        Answer::Rows(rows) => states::count(panel, rows),
        Answer::Trouble(_) | Answer::ToCome => 0,
    }
}
