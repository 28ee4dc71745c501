//! The two oracles every document must satisfy: Python's Bokeh and BokehJS in a browser, each of the pinned version.
//!
//! They are installed below `target` when the tests first run (venv and npm). Chromium must be there;
//! `INFRALOGS_CHROMIUM` says where if it is not `/usr/bin/chromium`.

mod scenes;

use infralogs_core::{
    dashboard::Answer,
    plugin::{Renderer, Theme},
};
use scenes::Sample;
use serde_json::{Value, json};
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Arc, OnceLock},
};

/// The folder of the test's own scripts.
fn oracle() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracle")
}

/// The folder with both oracles installed.
fn tools() -> &'static Path {
    static TOOLS: OnceLock<PathBuf> = OnceLock::new();
    TOOLS.get_or_init(|| {
        let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
        let tools = target.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target")).join("oracle");
        let status = Command::new(oracle().join("setup.sh")).arg(&tools).status().expect("a shell");
        assert!(status.success(), "the oracles could not be installed; see the output above");
        tools
    })
}

/// Runs a command that prints one JSON object.
fn run(command: &mut Command) -> Value {
    let output = command.stderr(Stdio::inherit()).output().expect("the oracle starts");
    assert!(output.status.success(), "the oracle failed; see the output above");
    serde_json::from_slice(&output.stdout).expect("JSON from the oracle")
}

/// Every sample by name, in both themes.
fn samples() -> Vec<(String, Theme, Sample)> {
    let empty = Answer::Rows(Arc::default());
    let trouble = Answer::Trouble("The table `logs` is not there yet".into());
    let all = |theme: Theme, word: &str| {
        [
            (format!("gallery-{word}"), theme, scenes::gallery()),
            (format!("empty-{word}"), theme, scenes::without_data(&empty)),
            (format!("trouble-{word}"), theme, scenes::without_data(&trouble)),
            (format!("hostile-{word}"), theme, scenes::hostile()),
        ]
    };
    all(Theme::Dark, "dark").into_iter().chain(all(Theme::Light, "light")).collect()
}

#[test]
fn python_loads_validates_and_writes_back_unchanged() {
    let folder = tempfile::tempdir().expect("a folder");
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/models_all_compact.json");
    let mut command = Command::new(tools().join("venv/bin/python"));
    command.arg(oracle().join("roundtrip.py")).arg(schema);
    for (name, theme, sample) in samples() {
        let file = folder.path().join(format!("{name}.json"));
        fs::write(&file, sample.render(theme).json.to_string()).expect("written");
        command.arg(file);
    }
    let report = run(&mut command);
    for (file, found) in report.as_object().expect("one entry per file") {
        assert_eq!(found, &json!([]), "{file}");
    }
}

#[test]
fn python_reads_the_same_from_packed_columns() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = Command::new(tools().join("venv/bin/python"));
    command.arg(oracle().join("unpack.py"));
    for (name, theme, sample) in samples() {
        let document = sample.render(theme);
        for (end, json) in [("lists", document.json.clone()), ("packed", infralogs_bokeh::Bokeh.packed(&document))] {
            let file = folder.path().join(format!("{name}.{end}.json"));
            fs::write(&file, json.to_string()).expect("written");
            command.arg(file);
        }
    }
    let report = run(&mut command);
    for (file, found) in report.as_object().expect("one entry per file") {
        assert_eq!(found["differ"], json!([]), "{file}");
        let arrays = found["arrays"].as_u64().expect("a number");
        assert!(!file.contains("gallery") || arrays > 20, "{file}: only {arrays} columns are packed");
    }
}

#[test]
fn a_browser_draws_without_a_word_and_patches_to_the_same() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: String, value: &Value| {
        let file = folder.path().join(name);
        fs::write(&file, value.to_string()).expect("written");
        file
    };
    let mut tasks = Vec::new();
    for (name, theme, sample) in samples() {
        let document = write(format!("{name}.json"), &sample.page(theme));
        let theme = if theme == Theme::Dark { "dark" } else { "light" };
        tasks.push(json!({"name": name, "document": document, "theme": theme, "hover": "errors-by-host"}));
    }
    let patches = scenes::patches();
    for (name, from, to) in &patches {
        let patch = infralogs_bokeh::Bokeh.patch(&from.render(Theme::Dark), &to.render(Theme::Dark));
        let patch = write(format!("{name}.patch.json"), &patch.unwrap_or_else(|| panic!("no patch: {name}")));
        let document = write(format!("{name}.json"), &from.page(Theme::Dark));
        tasks.push(json!({"name": name, "document": document, "theme": "dark", "patch": patch}));
        let document = write(format!("{name}.to.json"), &to.page(Theme::Dark));
        tasks.push(json!({"name": format!("{name} anew"), "document": document, "theme": "dark",
                          "patch": write(format!("{name}.none.json"), &json!({"events": []}))}));
    }
    let tasks_file = write("tasks.json".into(), &json!(tasks));
    let report = run(Command::new("node").arg(oracle().join("draw.mjs")).arg(tools()).arg(tasks_file));
    for task in &tasks {
        let name = task["name"].as_str().expect("a name");
        let said = &report[name];
        let loud = said["messages"].as_array().expect("messages").iter().filter(|message| !is_quiet(message));
        assert_eq!(loud.collect::<Vec<_>>(), Vec::<&Value>::new(), "{name}");
        assert_eq!(said["texts"]["hostile"], json!([]), "{name}");
        let page: Value =
            serde_json::from_slice(&fs::read(task["document"].as_str().expect("a file")).expect("read")).expect("JSON");
        assert_eq!(
            said["roots"].as_array().map(Vec::len),
            page["layout"].as_array().map(Vec::len),
            "{name}: not drawn"
        );
    }
    for (name, ..) in &patches {
        let anew = &report[format!("{name} anew")]["patched"];
        assert_eq!(models(&report[*name]["patched"]), models(anew), "{name}: the patched document differs");
    }
    let hover = report["gallery-dark"]["hover"].to_string();
    assert!(["web-1", "web-2", "db-1", "Mon"].iter().all(|word| hover.contains(word)), "{hover}");
}

#[test]
fn panels_with_the_same_moments_send_them_once() {
    let (before, after) = (scenes::gallery().render(Theme::Dark), scenes::later().render(Theme::Dark));
    assert!(before.json.to_string().contains("shared/every/300"), "no panels share their moments");
    let patch = infralogs_bokeh::Bokeh.patch(&before, &after).expect("a patch");
    let streamed = patch["events"]
        .as_array()
        .expect("events")
        .iter()
        .filter(|event| event["kind"] == "ColumnsStreamed" && event["model"]["id"] == "shared/every/300/data");
    assert_eq!(streamed.count(), 1, "{patch}");
}

/// What BokehJS always says.
fn is_quiet(message: &Value) -> bool {
    message.as_str().is_some_and(|text| text.starts_with("info: [bokeh 3.9.2] document idle"))
}

/// A document's models by id; those without an id of ours are BokehJS' own.
fn models(document: &Value) -> std::collections::BTreeMap<String, Value> {
    fn collect(value: &Value, found: &mut std::collections::BTreeMap<String, Value>) -> Value {
        match value {
            Value::Array(items) => items.iter().map(|item| collect(item, found)).collect(),
            Value::Object(members) if members.get("type") == Some(&json!("object")) && members.contains_key("id") => {
                let id = members["id"].as_str().unwrap_or_default().to_owned();
                let mut attributes = collect(members.get("attributes").unwrap_or(&json!({})), found);
                if let Some(attributes) = attributes.as_object_mut() {
                    attributes.retain(|_, value| !is_made_by_default(value));
                }
                found.insert(id.clone(), json!({"name": members["name"], "attributes": attributes}));
                json!({"id": id})
            }
            Value::Object(members) => {
                Value::Object(members.iter().map(|(name, value)| (name.clone(), collect(value, found))).collect())
            }
            plain => plain.clone(),
        }
    }
    fn is_made_by_default(value: &Value) -> bool {
        value.get("id").and_then(Value::as_str).is_some_and(is_own_id)
    }
    fn is_own_id(id: &str) -> bool {
        id.strip_prefix('p').is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit()))
    }
    let mut found = std::collections::BTreeMap::new();
    collect(&document["roots"], &mut found);
    found.retain(|id, _| !is_own_id(id) && id != "time");
    found
}
