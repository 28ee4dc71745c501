//! `infralogs serve --preview`: every shipped layout on made-up rows that a person can believe, edits followed, nothing kept.

mod parts;

use parts::{
    ask::ask,
    copy_scripts, free_port,
    program::{Program, infralogs, run},
    wait_for,
};
use serde_json::Value;
use std::{collections::BTreeSet, fs};

/// A preview that runs.
struct Preview {
    base: String,
    _program: Program,
}

impl Preview {
    fn json(&self, path: &str) -> Value {
        let (status, body) = ask(&format!("{}{path}", self.base), &[]);
        assert_eq!(status, 200, "{path}: {body}");
        serde_json::from_str(&body).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// All panels of a dashboard with the rows that they show.
    fn panels(&self, name: &str) -> Vec<(String, Value, Value)> {
        let page = self.json(&format!("/d/{name}.json"));
        let rows = page["page"]["rows"].as_array().expect("rows").iter().filter_map(Value::as_array).flatten();
        let drawn = rows.map(|panel| {
            let rows = self.json(&format!("/d/{name}/panel/{}.json", panel["index"]));
            (panel["title"].as_str().unwrap_or_default().to_owned(), panel.clone(), rows)
        });
        drawn.collect()
    }
}

#[test]
fn layouts_are_shown_on_made_up_rows() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    let scripts = copy_scripts(here);
    let listen = format!("127.0.0.1:{}", free_port());
    let mut program =
        Program::start(&infralogs(), &["serve", "--preview", "--scripts", "scripts", "--listen", &listen], here);
    program.wait_for(&format!("http://{listen}"));
    let preview = Preview { base: format!("http://{listen}"), _program: program };

    for name in ["fleet", "health", "web"] {
        for (title, panel, rows) in preview.panels(name) {
            assert_eq!(panel["trouble"], Value::Null, "{name}: {title}");
            assert!(!rows["rows"].as_array().expect("rows").is_empty(), "{name}: {title} shows something");
        }
    }

    let fleet = preview.panels("fleet");
    let find = |wanted: &str| &fleet.iter().find(|(title, ..)| title == wanted).expect("the panel").2;
    let column = |rows: &Value, name: &str| -> Vec<Value> {
        let at = rows["columns"].as_array().and_then(|all| all.iter().position(|column| column["name"] == name));
        let at = at.unwrap_or_else(|| panic!("a column {name} in {}", rows["columns"]));
        rows["rows"].as_array().expect("rows").iter().map(|row| row[at].clone()).collect()
    };
    let over_time = find("Errors by host");
    let hosts: BTreeSet<String> = column(over_time, "host").iter().map(Value::to_string).collect();
    assert_eq!(find("Hosts seen")["rows"][0][0], hosts.len(), "as many hosts as there are: {hosts:?}");
    let sum: i64 = column(over_time, "count").iter().filter_map(Value::as_i64).sum();
    let total = find("Errors")["rows"][0][0].as_i64().expect("a count");
    assert!(total > sum / 2 && total < sum * 2, "about what its parts add up to: {total}, {sum}");
    for level in column(find("Latest errors"), "level") {
        assert!(["error", "critical", "alert", "emerg"].contains(&level.as_str().unwrap_or_default()), "{level}");
    }
    for (used, all) in column(find("Storage"), "used_bytes").iter().zip(column(find("Storage"), "total_bytes")) {
        assert!(used.as_i64() < all.as_i64(), "{used} of {all}");
    }

    let failed = find("Failed units");
    let ended: BTreeSet<(String, String)> = column(failed, "code")
        .iter()
        .zip(column(failed, "status"))
        .map(|(a, b)| (a.to_string(), b.to_string()))
        .collect();
    let may =
        [("\"exited\"", "1"), ("\"killed\"", "9"), ("\"killed\"", "15")].map(|(a, b)| (a.to_owned(), b.to_owned()));
    assert!(ended.iter().all(|end| may.contains(end)), "as units of systemd end: {ended:?}");
    assert!(column(failed, "unit").len() < 10, "most units are well: {failed}");

    // What is asked for is what is shown: by the layout's own filters, and by a reader's picks.
    let health = preview.panels("health");
    let of = |wanted: &str| &health.iter().find(|(title, ..)| title == wanted).expect("the panel").2;
    assert_eq!(column(of("Machines late or failing"), "host"), ["cache-1"]);
    assert_eq!(of("Late or failing")["rows"][0][0], 1);
    for (title, panel, _) in &fleet {
        let rows = preview.json(&format!("/d/fleet/panel/{}.json?host=web-2", panel["index"]));
        let has_host = rows["columns"].as_array().is_some_and(|all| all.iter().any(|column| column["name"] == "host"));
        let hosts = if has_host { column(&rows, "host") } else { Vec::new() };
        assert!(hosts.iter().all(|host| host == "web-2"), "{title} is narrowed by a pick: {hosts:?}");
    }

    // An edit is followed; a mistake stands over the last good page.
    let file = scripts.join("dashboards/fleet.rhai");
    let text = fs::read_to_string(&file).expect("the layout");
    fs::write(&file, text.replace(".title(\"Fleet\")", ".title(\"Edited\")")).expect("written");
    wait_for("the edit", || (preview.json("/d/fleet.json")["page"]["title"] == "Edited").then_some(()));
    fs::write(&file, text.replace("logs.where", "lgos.where")).expect("written");
    let problem = wait_for("the mistake", || {
        let page = preview.json("/d/fleet.json");
        page["problem"]["problems"][0]["what"].as_str().map(str::to_owned)
    });
    assert!(problem.contains("lgos"), "{problem}");
    let entries: BTreeSet<_> =
        fs::read_dir(here).expect("the folder").flatten().map(|entry| entry.file_name()).collect();
    let kept = entries.iter().filter(|name| *name != "scripts" && !name.to_string_lossy().ends_with(".log"));
    assert_eq!(kept.count(), 0, "nothing is kept: {entries:?}");
}

#[test]
fn a_preview_has_no_configuration() {
    let folder = tempfile::tempdir().expect("a folder");
    let said = run(&["serve", "--preview", "--config", "infralogs.yaml"], folder.path());
    let text = String::from_utf8_lossy(&said.stderr);
    assert!(said.status.code() == Some(2) && text.contains("--preview"), "{text}");
}
