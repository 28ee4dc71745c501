//! How numbers are written: for people in text, and as formatters that BokehJS applies to axes and hovers.

use crate::{
    html::{plain, template},
    model::{Attr, Model, number},
};
use infralogs_core::dashboard::Unit;
use serde_json::json;

/// Between groups of three digits: thin, and no line breaks there.
const THIN: char = '\u{202f}';
/// Ends the name of a column of numbers written out.
const WRITTEN: &str = "~text";
/// From here on numbers get their digits grouped on axes and in hovers.
const GROUPED_FROM: f64 = 10_000.0;

/// How a panel's numbers are scaled for drawing and written beside it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Scale {
    /// What is drawn is the value divided by this.
    pub divide: f64,
    style: Style,
}

#[derive(Debug, Clone, PartialEq)]
enum Style {
    /// Digits, then this.
    Plain(String),
    /// Digits in groups (they are many), then this.
    Grouped(String),
    /// Powers of 1024.
    Bytes,
}

impl Scale {
    /// What suits a panel whose largest value is this.
    pub(crate) fn new(unit: &Unit, largest: f64) -> Self {
        let counted =
            |suffix: String| if largest >= GROUPED_FROM { Style::Grouped(suffix) } else { Style::Plain(suffix) };
        match unit {
            Unit::Number => Self { divide: 1.0, style: counted(String::new()) },
            Unit::Named(word) => match micros_of(word) {
                Some(micros) => {
                    let scale = Self::new(&Unit::Duration, largest * micros);
                    Self { divide: scale.divide / micros, ..scale }
                }
                None => Self { divide: 1.0, style: counted(format!("{THIN}{word}")) },
            },
            Unit::Percent => Self { divide: 1.0, style: Style::Plain(format!("{THIN}%")) },
            Unit::Bytes => Self { divide: 1.0, style: Style::Bytes },
            Unit::Duration => {
                let (divide, name) = duration_unit(largest);
                Self { divide, style: Style::Plain(format!("{THIN}{name}")) }
            }
        }
    }

    /// Formatter and labels of a value axis, and the ticker that suits them. Formatters of different types have
    /// different ids, so that one can follow the other in an open page.
    pub(crate) fn axis(&self, id: &str, largest: f64) -> Vec<(&'static str, Attr)> {
        let basic = || Model::new("BasicTickFormatter", format!("{id}/format")).set("use_scientific", false);
        let (format, labels) = match &self.style {
            Style::Bytes => {
                let format = Model::new("NumeralTickFormatter", format!("{id}/format/bytes"));
                (format.set("format", "0.[0] b"), Attr::Map(Vec::new()))
            }
            Style::Plain(suffix) if suffix.is_empty() => (basic(), Attr::Map(Vec::new())),
            Style::Plain(suffix) => {
                let format = Model::new("PrintfTickFormatter", format!("{id}/format/unit"));
                (format.set("format", format!("%.6g{}", plain(&percent_twice(suffix)))), Attr::Map(Vec::new()))
            }
            Style::Grouped(suffix) => (basic(), grouped_labels(largest, &plain(suffix))),
        };
        let mut attributes = vec![("formatter", format.into()), ("major_label_overrides", labels)];
        if self.style == Style::Bytes {
            let powers_of_two: Vec<u32> = (0..10).map(|power| 1 << power).collect();
            let ticker = Model::new("AdaptiveTicker", format!("{id}/ticker")).set("base", 1024);
            let ticker = ticker.set("mantissas", json!(powers_of_two)).set("desired_num_ticks", 5);
            attributes.push(("ticker", ticker.set("num_minor_ticks", 0).into()));
        }
        attributes
    }

    /// What stands in a hover's template for this column; the formatter it needs, if any, by its placeholder.
    pub(crate) fn hover(&self, column: &str) -> (String, Option<(String, &'static str)>) {
        let placeholder = format!("@{{{column}}}");
        match &self.style {
            Style::Bytes => (format!("{placeholder}{{0.[00] b}}"), None),
            Style::Plain(suffix) => {
                let text = format!("{placeholder}{{%.6g}}{}", template(suffix));
                (text, Some((placeholder, "printf")))
            }
            Style::Grouped(suffix) => (format!("@{{{column}{WRITTEN}}}{}", template(suffix)), None),
        }
    }

    /// What follows a number, for a column's title: ` ms`. Nothing for what has no unit or several.
    pub(crate) fn suffix(&self) -> &str {
        match &self.style {
            Style::Plain(suffix) | Style::Grouped(suffix) => suffix,
            Style::Bytes => "",
        }
    }

    /// A second column with the numbers written out, where no formatter of BokehJS writes them well.
    pub(crate) fn written(&self, column: &str, values: &[f64]) -> Option<(String, Vec<String>)> {
        let Style::Grouped(_) = &self.style else { return None };
        let written = values.iter().map(|value| if value.is_finite() { digits(*value) } else { "–".into() }).collect();
        Some((format!("{column}{WRITTEN}"), written))
    }
}

/// A number and its unit, apart: `("1.5", "GiB")`.
pub(crate) fn parts(unit: &Unit, value: f64) -> (String, String) {
    if !value.is_finite() {
        return ("–".into(), String::new());
    }
    match unit {
        Unit::Number => (digits(value), String::new()),
        Unit::Named(word) => match micros_of(word) {
            Some(micros) => parts(&Unit::Duration, value * micros),
            None => (digits(value), word.clone()),
        },
        Unit::Percent => (digits(value), "%".into()),
        Unit::Bytes => {
            let names = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
            let power = (0..names.len() - 1).take_while(|power| value.abs() >= 1024f64.powi(*power as i32 + 1)).count();
            (digits(value / 1024f64.powi(power as i32)), names[power].into())
        }
        Unit::Duration => {
            let (divide, name) = duration_unit(value.abs());
            (digits(value / divide), name.into())
        }
    }
}

/// A number with its unit: `1.5 GiB`.
pub(crate) fn text(unit: &Unit, value: f64) -> String {
    match parts(unit, value) {
        (number, name) if name.is_empty() => number,
        (number, name) => format!("{number}{THIN}{name}"),
    }
}

/// Six significant figures: more can't be seen, and they would be most of a document's bytes.
pub(crate) fn figures(value: f64) -> f64 {
    if value.fract() == 0.0 || !value.is_finite() {
        return value;
    }
    let power = 10f64.powi(5 - value.abs().log10().floor() as i32);
    if power.is_finite() && power > 0.0 { (value * power).round() / power } else { value }
}

/// Three significant figures; whole numbers keep all their digits.
pub(crate) fn short(value: f64) -> f64 {
    let power = 10f64.powi((2 - value.abs().log10().floor() as i32).max(0));
    if value.fract() == 0.0 || !power.is_finite() { value } else { (value * power).round() / power }
}

/// Three figures after grouping: `12 345`, `12.3`, `0.0123`. Whole numbers keep all their digits.
pub(crate) fn digits(value: f64) -> String {
    let decimals = match value.abs() {
        _ if value.fract() == 0.0 => 0,
        size if size >= 100.0 => 0,
        size if size >= 10.0 => 1,
        size if size >= 1.0 => 2,
        size => (2 - size.log10().floor() as i32).clamp(3, 9) as usize,
    };
    let text = format!("{value:.decimals$}");
    let (whole, rest) = text.split_once('.').unwrap_or((&text, ""));
    let rest = rest.trim_end_matches('0');
    let grouped = group(whole);
    if rest.is_empty() { grouped } else { format!("{grouped}.{rest}") }
}

/// Thin spaces between groups of three, from five digits on.
fn group(whole: &str) -> String {
    let count = whole.trim_start_matches('-').len();
    if count < 5 {
        return whole.to_owned();
    }
    let mut grouped = String::with_capacity(whole.len() + 8);
    for (at, digit) in whole.chars().enumerate() {
        let left = whole.len() - at;
        if at > 0 && left.is_multiple_of(3) && !grouped.ends_with('-') {
            grouped.push(THIN);
        }
        grouped.push(digit);
    }
    grouped
}

/// How many microseconds a script's word means, if it is a unit of time: such numbers are lengths of time.
pub(crate) fn micros_of(word: &str) -> Option<f64> {
    const UNITS: [(&str, f64); 6] = [("us", 1.0), ("µs", 1.0), ("ms", 1e3), ("s", 1e6), ("min", 60e6), ("h", 3_600e6)];
    UNITS.iter().find(|(name, _)| *name == word).map(|(_, micros)| *micros)
}

/// The largest unit of time that leaves at least one of it.
fn duration_unit(micros: f64) -> (f64, &'static str) {
    const UNITS: [(f64, &str); 6] =
        [(86_400e6, "d"), (3_600e6, "h"), (60e6, "min"), (1e6, "s"), (1e3, "ms"), (1.0, "µs")];
    // Up to 120 min and 48 h read better than 2 h and 2 d with fractions.
    let fits =
        |(size, name): &&(f64, &str)| micros >= size * if matches!(*name, "d" | "h" | "min") { 2.0 } else { 1.0 };
    UNITS.iter().find(fits).copied().unwrap_or((1.0, "µs"))
}

/// `%` ends a placeholder of `printf` unless it stands twice.
fn percent_twice(suffix: &str) -> String {
    suffix.replace('%', "%%")
}

/// Labels with grouped digits for the ticks BokehJS may choose: its steps are 1, 2 and 5 times powers of ten.
/// A tick that is not among them is labelled without groups.
fn grouped_labels(largest: f64, suffix: &str) -> Attr {
    const LABELS_MAX: usize = 48;
    let power = 10f64.powf((largest / 10.0).log10().floor());
    let step = if largest / power <= 40.0 { power } else { power * 5.0 };
    let labels = (0..LABELS_MAX).map(|count| count as f64 * step).take_while(|tick| *tick <= largest * 1.25);
    Attr::Map(labels.map(|tick| (number(tick), format!("{}{suffix}", digits(tick)).into())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        let cases = [
            (Unit::Number, 1240.0, "1240"),
            (Unit::Number, -1_234_567.0, "-1 234 567"),
            (Unit::Number, 12345.678, "12 346"),
            (Unit::Number, 0.012_345, "0.0123"),
            (Unit::Number, 1.50, "1.5"),
            (Unit::Number, f64::NAN, "–"),
            (Unit::Bytes, 1_610_612_736.0, "1.5 GiB"),
            (Unit::Bytes, 1023.0, "1023 B"),
            (Unit::Bytes, 1024.0, "1 KiB"),
            (Unit::Duration, 1_500_000.0, "1.5 s"),
            (Unit::Duration, 90_000_000.0, "90 s"),
            (Unit::Duration, 250.0, "250 µs"),
            (Unit::Percent, 42.0, "42 %"),
            (Unit::Named("req/s".into()), 10_000.0, "10 000 req/s"),
            (Unit::Named("ms".into()), 250.0, "250 ms"),
            (Unit::Named("ms".into()), 5_400_000.0, "90 min"),
        ];
        for (unit, value, expect) in cases {
            assert_eq!(text(&unit, value).replace(THIN, " "), expect);
        }
    }
}
