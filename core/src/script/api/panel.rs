//! Panels (`stat`, `lines`, `bars`, `table` …), and what they can be told.

use super::{
    super::{
        closure::{TintClosure, Uses, is_colour},
        source::Place,
    },
    Broken,
    query::QueryDraft,
    shelf::Shelf,
    take::Call,
};
use crate::dashboard::{Panel, PanelKind, Tint, Unit};
use rhai::{Array, Dynamic, NativeCallContext};
use std::sync::Arc;

/// The lowest and the highest a panel may be, in pixels.
const HEIGHT_PX: std::ops::RangeInclusive<i64> = 40..=2_000;

/// Panels that ask a question: what each is called and drawn as, what it is, an example.
const KINDS: [(&str, PanelKind, &str, &str); 11] = [
    (
        "stat",
        PanelKind::Stat { spark: false },
        "One number.",
        r#"stat("Errors", logs.where(level >= "error").count())"#,
    ),
    (
        "lines",
        PanelKind::Lines { stacked: false },
        "Lines over time.",
        r#"lines("Errors by host", logs.where(level >= "error").every(1.minutes).count(host))"#,
    ),
    (
        "areas",
        PanelKind::Areas { stacked: true },
        "Filled areas over time, stacked.",
        r#"areas("Errors by host", logs.where(level >= "error").every(1.minutes).count(host))"#,
    ),
    ("bars", PanelKind::Bars, "Bars, largest first.", r#"bars("Noisiest units", logs.count(unit).top(10))"#),
    (
        "histogram",
        PanelKind::Histogram,
        "How many records have how large a number; `count` names the column.",
        r#"histogram("Lag of the agents", agents.count(lag_ms))"#,
    ),
    (
        "bands",
        PanelKind::Bands,
        "Percentiles over time, the space between them filled.",
        r#"bands("Lag", agents.every(5.minutes).p50(lag_ms).p90(lag_ms).p99(lag_ms))"#,
    ),
    (
        "states",
        PanelKind::States,
        "What state each was in over time: a number judged by `good` and `bad`, a word, or records whose last column \
         is the state until the next.",
        r#"states("Machines heard", logs.every(5.minutes).count(host)).good(1).bad(0)"#,
    ),
    (
        "heat",
        PanelKind::Heat,
        "Two keys as a grid of colours, or time and one.",
        r#"heat("When it hurts", logs.where(level >= "error").count(weekday, hour))"#,
    ),
    ("shares", PanelKind::Shares, "Parts of a whole.", r#"shares("Levels", logs.count(priority))"#),
    (
        "table",
        PanelKind::Table,
        "Records as they are.",
        r#"table("Latest errors", logs.where(level >= "error").latest(200))"#,
    ),
    (
        "gauges",
        PanelKind::Gauges,
        "Usage bars, one for each record.",
        r#"gauges("Storage", storage.newest(host, mount))"#,
    ),
];

/// One panel in the making.
#[derive(Clone)]
pub(in super::super) struct PanelDraft {
    pub panel: Panel,
    pub query: Option<QueryDraft>,
    pub at: Place,
    pub follows_at: Vec<Place>,
    pub each_at: Option<Place>,
    /// What a tint reads of its row.
    pub tint: Option<Uses>,
}

fn begin(call: &Call, kind: PanelKind, title: &Dynamic, query: Option<&Dynamic>) -> Option<PanelDraft> {
    let title = call.text(0, title)?;
    let query = match query {
        Some(query) => Some(QueryDraft::take(call, 1, query)?),
        None => None,
    };
    let at = call.place()?;
    let panel = Panel::new(&title, kind, None, &at.to_string());
    Some(PanelDraft { panel, query, at, follows_at: Vec::new(), each_at: None, tint: None })
}

fn or_broken(draft: Option<PanelDraft>) -> Dynamic {
    draft.map_or_else(|| Broken.into_dynamic(), Dynamic::from)
}

pub(super) fn register(shelf: &mut Shelf) {
    shelf.module.set_custom_type::<PanelDraft>("Panel");
    for (name, kind, says, example) in KINDS {
        shelf.add(
            name,
            &["title: String", "query: Query"],
            says,
            example,
            move |context: NativeCallContext<'_>, title: Dynamic, query: Dynamic| {
                or_broken(begin(&Call::of(&context), kind, &title, Some(&query)))
            },
        );
    }
    for (name, kind) in [("table", PanelKind::Table), ("gauges", PanelKind::Gauges), ("states", PanelKind::States)] {
        shelf.also(name, move |context: NativeCallContext<'_>, title: Dynamic, query: Dynamic, columns: Dynamic| {
            let call = Call::of(&context);
            let draft = begin(&call, kind, &title, Some(&query)).map(|mut draft| {
                draft.query.iter_mut().for_each(|query| query.choose(&call, 2, &columns));
                draft
            });
            or_broken(draft)
        });
    }
    shelf.add(
        "text",
        &["title: String", "words: String"],
        "Words between the charts.",
        r#"text("Read me", "Errors are everything from level `error` up.")"#,
        |context: NativeCallContext<'_>, title: Dynamic, words: Dynamic| {
            let call = Call::of(&context);
            let words = call.text(1, &words);
            or_broken(begin(&call, PanelKind::Text, &title, None).map(|mut draft| {
                draft.panel.empty = words.map(|words| words.to_string());
                draft
            }))
        },
    );
    looks(shelf);
    numbers(shelf);
    words(shelf);
    closures(shelf);
}

fn looks(shelf: &mut Shelf) {
    shelf.add(
        "wide",
        &["panel: Panel", "share: i64"],
        "Its share of the row's width, 1 to 12.",
        ".wide(2)",
        |context: NativeCallContext<'_>, mut draft: PanelDraft, wide: Dynamic| {
            let wide = Call::of(&context).whole(0, &wide, 1..=12);
            wide.into_iter().for_each(|wide| draft.panel.wide = wide as u8);
            draft
        },
    );
    shelf.add(
        "height",
        &["panel: Panel", "pixels: i64"],
        "Its height in pixels.",
        ".height(320)",
        |context: NativeCallContext<'_>, mut draft: PanelDraft, height: Dynamic| {
            draft.panel.height = Call::of(&context).whole(0, &height, HEIGHT_PX).map(|height| height as u16);
            draft
        },
    );
    shelf.add(
        "stacked",
        &["panel: Panel", "yes: bool"],
        "Whether series stand on each other; for `lines` and `areas`.",
        ".stacked(false)",
        |context: NativeCallContext<'_>, draft: PanelDraft, yes: Dynamic| {
            let call = Call::of(&context);
            let yes = call.yes(0, &yes).unwrap_or(true);
            stacked(&call, draft, yes)
        },
    );
    shelf
        .also("stacked", |context: NativeCallContext<'_>, draft: PanelDraft| stacked(&Call::of(&context), draft, true));
    drawn(shelf);
}

fn drawn(shelf: &mut Shelf) {
    shelf.add(
        "each",
        &["panel: Panel", "key: String"],
        "One small chart for each value of one of the keys, all on one scale; for `lines`, `areas` and `bands`.",
        ".each(host)",
        |context: NativeCallContext<'_>, mut draft: PanelDraft, key: Dynamic| {
            let call = Call::of(&context);
            match draft.panel.kind {
                PanelKind::Lines { .. } | PanelKind::Areas { .. } | PanelKind::Bands => {
                    draft.panel.each = call.name(0, &key);
                    draft.each_at = call.argument(0);
                }
                _ => call.refuse("only `lines`, `areas` and `bands` can be drawn once for each", ""),
            }
            draft
        },
    );
    shelf.add(
        "spark",
        &["panel: Panel"],
        "A line over time behind the number; for `stat`.",
        ".spark()",
        |context: NativeCallContext<'_>, mut draft: PanelDraft| {
            match draft.panel.kind {
                PanelKind::Stat { .. } => draft.panel.kind = PanelKind::Stat { spark: true },
                _ => Call::of(&context).refuse("only a `stat` has a spark line", "draw the others with `lines`"),
            }
            draft
        },
    );
    shelf.add(
        "palette",
        &["panel: Panel", "colours: Array"],
        "The colours to draw with, as `#rrggbb`.",
        r##".palette(["#4c9be8", "#e5533c"])"##,
        |context: NativeCallContext<'_>, mut draft: PanelDraft, list: Dynamic| {
            draft.panel.palette = colours(&Call::of(&context), &list);
            draft
        },
    );
}

fn stacked(call: &Call, mut draft: PanelDraft, yes: bool) -> PanelDraft {
    match &mut draft.panel.kind {
        PanelKind::Lines { stacked } | PanelKind::Areas { stacked } => *stacked = yes,
        _ => call.refuse("only `lines` and `areas` can be stacked", ""),
    }
    draft
}

fn colours(call: &Call, list: &Dynamic) -> Vec<String> {
    let Some(items) = list.read_lock::<Array>() else {
        call.wrong(0, "`palette` takes a list of colours such as `[\"#4c9be8\"]`", "");
        return Vec::new();
    };
    let colours = items.iter().filter_map(|item| {
        let colour = call.text_as(0, item, "a list of colours such as `[\"#4c9be8\"]`")?;
        let fits = is_colour(&colour);
        if !fits {
            call.wrong_word(0, &colour, format!("`{}` is no colour", colour.escape_debug()), "write `#rrggbb`");
        }
        fits.then(|| colour.to_lowercase())
    });
    colours.collect()
}

fn numbers(shelf: &mut Shelf) {
    shelf.add(
        "unit",
        &["panel: Panel", "unit: String"],
        "What its numbers count: `bytes`, `duration` (microseconds), `percent`, a unit of time (`us`, `ms`, `s`, `min`, `h`), or any word.",
        r#".unit("ms")"#,
        |context: NativeCallContext<'_>, mut draft: PanelDraft, unit: Dynamic| {
            let unit = Call::of(&context).text(0, &unit);
            unit.into_iter().for_each(|unit| {
                draft.panel.unit = match unit.as_str() {
                    "" | "number" => Unit::Number,
                    "bytes" => Unit::Bytes,
                    "duration" => Unit::Duration,
                    "percent" | "%" => Unit::Percent,
                    word => Unit::Named(word.to_owned()),
                }
            });
            draft
        },
    );
    shelf.add(
        "good",
        &["panel: Panel", "number: f64"],
        "At or below this (above, if larger than `bad`) is good.",
        ".good(0)",
        |context: NativeCallContext<'_>, mut draft: PanelDraft, number: Dynamic| {
            draft.panel.good = Call::of(&context).number(0, &number);
            draft
        },
    );
    shelf.add(
        "bad",
        &["panel: Panel", "number: f64"],
        "At or beyond this is bad.",
        ".bad(100)",
        |context: NativeCallContext<'_>, mut draft: PanelDraft, number: Dynamic| {
            draft.panel.bad = Call::of(&context).number(0, &number);
            draft
        },
    );
}

fn words(shelf: &mut Shelf) {
    shelf.add(
        "follows",
        &["panel: Panel", "title: String"],
        "What is selected in the panel of that title filters this one; said again for another panel.",
        r#".follows("Errors by host")"#,
        |context: NativeCallContext<'_>, mut draft: PanelDraft, title: Dynamic| {
            let call = Call::of(&context);
            if let Some(title) = call.text(0, &title) {
                draft.panel.follows.push(title.to_string());
                draft.follows_at.push(call.argument(0).unwrap_or_else(|| draft.at.clone()));
            }
            draft
        },
    );
    shelf.add(
        "empty",
        &["panel: Panel", "words: String"],
        "What is said when there are no records.",
        r#".empty("No errors. Enjoy the silence.")"#,
        |context: NativeCallContext<'_>, mut draft: PanelDraft, words: Dynamic| {
            draft.panel.empty = Call::of(&context).text(0, &words).map(|words| words.to_string());
            draft
        },
    );
}

fn closures(shelf: &mut Shelf) {
    shelf.add(
        "tint",
        &["panel: Panel", "closure: FnPtr"],
        "A closure that gives a table's row a colour, or `()`.",
        r##".tint(|row| if row.level == "critical" { "#e5533c" })"##,
        |context: NativeCallContext<'_>, mut draft: PanelDraft, closure: Dynamic| {
            let call = Call::of(&context);
            if draft.panel.kind != PanelKind::Table {
                call.refuse("only a `table` can be tinted", "");
                return draft;
            }
            let parts = call.sheet().zip(call.closure(0, &closure)).zip(call.argument(0));
            let Some(((sheet, closure), at)) = parts else { return draft };
            draft.tint = Uses::of(sheet, &closure, &at);
            if draft.tint.is_some() {
                draft.panel.tint = Some(Tint(Arc::new(TintClosure::new(sheet, closure, at.to_string()))));
            }
            draft
        },
    );
}
