//! Who is there: lists, watched files, functions of scripts, and inventory plugins that are asked again and again.
//!
//! Whatever can't be read at the moment keeps its last targets: a typo in a file or a name server that is away must
//! not end the polling of a fleet.

use crate::{
    config::{InventoryConfig, read_targets},
    definitions::Definitions,
    error::{Error, Result},
    inventory::{Asked, TARGETS_MAX, Target, Targets},
    plugin::Inventory,
    schedule::Schedule,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{sync::Notify, task::JoinHandle, time::timeout};

/// The pause between an answer of a plugin and the next question.
const ASK_PAUSE: Duration = Duration::from_secs(1);
/// The same after a failure.
const RETRY_PAUSE: Duration = Duration::from_secs(5);
/// The longest one answer may take; plugins may wait for a change, but not that long.
const ANSWER_MAX: Duration = Duration::from_secs(90);

/// Makes an inventory plugin; checks, never connects.
pub type OpenInventory = Arc<dyn Fn(&Asked) -> Result<Box<dyn Inventory>> + Send + Sync>;

/// The inventories of the configuration, and what is known of them now.
pub struct Inventories {
    named: BTreeMap<String, InventoryConfig>,
    folder: PathBuf,
    open: OpenInventory,
    known: Mutex<BTreeMap<String, Known>>,
    changed: Arc<Notify>,
}

/// What is known of one inventory.
#[derive(Default)]
struct Known {
    /// The last targets it gave; `None` before the first answer.
    targets: Option<Vec<Target>>,
    /// Where a plugin's answers arrive.
    asking: Option<Asking>,
}

struct Asking {
    answers: Arc<Mutex<Answer>>,
    task: JoinHandle<()>,
}

/// A plugin's last good answer, and what went wrong since.
#[derive(Default)]
struct Answer {
    targets: Option<Vec<Target>>,
    trouble: Option<String>,
}

impl Answer {
    /// Takes over what the plugin said; whether it is new.
    fn hear(&mut self, said: Result<Vec<Target>>) -> bool {
        match said {
            Ok(targets) => {
                let new = self.trouble.take().is_some() || self.targets.as_ref() != Some(&targets);
                self.targets = Some(targets);
                new
            }
            Err(error) => self.trouble.replace(error.to_string()).is_none(),
        }
    }
}

impl Inventories {
    /// By the names scripts use; `folder` is where relative file names start.
    pub fn new(named: BTreeMap<String, InventoryConfig>, folder: PathBuf, open: OpenInventory) -> Self {
        Self { named, folder, open, known: Mutex::default(), changed: Arc::default() }
    }

    /// The targets of a schedule as far as they are known now, and what is wrong with its inventory.
    pub(super) fn targets(&self, schedule: &Schedule) -> (Vec<Target>, Option<Error>) {
        match &schedule.targets {
            Targets::List(list) => (list.clone(), None),
            Targets::Function(function) => self.kept(&key_of(schedule), (function.0)().and_then(limited)),
            Targets::Asked(asked) => self.asked(&Asked { settings: self.settled(asked), ..asked.clone() }),
            Targets::Inventory(name) => match self.named.get(name) {
                Some(InventoryConfig::List(list)) => (list.clone(), None),
                Some(InventoryConfig::File(file)) => self.kept(name, read_targets(file)),
                Some(InventoryConfig::Asked(asked)) => self.asked(asked),
                None if is_file_name(name) => self.kept(name, read_targets(&self.folder.join(name))),
                None => {
                    let what =
                        format!("schedule `{}` polls inventory `{name}`, which is not configured", schedule.name);
                    let help = format!("list its targets in infralogs.yaml under `inventories: {{{name}: […]}}`");
                    (Vec::new(), Some(Error::invalid(what).at(&schedule.place).help(help)))
                }
            },
        }
    }

    /// Settings that stand in a script start at the configuration's folder.
    fn settled(&self, asked: &Asked) -> crate::plugin::Settings {
        crate::plugin::Settings { folder: self.folder.clone(), ..asked.settings.clone() }
    }

    /// What was read, or what was read last.
    fn kept(&self, key: &str, read: Result<Vec<Target>>) -> (Vec<Target>, Option<Error>) {
        let mut known = self.lock();
        let known = known.entry(key.to_owned()).or_default();
        match read {
            Ok(targets) => {
                known.targets = Some(targets.clone());
                (targets, None)
            }
            Err(error) => (known.targets.clone().unwrap_or_default(), Some(error)),
        }
    }

    /// A plugin's last answer; asks it from now on if nobody does yet.
    fn asked(&self, asked: &Asked) -> (Vec<Target>, Option<Error>) {
        let mut known = self.lock();
        let known = known.entry(key(asked)).or_default();
        let asking = match &known.asking {
            Some(asking) => asking,
            None => match (self.open)(asked) {
                Ok(plugin) => known.asking.insert(Asking::start(plugin, self.changed.clone())),
                Err(error) => return (Vec::new(), Some(error)),
            },
        };
        let answer = asking.answers.lock().unwrap_or_else(PoisonError::into_inner);
        let trouble = answer.trouble.as_ref().map(|trouble| {
            let what = format!("inventory plugin `{}` fails, its last targets stay: {trouble}", asked.plugin);
            Error::unavailable(what).at(&asked.settings.place)
        });
        (answer.targets.clone().unwrap_or_default(), trouble)
    }

    /// Stops asking the plugins that no schedule names any more.
    pub(super) fn keep(&self, definitions: &Definitions) {
        let mut wanted = BTreeSet::new();
        for schedule in &definitions.schedules {
            wanted.insert(match &schedule.targets {
                Targets::Inventory(name) => match self.named.get(name) {
                    Some(InventoryConfig::Asked(asked)) => key(asked),
                    _ => name.clone(),
                },
                Targets::Asked(asked) => key(asked),
                _ => key_of(schedule),
            });
        }
        self.lock().retain(|key, _| wanted.contains(key));
    }

    /// Waits until some plugin's answer is new.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Waits until every plugin that is asked has answered or failed once.
    pub(super) async fn answered(&self, within: Duration) {
        let all = || {
            self.lock().values().filter_map(|known| known.asking.as_ref()).all(|asking| {
                let answer = asking.answers.lock().unwrap_or_else(PoisonError::into_inner);
                answer.targets.is_some() || answer.trouble.is_some()
            })
        };
        let waiting = async {
            while !all() {
                self.changed().await;
            }
        };
        let _ = timeout(within, waiting).await;
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Asking {
    fn start(plugin: Box<dyn Inventory>, changed: Arc<Notify>) -> Self {
        let answers = Arc::<Mutex<Answer>>::default();
        let task = tokio::spawn(ask(plugin, answers.clone(), changed));
        Self { answers, task }
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Asks until it is aborted.
async fn ask(mut plugin: Box<dyn Inventory>, answers: Arc<Mutex<Answer>>, changed: Arc<Notify>) {
    loop {
        let answer = timeout(ANSWER_MAX, plugin.targets()).await;
        let answer = answer.unwrap_or_else(|_| Err(Error::unavailable("no answer in time"))).and_then(limited);
        let failed = answer.is_err();
        if answers.lock().unwrap_or_else(PoisonError::into_inner).hear(answer) {
            changed.notify_one();
        }
        tokio::time::sleep(if failed { RETRY_PAUSE } else { ASK_PAUSE }).await;
    }
}

/// No more than a fleet may have.
fn limited(targets: Vec<Target>) -> Result<Vec<Target>> {
    if targets.len() > TARGETS_MAX {
        return Err(Error::invalid(format!("{} targets; at most {TARGETS_MAX} are polled", targets.len())));
    }
    Ok(targets)
}

/// What a plugin is asked, whatever line that stands in.
fn key(asked: &Asked) -> String {
    format!("{} {}", asked.plugin, asked.settings.value)
}

fn key_of(schedule: &Schedule) -> String {
    format!("schedule {}", schedule.name)
}

fn is_file_name(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|end| end == "yaml" || end == "yml" || end == "json")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inventories(folder: &Path) -> Inventories {
        let open: OpenInventory = Arc::new(|_| Err(Error::invalid("no plugin here")));
        Inventories::new(BTreeMap::new(), folder.to_owned(), open)
    }

    #[test]
    fn a_file_that_breaks_keeps_its_last_targets() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("targets.yaml");
        let inventories = inventories(folder.path());
        let read = || inventories.kept("targets.yaml", read_targets(&file));
        std::fs::write(&file, "- { name: a, url: \"http://a:7070\" }\n").expect("written");
        assert_eq!(read().0.len(), 1);
        std::fs::write(&file, "- { name: a, url: \n").expect("written");
        let (targets, trouble) = read();
        assert!(targets.len() == 1 && trouble.is_some(), "the last good list stays, and the mistake is said");
        std::fs::write(&file, "[]\n").expect("written");
        assert!(read().0.is_empty(), "an empty list is what somebody wrote");
    }
}
