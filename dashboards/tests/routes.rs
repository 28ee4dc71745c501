//! Every route, asked without a network: what it answers, what it refuses, and what pages are told.

#[path = "common/asked.rs"]
mod asked;
#[path = "common/layout.rs"]
mod layout;
#[path = "common/listen.rs"]
mod listen;

use asked::{app, get};
use infralogs_core::{
    dashboard::Dashboard,
    script::{Problem, Rejected},
};
use infralogs_dashboards::Layouts;
use layout::generation;
use listen::listen;
use serde_json::{Value, json};
use std::sync::Arc;

#[tokio::test]
async fn a_row_opens_its_entry_and_nothing_else_does() {
    let (app, _scripts) = app();
    let rows: Value = get(&app, "/d/small/panel/0.json", &[]).await.body_json().await.unwrap();
    let (time, host) = (rows["rows"][0][0].as_str().unwrap(), rows["rows"][0][1].as_str().unwrap());
    let at = infralogs_core::time::Time::parse(time, infralogs_core::time::Time::now()).unwrap().0;
    let path = |at: i64, host: &str| format!("/d/small/panel/0/entry?entry_at={at}&entry_host={host}");
    let answer: Value = get(&app, &path(at, host), &[]).await.body_json().await.unwrap();
    let names: Vec<_> = answer["columns"].as_array().unwrap().iter().map(|column| column["name"].clone()).collect();
    assert!(names.contains(&json!("message")) && names.contains(&json!("seqnum")), "{names:?}");
    // Made-up rows know no filter: what is not there is only told by the panel.
    for wrong in [path(at, host).replace("panel/0", "panel/7"), path(at, host).replace("_at", "_it")] {
        let mut answer = get(&app, &wrong, &[]).await;
        assert_eq!(answer.status(), 400, "{wrong}: {}", answer.body_string().await.unwrap());
    }
}

#[tokio::test]
async fn each_path_answers_as_it_should() {
    let (app, _scripts) = app();
    for (path, status, contains) in [
        ("/", 200, "Fleet errors"),
        ("/d/fleet", 200, "<h1>|data-facts="),
        ("/d/nowhere", 404, "no dashboard `nowhere`"),
        ("/d/<script>", 404, "no dashboard `%3Cscript%3E`"),
        ("/d/fleet.json", 200, "\"title\":\"Fleet errors\""),
        ("/d/fleet.json?last=soon", 400, "no length of time"),
        ("/d/fleet.json?tz=Nowhere/Else", 400, "no time zone"),
        ("/d/nowhere.json", 404, "no dashboard"),
        ("/d/fleet/choices/host", 200, "web-1"),
        ("/d/fleet/choices/message", 400, "offers no choice"),
        ("/d/fleet/panel/4.json", 200, "\"columns\""),
        ("/d/fleet/panel/4.csv", 200, "time,host,count\r\n"),
        ("/d/fleet/panel/99.csv", 404, ""),
        ("/d/fleet/panel/8.csv", 503, "no parser writes a table `nowhere`"),
        ("/d/nowhere/events", 404, "no dashboard"),
        ("/a/0000000000000000/app.js", 404, ""),
        ("/health", 200, "2 dashboards are served"),
        ("/metrics", 200, "infralogs_dashboard_pages"),
    ] {
        let mut answer = get(&app, path, &[]).await;
        let text = answer.body_string().await.unwrap();
        assert_eq!(u16::from(answer.status()), status, "{path}: {text}");
        assert!(contains.split('|').any(|part| text.contains(part)), "{path}: {text}");
        if matches!(path, "/health" | "/metrics") {
            continue;
        }
        let policy = answer.header("content-security-policy").map(|policy| policy.as_str().to_owned());
        assert!(policy.is_some_and(|policy| policy.contains("script-src 'self';")), "{path}: strict");
        assert_eq!(answer.header("x-content-type-options").unwrap().as_str(), "nosniff", "{path}");
    }
}

#[tokio::test]
async fn files_are_compressed_and_kept_for_ever() {
    let (app, _scripts) = app();
    let page = get(&app, "/d/fleet", &[]).await.body_string().await.unwrap();
    let paths: Vec<&str> = page.split('"').filter(|part| part.starts_with("/a/")).collect();
    assert!(paths.iter().any(|path| path.ends_with("/app.js")), "{page}");
    for path in paths {
        let answer = get(&app, path, &[("accept-encoding", "gzip, br")]).await;
        assert_eq!(answer.header("content-encoding").unwrap().as_str(), "br", "{path}");
        assert!(answer.header("cache-control").unwrap().as_str().contains("immutable"), "{path}");
        let plain = get(&app, path, &[]).await.body_bytes().await.unwrap();
        assert!(!plain.is_empty(), "{path}");
    }
}

#[tokio::test]
async fn a_page_hears_what_changes_and_nothing_twice() {
    let (app, scripts) = app();
    let mut whole = get(&app, "/d/fleet.json", &[]).await;
    let whole: Value = whole.body_json().await.unwrap();
    let revision = whole["revision"].as_str().unwrap();
    assert_eq!(whole["page"]["rows"][1][0]["title"], "Errors by host");
    assert_eq!(whole["problem"], Value::Null);

    let mut events = listen(&app, &format!("/d/fleet/events?after={revision}"), &[]).await;
    let better = Dashboard { title: "Better".into(), ..layout::fleet() };
    scripts.send_replace(generation("two", vec![Arc::new(better)]));
    let event = events.next_with("patch").await;
    assert_eq!(event["patch"]["events"][0]["new"], "Better");
    assert_eq!(event["page"]["title"], "Better");

    let rejected = Rejected { problems: vec![problem()], hash: "two".into() };
    let last_good = scripts.borrow().current.clone();
    scripts.send_replace(Layouts { current: last_good.clone(), rejected: Some(Arc::new(rejected)) });
    let event = events.next_with("problem").await;
    assert_eq!(event["problem"]["problems"][0]["line"], 7);
    let id = events.id.clone();
    scripts.send_replace(Layouts { current: last_good, rejected: None });
    assert_eq!(events.next_with("problem").await["problem"], Value::Null, "mended");

    let mut back = listen(&app, "/d/fleet/events", &[("last-event-id", &id)]).await;
    assert_eq!(back.next_with("problem").await, json!({ "problem": null }), "only what came after");
    let mut lost = listen(&app, "/d/fleet/events", &[("last-event-id", "12")]).await;
    assert_eq!(lost.next_with("reload").await, json!({ "reload": true }));
}

fn problem() -> Problem {
    Problem {
        file: "dashboards/fleet.rhai".into(),
        line: 7,
        column: 3,
        width: 4,
        what: "unknown table `lgos`".into(),
        help: Some("did you mean `logs`?".into()),
        source: "  lgos.count()".into(),
    }
}
