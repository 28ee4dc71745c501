//! Where a command asks: the scripts and the store that its flags or infralogs.yaml say.

use crate::{connect, scripts, secrets};
use infralogs_core::{
    Error, Result,
    config::{Config, SecretsConfig, StoreConfig},
    definitions::Definitions,
    plugin::Store,
    query::{Frame, Query},
    table::{Rows, TableDef},
    time::{Time, Window, parse_span},
    value::Value,
};
use std::{path::PathBuf, sync::Arc, time::Duration};

/// The longest a command waits for the store.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Flags that commands share.
#[derive(clap::Args)]
pub struct Place {
    /// Scripts and store as this file says
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The folder `infralogs up` keeps its store in
    #[arg(long, value_name = "DIR", default_value = "data", conflicts_with = "config")]
    data: PathBuf,
    /// A folder with scripts; may be given several times
    #[arg(long = "scripts", value_name = "DIR", conflicts_with = "config")]
    scripts: Vec<PathBuf>,
}

/// What the flags mean.
pub struct Places {
    /// Folders with scripts.
    pub roots: Vec<PathBuf>,
    /// Where rows are written.
    pub write: StoreConfig,
    /// Where they are read, if elsewhere.
    pub read: Option<StoreConfig>,
    /// Where credentials come from.
    pub secrets: Option<SecretsConfig>,
}

/// A question, its table, and the scripts.
pub type Asked = (Query, Arc<TableDef>, Arc<Definitions>);

impl Place {
    /// Reads the configuration if one is given.
    pub fn find(&self) -> Result<Places> {
        if let Some(path) = &self.config {
            let config = Config::load(path)?;
            let Config { scripts, store, read, secrets, .. } = config;
            return Ok(Places { roots: scripts, write: store, read, secrets });
        }
        let roots = connect::roots(&self.scripts, None)?;
        Ok(Places { write: Config::built_in(roots.clone(), &self.data)?.store, roots, read: None, secrets: None })
    }
}

impl Places {
    /// The store that is read.
    pub async fn store(&self) -> Result<Arc<dyn Store>> {
        secrets::supplied(self.read.as_ref().unwrap_or(&self.write), self.secrets.as_ref()).await
    }

    /// A typed question with the table it is about; `None` if it is wrong, which is drawn on standard error.
    pub fn ask(&self, question: &str) -> Result<Option<(Query, Arc<TableDef>)>> {
        Ok(self.ask_with(question)?.map(|(query, table, _)| (query, table)))
    }

    /// The same with the scripts it was asked beside.
    pub fn ask_with(&self, question: &str) -> Result<Option<Asked>> {
        let Some((definitions, query)) = scripts::ask(&self.roots, question) else { return Ok(None) };
        let Some(table) = definitions.table(&query.table).cloned() else {
            return Err(Error::invalid(format!("no parser writes a table `{}`", query.table)));
        };
        Ok(Some((query, table, definitions)))
    }
}

/// Asks a store on a blocking thread.
pub async fn answer(store: &Arc<dyn Store>, query: &Query, table: &Arc<TableDef>, window: Window) -> Result<Rows> {
    let (store, query, table) = (store.clone(), query.clone(), table.clone());
    let timeout_ms = u32::try_from(TIMEOUT.as_millis()).unwrap_or(u32::MAX);
    let frame = Frame { window, zone_s: 0, timeout_ms };
    let answered = tokio::task::spawn_blocking(move || store.query(&query, &table, &frame)).await;
    answered.map_err(|_| Error::failed("the store stopped in the middle of the query"))?
}

/// All time there is in a store, the near future included (clocks differ).
pub fn ever() -> Window {
    Window { from: Time(i64::MIN / 4), to: Time::now().plus(Duration::from_secs(86_400)) }
}

/// The time that a flag such as `--since` names: an RFC 3339 time, or a span back from now (7d or -7d).
pub fn since(text: &str) -> Result<Time> {
    let now = Time::now();
    parse_span(text).map_or_else(|_| Time::parse(text, now), |span| Ok(now.minus(span)))
}

/// A cell as text; empty if it has none.
pub fn text(rows: &Rows, name: &str, row: usize) -> String {
    match rows.column(name).map(|column| column.get(row)) {
        Some(Value::Text(text)) => text.into_owned(),
        _ => String::new(),
    }
}

/// A cell as a number.
pub fn int(rows: &Rows, name: &str, row: usize) -> Option<i64> {
    match rows.column(name).map(|column| column.get(row)) {
        Some(Value::Int(int)) => Some(int),
        _ => None,
    }
}
