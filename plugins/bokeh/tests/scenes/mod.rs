//! Dashboards with made-up answers that tests and benchmarks draw: every kind of panel, empty, in trouble, hostile.
#![allow(dead_code, unused_imports)] // each test uses some of it

mod answers;
mod changes;
mod gallery;

pub use answers::*;
pub use changes::*;
pub use gallery::*;
use infralogs_bokeh::Bokeh;
use infralogs_core::{
    dashboard::{Answer, Dashboard, Panel, PanelKind, Unit},
    error::Result,
    plugin::{Document, Renderer, Scene, Theme},
    query::{Aggregate, Key, Measure, Query, Shape},
    table::{ColumnDef, ColumnType, Rows},
    time::{Time, Window},
    value::Value,
};
use std::{sync::Arc, time::Duration};

/// 2026-03-02 (a Monday) 12:00 UTC, the end of every window.
pub const NOW: Time = Time(1_772_452_800_000_000);
pub const MINUTE: Duration = Duration::from_secs(60);

/// A dashboard, what its panels show, and the moments over them.
pub struct Sample {
    pub dashboard: Dashboard,
    pub answers: Vec<Answer>,
    pub sparks: Vec<Option<Arc<Rows>>>,
    pub marks: Vec<(Time, String)>,
    pub window: Window,
}

impl Sample {
    /// No panels yet, looking six hours back.
    pub fn new(title: &str) -> Self {
        let last = Duration::from_secs(6 * 3600);
        let dashboard = Dashboard {
            name: "sample".into(),
            title: title.into(),
            last,
            refresh: Duration::from_secs(10),
            picks: Vec::new(),
            readers: Vec::new(),
            marks: Vec::new(),
            rows: Vec::new(),
            place: "sample.rhai:1:1".into(),
        };
        let window = Window { from: NOW.minus(last), to: NOW };
        Self { dashboard, answers: Vec::new(), sparks: Vec::new(), marks: Vec::new(), window }
    }
    /// A row of panels with their answers.
    pub fn row(mut self, panels: Vec<(Panel, Answer)>) -> Self {
        let (panels, answers): (Vec<_>, Vec<_>) = panels.into_iter().unzip();
        self.sparks.extend(panels.iter().map(|_| None));
        self.dashboard.rows.push(panels);
        self.answers.extend(answers);
        self
    }
    /// The document.
    pub fn render(&self, theme: Theme) -> Document {
        self.try_render(theme).expect("a document")
    }
    /// The document, and how `draw.mjs` lays out its roots.
    pub fn page(&self, theme: Theme) -> serde_json::Value {
        let document = self.render(theme);
        let spans = self.dashboard.rows.iter().flat_map(|row| row.iter().map(|_| 12 / row.len()));
        let panels = self.dashboard.rows.iter().flatten().zip(&document.roots).zip(spans);
        let layout: Vec<_> = panels
            .map(|((panel, id), span)| serde_json::json!({"id": id, "title": panel.title, "span": span}))
            .collect();
        serde_json::json!({"document": document.json, "layout": layout})
    }
    pub fn try_render(&self, theme: Theme) -> Result<Document> {
        let Self { dashboard, answers, sparks, marks, window } = self;
        Bokeh.render(&Scene { dashboard, answers, sparks, marks, window: *window, zone_s: 3600, theme })
    }
}

/// A panel as a script that says nothing more leaves it.
pub fn panel(title: &str, kind: PanelKind, query: Option<Query>) -> Panel {
    Panel::new(title, kind, query, "sample.rhai:3:5")
}

/// `.every(every).count(by…)`.
pub fn grouped(every: Option<Duration>, by: &[Key], name: &str, of: Aggregate) -> Option<Query> {
    let measures = vec![Measure { name: name.into(), of }];
    let shape = Shape::Groups { every, by: by.to_vec(), measures, top: None };
    Some(Query { table: "logs".into(), filter: None, last: None, shape })
}

/// `.latest(100)`.
pub fn latest() -> Option<Query> {
    let shape = Shape::Latest { columns: Vec::new(), limit: 100 };
    Some(Query { table: "logs".into(), filter: None, last: None, shape })
}

pub fn key(name: &str) -> Key {
    Key::Field(name.into())
}

/// Rows of these columns.
pub fn rows(columns: &[(&str, ColumnType)], rows: Vec<Vec<Value<'_>>>) -> Answer {
    Answer::Rows(Arc::new(table(columns, rows)))
}

pub fn table(columns: &[(&str, ColumnType)], rows: Vec<Vec<Value<'_>>>) -> Rows {
    let mut table = Rows::new(columns.iter().map(|(name, kind)| ColumnDef::new(*name, *kind)).collect());
    rows.iter().for_each(|row| table.push(row));
    table
}

pub fn text(text: &str) -> Value<'static> {
    Value::Text(text.to_owned().into())
}
