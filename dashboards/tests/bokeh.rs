//! The protocol of Bokeh's own server: Python's client pulls the document and sees it change.
//!
//! Needs Python's bokeh of the pinned version: the one below `target` that the oracle tests of plugins/bokeh install.

#[path = "common/layout.rs"]
mod layout;

use infralogs_core::{
    dashboard::Dashboard,
    plugin::{Build, Settings},
};
use infralogs_dashboards::{Access, Dashboards, Preview};
use std::{path::Path, process::Stdio, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Command,
    sync::watch,
    time::timeout,
};

/// Long enough for a slow machine under load.
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn python_pulls_the_document_and_sees_patches() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| here.join("../target"), Into::into);
    let oracle = here.join("../plugins/bokeh/tests/oracle/setup.sh");
    let ready = Command::new(oracle).arg(target.join("oracle")).status().await.expect("a shell");
    assert!(ready.success(), "Python's bokeh could not be installed, see above");
    let Build::Renderer(build) = infralogs_bokeh::PLUGIN.build else { panic!("the plugin `bokeh` is a renderer") };
    let renderer = build(&Settings::default()).expect("a renderer");
    let (scripts, layouts) = watch::channel(layout::generation("one", layout::dashboards()));
    let store = Arc::new(Preview);
    let app = Dashboards { layouts, store, renderer, access: Access::open(), credentials: Vec::new() }.app();
    let listener = infralogs_http::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let (stop, stopped) = watch::channel(false);
    let served = tokio::spawn(infralogs_http::serve(listener, app, infralogs_http::Limits::default(), None, stopped));

    let mut python = Command::new(target.join("oracle/venv/bin/python"));
    python.arg(here.join("tests/pull.py")).arg(format!("http://{address}/d/fleet"));
    let mut python = python.stdout(Stdio::piped()).kill_on_drop(true).spawn().expect("Python runs");
    let mut lines = BufReader::new(python.stdout.take().expect("its output")).lines();
    let mut said = Vec::new();
    while let Some(line) = timeout(PATIENCE, lines.next_line()).await.expect("it goes on").expect("text") {
        if line == "pulled" {
            let renamed = Arc::new(Dashboard { title: "Renamed".into(), ..layout::fleet() });
            scripts.send_replace(layout::generation("two", vec![renamed]));
        }
        said.push(line);
    }
    assert!(timeout(PATIENCE, python.wait()).await.expect("it ends").expect("a status").success(), "{said:?}");
    assert_eq!(said, ["Fleet errors", "11 roots", "read only", "pulled", "Renamed"]);
    // A conversation does not hold up the end of the program.
    stop.send_replace(true);
    timeout(PATIENCE, served).await.expect("the server ends").expect("no panic").expect("no error");
}
