//! What turns one document into the next while it is shown: Bokeh's own events, as few as will do.

mod columns;

use infralogs_core::plugin::Document;
use serde_json::{Map, Value, json};
use std::collections::{HashMap, HashSet};

// Besides what Bokeh's protocol can't say, some things BokehJS 3.9.2 can't do with an open plot: it lays out anew while
// the views of new axes and annotations are still being made, and stops. So those lists never change.

/// The shared time range: a reader's zoom. It moves only when its length changes, which is the script's doing.
const TIME: &str = "time";

/// A document's models by id.
type Models<'a> = HashMap<&'a str, Object<'a>>;

/// One model as written.
#[derive(Clone, Copy)]
struct Object<'a> {
    kind: &'a str,
    attributes: &'a Map<String, Value>,
}

/// The events, or none if the documents are too different.
pub(crate) fn between(from: &Document, to: &Document) -> Option<Value> {
    if from.roots != to.roots || from.json.get("version") != to.json.get("version") {
        return None;
    }
    let (old, new) = (models(&from.json), models(&to.json));
    if new.iter().any(|(id, object)| old.get(id).is_some_and(|before| before.kind != object.kind)) {
        return None;
    }
    let mut events = Vec::new();
    if from.json.get("title") != to.json.get("title") {
        events.push(json!({"kind": "TitleChanged", "title": to.json.get("title")?}));
    }
    let mut patch = Patch { old: &old, new: &new, sent: HashSet::new(), events };
    let mut ids: Vec<&str> = old.keys().filter(|id| new.contains_key(*id)).copied().collect();
    ids.sort_unstable();
    for id in ids {
        patch.model(id, old[id], new[id])?;
    }
    Some(json!({"events": patch.events}))
}

/// A patch being written.
struct Patch<'a> {
    old: &'a Models<'a>,
    new: &'a Models<'a>,
    /// Models the browser did not have and that were written in full by now.
    sent: HashSet<&'a str>,
    events: Vec<Value>,
}

impl<'a> Patch<'a> {
    fn model(&mut self, id: &'a str, old: Object<'a>, new: Object<'a>) -> Option<()> {
        if id == TIME && length(old) == length(new) {
            return Some(());
        }
        if old.attributes.keys().any(|name| !new.attributes.contains_key(name)) {
            return None; // back to a default we don't know
        }
        for (name, after) in new.attributes {
            let before = old.attributes.get(name);
            if before.is_some_and(|before| same(before, after)) {
                continue;
            }
            match (new.kind, name.as_str(), before) {
                ("Plot", "above" | "below" | "left" | "right" | "center", _) => return None,
                ("GlyphRenderer", "data_source", _) => return None, // an open plot would go on drawing the old one
                ("ColumnDataSource", "data", Some(before)) => self.data(id, before, after),
                _ => {
                    let value = self.write(after);
                    self.events.push(json!({"kind": "ModelChanged", "model": {"id": id}, "attr": name, "new": value}));
                }
            }
        }
        Some(())
    }

    /// Columns: only new rows and changed cells if most stayed as they are.
    fn data(&mut self, id: &str, before: &Value, after: &Value) {
        let model = || json!({"id": id});
        match columns::change(before, after) {
            Some(columns::Change { rows, cells }) => {
                if let Some(rows) = rows {
                    let rollover = columns::length(after);
                    self.events.push(json!({"kind": "ColumnsStreamed", "model": model(), "attr": "data", "data": rows,
                                            "rollover": rollover}));
                }
                if let Some(cells) = cells {
                    let event = json!({"kind": "ColumnsPatched", "model": model(), "attr": "data", "patches": cells});
                    self.events.push(event);
                }
            }
            None => {
                self.events.push(json!({"kind": "ColumnDataChanged", "model": model(), "attr": "data", "data": after}))
            }
        }
    }

    /// The value as the browser needs it: known models by id, new ones in full once.
    fn write(&mut self, value: &'a Value) -> Value {
        if let Some(id) = id_of(value) {
            if self.old.contains_key(id) || !self.sent.insert(id) {
                return json!({"id": id});
            }
            let Some(object) = self.new.get(id) else { return value.clone() };
            let attributes = object.attributes.iter().map(|(name, value)| (name.clone(), self.write(value)));
            let attributes: Map<String, Value> = attributes.collect();
            return json!({"attributes": attributes, "id": id, "name": object.kind, "type": "object"});
        }
        match value {
            Value::Array(items) => items.iter().map(|item| self.write(item)).collect(),
            Value::Object(members) => {
                Value::Object(members.iter().map(|(name, value)| (name.clone(), self.write(value))).collect())
            }
            plain => plain.clone(),
        }
    }
}

/// All models of a document.
fn models(document: &Value) -> Models<'_> {
    let mut found = HashMap::new();
    let mut open = vec![document];
    while let Some(value) = open.pop() {
        match value {
            Value::Array(items) if items.first().is_some_and(|first| first.is_object() || first.is_array()) => {
                open.extend(items);
            }
            Value::Object(members) => {
                let text = |name| members.get(name).and_then(Value::as_str);
                if let (Some(id), Some(kind), Some(Value::Object(attributes))) =
                    (text("id"), text("name"), members.get("attributes"))
                {
                    found.insert(id, Object { kind, attributes });
                }
                open.extend(members.values());
            }
            _ => {}
        }
    }
    found
}

/// The id of what is a model or a reference to one.
fn id_of(value: &Value) -> Option<&str> {
    let members = value.as_object()?;
    let reference = members.len() == 1 || members.contains_key("attributes");
    reference.then(|| members.get("id")?.as_str()).flatten()
}

/// Whether two values are the same, models compared by their ids: what is in them is compared elsewhere.
fn same(a: &Value, b: &Value) -> bool {
    match (id_of(a), id_of(b)) {
        (Some(a), Some(b)) => return a == b,
        (None, None) => {}
        _ => return false,
    }
    match (a, b) {
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(name, a)| b.get(name).is_some_and(|b| same(a, b)))
        }
        _ => a == b,
    }
}

/// How much time a range spans, to the second: a window that slides keeps it.
fn length(range: Object<'_>) -> Option<i64> {
    let at = |name| range.attributes.get(name).and_then(Value::as_f64);
    Some(((at("end")? - at("start")?) / 1_000.0).round() as i64)
}
