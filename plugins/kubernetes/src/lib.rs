//! Finds agents in the cluster it runs in: pods or endpoints by label, listed once and then watched.

mod api;
mod object;

use api::{Api, Event, Watch};
use infralogs_core::{
    error::{Error, Kind, Result},
    inventory::{AGENT_PORT, Reach, Target},
    plugin::{Build, Inventory, Later, Plugin, Settings},
};
use object::Shape;
use serde::Deserialize;
use std::{
    collections::BTreeMap,
    path::PathBuf,
    time::{Duration, Instant},
};
use tokio::time::timeout;

/// This plugin.
pub static PLUGIN: Plugin = Plugin {
    name: "kubernetes",
    about: "Finds agents in the cluster it runs in: pods or endpoints by label, watched.",
    sample: include_str!("../sample.yaml"),
    build: Build::Inventory(|settings| Ok(Box::new(Kubernetes::new(settings)?))),
};

/// The longest one question waits for a change.
const WAIT: Duration = Duration::from_secs(30);
/// Changes that follow each other this closely are told together.
const QUIET: Duration = Duration::from_millis(200);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Chosen {
    /// `app=infralogs-agent`, as `kubectl get pods -l` takes it.
    selector: String,
    /// Left out: the namespace it runs in; `*`: all.
    #[serde(default)]
    namespace: Option<String>,
    #[serde(default)]
    kind: object::Kind,
    #[serde(default)]
    name: object::NameOf,
    /// Where agents listen.
    #[serde(default)]
    port: Option<u16>,
    /// Labels of the objects that become labels of the targets.
    #[serde(default)]
    labels: Vec<String>,
    /// The API server and the account's files; left out: as every pod finds them.
    #[serde(default)]
    api: Option<String>,
    #[serde(default)]
    account: Option<PathBuf>,
}

/// What a selector chooses, followed by a watch.
pub struct Kubernetes {
    api: Api,
    shape: Shape,
    reach: Reach,
    folder: PathBuf,
    /// By namespace and name.
    known: BTreeMap<String, Vec<object::Found>>,
    /// Where a watch goes on; `None`: it must be listed anew.
    version: Option<String>,
    watch: Option<Watch>,
}

impl Kubernetes {
    /// Checks, never asks.
    pub fn new(settings: &Settings) -> Result<Self> {
        let (reach, rest) = Reach::take(settings)?;
        let chosen: Chosen = rest.read()?;
        if chosen.selector.trim().is_empty() {
            let help = "write `selector: app=infralogs-agent`";
            return Err(Error::invalid("`selector` chooses everything").at(&settings.place).help(help));
        }
        let api = Api::new(chosen.api, chosen.account, chosen.kind, chosen.namespace, chosen.selector)
            .map_err(|error| error.at(&settings.place))?;
        Ok(Self {
            api,
            shape: Shape {
                kind: chosen.kind,
                name: chosen.name,
                port: chosen.port.unwrap_or(AGENT_PORT),
                labels: chosen.labels,
            },
            reach,
            folder: settings.folder.clone(),
            known: BTreeMap::new(),
            version: None,
            watch: None,
        })
    }

    async fn look(&mut self) -> Result<()> {
        let Some(version) = self.version.clone() else {
            let (objects, version) = self.api.list().await?;
            let found = |object: &object::Object| (object.key(), self.shape.found(object));
            self.known = objects.iter().map(found).collect();
            self.version = Some(version);
            return Ok(());
        };
        let mut watch = match self.watch.take() {
            Some(watch) => watch,
            None => self.api.watch(&version).await?,
        };
        let (mut until, mut open) = (Instant::now() + WAIT, true);
        while let Ok(event) = timeout(until.saturating_duration_since(Instant::now()), watch.next()).await {
            let Some(event) = event? else {
                // The server ends watches now and then; the next goes on from here.
                open = false;
                break;
            };
            if self.apply(event) {
                until = until.min(Instant::now() + QUIET);
            }
        }
        self.watch = open.then_some(watch);
        Ok(())
    }

    /// Takes over one event; whether targets may have changed.
    fn apply(&mut self, event: Event) -> bool {
        let (object, gone) = match event {
            Event::Bookmark(version) => {
                self.version = Some(version);
                return false;
            }
            Event::Present(object) => (object, false),
            Event::Gone(object) => (object, true),
        };
        self.version = Some(object.metadata.resource_version.clone());
        if gone {
            return self.known.remove(&object.key()).is_some();
        }
        let found = self.shape.found(&object);
        self.known.insert(object.key(), found.clone()).as_ref() != Some(&found)
    }
}

impl Inventory for Kubernetes {
    fn targets(&mut self) -> Later<'_, Result<Vec<Target>>> {
        Box::pin(async move {
            if let Err(error) = self.look().await {
                self.watch = None;
                // What was watched is too old for the server, or broken: listed anew, and till then what is known stays.
                self.version = None;
                if error.kind != Kind::Conflict {
                    return Err(error);
                }
                self.look().await?;
            }
            let mut targets = BTreeMap::new();
            for found in self.known.values().flatten() {
                let target = self.reach.target(&found.name, &found.address, found.labels.clone(), &self.folder);
                targets.entry(target.name.clone()).or_insert(target);
            }
            Ok(targets.into_values().collect())
        })
    }
}
