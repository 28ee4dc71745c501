//! A record as a closure sees it: `r.status`, `r.kind = "broken"`.

use super::{
    shelf::Shelf,
    span::Span,
    take::{Call, describe},
};
use crate::value::Value;
use rhai::{Dynamic, EvalAltResult, ImmutableString, NativeCallContext, Position};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

/// Shared with whoever calls the closure, who takes the changes out afterwards.
#[derive(Clone)]
pub(in super::super) struct Record(Arc<Mutex<Fields>>);

/// The fields the script's text names, read before the closure runs.
#[derive(Default)]
struct Fields {
    values: HashMap<Arc<str>, Dynamic>,
    changed: Vec<(Arc<str>, Value<'static>)>,
}

impl Record {
    pub fn new(values: impl IntoIterator<Item = (Arc<str>, Dynamic)>) -> Self {
        let fields = Fields { values: values.into_iter().collect(), changed: Vec::new() };
        Self(Arc::new(Mutex::new(fields)))
    }
    /// What the closure set, in order.
    pub fn changes(&self) -> Vec<(Arc<str>, Value<'static>)> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner).changed)
    }
    fn get(&self, name: &str) -> Dynamic {
        let fields = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        fields.values.get(name).cloned().unwrap_or_default()
    }
    fn set(&self, name: &str, value: Dynamic) -> Result<(), String> {
        let own = value_of(&value).ok_or_else(|| format!("field `{name}` can't be {}", describe(&value)))?;
        let name: Arc<str> = name.into();
        let mut fields = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        fields.changed.push((name.clone(), own));
        fields.values.insert(name, value);
        Ok(())
    }
}

/// A script's value as a record's; `None` for lists, maps and anything else a field can't be.
pub(in super::super) fn value_of(value: &Dynamic) -> Option<Value<'static>> {
    if value.is_unit() {
        return Some(Value::Missing);
    }
    if let Some(text) = super::take::text(value) {
        return Some(Value::Text(text.as_str().to_owned().into()));
    }
    if let Some(span) = value.read_lock::<Span>() {
        return Some(Value::Int(span.0));
    }
    let int = value.as_int().map(Value::Int);
    int.or_else(|_| value.as_float().map(Value::Float)).or_else(|_| value.as_bool().map(Value::Bool)).ok()
}

/// A record's value as a script's.
pub(in super::super) fn dynamic_of(value: &Value<'_>) -> Dynamic {
    match value {
        Value::Missing => Dynamic::UNIT,
        Value::Bool(yes) => (*yes).into(),
        Value::Int(int) => (*int).into(),
        Value::Float(float) => (*float).into(),
        Value::Text(text) => ImmutableString::from(&**text).into(),
    }
}

pub(super) fn register(shelf: &mut Shelf) {
    shelf.module.set_custom_type::<Record>("Record");
    shelf.module.set_indexer_get_fn(|record: &mut Record, name: ImmutableString| {
        Ok::<_, Box<EvalAltResult>>(record.get(&name))
    });
    shelf.module.set_indexer_set_fn(|record: &mut Record, name: ImmutableString, value: Dynamic| {
        record.set(&name, value).map_err(|what| EvalAltResult::ErrorRuntime(what.into(), Position::NONE).into())
    });
    shelf.add(
        "has",
        &["record: Record", "field: String"],
        "Whether the record has a field; in closures.",
        r#"|r| r.has("user")"#,
        |context: NativeCallContext<'_>, record: Record, field: Dynamic| {
            let name = Call::of(&context).name(0, &field);
            name.is_some_and(|name| !record.get(&name).is_unit())
        },
    );
}
