//! Asks the store on blocking threads with a time limit, and keeps answers so that many tabs cost one query.

use super::{
    Shown, View, ask,
    asking::{Asked, Asking, Place},
    merge,
};
use crate::{
    cancel::Cancel,
    dashboard::{Answer, Dashboard, Panel},
    definitions::Definitions,
    error::{Error, Kind, Result},
    expr::{Compare, Expr, Literal},
    plugin::Store,
    query::{Frame, Query, Shape},
    table::{Rows, TableDef},
    tables,
    time::{Time, Window},
};
use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use tokio::{
    sync::{OnceCell, Semaphore},
    time::timeout,
};

/// The longest a panel's query may take, in milliseconds.
pub const QUERY_TIMEOUT_MS: u32 = 10_000;

/// What a store gets on top to give up by itself, before we stop waiting for it.
const GRACE: Duration = Duration::from_millis(500);

/// The most queries under way at once; the rest wait.
const QUERIES_MAX: usize = 8;

/// The most answers kept.
const KEPT_MAX: usize = 256;

/// How long an answer is kept that no later bucket replaces.
const KEPT_FOR: Duration = Duration::from_secs(20);

/// How long an answer about the store's lag is taken for the present one.
const LAG_EVERY: Duration = Duration::from_secs(2);

/// The most choices of one column.
const CHOICES_MAX: usize = 500;

/// A few records with all their columns.
const EVERYTHING: Shape = Shape::Latest { columns: Vec::new(), limit: 10 };

type Cell = Arc<OnceCell<Answer>>;

/// A store asked once for what many look at.
pub struct Answers {
    store: Arc<dyn Store>,
    busy: Arc<Semaphore>,
    kept: Mutex<HashMap<Key, (Cell, Instant)>>,
    lag: tokio::sync::Mutex<Option<(Duration, Instant)>>,
}

/// One question: which query of which table (as written out), when. Not of which scripts: an edit that leaves the
/// question alone asks nothing.
#[derive(PartialEq, Eq, Hash)]
struct Key {
    query: String,
    frame: Frame,
}

impl std::fmt::Debug for Answers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Answers({})", self.store.name())
    }
}

impl Answers {
    /// Answers from this store.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self {
            store,
            busy: Arc::new(Semaphore::new(QUERIES_MAX)),
            kept: Mutex::default(),
            lag: tokio::sync::Mutex::default(),
        }
    }

    /// What the view shows at `now`, which is a [`super::tick`] where tabs are to share. A panel's failure is its own answer; only an unknown dashboard is an error.
    pub async fn show(self: &Arc<Self>, definitions: &Definitions, view: &View, now: Time) -> Result<Shown> {
        Ok(self.ask(definitions, view, now)?.all().await)
    }

    /// The same, begun: the caller says how long to wait for it.
    pub fn ask(self: &Arc<Self>, definitions: &Definitions, view: &View, now: Time) -> Result<Asking> {
        let layout = definitions.dashboard(&view.dashboard).ok_or_else(|| unknown(definitions, &view.dashboard))?;
        let window = view.window(layout, now);
        let zone_s = view.zone.offset_s(window.to);
        let dashboard = Arc::new(ask::effective(layout, view, definitions, window));

        let frame = |query: &Query| ask::frame(query, window, now, zone_s, QUERY_TIMEOUT_MS);
        let panels = || dashboard.rows.iter().flatten();
        let sparks: Vec<_> = panels().map(|panel| ask::spark(panel, window)).collect();
        let asked = panels().filter_map(|panel| panel.query.as_ref()).chain(sparks.iter().flatten());
        let all: Vec<_> = asked.map(|query| (query.clone(), frame(query))).collect();
        let start = |query: &Query| self.start(definitions, query, frame(query), &all);
        let mut questions = Vec::new();
        for (at, panel) in panels().enumerate() {
            questions.extend(panel.query.as_ref().map(|query| (Place::Panel(at), start(query))));
        }
        for (at, spark) in sparks.iter().enumerate() {
            questions.extend(spark.as_ref().map(|query| (Place::Spark(at), start(query))));
        }
        questions.extend(dashboard.marks.iter().map(|mark| (Place::Mark(mark.clone()), start(&mark.query))));
        let answers = self.clone();
        let lag = tokio::spawn(async move { answers.lag().await });
        let to_come = |panel: &Panel| match panel.query {
            Some(_) => Answer::ToCome,
            None => Answer::Rows(Arc::default()),
        };
        let shown = Shown {
            generation: definitions.hash.clone(),
            answers: panels().map(to_come).collect(),
            sparks: vec![None; sparks.len()],
            lag: Duration::ZERO,
            marks: Vec::new(),
            window,
            zone_s,
            theme: view.theme,
            dashboard: dashboard.clone(),
        };
        Ok(Asking::new(shown, questions, lag))
    }

    /// How far behind the store's copy is, asked at most every few seconds. Unknown is not said to be stale.
    async fn lag(&self) -> Duration {
        let mut known = self.lag.lock().await;
        if let Some((lag, at)) = *known
            && at.elapsed() < LAG_EVERY
        {
            return lag;
        }
        let store = self.store.clone();
        let lag = self.blocking(move |_| store.lag()).await.unwrap_or_default();
        *known = Some((lag, Instant::now()));
        lag
    }

    /// The values to choose from in one of the dashboard's picks, most frequent first.
    pub async fn choices(
        self: &Arc<Self>,
        definitions: &Definitions,
        view: &View,
        pick: &str,
        now: Time,
    ) -> Result<Vec<String>> {
        let layout = definitions.dashboard(&view.dashboard).ok_or_else(|| unknown(definitions, &view.dashboard))?;
        if !layout.picks.iter().any(|offered| **offered == *pick) {
            return Err(Error::invalid(format!("the dashboard offers no choice of `{}`", pick.escape_debug())));
        }
        let window = view.window(layout, now);
        let mut found = Vec::new();
        let mut seen = BTreeSet::new();
        for table in tables_with(layout, definitions, pick) {
            let (store, column) = (self.store.clone(), pick.to_owned());
            let ask = move |_: &Cancel| store.choices(&table, &column, window, CHOICES_MAX);
            let values = self.blocking(ask).await?;
            found.extend(values.into_iter().filter(|value| seen.insert(value.clone())));
        }
        found.truncate(CHOICES_MAX);
        Ok(found)
    }

    /// The entries of a host at a moment as they were read, all their columns.
    pub async fn entries(self: &Arc<Self>, host: &str, at: Time) -> Result<Rows> {
        let table = tables::LOGS.clone();
        let query = Query { table: (*table.name).into(), filter: None, last: None, shape: EVERYTHING };
        self.records_at(query, table, host, at).await
    }

    /// Whether the query takes a record of this host at this moment.
    pub async fn takes(
        self: &Arc<Self>,
        definitions: &Definitions,
        query: &Query,
        host: &str,
        at: Time,
    ) -> Result<bool> {
        let Some(table) = definitions.table(&query.table).filter(|table| ask::has_column(table, "host")) else {
            return Ok(false);
        };
        let query = Query { shape: EVERYTHING, ..query.clone() };
        Ok(!self.records_at(query, table.clone(), host, at).await?.is_empty())
    }

    async fn records_at(&self, mut query: Query, table: Arc<TableDef>, host: &str, at: Time) -> Result<Rows> {
        let theirs = Expr::compare(Compare::Eq, Expr::field("host"), Expr::Literal(Literal::Text(host.into())));
        query.filter = Some(match query.filter.take() {
            Some(filter) => filter.and(theirs),
            None => theirs,
        });
        let window = Window { from: at, to: Time(at.0.saturating_add(1)) };
        let frame = Frame { window, zone_s: 0, timeout_ms: QUERY_TIMEOUT_MS };
        let store = self.store.clone();
        self.blocking(move |cancel| store.query_until(&query, &table, &frame, cancel)).await
    }

    /// Begins to answer, or finds that somebody already did. What `all` ask of the same records is asked at once; if
    /// that fails each asks alone, so that one panel's trouble is not another's.
    fn start(
        self: &Arc<Self>,
        definitions: &Definitions,
        query: &Query,
        frame: Frame,
        all: &[(Query, Frame)],
    ) -> Asked {
        let (answers, query, table) = (self.clone(), query.clone(), definitions.table(&query.table).cloned());
        let wide = merge::widened(&query, table.as_deref(), frame, all);
        Asked(tokio::spawn(async move {
            match answers.once(&wide, table.clone(), frame).await {
                Answer::Trouble(_) if wide != query => answers.once(&query, table, frame).await,
                answer => merge::narrowed(&query, &wide, answer),
            }
        }))
    }

    /// The answer, asked by whoever comes first.
    async fn once(&self, query: &Query, table: Option<Arc<TableDef>>, frame: Frame) -> Answer {
        let cell = self.cell(Key { query: format!("{query:?} {table:?}"), frame });
        cell.get_or_init(|| self.answer(query.clone(), table, frame)).await.clone()
    }

    async fn answer(&self, query: Query, table: Option<Arc<TableDef>>, frame: Frame) -> Answer {
        let Some(table) = table else {
            return Answer::Trouble(format!("no parser writes a table `{}`", query.table));
        };
        let store = self.store.clone();
        match self.blocking(move |cancel| store.query_until(&query, &table, &frame, cancel)).await {
            Ok(rows) => Answer::Rows(Arc::new(rows)),
            Err(error) => Answer::Trouble(spoken(&error)),
        }
    }

    /// Runs on a blocking thread, waits its turn and no longer than a query may take. Cancelled when nobody waits.
    async fn blocking<T, A>(&self, ask: A) -> Result<T>
    where
        T: Send + 'static,
        A: FnOnce(&Cancel) -> Result<T> + Send + 'static,
    {
        let cancel = Cancel::default();
        let _waiting = cancel.guard();
        let slow = || Error::new(Kind::Limit, "the query took too long");
        let limit = Duration::from_millis(QUERY_TIMEOUT_MS.into()) + GRACE;
        let asked = async {
            let turn = self.busy.clone().acquire_owned().await;
            let asked = tokio::task::spawn_blocking(move || {
                let _turn = turn; // held until the store is really done, also when nobody waits any more
                ask(&cancel)
            });
            asked.await.map_err(|_| Error::failed("the store stopped in the middle of a query"))?
        };
        timeout(limit, asked).await.map_err(|_| slow())?
    }

    fn cell(&self, key: Key) -> Cell {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if let Some((cell, _)) = kept.get(&key).filter(|(_, until)| *until > now) {
            return cell.clone();
        }
        kept.retain(|_, (_, until)| *until > now);
        while kept.len() >= KEPT_MAX {
            let oldest = kept.iter().min_by_key(|(_, (_, until))| *until).map(|(key, _)| key.copy());
            oldest.and_then(|key| kept.remove(&key));
        }
        let cell = Cell::default();
        kept.insert(key, (cell.clone(), now + KEPT_FOR));
        cell
    }
}

impl Key {
    fn copy(&self) -> Self {
        Self { query: self.query.clone(), frame: self.frame }
    }
}

/// The tables that the panels ask and that have the column, each once.
fn tables_with(layout: &Dashboard, definitions: &Definitions, column: &str) -> Vec<Arc<TableDef>> {
    let queries = layout.rows.iter().flatten().filter_map(|panel| panel.query.as_ref());
    let names: BTreeSet<&str> = queries.map(|query| &*query.table).collect();
    let tables = names.into_iter().filter_map(|name| definitions.table(name));
    tables.filter(|table| ask::has_column(table, column)).cloned().collect()
}

fn unknown(definitions: &Definitions, name: &str) -> Error {
    let names: Vec<_> = definitions.dashboards.iter().map(|dashboard| dashboard.name.to_string()).collect();
    let error = Error::invalid(format!("there is no dashboard `{}`", name.escape_debug()));
    error.help(if names.is_empty() {
        "no script declares one".into()
    } else {
        format!("there are: {}", names.join(", "))
    })
}

/// A failure in short words that a person in front of a panel understands.
fn spoken(error: &Error) -> String {
    match error.kind {
        Kind::Unavailable => format!("The database is away: {}", error.what),
        Kind::Limit => format!("Slow: {}. A shorter time or fewer hosts help.", error.what),
        Kind::Denied => format!("The database refused us: {}", error.what),
        _ => error.to_string(),
    }
}
