//! Durations as scripts write them: `15.seconds`, `6.hours`, `1.5.days`, and `ago(2.minutes)`.

use super::{shelf::Shelf, take::Call};
use crate::expr::Expr;
use rhai::{Dynamic, NativeCallContext};

/// A length of time in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub(in super::super) struct Span(pub i64);

const UNITS: [(&str, &str, i64); 7] = [
    ("micros", "micro", 1),
    ("millis", "milli", 1_000),
    ("seconds", "second", 1_000_000),
    ("minutes", "minute", 60_000_000),
    ("hours", "hour", 3_600_000_000),
    ("days", "day", 86_400_000_000),
    ("weeks", "week", 604_800_000_000),
];

/// `seconds`, `minutes` and so on.
pub(in super::super) fn units() -> impl Iterator<Item = &'static str> + Clone {
    UNITS.iter().map(|(many, ..)| *many)
}

pub(super) fn register(shelf: &mut Shelf) {
    shelf.module.set_custom_type::<Span>("Duration");
    for (many, one, micros) in UNITS {
        for name in [many, one] {
            shelf.property(name, move |_, count: &mut i64| Span(count.saturating_mul(micros)));
            shelf.property(name, move |_, count: &mut f64| Span((*count * micros as f64) as i64));
        }
    }
    shelf.also("+", |a: Span, b: Span| Span(a.0.saturating_add(b.0)));
    shelf.also("-", |a: Span, b: Span| Span(a.0.saturating_sub(b.0)));
    shelf.also("*", |a: Span, b: i64| Span(a.0.saturating_mul(b)));
    shelf.also("*", |a: i64, b: Span| Span(b.0.saturating_mul(a)));
    shelf.also("==", |a: Span, b: Span| a == b);
    shelf.also("!=", |a: Span, b: Span| a != b);
    shelf.also("<", |a: Span, b: Span| a < b);
    shelf.also(">", |a: Span, b: Span| a > b);
    shelf.also("<=", |a: Span, b: Span| a <= b);
    shelf.also(">=", |a: Span, b: Span| a >= b);
    shelf.also("to_string", |span: Span| format!("{} µs", span.0));
    shelf.add(
        "ago",
        &["duration: Duration"],
        "A moment before the present, for comparing with a time.",
        "agents.where(last_seen < ago(2.minutes))",
        |context: NativeCallContext<'_>, span: Dynamic| {
            let call = Call::of(&context);
            let micros = call.span(0, &span).map_or(0, |span| i64::try_from(span.as_micros()).unwrap_or(i64::MAX));
            Expr::Ago(micros)
        },
    );
}
