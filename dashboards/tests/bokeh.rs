//! The protocol of Bokeh's own server: Python's client pulls the document and sees it change, and Python's tag shows
//! a dashboard on pages of listed sites, as long as the token holds.
//!
//! Needs Python's bokeh of the pinned version: the one below `target` that the oracle tests of plugins/bokeh install.

#[path = "common/layout.rs"]
mod layout;

use infralogs_core::{
    config::SignIn,
    dashboard::Dashboard,
    plugin::{Build, Settings},
};
use infralogs_dashboards::{Access, Dashboards, Layouts, Preview};
use std::{
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
    time::Duration,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    process::Command,
    sync::watch,
    task::JoinHandle,
    time::timeout,
};

/// Long enough for a slow machine under load.
const PATIENCE: Duration = Duration::from_secs(100);

/// The folder of the crate.
const HERE: &str = env!("CARGO_MANIFEST_DIR");

#[tokio::test(flavor = "multi_thread")]
async fn python_pulls_the_document_and_sees_patches() {
    let mut python = Command::new(python().await);
    let served = serve(Access::open()).await;
    python.arg(Path::new(HERE).join("tests/pull.py")).arg(format!("{}/d/fleet", served.address));
    let mut python = python.stdout(Stdio::piped()).kill_on_drop(true).spawn().expect("Python runs");
    let mut lines = BufReader::new(python.stdout.take().expect("its output")).lines();
    let mut said = Vec::new();
    while let Some(line) = timeout(PATIENCE, lines.next_line()).await.expect("it goes on").expect("text") {
        if line == "pulled" {
            served.rename();
        }
        said.push(line);
    }
    assert!(timeout(PATIENCE, python.wait()).await.expect("it ends").expect("a status").success(), "{said:?}");
    assert_eq!(said, ["Fleet errors", "11 roots", "read only", "pulled", "Renamed"]);
    // A conversation does not hold up the end of the program.
    served.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listed_site_shows_a_dashboard_and_another_does_not() {
    let tokens = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(tokens.path(), "a-token-of-a-wiki\n").expect("written");
    let [listed, other] = [free_port(), free_port()];
    let said = SignIn { token_file: Some(tokens.path().into()), ..SignIn::default() };
    let access = Access::of(Some(&said), &|path| unreachable!("{path} is no secret here")).expect("a way in");
    let served = serve(access.embedded_in(&[format!("http://127.0.0.1:{listed}")]).expect("an origin")).await;
    let mut python = Command::new(python().await);
    python.arg(Path::new(HERE).join("tests/embed.py")).arg(format!("{}/d/fleet", served.address));
    let tag = python.arg("a-token-of-a-wiki").output().await.expect("Python runs");
    assert!(tag.status.success(), "{}", String::from_utf8_lossy(&tag.stderr));
    let tag = serde_json::Value::from(String::from_utf8(tag.stdout).expect("text"));

    let mut node = Command::new("node");
    node.arg(Path::new(HERE).join("tests/browser/embed.mjs")).arg(&served.address);
    node.args([listed.to_string(), other.to_string()]);
    let mut node = node.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true).spawn().expect("node runs");
    let mut asked = BufReader::new(node.stdout.take().expect("its output")).lines();
    let mut answer = node.stdin.take().expect("its input");
    answer.write_all(format!("{tag}\n").as_bytes()).await.expect("told");
    while let Some(line) = timeout(PATIENCE, asked.next_line()).await.expect("it goes on").expect("text") {
        match line.as_str() {
            "please rename" => served.rename(),
            "please revoke" => std::fs::write(tokens.path(), "another-token\n").expect("written"),
            _ => panic!("{line}"),
        }
        answer.write_all(b"done\n").await.expect("told");
    }
    let status = timeout(PATIENCE, node.wait()).await.expect("it ends").expect("a status");
    assert!(status.success(), "the browser's scenes failed, see above");
    served.end().await;
}

/// Python with Bokeh.
async fn python() -> PathBuf {
    let here = Path::new(HERE);
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| here.join("../target"), Into::into);
    let oracle = here.join("../plugins/bokeh/tests/oracle/setup.sh");
    let ready = Command::new(oracle).arg(target.join("oracle")).status().await.expect("a shell");
    assert!(ready.success(), "Python's bokeh could not be installed, see above");
    target.join("oracle/venv/bin/python")
}

/// A port nobody listens on.
fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

/// Dashboards on made-up rows, served.
struct Served {
    address: String,
    scripts: watch::Sender<Layouts>,
    stop: watch::Sender<bool>,
    served: JoinHandle<infralogs_core::Result<()>>,
}

async fn serve(access: Access) -> Served {
    let Build::Renderer(build) = infralogs_bokeh::PLUGIN.build else { panic!("the plugin `bokeh` is a renderer") };
    let renderer = build(&Settings::default()).expect("a renderer");
    let (scripts, layouts) = watch::channel(layout::generation("one", layout::dashboards()));
    let store = Arc::new(Preview);
    let app = Dashboards { layouts, store, renderer, access, credentials: Vec::new(), unlisted: Arc::default() }.app();
    let listener = infralogs_http::bind("127.0.0.1:0").await.expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    let (stop, stopped) = watch::channel(false);
    let served = tokio::spawn(infralogs_http::serve(listener, app, infralogs_http::Limits::default(), None, stopped));
    Served { address, scripts, stop, served }
}

impl Served {
    /// Saves the layout under another title.
    fn rename(&self) {
        let renamed = Arc::new(Dashboard { title: "Renamed".into(), ..layout::fleet() });
        self.scripts.send_replace(layout::generation("two", vec![renamed]));
    }

    async fn end(self) {
        self.stop.send_replace(true);
        timeout(PATIENCE, self.served).await.expect("the server ends").expect("no panic").expect("no error");
    }
}
