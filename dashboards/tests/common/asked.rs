//! A stand-in renderer, and the app asked without a network.
#![allow(dead_code)] // each test uses some of it

use crate::layout;
use infralogs_core::{
    Result,
    dashboard::{Answer, Dashboard},
    plugin::{Document, Renderer, Scene, Store},
};
use infralogs_dashboards::{Access, Dashboards, Layouts, Preview};
use serde_json::{Value, json};
use std::sync::Arc;
use tide::http::{Method, Request, Response, Url};
use tokio::sync::watch;

/// Writes titles and row counts; can be patched while the panels' titles stay.
pub struct Plain;

impl Renderer for Plain {
    fn render(&self, scene: &Scene<'_>) -> Result<Document> {
        let panels: Vec<_> = scene.dashboard.rows.iter().flatten().collect();
        let roots: Vec<String> = panels.iter().map(|panel| panel.title.clone()).collect();
        let rows: Vec<_> =
            scene.answers.iter().map(|it| if let Answer::Rows(rows) = it { rows.len() } else { 0 }).collect();
        let words = json!({ "title": scene.dashboard.title, "rows": rows, "panels": roots });
        Ok(Document { json: words, roots })
    }
    fn patch(&self, from: &Document, to: &Document) -> Option<Value> {
        (from.roots == to.roots).then(|| json!({ "events": [{ "kind": "Words", "new": to.json["title"] }] }))
    }
}

/// An app on made-up rows, and the end that changes its scripts.
pub fn app() -> (tide::Server<()>, watch::Sender<Layouts>) {
    app_for(Access::open())
}

/// An app that lets in only whom `access` does.
pub fn app_for(access: Access) -> (tide::Server<()>, watch::Sender<Layouts>) {
    let (scripts, layouts) = watch::channel(layout::generation("one", layout::dashboards()));
    (app_on(layouts, Arc::new(Preview), access), scripts)
}

/// An app with these dashboards.
pub fn app_of(access: Access, dashboards: Vec<Arc<Dashboard>>) -> tide::Server<()> {
    app_on(watch::channel(layout::generation("one", dashboards)).1, Arc::new(Preview), access)
}

/// An app that asks this store.
pub fn app_on(layouts: watch::Receiver<Layouts>, store: Arc<dyn Store>, access: Access) -> tide::Server<()> {
    let (renderer, credentials, unlisted) = (Arc::new(Plain), Vec::new(), Arc::default());
    Dashboards { layouts, store, renderer, access, credentials, unlisted }.app()
}

/// Asks the app without a network.
pub async fn get(app: &tide::Server<()>, path: &str, headers: &[(&str, &str)]) -> Response {
    let url = Url::parse(&format!("http://dashboards.test{path}")).expect("a path");
    let mut request = Request::new(Method::Get, url);
    for (name, value) in headers {
        request.insert_header(*name, *value);
    }
    app.respond(request).await.expect("tide answers")
}
