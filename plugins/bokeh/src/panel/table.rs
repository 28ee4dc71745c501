//! Records as a table that sorts; times, numbers and levels written as people read them, rows tinted by a script.

use crate::{
    columns::{LEVELS, number},
    html::shorten,
    model::{self, Attr, Model, Shared, field},
    page::{Page, Spot},
    plot::{self, Note},
    theme::{FONT, Look},
    unit::{self, Scale},
};
use infralogs_core::{
    dashboard::Unit,
    table::{Column, ColumnDef, ColumnType, Rows},
    value::Value as Cell,
};
use serde_json::{Value, json};

/// The most rows a table holds.
const ROWS_MAX: usize = 1_000;
/// The longest text of a cell, in characters; the rest is one question away.
const CELL_LENGTH_MAX: usize = 1_000;
/// How wide a letter of a head is, and what stands around its words (the sign of sorting too), in pixels.
const HEAD_LETTER: u32 = 8;
const HEAD_ROOM: u32 = 30;
/// What is left of a text at least, in pixels.
const TEXT_WIDTH_MIN: u32 = 90;
/// The column of each row's colour. No column of a table can have its name.
const TINT: &str = "~tint";

/// A column as it is drawn.
struct Drawn {
    title: String,
    cells: Vec<Value>,
    formatter: Model,
    width: u32,
    /// Another column with a colour for each cell.
    colours: Option<(String, Vec<Value>)>,
}

/// The panel with rows, or why it can't be drawn with them.
pub(crate) fn draw(page: &Page<'_>, spot: &Spot<'_>, rows: &Rows) -> Result<Shared, String> {
    let note = if rows.is_empty() { Note::Empty(spot.panel.empty.as_deref()) } else { Note::None };
    let count = rows.len().min(ROWS_MAX);
    let tints = tints(spot, rows, count)?;
    let (mut data, mut columns) = (Vec::new(), Vec::new());
    let id = |def: &ColumnDef| format!("{}/column/{}", spot.id, def.name);
    let pairs = rows.defs.iter().zip(&rows.columns);
    let mut all: Vec<Drawn> = pairs.map(|(def, column)| drawn(page, def, column, count, &id(def))).collect();
    fit(&rows.defs, &mut all, spot.width);
    for (def, drawn) in rows.defs.iter().zip(all) {
        let id = id(def);
        let formatter = drawn.formatter.set("null_format", "");
        let formatter = if tints.is_some() { formatter.set("background_color", field(TINT)) } else { formatter };
        let column = Model::new("TableColumn", id).set("field", def.name.as_str()).set("title", drawn.title);
        columns.push(column.set("formatter", formatter).set("width", drawn.width));
        data.push((def.name.clone(), Attr::Json(Value::Array(drawn.cells))));
        data.extend(drawn.colours.map(|(name, colours)| (name, Attr::Json(Value::Array(colours)))));
    }
    data.extend(tints.map(|tints| (TINT.to_owned(), Attr::Json(Value::Array(tints)))));
    let right = (0..rows.defs.len()).filter(|at| is_right(&rows.defs[*at])).collect();
    Ok(with_columns(page, spot, data, columns, right, note))
}

/// The panel with words instead of rows.
pub(crate) fn without_data(page: &Page<'_>, spot: &Spot<'_>, note: Note<'_>) -> Shared {
    with_columns(page, spot, Vec::new(), Vec::new(), Vec::new(), note)
}

fn with_columns(
    page: &Page<'_>,
    spot: &Spot<'_>,
    data: Vec<plot::NamedColumn>,
    columns: Vec<Model>,
    right: Vec<usize>,
    note: Note<'_>,
) -> Shared {
    let spoken = (json!("aria-label"), spot.panel.title.as_str().into());
    let heads = Model::new("InlineStyleSheet", format!("{}/heads", spot.id)).set("css", heads(&right)).share();
    Model::new("DataTable", &spot.id)
        .set("source", plot::source(&spot.id, data))
        .set("columns", columns)
        .set("sizing_mode", "stretch_width")
        .set("margin", 0)
        .set("height", spot.height)
        .set("row_height", 30)
        .set("index_position", Value::Null)
        .set("reorderable", false)
        .set("stylesheets", vec![page.styles.plot.clone(), page.styles.table.clone(), heads])
        .set("html_attributes", Attr::Map(vec![spoken]))
        .set_all(note.attributes())
        .share()
}

/// Makes room for heads; where all together are wider than the panel, the longest texts give way and nothing else:
/// BokehJS takes from all alike, and half a moment or number says nothing.
fn fit(defs: &[ColumnDef], all: &mut [Drawn], width: u32) {
    for drawn in all.iter_mut() {
        drawn.width = drawn.width.max(drawn.title.chars().count() as u32 * HEAD_LETTER + HEAD_ROOM);
    }
    let mut over = all.iter().map(|drawn| drawn.width).sum::<u32>().saturating_sub(width);
    while over > 0 {
        let texts = all.iter_mut().zip(defs).filter(|(_, def)| def.kind == ColumnType::Text);
        let Some((longest, _)) = texts.max_by_key(|(drawn, _)| drawn.width) else { return };
        let less = over.min(20).min(longest.width.saturating_sub(TEXT_WIDTH_MIN));
        if less == 0 {
            return;
        }
        longest.width -= less;
        over -= less;
    }
}

/// Whether its cells stand to the right.
fn is_right(def: &ColumnDef) -> bool {
    let is_level = matches!(def.name.as_str(), "priority" | "level");
    matches!(def.kind, ColumnType::Int | ColumnType::Float | ColumnType::Bytes | ColumnType::Duration) && !is_level
}

/// Heads of numbers stand over their numbers. BokehJS 3.9.2 has no setting for it, and floats every head's words left.
fn heads(right: &[usize]) -> String {
    let head = |at: &usize| format!(".slick-header-column:nth-child({}) .slick-column-name{{float:right}}", at + 1);
    right.iter().map(head).collect()
}

/// A column's cells, and how they are written and sorted.
fn drawn(page: &Page<'_>, def: &ColumnDef, column: &Column, count: usize, id: &str) -> Drawn {
    let id = format!("{id}/format");
    let title = def.name.replace('_', " ");
    let plain = |kind| Model::new(kind, id.clone());
    let right = |kind| plain(kind).set("text_align", model::value("right"));
    let cells = |cell: &dyn Fn(Cell<'_>) -> Value| (0..count).map(|row| cell(column.get(row))).collect::<Vec<_>>();
    let (title, cells, formatter, width) = match def.kind {
        ColumnType::Time => {
            let formatter = plain("DateFormatter").set("format", "%Y-%m-%d %H:%M:%S");
            (title, cells(&|cell| moment(page, &cell)), formatter, 168)
        }
        ColumnType::Int if matches!(def.name.as_str(), "priority" | "level") => {
            return levels(page, def, column, count, &id);
        }
        ColumnType::Int => (title, cells(&|cell| figure(&cell, 1.0)), right("StringFormatter"), 80),
        ColumnType::Float => (title, cells(&|cell| figure(&cell, 1.0)), right("StringFormatter"), 90),
        ColumnType::Bytes => {
            let formatter = right("NumberFormatter").set("format", "0.[0] b");
            (title, cells(&|cell| figure(&cell, 1.0)), formatter, 90)
        }
        ColumnType::Duration => {
            let largest = (0..count).map(|row| number(&column.get(row))).fold(0.0, f64::max);
            let scale = Scale::new(&Unit::Duration, largest);
            let title = format!("{title}{}", scale.suffix());
            let short = |cell: Cell<'_>| match number(&cell) / scale.divide {
                nan if nan.is_nan() => Value::Null,
                length => model::number(unit::short(length)),
            };
            (title, cells(&short), right("StringFormatter"), 90)
        }
        ColumnType::Bool => (title, cells(&|cell| yes(&cell)), plain("StringFormatter"), 60),
        ColumnType::Text if def.name == "level" => return levels(page, def, column, count, &id),
        ColumnType::Text | ColumnType::Ip => {
            let cells = cells(&|cell| text(&cell));
            let longest = cells.iter().filter_map(Value::as_str).map(|text| text.chars().count()).max().unwrap_or(0);
            let width = (longest as u32 * 7 + 16).clamp(60, 620);
            (title, cells, plain("StringFormatter"), width)
        }
    };
    Drawn { title, cells, formatter, width, colours: None }
}

/// Levels as coloured words. Priorities sort by severity, since the word follows its number.
fn levels(page: &Page<'_>, def: &ColumnDef, column: &Column, count: usize, id: &str) -> Drawn {
    let word = |row| match column.get(row) {
        Cell::Int(level @ 0..=7) => format!("{level} {}", LEVELS[level as usize]).into(),
        cell => text(&cell),
    };
    let colour = |row| match column.get(row) {
        Cell::Int(level @ 0..=7) => page.look.level_text(LEVELS[level as usize]).into(),
        Cell::Text(word) => page.look.level_text(&word).into(),
        _ => page.look.text.into(),
    };
    let name = format!("~{}", def.name);
    let formatter = Model::new("StringFormatter", id).set("text_color", field(&name));
    let cells = (0..count).map(word).collect();
    let colours = Some((name, (0..count).map(colour).collect()));
    Drawn { title: def.name.clone(), cells, formatter, width: 90, colours }
}

fn moment(page: &Page<'_>, cell: &Cell<'_>) -> Value {
    match cell {
        Cell::Int(micros) => model::number(page.millis(*micros)),
        _ => Value::Null,
    }
}

fn figure(cell: &Cell<'_>, divide: f64) -> Value {
    match cell {
        Cell::Int(int) if divide == 1.0 => (*int).into(),
        _ => match number(cell) {
            nan if nan.is_nan() => Value::Null,
            number => model::number(unit::figures(number / divide)),
        },
    }
}

fn yes(cell: &Cell<'_>) -> Value {
    match cell {
        Cell::Bool(yes) => if *yes { "yes" } else { "no" }.into(),
        _ => Value::Null,
    }
}

fn text(cell: &Cell<'_>) -> Value {
    match cell {
        Cell::Text(text) => shorten(text, CELL_LENGTH_MAX).into(),
        _ => Value::Null,
    }
}

/// The colour the script gives each row, faint, so that its text stays readable. None: there is no script.
fn tints(spot: &Spot<'_>, rows: &Rows, count: usize) -> Result<Option<Vec<Value>>, String> {
    /// Of 255.
    const ALPHA: &str = "30";
    let Some(tint) = &spot.panel.tint else { return Ok(None) };
    let one = |row: usize| {
        let cells: Vec<(&str, Cell<'_>)> =
            rows.defs.iter().zip(&rows.columns).map(|(def, column)| (def.name.as_str(), column.get(row))).collect();
        let colour = tint.0.tint(&cells).map_err(|error| format!("the row can't be tinted: {error}"))?;
        Ok(colour.filter(|colour| is_colour(colour)).map_or(Value::Null, |colour| format!("{colour}{ALPHA}").into()))
    };
    (0..count).map(one).collect::<Result<_, String>>().map(Some)
}

/// Whether it is `#rrggbb`.
fn is_colour(text: &str) -> bool {
    text.len() == 7 && text.strip_prefix('#').is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// How it looks.
pub(crate) fn css(look: &Look) -> String {
    let Look { text, muted, grid, raised, edge, card, .. } = look;
    let chosen = look.series[0];
    format!(
        ":host{{color-scheme:light dark}}.bk-data-table,.slick-viewport,.grid-canvas{{background:transparent;\
         color:{text};font:13px {FONT};border:0}}.slick-header.slick-header,.slick-header-columns{{background:{card};\
         border:0;border-bottom:1px solid {edge};font:600 12px {FONT};color:{muted}}}\
         .slick-header-column.slick-header-column{{background:{card};color:{muted};border:0;padding:6px 8px;\
         height:18px;line-height:18px}}.slick-header-column:hover{{color:{text}}}\
         .slick-row.slick-row{{background:transparent;border-bottom:1px solid {grid}}}\
         .slick-row.slick-row:hover{{background:{raised}}}\
         .slick-cell.slick-cell{{border:0;padding:0 8px;line-height:29px;color:{text}}}\
         .slick-cell>div{{margin:0 -8px;padding:0 8px;min-height:29px;overflow:hidden;text-overflow:ellipsis;\
         white-space:nowrap}}.slick-column-name{{max-width:100%;overflow:hidden;text-overflow:ellipsis}}\
         .slick-cell.selected.selected{{background:{chosen}26}}\
         .slick-cell.active.active{{box-shadow:inset 0 0 0 1px {chosen}88}}\
         .slick-viewport{{scrollbar-width:thin;scrollbar-color:{edge} transparent}}"
    )
}
