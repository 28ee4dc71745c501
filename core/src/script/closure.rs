//! Closures of scripts as native code calls them: a fresh copy of what they captured, a budget, plain errors.

use super::{
    api::{
        inventory,
        record::{Record, dynamic_of},
        span::Span,
        take::describe,
    },
    engine::within,
    limits::{CALL_MS_MAX, CALL_OPERATIONS_MAX},
    native,
    problem::Problem,
    sheet::Sheet,
    source::Place,
    trouble,
};
use crate::{
    dashboard::TintRow,
    error::{Error, Kind, Result},
    inventory::Target,
    parse::{
        body::Body,
        spec::{MapRecord, RecordFields},
    },
    schedule::{ADAPT_MAX, ADAPT_MIN, Polled},
    value::Value,
};
use rhai::{AST, Array, Dynamic, Engine, EvalAltResult, FnPtr, FuncArgs, Map, Position};
use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

/// The engine and tree a script's closures run in; filled when its load ends, alive as long as its closures.
#[derive(Default)]
pub(super) struct Home(OnceLock<(Engine, AST)>);

impl Home {
    /// From now on closures can be called, and declare nothing any more.
    pub fn settle(&self, mut engine: Engine, ast: AST) {
        engine.set_default_tag(Dynamic::UNIT);
        let _ = self.0.set((engine, ast));
    }
}

/// What the text of a closure says it does to the record.
#[derive(Debug, Clone)]
pub(super) struct Uses {
    /// Fields it reads, with their places.
    pub reads: Vec<(Arc<str>, Place)>,
    /// Fields it sets, with their places.
    pub sets: Vec<(Arc<str>, Place)>,
    /// Every field name that may be asked for while it runs, also by functions it calls.
    pub names: Vec<Arc<str>>,
}

impl Uses {
    /// Reads a closure that takes one record. `None`, with a recorded problem, if it takes anything else.
    pub fn of(sheet: &Sheet, function: &FnPtr, at: &Place) -> Option<Self> {
        let names = sheet.atlas.field_names();
        let outline = sheet.atlas.outline(&at.file.shown)?;
        let Some(body) = outline.bodies.get(function.fn_name()) else {
            return Some(Self { reads: Vec::new(), sets: Vec::new(), names });
        };
        let [param] = body.params.get(function.curry().len()..).unwrap_or_default() else {
            let count = body.params.len().saturating_sub(function.curry().len());
            let what = format!("this closure takes {count} values, but it is given one record");
            sheet.problem(Problem::at(at, what).help("write `|r| …`"));
            return None;
        };
        let of_param = |all: &[(String, String, Position)]| {
            let own = all.iter().filter(|(whose, ..)| whose == param);
            own.map(|(_, field, position)| (Arc::from(field.as_str()), Place::new(&at.file, *position))).collect()
        };
        Some(Self { reads: of_param(&body.reads), sets: of_param(&body.sets), names })
    }
}

/// A closure with everything it needs.
struct Callable {
    function: FnPtr,
    home: Arc<Home>,
    /// `file:line:column`.
    place: String,
    names: Vec<Arc<str>>,
}

impl Callable {
    /// Frees captures from the script: each call begins with the same values, on any thread.
    fn new(sheet: &Sheet, mut function: FnPtr, place: String, names: Vec<Arc<str>>) -> Self {
        let captured: Vec<_> = function.curry().iter().map(|value| value.clone().flatten()).collect();
        function.set_curry(captured);
        Self { function, home: sheet.home.clone(), place, names }
    }

    fn call(&self, record: &Record) -> Result<Dynamic> {
        self.call_with((record.clone(),))
    }

    fn call_with(&self, given: impl FuncArgs) -> Result<Dynamic> {
        let Some((engine, ast)) = self.home.0.get() else {
            return Err(Error::failed("a closure was called while its script still loads").at(&self.place));
        };
        let called = within(CALL_OPERATIONS_MAX, CALL_MS_MAX, || self.function.call::<Dynamic>(engine, ast, given));
        called.map_err(|error| self.failure(*error))
    }

    fn failure(&self, error: EvalAltResult) -> Error {
        let runaway = trouble::is_cut(&error);
        let (what, help, at) = trouble::explain(&error);
        let place = match at.line() {
            Some(line) => {
                let file = self.place.rsplitn(3, ':').last().unwrap_or(&self.place);
                format!("{file}:{line}:{}", at.position().unwrap_or(1))
            }
            None => self.place.clone(),
        };
        let error = Error::new(if runaway { Kind::Limit } else { Kind::Failed }, what).at(place);
        if let Some(help) = help { error.help(help) } else { error }
    }
}

/// `.map(|r| …)`.
pub(super) struct MapClosure(Callable, Option<Body>);

impl MapClosure {
    pub fn new(sheet: &Sheet, function: FnPtr, at: &Place, uses: &Uses) -> Self {
        let callable = Callable::new(sheet, function, at.to_string(), uses.names.clone());
        let outline = sheet.atlas.outline(&at.file.shown);
        let native = outline.and_then(|outline| {
            let is_own = |name: &str| outline.bodies.contains_key(name);
            native::body(outline.bodies.get(callable.function.fn_name())?, callable.function.curry(), &is_own)
        });
        Self(callable, native)
    }
}

impl MapRecord for MapClosure {
    fn map(&self, record: &mut dyn RecordFields) -> Result<bool> {
        let values = self.0.names.iter().map(|name| (name.clone(), dynamic_of(&record.get(name))));
        let own = Record::new(values);
        let answer = self.0.call(&own)?;
        for (name, value) in own.changes() {
            record.set(&name, value).map_err(|error| error.at(&self.0.place))?;
        }
        Ok(answer.as_bool().unwrap_or(true))
    }

    fn native(&self) -> Option<&Body> {
        self.1.as_ref()
    }
}

/// `.tint(|row| …)`.
pub(super) struct TintClosure(Callable);

impl TintClosure {
    pub fn new(sheet: &Sheet, function: FnPtr, place: String) -> Self {
        Self(Callable::new(sheet, function, place, Vec::new()))
    }
}

impl TintRow for TintClosure {
    fn tint(&self, row: &[(&str, Value<'_>)]) -> Result<Option<String>> {
        let record = Record::new(row.iter().map(|(name, value)| (Arc::from(*name), dynamic_of(value))));
        let answer = self.0.call(&record)?;
        if answer.is_unit() {
            return Ok(None);
        }
        match answer.into_string() {
            Ok(colour) if is_colour(&colour) => Ok(Some(colour)),
            Ok(other) => Err(Error::failed(format!("`{}` is no colour", other.escape_debug()))
                .at(&self.0.place)
                .help("give `#rrggbb` or `()`")),
            Err(kind) => Err(Error::failed(format!("a tint gives a colour or `()`, not {kind}")).at(&self.0.place)),
        }
    }
}

/// `.adapt(|poll| …)`.
pub(super) struct AdaptClosure(Callable);

impl AdaptClosure {
    /// What the closure may read of a poll.
    pub const READS: [&str; 5] = ["target", "labels", "entries", "lag", "took"];

    pub fn new(sheet: &Sheet, function: FnPtr, place: String) -> Self {
        Self(Callable::new(sheet, function, place, Vec::new()))
    }

    pub fn adapt(&self, polled: &Polled<'_>) -> Result<Option<Duration>> {
        let span = |span: Duration| Dynamic::from(Span(i64::try_from(span.as_micros()).unwrap_or(i64::MAX)));
        let labels: Map =
            polled.labels.iter().map(|(name, value)| (name.as_str().into(), value.as_str().into())).collect();
        let values = [
            polled.target.into(),
            labels.into(),
            i64::try_from(polled.entries).unwrap_or(i64::MAX).into(),
            span(polled.lag),
            span(polled.took),
        ];
        let answer = self.0.call(&Record::new(Self::READS.map(Arc::from).into_iter().zip(values)))?;
        if answer.is_unit() {
            return Ok(None);
        }
        match answer.try_cast::<Span>() {
            Some(span) => {
                let wait = Duration::from_micros(u64::try_from(span.0).unwrap_or(0));
                Ok(Some(wait.clamp(ADAPT_MIN, ADAPT_MAX)))
            }
            None => Err(Error::failed("`adapt` gives a duration or `()`").at(&self.0.place).help("write `30.seconds`")),
        }
    }
}

/// `.targets(|| …)`.
pub(super) struct TargetsClosure(Callable);

impl TargetsClosure {
    /// `None`, with a recorded problem, if the closure wants to be given something.
    pub fn new(sheet: &Sheet, function: FnPtr, at: &Place) -> Option<Self> {
        let outline = sheet.atlas.outline(&at.file.shown)?;
        let params = outline.bodies.get(function.fn_name()).map_or(0, |body| body.params.len());
        let wants = params.saturating_sub(function.curry().len());
        if wants > 0 {
            let what = format!("this closure takes {wants} values, but it is given none");
            sheet.problem(Problem::at(at, what).help("write `|| …`"));
            return None;
        }
        Some(Self(Callable::new(sheet, function, at.to_string(), Vec::new())))
    }

    pub fn targets(&self) -> Result<Vec<Target>> {
        let answer = self.0.call_with(())?;
        let Some(items) = answer.read_lock::<Array>() else {
            let what = format!("this function gives {}, not a list of targets", describe(&answer));
            return Err(Error::failed(what).at(&self.0.place).help("give `[\"http://web-1:7070\"]`"));
        };
        let wrong = |wrong: inventory::Wrong| {
            let error = Error::failed(wrong.what).at(&self.0.place);
            if wrong.help.is_empty() { error } else { error.help(wrong.help) }
        };
        items.iter().map(|item| inventory::target(item).map_err(wrong)).collect()
    }
}

/// `#rrggbb`.
pub(super) fn is_colour(text: &str) -> bool {
    text.len() == 7 && text.starts_with('#') && text[1..].bytes().all(|digit| digit.is_ascii_hexdigit())
}
