//! `infralogs.yaml`: where scripts, store and targets are. The only place that knows YAML.

mod targets;
mod upload;

pub use targets::{read_targets, targets_of};
pub use upload::{UploadConfig, UploadMachine, UploadTls};

use crate::{
    error::{Error, Result},
    inventory::{Asked, Target},
    plugin::Settings,
};
use serde::Deserialize;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// The largest configuration or inventory file read, in bytes.
pub const FILE_BYTES_MAX: u64 = 16 << 20;

/// Everything `infralogs.yaml` says, paths resolved against its folder.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Folders with scripts.
    pub scripts: Vec<PathBuf>,
    /// Where rows are written.
    pub store: StoreConfig,
    /// Where dashboards read, if elsewhere (a replica).
    pub read: Option<StoreConfig>,
    /// Where dashboards write how they do, if they read elsewhere: the primary, with an account that may only do that.
    pub report: Option<StoreConfig>,
    /// Where credentials come from.
    pub secrets: Option<SecretsConfig>,
    /// Where the dashboard listens.
    pub listen: String,
    /// Who may look at dashboards; `None`: everyone who reaches the address.
    pub sign_in: Option<SignIn>,
    /// Origins of other sites whose pages may show dashboards: `https://wiki.example.org`.
    pub embed: Vec<String>,
    /// Lists of targets by the name scripts use: `inventory("fleet")`.
    pub inventories: BTreeMap<String, InventoryConfig>,
    /// Who may push a journal to the collector; `None`: nobody.
    pub upload: Option<UploadConfig>,
    /// The most polls at once.
    pub polls_max: usize,
    /// The folder relative paths in scripts' `inventory("targets.yaml")` start from.
    pub folder: PathBuf,
}

/// A store: its URL chooses the plugin, the rest is the plugin's.
#[derive(Debug, Clone, PartialEq)]
pub struct StoreConfig {
    /// The plugin: the URL's scheme.
    pub plugin: String,
    /// `{"url": …, …}` for the plugin.
    pub settings: serde_json::Value,
    /// Where it was said.
    pub place: String,
}

/// Where credentials come from: a plugin by name, and what it says.
#[derive(Debug, Clone, PartialEq)]
pub struct SecretsConfig {
    /// The plugin: `vault`, `mounted`.
    pub plugin: String,
    /// The rest, for the plugin.
    pub settings: Settings,
}

impl StoreConfig {
    /// The path of the secret it logs in with, if that rotates.
    pub fn secret(&self) -> Option<&str> {
        self.settings.get("secret").and_then(|path| path.as_str())
    }
    /// What the plugin is built from.
    pub fn settings(&self) -> Settings {
        Settings { place: self.place.clone(), value: self.settings.clone(), ..Settings::default() }
    }
    /// A store by URL alone.
    pub fn of_url(url: &str, place: &str) -> Result<Self> {
        store_config(serde_json::json!({ "url": url }), place)
    }
}

/// Who may look at dashboards. At least one way is there: tokens, or a proxy.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    /// One token a line, the first two count.
    #[serde(default)]
    pub token_file: Option<PathBuf>,
    /// The same from where credentials come from, by its path there.
    #[serde(default)]
    pub token_secret: Option<String>,
    /// Secrets that sign session cookies, one a line: the first signs, the first two are accepted. Left out: a random
    /// one, so that sessions end with the program.
    #[serde(default)]
    pub cookie_keys_file: Option<PathBuf>,
    /// The same from where credentials come from, by its path there.
    #[serde(default)]
    pub cookie_keys_secret: Option<String>,
    /// A proxy that has asked who it is.
    #[serde(default)]
    pub proxy: Option<SignInProxy>,
}

/// A proxy in front that says who asks.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignInProxy {
    /// The header with the user's name.
    pub header: String,
    /// The addresses or networks the proxy asks from; from anywhere else the header says nothing.
    pub from: Vec<String>,
}

/// A list of targets, the file that holds it, or the plugin that knows it.
#[derive(Debug, Clone, PartialEq)]
pub enum InventoryConfig {
    /// Listed in infralogs.yaml itself.
    List(Vec<Target>),
    /// A YAML or JSON file, read again when it changes.
    File(PathBuf),
    /// Asked of an inventory plugin: `{plugin: dns, …}`.
    Asked(Asked),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    #[serde(default)]
    scripts: Option<OneOrMany>,
    #[serde(default)]
    store: Option<serde_json::Value>,
    #[serde(default)]
    read: Option<serde_json::Value>,
    #[serde(default)]
    report: Option<serde_json::Value>,
    #[serde(default)]
    secrets: Option<serde_json::Map<String, serde_json::Value>>,
    #[serde(default)]
    listen: Option<String>,
    #[serde(default)]
    sign_in: Option<SignIn>,
    #[serde(default)]
    embed: Vec<String>,
    #[serde(default)]
    inventories: BTreeMap<String, serde_json::Value>,
    #[serde(default)]
    upload: Option<serde_json::Value>,
    #[serde(default)]
    limits: Limits,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct Limits {
    polls: Option<usize>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(PathBuf),
    Many(Vec<PathBuf>),
}

impl Config {
    /// What holds with no file at all: SQLite in `data`, scripts from `scripts`, the page on the loopback.
    pub fn built_in(scripts: Vec<PathBuf>, data: &Path) -> Result<Self> {
        let url = format!("sqlite://{}", data.join("infralogs.db").display());
        Ok(Self {
            scripts,
            store: StoreConfig::of_url(&url, "--data")?,
            read: None,
            report: None,
            secrets: None,
            listen: "127.0.0.1:8080".into(),
            sign_in: None,
            embed: Vec::new(),
            inventories: BTreeMap::new(),
            upload: None,
            polls_max: 64,
            folder: PathBuf::from("."),
        })
    }

    /// Reads and checks a file. Every mistake names the file and, where YAML knows it, the line.
    pub fn load(path: &Path) -> Result<Self> {
        let place = path.display().to_string();
        let raw: Raw = read_yaml(path)?;
        let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned();
        let scripts = match raw.scripts {
            None => vec![PathBuf::from("scripts")],
            Some(OneOrMany::One(one)) => vec![one],
            Some(OneOrMany::Many(many)) => many,
        };
        let store = raw.store.unwrap_or_else(|| serde_json::json!("sqlite://data/infralogs.db"));
        let store_at =
            |value, key: &str| store_config(value, &format!("{place}: {key}")).map(|config| in_folder(config, &folder));
        let inventories = raw
            .inventories
            .into_iter()
            .map(|(name, value)| {
                let here = format!("{place}: inventories.{name}");
                Ok((name, inventory_config(value, &folder, &here)?))
            })
            .collect::<Result<_>>()?;
        Ok(Self {
            scripts: scripts.iter().map(|dir| folder.join(dir)).collect(),
            store: store_at(store, "store")?,
            read: raw.read.map(|read| store_at(read, "read")).transpose()?,
            report: raw.report.map(|report| store_at(report, "report")).transpose()?,
            secrets: raw
                .secrets
                .map(|secrets| secrets_config(secrets, &folder, &format!("{place}: secrets")))
                .transpose()?,
            listen: raw.listen.unwrap_or_else(|| "127.0.0.1:8080".into()),
            sign_in: raw.sign_in.map(|said| sign_in(said, &folder, &format!("{place}: sign_in"))).transpose()?,
            embed: raw.embed,
            inventories,
            upload: raw
                .upload
                .map(|said| UploadConfig::read(said, &folder, &format!("{place}: upload")))
                .transpose()?,
            polls_max: raw.limits.polls.unwrap_or(64).clamp(1, 10_000),
            folder,
        })
    }
}

/// A typed YAML file; unknown keys are errors with a suggestion.
pub(crate) fn read_yaml<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T> {
    let place = path.display().to_string();
    let size = std::fs::metadata(path).map_err(|error| cannot_read(&place, error))?.len();
    if size > FILE_BYTES_MAX {
        return Err(Error::invalid(format!("the file has {size} bytes; at most {FILE_BYTES_MAX} are read")).at(place));
    }
    let text = std::fs::read_to_string(path).map_err(|error| cannot_read(&place, error))?;
    let text = if text.trim().is_empty() { "{}" } else { &text };
    serde_yaml::from_str(text).map_err(|error| yaml_error(&error, &place))
}

fn cannot_read(place: &str, error: std::io::Error) -> Error {
    Error::invalid("cannot read the file").at(place).because(error).help("check the path and its permissions")
}

fn yaml_error(error: &serde_yaml::Error, place: &str) -> Error {
    let full = error.to_string();
    let (place, what) = match error.location() {
        Some(spot) => (
            format!("{place}:{}:{}", spot.line(), spot.column()),
            full.split(" at line ").next().unwrap_or(&full).to_owned(),
        ),
        None => (place.to_owned(), full),
    };
    let mut said = Error::invalid(what.clone()).at(place);
    if let Some((unknown, known)) = what.split_once(", expected ") {
        let mut quoted = known.split('`').skip(1).step_by(2);
        let wrong = unknown.split('`').nth(1).unwrap_or_default();
        if let Some(near) = quoted.find(|known| strsim::damerau_levenshtein(known, wrong) <= 2) {
            said = Error { what: unknown.to_owned(), ..said }.help(format!("did you mean `{near}`?"));
        }
    }
    said
}

/// A URL alone, or `{url, …}`.
fn store_config(value: serde_json::Value, place: &str) -> Result<StoreConfig> {
    let settings = match value {
        serde_json::Value::String(url) => serde_json::json!({ "url": url }),
        map @ serde_json::Value::Object(_) => map,
        _ => return Err(Error::invalid("a store is a URL, or a map with a `url`").at(place)),
    };
    let url = settings.get("url").and_then(|url| url.as_str()).unwrap_or_default();
    let Some((plugin, _)) = url.split_once("://") else {
        return Err(Error::invalid("the store has no URL")
            .at(place)
            .help("write sqlite://data/infralogs.db or mysql://user@host:3306/infralogs"));
    };
    Ok(StoreConfig { plugin: plugin.to_owned(), settings, place: place.to_owned() })
}

/// At least one way in; relative paths start at the configuration's folder.
fn sign_in(said: SignIn, folder: &Path, place: &str) -> Result<SignIn> {
    if said.token_file.is_none() && said.token_secret.is_none() && said.proxy.is_none() {
        return Err(Error::invalid("nobody could sign in")
            .at(place)
            .help("add `token_file`, `token_secret` or `proxy`"));
    }
    for (file, secret, name) in [
        (said.token_file.is_some(), said.token_secret.is_some(), "token"),
        (said.cookie_keys_file.is_some(), said.cookie_keys_secret.is_some(), "cookie_keys"),
    ] {
        if file && secret {
            let what = format!("`{name}_file` and `{name}_secret` say the same thing");
            return Err(Error::invalid(what).at(place).help("keep one of the two"));
        }
    }
    let resolve = |file: Option<PathBuf>| file.map(|file| folder.join(file));
    Ok(SignIn {
        token_file: resolve(said.token_file.clone()),
        cookie_keys_file: resolve(said.cookie_keys_file.clone()),
        ..said
    })
}

/// `{plugin: vault, …}`: the name, and what is said to it.
fn plugin_of(
    mut said: serde_json::Map<String, serde_json::Value>,
    folder: &Path,
    place: &str,
    known: &str,
) -> Result<(String, Settings)> {
    let Some(serde_json::Value::String(plugin)) = said.remove("plugin") else {
        return Err(Error::invalid("no plugin is named here").at(place).help(known));
    };
    Ok((plugin, Settings { place: place.to_owned(), value: said.into(), folder: folder.into() }))
}

fn secrets_config(
    said: serde_json::Map<String, serde_json::Value>,
    folder: &Path,
    place: &str,
) -> Result<SecretsConfig> {
    let (plugin, settings) = plugin_of(said, folder, place, "write `plugin: vault` or `plugin: mounted`")?;
    Ok(SecretsConfig { plugin, settings })
}

/// Relative paths of files start at the configuration's folder.
fn in_folder(mut store: StoreConfig, folder: &Path) -> StoreConfig {
    if let Some(map) = store.settings.as_object_mut() {
        for (key, value) in map {
            let Some(text) = value.as_str() else { continue };
            if key.ends_with("_file") {
                *value = folder.join(text).display().to_string().into();
            } else if let Some(path) = text.strip_prefix("sqlite://").filter(|_| key == "url") {
                *value = format!("sqlite://{}", folder.join(path).display()).into();
            }
        }
    }
    store
}

fn inventory_config(value: serde_json::Value, folder: &Path, place: &str) -> Result<InventoryConfig> {
    match value {
        serde_json::Value::String(file) => Ok(InventoryConfig::File(folder.join(file))),
        serde_json::Value::Object(said) => {
            let known = "write `plugin: dns` or `plugin: kubernetes`, a list of targets, or the name of a file";
            let (plugin, settings) = plugin_of(said, folder, place, known)?;
            Ok(InventoryConfig::Asked(Asked { plugin, settings }))
        }
        list => Ok(InventoryConfig::List(targets_of(list, folder, place)?)),
    }
}
