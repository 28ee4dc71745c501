//! Takes what a script passed as what a declaration needs, or records what was wrong with it.

use super::{
    super::{problem::Problem, sheet::Sheet, source::Place},
    Broken,
    span::Span,
};
use crate::expr::{Expr, Literal};
use rhai::{Dynamic, FnPtr, ImmutableString, NativeCallContext, Position};
use std::{ops::RangeInclusive, sync::Arc, time::Duration};

/// One call of one of our functions while a script loads. In a closure that runs later there is no sheet:
/// then nothing is recorded and nothing has an effect.
pub(in super::super) struct Call {
    sheet: Option<Sheet>,
    script: Option<String>,
    name: String,
    at: Position,
}

impl Call {
    pub fn of(context: &NativeCallContext<'_>) -> Self {
        Self {
            sheet: context.tag().and_then(|tag| tag.clone().try_cast::<Sheet>()),
            script: context.call_source().map(str::to_owned),
            name: context.fn_name().to_owned(),
            at: context.call_position(),
        }
    }
    pub fn sheet(&self) -> Option<&Sheet> {
        self.sheet.as_ref()
    }
    /// Where the call stands.
    pub fn place(&self) -> Option<Place> {
        self.sheet.as_ref()?.atlas.place(self.script.as_deref()?, self.at)
    }
    /// Records a declaration that stands in a library.
    pub fn not_in_library(&self) {
        if self.sheet.as_ref().is_some_and(|sheet| sheet.is_library) {
            self.refuse("a library declares nothing", "move it to a script of its own, or into a function others call");
        }
    }
    /// Where argument `index` stands; a method's receiver does not count.
    pub fn argument(&self, index: usize) -> Option<Place> {
        self.sheet.as_ref()?.atlas.argument(self.script.as_deref()?, self.at, index)
    }
    /// Where a name stands at or after a place.
    pub fn name_after(&self, name: &str, place: &Place) -> Place {
        self.sheet.as_ref().map_or_else(|| place.clone(), |sheet| sheet.atlas.name_after(name, place))
    }
    /// Where a name stands last before this call.
    pub fn name_before(&self, name: &str) -> Option<Place> {
        let place = self.place()?;
        Some(self.sheet.as_ref()?.atlas.name_before(name, &place))
    }
    /// Records that the whole call is wrong.
    pub fn refuse(&self, what: impl Into<String>, help: impl Into<String>) {
        self.record(self.place(), what.into(), help.into());
    }
    /// Records that argument `index` is wrong.
    pub fn wrong(&self, index: usize, what: impl Into<String>, help: impl Into<String>) {
        self.record(self.argument(index), what.into(), help.into());
    }
    /// Records that a word within argument `index` is wrong.
    pub fn wrong_word(&self, index: usize, word: &str, what: impl Into<String>, help: impl Into<String>) {
        let place = self.argument(index).map(|place| self.name_after(word, &place));
        self.record(place, what.into(), help.into());
    }
    /// Records that argument `index`, a text, is wrong from this byte on, if that is known.
    pub fn wrong_inside(&self, index: usize, byte: Option<usize>, what: impl Into<String>, help: impl Into<String>) {
        let place = self.argument(index).map(|place| byte.map_or_else(|| place.clone(), |byte| place.inside(byte)));
        self.record(place, what.into(), help.into());
    }
    fn record(&self, place: Option<Place>, what: String, help: String) {
        if let (Some(sheet), Some(place)) = (&self.sheet, place) {
            let problem = Problem::at(&place, what);
            sheet.problem(if help.is_empty() { problem } else { problem.help(help) });
        }
    }
    /// Records that argument `index` is of the wrong kind; silent if its reason was reported before.
    pub fn mismatch(&self, index: usize, wanted: &str, got: &Dynamic) {
        if !got.is::<Broken>() {
            self.wrong(index, format!("`{}` takes {wanted}, not {}", self.name, describe(got)), "");
        }
    }

    pub fn text(&self, index: usize, value: &Dynamic) -> Option<ImmutableString> {
        self.text_as(index, value, "a text in quotes")
    }
    pub fn text_as(&self, index: usize, value: &Dynamic, wanted: &str) -> Option<ImmutableString> {
        let text = text(value);
        if text.is_none() {
            self.mismatch(index, wanted, value);
        }
        text
    }
    pub fn span(&self, index: usize, value: &Dynamic) -> Option<Duration> {
        let span = value.read_lock::<Span>().map(|span| *span);
        match span {
            Some(span) if span.0 > 0 => Some(Duration::from_micros(span.0.unsigned_abs())),
            Some(_) => {
                self.wrong(index, format!("`{}` takes a duration longer than nothing", self.name), "");
                None
            }
            None => {
                let unit = if value.is_int() { format!(" (`{value}.seconds`?)") } else { String::new() };
                if !value.is::<Broken>() {
                    let got = describe(value);
                    let what = format!("`{}` takes a duration such as `15.seconds`, not {got}{unit}", self.name);
                    self.wrong(index, what, "");
                }
                None
            }
        }
    }
    pub fn whole(&self, index: usize, value: &Dynamic, range: RangeInclusive<i64>) -> Option<i64> {
        match value.as_int() {
            Ok(number) if range.contains(&number) => Some(number),
            Ok(number) => {
                let (least, most) = (range.start(), range.end());
                self.wrong(index, format!("`{}` takes {least} to {most}, not {number}", self.name), "");
                None
            }
            Err(_) => {
                self.mismatch(index, "a whole number", value);
                None
            }
        }
    }
    pub fn number(&self, index: usize, value: &Dynamic) -> Option<f64> {
        let number = value.as_float().ok().or_else(|| value.as_int().ok().map(|int| int as f64));
        if number.is_none() {
            self.mismatch(index, "a number", value);
        }
        number
    }
    /// A share from 0 to 1.
    pub fn share(&self, index: usize, value: &Dynamic) -> Option<f64> {
        let share = self.number(index, value)?;
        let fits = (0.0..=1.0).contains(&share);
        if !fits {
            self.wrong(index, format!("`{}` takes a share from 0 to 1, not {share}", self.name), "");
        }
        fits.then_some(share)
    }
    pub fn yes(&self, index: usize, value: &Dynamic) -> Option<bool> {
        let yes = value.as_bool().ok();
        if yes.is_none() {
            self.mismatch(index, "`true` or `false`", value);
        }
        yes
    }
    pub fn closure(&self, index: usize, value: &Dynamic) -> Option<FnPtr> {
        let closure = value.clone().try_cast::<FnPtr>();
        if closure.is_none() {
            self.mismatch(index, "a closure such as `|r| …`", value);
        }
        closure
    }
    /// An expression over fields, or a constant.
    pub fn expression(&self, index: usize, value: &Dynamic) -> Option<Expr> {
        let expr = expression(value);
        if expr.is_none() {
            self.mismatch(index, "a field, an expression such as `status >= 500`, or a constant", value);
        }
        expr
    }
    /// An expression that can be true or false.
    pub fn condition(&self, index: usize, value: &Dynamic) -> Option<Expr> {
        let expr = self.expression(index, value)?;
        let fits = match &expr {
            Expr::Literal(literal) => matches!(literal, Literal::Bool(_)),
            Expr::Arithmetic(..) | Expr::Ago(_) | Expr::Lookup(..) => false,
            Expr::Call(function, _) => *function == crate::expr::Function::Exists,
            _ => true,
        };
        if !fits {
            let what = format!("`{}` takes a condition, not {}", self.name, describe(value));
            self.wrong(index, what, "compare it with something: `status >= 500`");
        }
        fits.then_some(expr)
    }
    /// The name of a field: bare or in quotes.
    pub fn name(&self, index: usize, value: &Dynamic) -> Option<Arc<str>> {
        let name = name(value);
        if name.is_none() {
            self.mismatch(index, "the name of a field", value);
        }
        name
    }
    /// A list of names of fields, bare or in quotes.
    pub fn names(&self, index: usize, value: &Dynamic) -> Option<Vec<Arc<str>>> {
        let Some(items) = value.read_lock::<rhai::Array>() else {
            self.mismatch(index, "a list such as `[time, host, message]`", value);
            return None;
        };
        items.iter().map(|item| self.name(index, item)).collect()
    }
}

/// Text, also from a character.
pub(super) fn text(value: &Dynamic) -> Option<ImmutableString> {
    if let Ok(letter) = value.as_char() {
        return Some(letter.to_string().into());
    }
    value.as_immutable_string_ref().map(|text| text.clone()).ok()
}

fn name(value: &Dynamic) -> Option<Arc<str>> {
    if let Some(text) = text(value) {
        return Some(text.as_str().into());
    }
    match &*value.read_lock::<Expr>()? {
        Expr::Field(name) => Some(name.clone()),
        _ => None,
    }
}

/// An expression as it is, or a constant made one.
pub(super) fn expression(value: &Dynamic) -> Option<Expr> {
    if let Some(expr) = value.read_lock::<Expr>() {
        return Some(expr.clone());
    }
    literal(value).map(Expr::Literal)
}

/// A constant; durations in microseconds.
pub(super) fn literal(value: &Dynamic) -> Option<Literal> {
    if let Some(text) = text(value) {
        return Some(Literal::Text(text.as_str().into()));
    }
    if let Some(span) = value.read_lock::<Span>() {
        return Some(Literal::Int(span.0));
    }
    let int = value.as_int().map(Literal::Int);
    int.or_else(|_| value.as_float().map(Literal::Float)).or_else(|_| value.as_bool().map(Literal::Bool)).ok()
}

/// What a value is, in words.
pub(in super::super) fn describe(value: &Dynamic) -> String {
    if let Some(text) = text(value) {
        let short: String = text.chars().take(40).collect();
        return format!("the text \"{}\"", short.escape_debug());
    }
    if value.is_int() || value.is_float() {
        return format!("the number {value}");
    }
    if let Some(expr) = value.read_lock::<Expr>() {
        return match &*expr {
            Expr::Field(name) => format!("the field `{name}`"),
            _ => "an expression over fields".into(),
        };
    }
    let words = [
        (value.is_unit(), "nothing `()`"),
        (value.is_bool(), "true or false"),
        (value.is_array(), "a list"),
        (value.is_map(), "a map"),
        (value.is_fnptr(), "a closure"),
        (value.is::<Span>(), "a duration"),
        (value.is::<super::query::QueryDraft>(), "a query"),
        (value.is::<super::panel::PanelDraft>(), "a panel"),
    ];
    words.iter().find(|(is, _)| *is).map_or_else(|| format!("a {}", value.type_name()), |(_, word)| (*word).to_owned())
}
