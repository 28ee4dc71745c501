//! Lists of targets, in infralogs.yaml or a file of their own.

use super::read_yaml;
use crate::{
    error::{Error, Result},
    inventory::{Direct, TARGETS_MAX, Target, TokenFrom},
    plugin::Settings,
};
use serde::Deserialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawAgent {
    name: Option<String>,
    url: String,
    #[serde(default)]
    token_file: Option<String>,
    #[serde(default)]
    secret: Option<String>,
    #[serde(default)]
    labels: BTreeMap<String, String>,
}

/// A source that is read in this process. What else it says is its plugin's.
#[derive(Deserialize)]
struct RawDirect {
    name: String,
    source: String,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(flatten)]
    settings: serde_json::Map<String, serde_json::Value>,
}

/// The targets of a YAML or JSON file: a list of `{name, url, token_file | secret, labels}` for agents and
/// `{name, source, …}` for other sources.
pub fn read_targets(path: &Path) -> Result<Vec<Target>> {
    let place = path.display().to_string();
    let list: Vec<serde_json::Value> = read_yaml(path)?;
    checked(list, path.parent().unwrap_or(Path::new(".")), &place)
}

/// The targets of a list that stands in another file.
pub fn targets_of(list: serde_json::Value, folder: &Path, place: &str) -> Result<Vec<Target>> {
    let list: Vec<serde_json::Value> = serde_json::from_value(list).map_err(|error| unreadable(&error, place))?;
    checked(list, folder, place)
}

fn unreadable(error: &serde_json::Error, place: &str) -> Error {
    Error::invalid(error.to_string())
        .at(place)
        .help("list targets as `- {name: web-1, url: \"http://web-1:7070\", token_file: tokens/web-1}`")
}

fn checked(list: Vec<serde_json::Value>, folder: &Path, place: &str) -> Result<Vec<Target>> {
    if list.len() > TARGETS_MAX {
        return Err(Error::invalid(format!("{} targets; at most {TARGETS_MAX} in one list", list.len())).at(place));
    }
    let mut names = BTreeSet::new();
    let mut targets = Vec::with_capacity(list.len());
    for raw in list {
        let target = target(raw, folder, place)?;
        if !names.insert(target.name.clone()) {
            return Err(Error::invalid(format!("target `{}` is listed twice", target.name)).at(place));
        }
        targets.push(target);
    }
    Ok(targets)
}

fn target(raw: serde_json::Value, folder: &Path, place: &str) -> Result<Target> {
    if raw.get("source").is_some() {
        let raw: RawDirect = serde_json::from_value(raw).map_err(|error| unreadable(&error, place))?;
        let place = format!("{place}: {}", raw.name);
        let settings = Settings { place, value: raw.settings.into(), folder: folder.into() };
        let direct = Direct { plugin: raw.source, settings };
        return Ok(Target { name: raw.name.into(), labels: raw.labels, direct: Some(direct), ..Target::default() });
    }
    agent(serde_json::from_value(raw).map_err(|error| unreadable(&error, place))?, folder, place)
}

fn agent(raw: RawAgent, folder: &Path, place: &str) -> Result<Target> {
    let url = raw.url.trim_end_matches('/').to_owned();
    let Some(rest) = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://")) else {
        return Err(Error::invalid(format!("target `{}` has no http:// or https:// URL", url.escape_debug())).at(place));
    };
    if rest.contains('@') {
        return Err(Error::invalid("a target's URL carries a user or password")
            .at(place)
            .help("use `token_file` or `secret`"));
    }
    let token = match (raw.token_file, raw.secret) {
        (Some(_), Some(_)) => {
            return Err(Error::invalid("a target has both `token_file` and `secret`").at(place).help("keep one"));
        }
        (Some(file), None) => TokenFrom::File(folder.join(file).display().to_string()),
        (None, Some(path)) => TokenFrom::Secret(path),
        (None, None) => TokenFrom::Open,
    };
    let name = raw.name.unwrap_or_else(|| rest.split(['/', ':']).next().unwrap_or(rest).to_owned());
    Ok(Target { name: name.into(), url, token, labels: raw.labels, direct: None })
}
