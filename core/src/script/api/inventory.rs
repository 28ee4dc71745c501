//! Whom a schedule polls: `inventory(…)`, `dns(…)`, `kubernetes(…)`, a list, or a function that gives one.

use super::{
    super::{closure::TargetsClosure, source::Place},
    Broken,
    schedule::ScheduleRef,
    shelf::Shelf,
    take::{Call, describe, text},
};
use crate::{
    inventory::{Asked, Target, Targets, TargetsFn, TokenFrom},
    plugin::Settings,
};
use rhai::{Array, Dynamic, Map, NativeCallContext};
use serde_json::{Value, json};
use std::sync::Arc;

/// `inventory("fleet")`, `dns("…")`, `kubernetes("…")`.
#[derive(Clone)]
struct Inventory(Targets);

pub(super) fn register(shelf: &mut Shelf) {
    shelf.module.set_custom_type::<Inventory>("Inventory");
    shelf.add(
        "inventory",
        &["name: String"],
        "Targets listed elsewhere: under `inventories` in infralogs.yaml, or in a YAML or JSON file \
         beside it.",
        r#"inventory("fleet")"#,
        |context: NativeCallContext<'_>, name: Dynamic| match Call::of(&context).text(0, &name) {
            Some(name) => Dynamic::from(Inventory(Targets::Inventory(name.to_string()))),
            None => Broken.into_dynamic(),
        },
    );
    shelf.add(
        "dns",
        &["name: String", "settings: Map"],
        "Targets by DNS, resolved again while it runs: each address of a name, or each host of an SRV name \
         (it begins with `_`). The settings, such as `token_file`, may be left out.",
        r#"dns("agents.infra.svc:7070", #{ token_file: "tokens/agents" })"#,
        |context: NativeCallContext<'_>, name: Dynamic, settings: Dynamic| {
            asked(&Call::of(&context), "dns", "name", &name, Some(&settings))
        },
    );
    shelf.also("dns", |context: NativeCallContext<'_>, name: Dynamic| {
        asked(&Call::of(&context), "dns", "name", &name, None)
    });
    shelf.add(
        "kubernetes",
        &["selector: String", "settings: Map"],
        "Targets in the cluster it runs in: the pods that a label selector chooses, watched. The settings, such \
         as `namespace`, `port` and `token_file`, may be left out.",
        r#"kubernetes("app=infralogs-agent", #{ namespace: "logging" })"#,
        |context: NativeCallContext<'_>, selector: Dynamic, settings: Dynamic| {
            asked(&Call::of(&context), "kubernetes", "selector", &selector, Some(&settings))
        },
    );
    shelf.also("kubernetes", |context: NativeCallContext<'_>, selector: Dynamic| {
        asked(&Call::of(&context), "kubernetes", "selector", &selector, None)
    });
    shelf.add(
        "targets",
        &["schedule: Schedule", "targets: Inventory | Array | FnPtr"],
        "Whom it polls: an inventory, a list of addresses or maps with `name`, `url`, `token_file` or \
         `secret`, `labels`, or a function that gives such a list and is called every few seconds.",
        r#".targets(["http://web-1:7070", #{ name: "db-1", url: "http://10.0.0.7:7070", token_file: "tokens/db-1" }])"#,
        |context: NativeCallContext<'_>, schedule: ScheduleRef, list: Dynamic| {
            let call = Call::of(&context);
            let targets = targets(&call, &list);
            schedule.with(|draft| {
                draft.targets_at = call.argument(0);
                targets.into_iter().for_each(|targets| draft.schedule.targets = targets);
            })
        },
    );
}

/// What is asked of an inventory plugin: its first setting stands alone, the others in a map.
fn asked(call: &Call, plugin: &str, first: &str, value: &Dynamic, settings: Option<&Dynamic>) -> Dynamic {
    let Some(value) = call.text(0, value) else { return Broken.into_dynamic() };
    let settings = match settings.map(json_of) {
        None => json!({}),
        Some(Ok(map @ Value::Object(_))) => map,
        Some(other) => {
            let got = other.err().unwrap_or_else(|| "something else".into());
            call.wrong(1, format!("`{plugin}` takes a map of settings, not {got}"), "write `#{ port: 7070 }`");
            return Broken.into_dynamic();
        }
    };
    let mut settings = settings;
    settings[first] = value.as_str().into();
    let place = call.place().as_ref().map(Place::to_string).unwrap_or_default();
    let settings = Settings { place, value: settings, ..Settings::default() };
    Dynamic::from(Inventory(Targets::Asked(Asked { plugin: plugin.into(), settings })))
}

/// A script's value as settings have it; else what it is.
fn json_of(value: &Dynamic) -> Result<Value, String> {
    if let Some(map) = value.read_lock::<Map>() {
        let members = map.iter().map(|(name, value)| Ok((name.to_string(), json_of(value)?)));
        return members.collect::<Result<_, String>>().map(Value::Object);
    }
    if let Some(list) = value.read_lock::<Array>() {
        return list.iter().map(json_of).collect::<Result<_, _>>().map(Value::Array);
    }
    if let Some(text) = text(value) {
        return Ok(text.as_str().into());
    }
    let int = value.as_int().map(Value::from);
    int.or_else(|_| value.as_bool().map(Value::from)).map_err(|_| describe(value))
}

fn targets(call: &Call, list: &Dynamic) -> Option<Targets> {
    if let Some(inventory) = list.read_lock::<Inventory>() {
        return Some(inventory.0.clone());
    }
    if list.is::<Broken>() {
        return None;
    }
    if list.is_fnptr() {
        let closure = TargetsClosure::new(call.sheet()?, call.closure(0, list)?, &call.argument(0)?)?;
        return Some(Targets::Function(TargetsFn(Arc::new(move || closure.targets()))));
    }
    let Some(items) = list.read_lock::<Array>() else {
        let what = format!("`targets` takes an inventory, a list or a function, not {}", describe(list));
        call.wrong(0, what, "write `inventory(\"fleet\")` or `[\"http://web-1:7070\"]`");
        return None;
    };
    let read = |item| target(item).map_err(|wrong| wrong.record(call)).ok();
    items.iter().map(read).collect::<Option<Vec<_>>>().map(Targets::List)
}

/// What is wrong with one target of a list.
pub(in super::super) struct Wrong {
    word: Option<String>,
    pub what: String,
    pub help: String,
}

impl Wrong {
    fn new(what: impl Into<String>, help: &str) -> Self {
        Self { word: None, what: what.into(), help: help.into() }
    }
    /// A value that is no text; nothing more is said of one whose reason was reported where it arose.
    fn kind(wanted: &str, got: &Dynamic) -> Self {
        let known = got.is::<Broken>();
        Self::new(if known { String::new() } else { format!("`targets` takes {wanted}, not {}", describe(got)) }, "")
    }
    fn record(self, call: &Call) {
        match self.word {
            _ if self.what.is_empty() => {}
            Some(word) => call.wrong_word(0, &word, self.what, self.help),
            None => call.wrong(0, self.what, self.help),
        }
    }
}

/// `"http://web-1:7070"` or `#{ name: "web-1", url: "…", token_file: "…", labels: #{ … } }`.
pub(in super::super) fn target(item: &Dynamic) -> Result<Target, Wrong> {
    if let Some(map) = item.read_lock::<Map>() {
        return target_map(&map);
    }
    let wanted = "addresses such as `\"http://web-1:7070\"`, or maps";
    let url = text(item).ok_or_else(|| Wrong::kind(wanted, item))?;
    let url = if url.contains("://") { url.to_string() } else { format!("http://{url}") };
    Ok(Target { name: host_of(&url).into(), url, ..Target::default() })
}

fn target_map(map: &Map) -> Result<Target, Wrong> {
    let known = ["name", "url", "token_file", "secret", "labels"];
    let mut target = Target::default();
    for (key, value) in map {
        let text = || text(value).ok_or_else(|| Wrong::kind(&format!("a text as `{key}`"), value));
        match key.as_str() {
            "name" => target.name = text()?.as_str().into(),
            "url" => target.url = text()?.to_string(),
            "token_file" => target.token = TokenFrom::File(text()?.to_string()),
            "secret" => target.token = TokenFrom::Secret(text()?.to_string()),
            "labels" => {
                let labels = value.read_lock::<Map>().map(|labels| labels.clone()).unwrap_or_default();
                target.labels = labels.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
            }
            other => {
                let help = crate::suggest::hint(other, "a target has", known);
                let what = format!("a target has no `{other}`");
                return Err(Wrong { word: Some(other.to_owned()), what, help });
            }
        }
    }
    if target.url.is_empty() {
        let help = "write `#{ name: \"web-1\", url: \"http://web-1:7070\" }`";
        return Err(Wrong::new("this target has no `url`", help));
    }
    if target.name.is_empty() {
        target.name = host_of(&target.url).into();
    }
    Ok(target)
}

/// `web-1` for `http://web-1:7070`; the port stays if it is not the usual one.
fn host_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let host = rest.split('/').next().unwrap_or(rest);
    host.strip_suffix(":7070").unwrap_or(host)
}
