//! How long a reader waits: a layout saved until the open tab shows it (50 edits), in headless Chromium.
//! Needs `npm ci` in `dashboards/`.
#![allow(missing_docs)]

use infralogs_core::{
    plugin::{Build, Settings},
    script::Scripts,
};
use infralogs_dashboards::{Access, Dashboards, Layouts, Preview};
use std::{fs, path::Path, process::Command, sync::Arc};
use tokio::sync::watch;

const EDITS: usize = 50;
/// In milliseconds.
const BOUND_MS: f64 = 1_000.0;

fn main() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = tempfile::tempdir().expect("a folder");
    copy(&here.join("../scripts"), folder.path());
    let (_running, stop) = watch::channel(false);
    let address = runtime.block_on(async {
        let listener = infralogs_http::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(infralogs_http::serve(
            listener,
            app(folder.path()),
            infralogs_http::Limits::default(),
            None,
            stop,
        ));
        address
    });
    let layout = folder.path().join("dashboards/fleet.rhai");
    let mut node = Command::new("node");
    node.arg(here.join("benches/live.mjs")).arg(format!("http://{address}/d/fleet?tz=UTC")).arg(layout);
    let said = node.arg(EDITS.to_string()).output().expect("node runs");
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    let text = String::from_utf8_lossy(&said.stdout);
    let mut waits: Vec<f64> = text.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    assert_eq!(waits.len(), EDITS);
    waits.sort_by(f64::total_cmp);
    let p95 = waits[(EDITS * 95).div_ceil(100) - 1];
    let word = if p95 <= BOUND_MS { "" } else { "  MISSED" };
    println!("\n{EDITS} edits of scripts/dashboards/fleet.rhai, saved until the open tab shows them:");
    println!("median {:.0} ms, longest {:.0} ms", waits[EDITS / 2], waits[EDITS - 1]);
    println!("95th of a hundred {p95:>6.0} ms  <= {BOUND_MS:.0} ms{word}");
}

/// The dashboards of these scripts on made-up rows.
fn app(scripts: &Path) -> tide::Server<()> {
    let scripts = Scripts::open(&[scripts.to_owned()]).expect("good scripts");
    scripts.watch();
    let Build::Renderer(build) = infralogs_bokeh::PLUGIN.build else { panic!("the plugin `bokeh` is a renderer") };
    let renderer = build(&Settings::default()).expect("a renderer");
    let layouts = Layouts::follow(&scripts);
    Dashboards {
        layouts,
        store: Arc::new(Preview),
        renderer,
        access: Access::open(),
        credentials: Vec::new(),
        unlisted: Arc::default(),
    }
    .app()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("scripts") {
        let entry = entry.expect("a file");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("a type").is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("copied");
        }
    }
}
