//! Any Bokeh model: a type, an id, attributes; and how trees of them become JSON without forward references.

use serde_json::{Map, Number, Value, json};
use std::{collections::HashMap, rc::Rc};

/// A model that may be used in several places; it is written in full where it is met first.
pub(crate) type Shared = Rc<Model>;

/// One Bokeh object. Attributes that are not set keep BokehJS' defaults.
#[derive(Debug)]
pub(crate) struct Model {
    kind: &'static str,
    id: String,
    attributes: Vec<(&'static str, Attr)>,
}

/// What an attribute holds.
#[derive(Debug, Clone)]
pub(crate) enum Attr {
    /// Plain JSON.
    Json(Value),
    /// Another model.
    Model(Shared),
    /// A list that may hold models.
    List(Vec<Attr>),
    /// A mapping as Bokeh writes them; column data is one.
    Map(Vec<(Value, Attr)>),
    /// A column of numbers; what JSON can't say is written in Bokeh's own form.
    Numbers(Vec<f64>),
    /// A plain JSON object that holds a model, such as a data spec with a transform.
    Object(Vec<(&'static str, Attr)>),
}

impl Model {
    /// A model of this type and id.
    pub(crate) fn new(kind: &'static str, id: impl Into<String>) -> Self {
        Self { kind, id: id.into(), attributes: Vec::new() }
    }
    /// Sets an attribute.
    pub(crate) fn set(mut self, name: &'static str, value: impl Into<Attr>) -> Self {
        self.attributes.push((name, value.into()));
        self
    }
    /// Sets attributes that go together, such as the look of some text.
    pub(crate) fn set_all(mut self, attributes: impl IntoIterator<Item = (&'static str, Attr)>) -> Self {
        self.attributes.extend(attributes);
        self
    }
    /// From here on it can be shared.
    pub(crate) fn share(self) -> Shared {
        Rc::new(self)
    }
}

/// Takes values from a column of the data source.
pub(crate) fn field(name: &str) -> Attr {
    Attr::Json(json!({"type": "field", "field": name}))
}

/// One value for all rows.
pub(crate) fn value(value: impl Into<Value>) -> Attr {
    let mut spec = Map::new();
    spec.insert("type".into(), "value".into());
    spec.insert("value".into(), value.into());
    Attr::Json(Value::Object(spec))
}

/// Values that an expression model computes in the browser.
pub(crate) fn computed(model: &Shared) -> Attr {
    Attr::Object(vec![("type", "expr".into()), ("expr", model.into())])
}

/// Values of a column, turned into colours by a model.
pub(crate) fn mapped(name: &str, mapper: &Shared) -> Attr {
    Attr::Object(vec![("type", "field".into()), ("field", name.into()), ("transform", mapper.into())])
}

/// A whole number where it is one (shorter), and Bokeh's own form for what JSON can't say.
pub(crate) fn number(number: f64) -> Value {
    const WHOLE_MAX: f64 = 9_007_199_254_740_992.0;
    if number.fract() == 0.0 && number.abs() < WHOLE_MAX {
        return Value::Number(Number::from(number as i64));
    }
    match Number::from_f64(number) {
        Some(finite) => Value::Number(finite),
        None if number.is_nan() => json!({"type": "number", "value": "nan"}),
        None => json!({"type": "number", "value": if number > 0.0 { "+inf" } else { "-inf" }}),
    }
}

/// Writes models depth first: in full when met first, by id from then on.
///
/// Attributes are written in the order of their names, which is the order a JSON object keeps whatever map
/// `serde_json` was built with. So what is met first here is what BokehJS meets first.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    written: HashMap<String, *const Model>,
}

impl Writer {
    /// The model, or a reference if it was written before.
    pub(crate) fn model(&mut self, model: &Shared) -> Value {
        if let Some(before) = self.written.insert(model.id.clone(), Rc::as_ptr(model)) {
            debug_assert!(std::ptr::eq(before, Rc::as_ptr(model)), "two models with the id {}", model.id);
            return json!({"id": model.id});
        }
        let mut object = Map::new();
        object.insert("attributes".into(), self.members(model.attributes.iter()));
        object.insert("id".into(), model.id.as_str().into());
        object.insert("name".into(), model.kind.into());
        object.insert("type".into(), "object".into());
        Value::Object(object)
    }

    /// An object with its members in the order of their names.
    fn members<'a>(&mut self, members: impl Iterator<Item = &'a (&'static str, Attr)>) -> Value {
        let mut sorted: Vec<_> = members.collect();
        sorted.sort_by_key(|(name, _)| *name);
        Value::Object(sorted.into_iter().map(|(name, attr)| ((*name).to_owned(), self.attr(attr))).collect())
    }

    fn attr(&mut self, attr: &Attr) -> Value {
        match attr {
            Attr::Json(json) => json.clone(),
            Attr::Model(model) => self.model(model),
            Attr::List(items) => items.iter().map(|item| self.attr(item)).collect(),
            Attr::Numbers(numbers) => numbers.iter().map(|number_| number(*number_)).collect(),
            Attr::Object(members) => self.members(members.iter()),
            Attr::Map(entries) => {
                let entries: Vec<_> = entries.iter().map(|(key, value)| json!([key, self.attr(value)])).collect();
                let mut map = Map::new();
                if !entries.is_empty() {
                    map.insert("entries".into(), Value::Array(entries));
                }
                map.insert("type".into(), "map".into());
                Value::Object(map)
            }
        }
    }
}

impl From<Shared> for Attr {
    fn from(model: Shared) -> Self {
        Self::Model(model)
    }
}
impl From<&Shared> for Attr {
    fn from(model: &Shared) -> Self {
        Self::Model(model.clone())
    }
}
impl From<Model> for Attr {
    fn from(model: Model) -> Self {
        Self::Model(model.share())
    }
}
impl From<Value> for Attr {
    fn from(json: Value) -> Self {
        Self::Json(json)
    }
}
impl From<&str> for Attr {
    fn from(text: &str) -> Self {
        Self::Json(text.into())
    }
}
impl From<String> for Attr {
    fn from(text: String) -> Self {
        Self::Json(text.into())
    }
}
impl From<bool> for Attr {
    fn from(yes: bool) -> Self {
        Self::Json(yes.into())
    }
}
impl From<f64> for Attr {
    fn from(float: f64) -> Self {
        Self::Json(number(float))
    }
}
impl From<u32> for Attr {
    fn from(int: u32) -> Self {
        Self::Json(int.into())
    }
}
impl From<i32> for Attr {
    fn from(int: i32) -> Self {
        Self::Json(int.into())
    }
}
impl<T: Into<Attr>> From<Vec<T>> for Attr {
    fn from(items: Vec<T>) -> Self {
        Self::List(items.into_iter().map(Into::into).collect())
    }
}
