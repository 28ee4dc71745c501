//! Serves a made-up dashboard on made-up rows, to work on the page itself: `cargo run -p infralogs-dashboards --example preview`.

#[path = "../tests/common/layout.rs"]
mod layout;

use infralogs_core::{
    Result,
    plugin::{Build, Settings},
};
use infralogs_dashboards::{Dashboards, Preview};
use std::sync::Arc;
use tokio::sync::watch;

#[tokio::main]
async fn main() -> Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8090".into());
    let (_keep, layouts) = watch::channel(layout::generation("preview", layout::dashboards()));
    let Build::Renderer(build) = infralogs_bokeh::PLUGIN.build else {
        unreachable!("the plugin `bokeh` is a renderer")
    };
    let app = Dashboards { layouts, store: Arc::new(Preview), renderer: build(&Settings::default())? }.app();
    let listener = infralogs_http::bind(&address).await?;
    println!("http://{address}");
    let (_running, stop) = watch::channel(false);
    infralogs_http::serve(listener, app, infralogs_http::Limits::default(), None, stop).await
}
