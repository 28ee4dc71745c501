//! Turns dashboards and their results into Bokeh documents, without Python, and one document into the next.

mod columns;
mod html;
mod id;
mod marks;
mod model;
mod pack;
mod page;
mod panel;
mod patch;
mod plot;
pub mod reduce;
mod series;
mod theme;
mod unit;

use infralogs_core::{
    Error, Result,
    dashboard::Panel,
    plugin::{Build, Document, Plugin, Renderer, Scene, Settings},
};
use model::{Model, Writer};
use page::{Page, Spot};
use serde_json::{Value, json};
use std::sync::Arc;

/// The version of BokehJS these documents are written for; another one draws them with a warning.
pub const BOKEH_VERSION: &str = "3.9.2";

/// How much room the panels of a row have on an ordinary screen, in pixels.
const PAGE_WIDTH: u32 = 1_200;

/// The renderer `bokeh`.
pub static PLUGIN: Plugin = Plugin {
    name: "bokeh",
    about: "Draws dashboards as Bokeh documents.",
    sample: include_str!("../sample.yaml"),
    build: Build::Renderer(build),
};

fn build(settings: &Settings) -> Result<Arc<dyn Renderer>> {
    match settings.value.as_object().and_then(|object| object.keys().next()) {
        Some(key) => Err(Error::invalid(format!("the renderer has no setting `{key}`")).at(&settings.place)),
        None => Ok(Arc::new(Bokeh)),
    }
}

/// Draws dashboards as Bokeh documents.
#[derive(Debug, Default)]
pub struct Bokeh;

impl Renderer for Bokeh {
    fn render(&self, scene: &Scene<'_>) -> Result<Document> {
        let panels: Vec<&Panel> = scene.dashboard.rows.iter().flatten().collect();
        if panels.len() != scene.answers.len() {
            let what = format!("{} panels but {} answers", panels.len(), scene.answers.len());
            return Err(Error::failed(what).at(&scene.dashboard.place));
        }
        let page = Page::new(scene, &panels);
        let mut spots = spots(scene);
        let mut sources = panel::shared_sources(&page, &spots);
        spots.iter_mut().for_each(|spot| spot.source = sources.remove(&spot.id));
        let mut writer = Writer::default();
        let roots: Vec<Value> = spots.iter().map(|spot| writer.model(&panel::draw(&page, spot))).collect();
        let ids = spots.into_iter().map(|spot| spot.id).collect();
        let config = writer.model(&Model::new("DocumentConfig", "config").share());
        let title = scene.dashboard.title.as_str();
        let json = json!({"version": BOKEH_VERSION, "title": title, "config": config, "roots": roots});
        Ok(Document { json, roots: ids })
    }

    fn packed(&self, document: &Document) -> Value {
        pack::packed(&document.json)
    }

    fn patch(&self, from: &Document, to: &Document) -> Option<Value> {
        patch::between(from, to)
    }
}

/// Every panel with its place on the page; those of one row are of one height.
fn spots<'a>(scene: &Scene<'a>) -> Vec<Spot<'a>> {
    let mut words = id::Words::for_roots();
    let mut spots = Vec::new();
    for row in &scene.dashboard.rows {
        let answers = &scene.answers[spots.len()..spots.len() + row.len()];
        let height = panel::row_height(row, answers);
        let shares: u32 = row.iter().map(|panel| u32::from(panel.wide)).sum();
        for (panel, answer) in row.iter().zip(answers) {
            let width = PAGE_WIDTH * u32::from(panel.wide) / shares.max(1);
            let place = spots.len();
            let spark = scene.sparks.get(place).and_then(Option::as_deref);
            let height = panel.height.map_or(height, u32::from);
            spots.push(Spot { id: words.take(&panel.title), panel, answer, spark, height, width, place, source: None });
        }
    }
    spots
}
