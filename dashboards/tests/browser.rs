//! The page in a real browser: everything drawn, edits followed with the zoom kept, hostile text harmless.
//!
//! Needs node, `npm ci` in `dashboards/` and Chromium; what is missing is said.

#[path = "common/hostile.rs"]
mod hostile;
#[path = "common/layout.rs"]
mod layout;
#[path = "common/through.rs"]
mod through;

use hostile::Hostile;
use infralogs_core::{
    Result,
    dashboard::{Dashboard, Panel, PanelKind, Tint, TintRow},
    plugin::{Build, Document, Renderer, Settings},
    query::{Query, Shape},
    script::{Problem, Rejected},
    time::Time,
    value::Value,
    view::{Answers, View},
};
use infralogs_dashboards::{Access, Dashboards, Layouts, self_contained};
use layout::generation;
use std::{path::Path, process::Stdio, sync::Arc, time::Duration};
use through::Through;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    process::Command,
    sync::watch,
    time::timeout,
};

/// Long enough for a slow machine under load.
const PATIENCE: Duration = Duration::from_secs(300);

#[tokio::test(flavor = "multi_thread")]
async fn a_person_uses_the_page() -> Result<()> {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("fleet.html");
    let (scripts, layouts) = watch::channel(generation("one", layout::dashboards()));
    let page = rendered(&scripts.borrow(), &*renderer()?).await?;
    std::fs::write(&file, page).expect("a written page");
    scenes("page.mjs", &scripts, layouts, &file).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_selects_saves_and_goes_by_keys() -> Result<()> {
    let folder = tempfile::tempdir().expect("a folder");
    let mut dashboards = layout::dashboards();
    dashboards.push(Arc::new(lists()));
    let (scripts, layouts) = watch::channel(generation("one", dashboards));
    scenes("panel.mjs", &scripts, layouts, folder.path()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_chooses_on_charts() -> Result<()> {
    let folder = tempfile::tempdir().expect("a folder");
    let mut dashboards = layout::dashboards();
    dashboards.push(Arc::new(layout::choices()));
    let (scripts, layouts) = watch::channel(generation("one", dashboards));
    scenes("choose.mjs", &scripts, layouts, folder.path()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_looks_at_times_in_zones_and_themes() -> Result<()> {
    let folder = tempfile::tempdir().expect("a folder");
    let mut dashboards = layout::dashboards();
    dashboards.push(Arc::new(layout::states()));
    let (scripts, layouts) = watch::channel(generation("one", dashboards));
    scenes("view.mjs", &scripts, layouts, folder.path()).await
}

fn renderer() -> Result<Arc<dyn Renderer>> {
    let Build::Renderer(build) = infralogs_bokeh::PLUGIN.build else { panic!("the plugin `bokeh` is a renderer") };
    build(&Settings::default())
}

/// Plays scenes in a browser on a service with these layouts; `path` is what they need beside its address.
async fn scenes(
    play: &str,
    scripts: &watch::Sender<Layouts>,
    layouts: watch::Receiver<Layouts>,
    path: &Path,
) -> Result<()> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    assert!(here.join("node_modules/playwright-core").exists(), "run `npm ci` in {} first", here.display());
    let store = Arc::new(Through(Hostile));
    let (renderer, access) = (renderer()?, Access::open());
    let app = Dashboards { layouts, store, renderer, access, credentials: Vec::new(), unlisted: Arc::default() }.app();
    let listener = infralogs_http::bind("127.0.0.1:0").await?;
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    let (stop, stopped) = watch::channel(false);
    let served = tokio::spawn(infralogs_http::serve(listener, app, infralogs_http::Limits::default(), None, stopped));

    let mut node = Command::new("node");
    node.arg(here.join("tests/browser").join(play)).arg(&address).arg(path);
    let mut node = node.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true).spawn().expect("node runs");
    let mut asked = BufReader::new(node.stdout.take().expect("its output")).lines();
    let mut answer = node.stdin.take().expect("its input");
    while let Some(line) = timeout(PATIENCE, asked.next_line()).await.expect("it goes on").expect("text") {
        act(scripts, line.strip_prefix("please ").unwrap_or_default());
        let _ = answer.write_all(b"done\n").await;
    }
    let status = timeout(PATIENCE, node.wait()).await.expect("it ends").expect("a status");
    stop.send_replace(true);
    let _ = served.await;
    assert!(status.success(), "the browser's scenes failed, see above");
    Ok(())
}

/// A table with numbers, of which a row is tinted.
fn lists() -> Dashboard {
    let columns = ["host", "lag_ms", "unreadable", "last_error"].map(Arc::from).to_vec();
    let shape = Shape::Newest { per: vec!["host".into()], columns, limit: 50 };
    let query = Query { table: "agents".into(), filter: None, last: None, shape };
    let tint = Some(Tint(Arc::new(Failing)));
    let table = Panel { tint, ..layout::panel("Machines", PanelKind::Table, query) };
    Dashboard { name: "lists".into(), title: "Lists".into(), rows: vec![vec![table]], ..layout::fleet() }
}

/// Colours machines that answer.
struct Failing;

impl TintRow for Failing {
    fn tint(&self, row: &[(&str, Value<'_>)]) -> Result<Option<String>> {
        let fails = row.iter().any(|(name, value)| *name == "last_error" && !value.is_missing());
        Ok((!fails).then(|| "#e0503a".to_owned()))
    }
}

/// What a script's author does meanwhile.
fn act(scripts: &watch::Sender<Layouts>, what: &str) {
    let good = scripts.borrow().current.clone();
    match what {
        "rename" => {
            let mut renamed = Dashboard { title: "Renamed".into(), ..layout::fleet() };
            renamed.rows[1][0].title = "Renamed panel".into();
            scripts.send_replace(generation("two", vec![Arc::new(renamed)]));
        }
        "retitle" => {
            let title = "Renamed".into();
            drop(scripts.send_replace(generation("two", vec![Arc::new(Dashboard { title, ..layout::fleet() })])));
        }
        "rebuild" => {
            let rows = vec![vec![layout::fleet().rows[1][0].clone()]];
            scripts.send_replace(generation("three", vec![Arc::new(Dashboard { rows, ..layout::fleet() })]));
        }
        "restore" => drop(scripts.send_replace(generation("four", layout::dashboards()))),
        "break" => {
            let problem = Problem {
                file: "dashboards/fleet.rhai".into(),
                line: 7,
                column: 3,
                width: 4,
                what: "unknown table `lgos`".into(),
                help: Some("did you mean `logs`?".into()),
                source: "  lgos.count()".into(),
            };
            let rejected = Some(Arc::new(Rejected { hash: "bad".into(), problems: vec![problem] }));
            scripts.send_replace(Layouts { current: good, rejected });
        }
        "mend" => drop(scripts.send_replace(Layouts { current: good, rejected: None })),
        "hostile" => drop(scripts.send_replace(generation("five", vec![Arc::new(hostile_layout())]))),
        _ => {}
    }
}

/// A layout whose every word tries to run something.
fn hostile_layout() -> Dashboard {
    let bad = "<img src=x onerror=\"pwned=1\"></title></script><script>pwned=2</script>";
    let mut dashboard = Dashboard { name: "hostile".into(), title: bad.into(), ..layout::fleet() };
    for panel in dashboard.rows.iter_mut().flatten() {
        panel.title = format!("{bad} {:?}", panel.kind);
    }
    let lines = |kind| matches!(kind, PanelKind::Lines { .. } | PanelKind::Table | PanelKind::Bars);
    dashboard.rows.iter_mut().for_each(|row| row.retain(|panel| lines(panel.kind)));
    dashboard.rows.retain(|row| !row.is_empty());
    dashboard
}

async fn rendered(layouts: &Layouts, renderer: &dyn Renderer) -> Result<String> {
    let view = View::parse("fleet", [("theme", "light")], Time::now())?;
    let answers = Arc::new(Answers::new(Arc::new(Through(Hostile))));
    let shown = answers.show(&layouts.current, &view, Time::now()).await?;
    let document = renderer.render(&shown.scene())?;
    self_contained(&Document { json: renderer.packed(&document), ..document }, &shown, &view)
}
