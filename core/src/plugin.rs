//! The one file a plugin author reads: the plugin kinds and what each is asked.
//!
//! Building a plugin checks its settings and never connects. Every wait has a limit. Errors say what, where
//! and what to do next; [`crate::error::Kind`] tells the caller whether to try again.

mod ask;
mod rebuild;

pub use ask::{Ask, Filter};
pub use rebuild::{Arrived, Rebuild, Waiting};

use crate::{
    cancel::Cancel,
    cursor::Cursor,
    dashboard::{Answer, Dashboard},
    entry::{Batch, Entries, Gap},
    error::{Error, Result},
    id::Id128,
    inventory::Target,
    query::{Frame, Query},
    table::{ColumnDef, ParsedRows, Quarantined, Rows, TableDef},
    time::{Time, Window},
};
use serde::de::DeserializeOwned;
use std::{future::Future, path::PathBuf, pin::Pin, sync::Arc, time::Duration};

/// A boxed future.
pub type Later<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// One plugin: listed once, in `core/cli/src/plugins.rs`.
#[derive(Debug)]
pub struct Plugin {
    /// The word that chooses it: `sqlite` in `store: sqlite://…`.
    pub name: &'static str,
    /// One line for people.
    pub about: &'static str,
    /// A working configuration, the file `sample.yaml` beside its README.
    pub sample: &'static str,
    /// Makes one.
    pub build: Build,
}

/// Makes a plugin of its kind from its settings.
#[derive(Debug)]
pub enum Build {
    /// Entries come from it.
    Source(fn(&Settings) -> Result<Box<dyn Source>>),
    /// Rows go to it and are queried from it.
    Store(fn(&Settings) -> Result<Arc<dyn Store>>),
    /// Credentials come from it.
    Secrets(fn(&Settings) -> Result<Arc<dyn Secrets>>),
    /// Targets come from it.
    Inventory(fn(&Settings) -> Result<Box<dyn Inventory>>),
    /// Documents come from it.
    Renderer(fn(&Settings) -> Result<Arc<dyn Renderer>>),
}

/// A plugin's part of the configuration.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Settings {
    /// Where it stands, for errors: `infralogs.yaml: store`.
    pub place: String,
    /// What it says.
    pub value: serde_json::Value,
    /// Where relative paths in it start; empty: the current folder.
    pub folder: PathBuf,
}

impl Settings {
    /// Settings made by the program itself.
    pub fn of(value: serde_json::Value) -> Self {
        Self { place: "built in".into(), value, folder: PathBuf::new() }
    }
    /// Read into the plugin's own type, which should deny unknown fields.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_value(self.value.clone()).map_err(|error| Error::invalid(error.to_string()).at(&self.place))
    }
}

// ---- Source ----

/// Where entries come from.
pub trait Source: Send {
    /// Entries behind `ask.after`, oldest first, at most `ask.limit`, and where to read on.
    fn read<'a>(&'a mut self, ask: &'a Ask) -> Later<'a, Result<Batch>>;
}

// ---- Store ----

/// Whose checkpoint it is: a counter of one machine, never an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Stream {
    /// The machine.
    pub machine: Id128,
    /// The counter its cursors belong to.
    pub seqnum_id: Id128,
}

/// The stream every target has: its journal.
pub const LOGS: &str = "logs";

/// Everything one poll brought, to be stored whole or not at all.
#[derive(Debug)]
pub struct Commit<'a> {
    /// Which target was polled (for `agents`).
    pub target: &'a Target,
    /// Which of its streams: `logs`, or a report such as `disk`. Only [`LOGS`] is what [`Store::last_stream`] answers.
    pub stream: &'a str,
    /// The machine that answered.
    pub machine: Id128,
    /// The checkpoint the batch was read after. Must still be the stored one.
    pub expect: Option<Cursor>,
    /// The checkpoint to store. Its `seqnum_id` may differ from that of `expect` (a journal begun anew):
    /// then the checkpoint row moves along.
    pub next: Cursor,
    /// All entries: one row of `logs` each.
    pub entries: &'a Entries,
    /// Rows of parser tables.
    pub parsed: &'a [ParsedRows],
    /// Records that matched and then failed.
    pub quarantined: &'a [Quarantined],
    /// Entries known to be lost.
    pub gaps: &'a [Gap],
    /// Entries dropped by rule, for the audit.
    pub dropped: u64,
    /// Damaged entries, for the audit.
    pub unreadable: u64,
    /// When it was read.
    pub at: Time,
}

/// Something that happened and that charts should show: a deploy, an incident.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    /// When.
    pub at: Time,
    /// What, as a person says it.
    pub note: String,
    /// The version that was deployed.
    pub version: Option<String>,
    /// The one machine it concerns.
    pub host: Option<String>,
}

/// Takes a piece of an answer; false if that is enough.
pub type Take<'a> = dyn FnMut(Rows) -> Result<bool> + 'a;

/// How one process of ours does, for the dashboard of our own health. Nothing secret.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Process {
    /// When it said so.
    pub at: Time,
    /// The machine it runs on, and which one it is there.
    pub host: String,
    /// Which program: `collector`.
    pub process: String,
    /// Its process id.
    pub pid: u32,
    /// Its version.
    pub version: String,
    /// The generation of the scripts it runs.
    pub scripts: String,
    /// The edit it refused, if one stands.
    pub rejected: Option<String>,
    /// The credentials it holds.
    pub credentials: Vec<Credential>,
    /// What the store takes, in bytes; by how much that grew in a day; what it comes to in 30 days.
    pub bytes: [Option<i64>; 3],
}

/// One of the credentials of a process. Nothing secret.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Credential {
    /// Where it comes from.
    pub path: String,
    /// How long ago it was issued, in microseconds.
    pub age_us: Option<i64>,
    /// How long it lasts, in microseconds.
    pub left_us: Option<i64>,
    /// What is wrong with it.
    pub problem: Option<String>,
}

impl Process {
    /// Its credentials, one for each row it is told in: of a process without any, one row without one.
    pub fn told(&self) -> impl Iterator<Item = Option<&Credential>> {
        let none = self.credentials.is_empty().then_some(None);
        self.credentials.iter().map(Some).chain(none)
    }
}

/// What became of a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Committed {
    /// Everything is stored.
    Stored {
        /// Rows of parser tables and of `logs`.
        rows: u64,
    },
    /// Somebody else moved the checkpoint: nothing was written. Read on from the stored one.
    Lost,
}

/// Where rows are kept. Calls block: they run on blocking threads.
pub trait Store: Send + Sync {
    /// What a person calls it, without secrets: `SQLite ./data/infralogs.db`.
    fn name(&self) -> String;
    /// Makes or upgrades the built-in tables; safe when several do it at once; refuses a newer schema.
    fn migrate(&self) -> Result<()>;
    /// Adds tables and columns, never drops any. A column stored with another type is an error that names
    /// table, column and both types.
    fn prepare(&self, tables: &[Arc<TableDef>]) -> Result<()>;
    /// The stored checkpoint.
    fn checkpoint(&self, stream: &Stream) -> Result<Option<Cursor>>;
    /// The stream a target last gave entries of, for when its counter began anew.
    fn last_stream(&self, target: &str) -> Result<Option<Stream>>;
    /// The targets that last gave entries of a machine's journal, each with the counter it read.
    fn targets_of(&self, _machine: Id128) -> Result<Vec<(String, Id128)>> {
        Ok(Vec::new())
    }
    /// Stores everything in one transaction, or nothing. After an error the caller reads the checkpoint; after a
    /// `Conflict` it prepares its tables again first: one was built anew since.
    fn commit(&self, commit: &Commit<'_>) -> Result<Committed>;
    /// Takes these records out of a parser's quarantine and stores what the parser makes of them now, in one
    /// transaction: `made.parsed` and `made.quarantined`; nothing else of `made` is stored. [`Committed::Lost`], and
    /// nothing written, if one of them is not in its quarantine any more.
    fn replay(&self, _parser: &str, _records: &[Cursor], _made: &Commit<'_>) -> Result<Committed> {
        Err(Error::invalid(format!("{} keeps no quarantine", self.name())))
    }
    /// The columns a table is stored with; none where it is not there.
    fn columns(&self, _table: &str) -> Result<Vec<ColumnDef>> {
        Ok(Vec::new())
    }
    /// Begins to build a parser's table anew, beside the one that is there and while commits go on. One at a time: who
    /// was at it before can't go on, and what it left is dropped.
    fn rebuild(&self, _table: &TableDef) -> Result<Box<dyn Rebuild + '_>> {
        Err(Error::invalid(format!("{} builds no tables anew", self.name())))
    }
    /// Claims polls for an owner: those that nobody else holds, extended until `hold` from now by the store's
    /// own clock. Names that could be claimed come back.
    fn claim(&self, owner: &str, polls: &[String], hold: Duration) -> Result<Vec<String>>;
    /// Gives them back.
    fn release(&self, owner: &str) -> Result<()>;
    /// Says how a stream of a target does, outside of any commit: its last error, or none. That one stream answers
    /// says nothing of another that fails, and a failing journal is not spoken over.
    fn report(&self, target: &Target, stream: &str, at: Time, error: Option<&str>) -> Result<()>;
    /// Writes a moment to be drawn over charts, a row of `deploys`.
    fn mark(&self, _mark: &Moment) -> Result<()> {
        Err(Error::invalid(format!("{} keeps no marks", self.name())))
    }
    /// Writes how a process of ours does: a row of `processes` for each of its credentials, and one if it has none.
    fn present(&self, _process: &Process) -> Result<()> {
        Ok(())
    }
    /// What everything stored takes, in bytes, if that can be said.
    fn bytes(&self) -> Result<Option<u64>> {
        Ok(None)
    }
    /// Answers a query about a table known by its definition (see [`crate::tables`] for built-in ones).
    fn query(&self, query: &Query, table: &TableDef, frame: &Frame) -> Result<Rows>;
    /// The same, given up as soon as it is cancelled, on the store's side too.
    fn query_until(&self, query: &Query, table: &TableDef, frame: &Frame, _cancel: &Cancel) -> Result<Rows> {
        self.query(query, table, frame)
    }
    /// The same, piece by piece as the store finds records; `take` says whether it wants more.
    fn stream(
        &self,
        query: &Query,
        table: &TableDef,
        frame: &Frame,
        cancel: &Cancel,
        take: &mut Take<'_>,
    ) -> Result<()> {
        take(self.query_until(query, table, frame, cancel)?).map(|_| ())
    }
    /// The distinct values of a column in a window, most frequent first.
    fn choices(&self, table: &TableDef, column: &str, window: Window, limit: usize) -> Result<Vec<String>>;
    /// Drops rows older than each table's `keep_for`, and what is over the sizes of the store's own settings. Asked
    /// every hour: stores do their upkeep here.
    fn retain(&self, tables: &[Arc<TableDef>], now: Time) -> Result<u64>;
    /// How a query would be answered; asks for no rows.
    fn explain(&self, query: &Query, _table: &TableDef, _frame: &Frame) -> Result<Explained> {
        Ok(Explained { sql: String::new(), reads: format!("`{}` in {}", query.table, self.name()) })
    }
    /// Says that a collector lives: once a second, so that copies of the store know how old they are.
    fn beat(&self, _owner: &str) -> Result<()> {
        Ok(())
    }
    /// How far what is read here is behind what was written; zero where both are one place.
    fn lag(&self) -> Result<Duration> {
        Ok(Duration::ZERO)
    }
    /// Where writes are now, for [`Store::wait_for`]; `None` where reads see every write at once.
    fn position(&self) -> Result<Option<String>> {
        Ok(None)
    }
    /// Waits until reads see everything written up to a position; false if it took longer.
    fn wait_for(&self, _position: &str, _wait: Duration) -> Result<bool> {
        Ok(true)
    }
    /// Its connections now, for stores that have some.
    fn connections(&self) -> Option<Connections> {
        None
    }
    /// What is given credentials that rotate, for stores that log in somewhere.
    fn holder(&self) -> Option<&dyn Holder> {
        None
    }
}

/// Connections of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connections {
    /// At work now.
    pub busy: usize,
    /// Open, and waiting to be used.
    pub idle: usize,
    /// The most there may be.
    pub most: usize,
}

/// How a query is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    /// The statement, with its values in it: to be read, not to be run.
    pub sql: String,
    /// Where its records are counted: rollups or rows, and from when to when.
    pub reads: String,
}

// ---- Secrets, Inventory, Renderer ----

/// Credentials with their life. `Debug` shows nothing of them.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    /// A user name, if it has one.
    pub user: Option<String>,
    /// The password or token.
    pub password: String,
    /// How long it holds.
    pub life: Life,
    /// What renews and revokes it.
    pub lease: Option<String>,
}

/// How long a secret holds, counted from the moment it was issued or renewed: the wall clock may jump.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Life {
    /// It ends by itself after this long, whatever kills it first: its own lease or what that hangs on.
    Ends {
        /// From now.
        within: Duration,
        /// Whether asking can prolong it.
        renewable: bool,
    },
    /// It holds until it is replaced where it comes from. Renewing reads it again.
    Watched {
        /// When to look again.
        every: Duration,
    },
}

impl Secret {
    /// Whether both let in as the same: only their lives differ.
    pub fn same(&self, other: &Self) -> bool {
        self.user == other.user && self.password == other.password
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Secret({:?})", self.life)
    }
}

/// Where credentials come from. `Unavailable`: ask again later; `Denied`: a right is missing, a person must act;
/// anything else: this secret can't be had or prolonged, another may.
pub trait Secrets: Send + Sync {
    /// Issues or reads the secret at a path.
    fn issue<'a>(&'a self, path: &'a str) -> Later<'a, Result<Secret>>;
    /// Prolongs it; what holds from now on is in the answer. Another password there means it was replaced.
    fn renew<'a>(&'a self, path: &'a str, secret: &'a Secret) -> Later<'a, Result<Secret>>;
    /// Ends it. Ending twice is fine.
    fn revoke<'a>(&'a self, secret: &'a Secret) -> Later<'a, Result<()>>;
    /// Ends everything that was opened to get secrets, when the program ends.
    fn end(&self) -> Later<'_, Result<()>> {
        Box::pin(async { Ok(()) })
    }
    /// Looks at the whole chain as an operator would, for the paths the configuration names: one finding a step.
    fn examine<'a>(&'a self, paths: &'a [String]) -> Later<'a, Vec<Finding>> {
        Box::pin(async move {
            let mut all = Vec::new();
            for path in paths {
                let result = match self.issue(path).await {
                    Ok(secret) => self.revoke(&secret).await.map(|()| "read".to_owned()),
                    Err(error) => Err(error),
                };
                all.push(Finding { step: format!("secret {path}"), result, warning: None });
            }
            all
        })
    }
}

/// What an examination found at one step.
#[derive(Debug)]
pub struct Finding {
    /// What was looked at: `Vault answers`.
    pub step: String,
    /// What is so, or what is wrong.
    pub result: Result<String>,
    /// Works, and yet a person should know.
    pub warning: Option<String>,
}

/// What works with credentials that are replaced while it runs. Calls block.
pub trait Holder: Send + Sync {
    /// Tries the credentials by logging in; if that works all new work uses them. Answers their generation.
    fn enter(&self, secret: &Secret) -> Result<u64>;
    /// Waits until no connection of this generation or an older one works, at most `within`, then closes all of
    /// them. False if some had to be cut.
    fn leave(&self, generation: u64, within: Duration) -> bool;
    /// Told each time the newest credentials were refused in use.
    fn refusals(&self) -> &crate::rotate::Refusals;
}

/// Where targets come from; asked again a second after each answer. While it fails its last targets stay.
pub trait Inventory: Send {
    /// The targets there are now. May wait up to a minute for a change; what is dropped meanwhile must not be lost.
    fn targets(&mut self) -> Later<'_, Result<Vec<Target>>>;
}

/// A dashboard with what each of its panels shows now.
#[derive(Debug)]
pub struct Scene<'a> {
    /// The layout.
    pub dashboard: &'a Dashboard,
    /// One answer per panel, in reading order (rows, then panels).
    pub answers: &'a [Answer],
    /// One per panel: the same question asked per bucket of time, for a stat that wants a spark line.
    pub sparks: &'a [Option<Arc<Rows>>],
    /// Marks as (moment, label).
    pub marks: &'a [(Time, String)],
    /// The page's window.
    pub window: Window,
    /// Seconds east of UTC: moments are drawn as clocks show them there.
    pub zone_s: i32,
    /// Light or dark.
    pub theme: Theme,
}

/// Light or dark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Theme {
    /// Dark text on light.
    Light,
    /// Light text on dark.
    #[default]
    Dark,
}

/// A rendered dashboard.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// What the browser's library draws, as JSON.
    pub json: serde_json::Value,
    /// The id of each panel's root, in reading order.
    pub roots: Vec<String>,
}

/// Turns a dashboard and its rows into a document.
pub trait Renderer: Send + Sync {
    /// The document.
    fn render(&self, scene: &Scene<'_>) -> Result<Document>;
    /// The document in fewer bytes, for where nothing compresses it afterwards.
    fn packed(&self, document: &Document) -> serde_json::Value {
        document.json.clone()
    }
    /// What turns one document into the other while it is shown; `None` if only drawing anew does.
    fn patch(&self, from: &Document, to: &Document) -> Option<serde_json::Value>;
}
