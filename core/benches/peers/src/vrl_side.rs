//! VRL as Vector's remap runs it: one event at a time through a compiled program, then into the same columns.

use infralogs_core::{
    table::{ColumnType, Rows},
    value::Value as Cell,
};
use std::{borrow::Cow, collections::BTreeMap};
use vrl::{
    compiler::{Program, TargetValue, TimeZone, runtime::Runtime},
    value::{KeyString, Secrets, Value},
};

/// A compiled program with its runtime.
pub struct Peer {
    program: Program,
    runtime: Runtime,
    zone: TimeZone,
    keys: Vec<KeyString>,
}

impl Peer {
    /// `columns` are the fields of the event that go to the columns, by the names the program gives them.
    pub fn new(program: &str, columns: &[&str]) -> Self {
        let compiled = vrl::compiler::compile(program, &vrl::stdlib::all());
        let program = compiled.unwrap_or_else(|wrong| panic!("{program}\n{wrong:?}")).program;
        let zone = TimeZone::parse("UTC").expect("a zone");
        Self {
            program,
            runtime: Runtime::default(),
            zone,
            keys: columns.iter().map(|name| KeyString::from(*name)).collect(),
        }
    }

    /// Events as a source hands them over; not part of what is measured.
    pub fn events(lines: &[String]) -> Vec<TargetValue> {
        let event = |line: &String| TargetValue {
            value: Value::Object(BTreeMap::from([(KeyString::from("message"), Value::from(line.as_str()))])),
            metadata: Value::Object(BTreeMap::new()),
            secrets: Secrets::default(),
        };
        lines.iter().map(event).collect()
    }

    /// Runs all events; what the program aborts is dropped.
    pub fn run(&mut self, events: Vec<TargetValue>, into: &mut Rows) {
        for mut event in events {
            let ended = self.runtime.resolve(&mut event, &self.program, &self.zone);
            self.runtime.clear();
            match ended {
                Ok(_) => self.emit(&event.value, into),
                Err(vrl::compiler::runtime::Terminate::Abort(_)) => {}
                Err(wrong) => panic!("{wrong:?}"),
            }
        }
    }

    fn emit(&self, event: &Value, into: &mut Rows) {
        let Value::Object(fields) = event else { panic!("an event is an object") };
        for ((key, column), def) in self.keys.iter().zip(&mut into.columns).zip(&into.defs) {
            column.push(&fields.get(key).map_or(Cell::Missing, |value| cell(value, def.kind)));
        }
    }
}

/// A value as a column takes it.
fn cell(value: &Value, kind: ColumnType) -> Cell<'_> {
    match value {
        Value::Bytes(bytes) => Cell::Text(String::from_utf8_lossy(bytes)),
        Value::String(text) => Cell::text(text),
        Value::Integer(int) => Cell::Int(*int),
        Value::Float(float) => Cell::Float(float.into_inner()),
        Value::Boolean(yes) => Cell::Bool(*yes),
        Value::Timestamp(time) => Cell::Int(time.timestamp_micros()),
        Value::Null => Cell::Missing,
        other => Cell::Text(Cow::Owned(format!("{other} is no {}", kind.name()))),
    }
}
