//! Serves the dashboards of scripts on made-up rows, to work on the page or a layout itself:
//! `cargo run -p infralogs-dashboards --example preview -- 127.0.0.1:8090 scripts`.

use infralogs_core::{
    Error, Result,
    plugin::{Build, Settings},
    script::Scripts,
};
use infralogs_dashboards::{Access, Dashboards, Layouts, Preview};
use std::sync::Arc;
use tokio::sync::watch;

#[tokio::main]
async fn main() -> Result<()> {
    let mut given = std::env::args().skip(1);
    let address = given.next().unwrap_or_else(|| "127.0.0.1:8090".into());
    let folder = given.next().unwrap_or_else(|| "scripts".into());
    let scripts = Scripts::open(&[folder.into()]).map_err(|rejected| Error::invalid(rejected.draw(false)))?;
    scripts.watch();
    let layouts = Layouts::follow(&scripts);
    let Build::Renderer(build) = infralogs_bokeh::PLUGIN.build else {
        unreachable!("the plugin `bokeh` is a renderer")
    };
    let app = Dashboards {
        layouts,
        store: Arc::new(Preview),
        renderer: build(&Settings::default())?,
        access: Access::open(),
        credentials: Vec::new(),
        unlisted: Arc::default(),
    }
    .app();
    let listener = infralogs_http::bind(&address).await?;
    println!("http://{address}");
    let (_running, stop) = watch::channel(false);
    infralogs_http::serve(listener, app, infralogs_http::Limits::default(), None, stop).await
}
