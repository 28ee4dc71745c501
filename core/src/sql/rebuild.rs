//! Tables built anew, for stores: who is at it stands in the one row of `$rebuild`, what commits bring meanwhile in
//! `$arrived`.
//!
//! Every commit reads that row behind its checkpoint's lock. While a table is *filling* it notes what it brings; while
//! everything is *frozen* it waits; *decided* means that the new table is the one and only has to be renamed, which
//! whoever finds it so does. Filling and frozen end by themselves a while after who was at it was last seen: to whom
//! that happens, or whose token is not the one there any more, nothing is possible any more. So a process that was
//! killed stops nobody, and one that slept does nothing late.

use super::{Dialect, schema, write::NTH_COLUMN};
use crate::{
    error::{Error, Kind, Result},
    id::Id128,
    plugin::Commit,
    table::{ColumnDef, ColumnType, ParsedRows, TableDef},
    tables,
    time::{Time, Window},
};
use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread::sleep,
    time::{Duration, Instant},
};

/// The table of the one row that says what is being built.
pub const TABLE: &str = "$rebuild";
/// The table of what commits brought meanwhile.
pub const ARRIVED: &str = "$arrived";
/// Who fills a table and is not heard of for so long is taken for dead.
pub const FILLING_HOLD: Duration = Duration::from_secs(120);
/// The same while commits wait.
pub const FROZEN_HOLD: Duration = Duration::from_secs(20);
/// How long one commit waits for a table to change places.
const COMMIT_WAIT: Duration = Duration::from_secs(10);
/// How often it looks.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// How far a table is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// None is being built.
    Rest,
    /// Rows are stored in it.
    Filling,
    /// Commits wait.
    Frozen,
    /// It is the one; only names are to be changed.
    Decided,
}

impl State {
    /// Its word in the store.
    pub fn word(self) -> &'static str {
        match self {
            Self::Rest => "",
            Self::Filling => "filling",
            Self::Frozen => "frozen",
            Self::Decided => "decided",
        }
    }
    fn of(word: &str) -> Self {
        [Self::Filling, Self::Frozen, Self::Decided].into_iter().find(|one| one.word() == word).unwrap_or(Self::Rest)
    }
    /// How long it lasts without a sign of life.
    pub fn hold_us(self) -> i64 {
        let hold = if self == Self::Filling { FILLING_HOLD } else { FROZEN_HOLD };
        i64::try_from(hold.as_micros()).unwrap_or(i64::MAX)
    }
}

/// What the row says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// How many tables were replaced so far.
    pub epoch: i64,
    /// Which table.
    pub table: String,
    /// Who is at it.
    pub token: String,
    /// How far.
    pub state: State,
    /// Whether who was at it is taken for dead.
    pub is_over: bool,
}

impl Standing {
    /// What [`look`] answered.
    pub fn stored((epoch, table, token, state, is_over): (i64, String, String, String, i64)) -> Self {
        Self { epoch, table, token, state: State::of(&state), is_over: is_over != 0 }
    }

    /// What a commit does now. `prepared`: the epoch its program's tables were looked at in, if they were.
    pub fn asked(&self, prepared: Option<i64>) -> Verdict {
        match self.state {
            _ if prepared.is_some_and(|prepared| prepared != self.epoch) => Verdict::Stale,
            State::Rest => Verdict::Go,
            State::Filling if !self.is_over => Verdict::Note,
            State::Frozen if !self.is_over => Verdict::Wait,
            State::Filling | State::Frozen => Verdict::Expire,
            State::Decided if !self.is_over => Verdict::Wait,
            State::Decided => Verdict::Finish,
        }
    }
}

/// What a commit does about a table that is being built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing.
    Go,
    /// It notes what it brings.
    Note,
    /// It begins again in a moment.
    Wait,
    /// It says that who was at it is dead, and begins again.
    Expire,
    /// It finishes what was decided, and begins again.
    Finish,
    /// Its program has to look at its tables again.
    Stale,
}

/// The statement for [`Standing::stored`]; `now` is what the database calls microseconds since 1970.
pub fn look(dialect: Dialect, now: &str) -> String {
    format!("SELECT epoch, of_table, token, state, until < {now} FROM {} WHERE id = 1", dialect.quote(TABLE))
}

/// Goes from one state to another (or stays and lives on), if it is this token's and not over. Parameter: the token.
pub fn step(dialect: Dialect, now: &str, from: State, to: State) -> String {
    format!(
        "UPDATE {} SET state = '{}', until = {now} + {} WHERE id = 1 AND token = ? AND state = '{}' AND until >= {now}",
        dialect.quote(TABLE),
        to.word(),
        to.hold_us(),
        from.word()
    )
}

/// Begins, whoever was at it before. Parameters: token, table.
pub fn begin(dialect: Dialect, now: &str) -> String {
    format!(
        "UPDATE {} SET state = 'filling', token = ?, of_table = ?, until = {now} + {} WHERE id = 1 AND state <> 'decided'",
        dialect.quote(TABLE),
        State::Filling.hold_us()
    )
}

/// Gives up what is not decided, if it is this token's. Parameter: the token.
pub fn give_up(dialect: Dialect) -> String {
    format!(
        "UPDATE {} SET state = '' WHERE id = 1 AND token = ? AND state IN ('filling', 'frozen')",
        dialect.quote(TABLE)
    )
}

/// The same of one that is over. Parameter: the token.
pub fn expire(dialect: Dialect, now: &str) -> String {
    format!("{} AND until < {now}", give_up(dialect))
}

/// Says that a table has taken its place. Parameter: the token.
pub fn done(dialect: Dialect) -> String {
    format!(
        "UPDATE {} SET state = '', epoch = epoch + 1 WHERE id = 1 AND token = ? AND state = 'decided'",
        dialect.quote(TABLE)
    )
}

/// The tables of one who builds: the new one, what quarantine is to have, and the one that was there.
pub struct Names {
    /// The new table.
    pub new: String,
    /// What quarantine is to have.
    pub failed: String,
    /// The table that was there, from when it is not any more.
    pub old: String,
}

/// What their names begin with; no script's table does.
const BEGINNINGS: [&str; 3] = ["$new_", "$failed_", "$old_"];

impl Names {
    /// By token.
    pub fn of(token: &str) -> Self {
        let [new, failed, old] = BEGINNINGS.map(|beginning| format!("{beginning}{token}"));
        Self { new, failed, old }
    }
}

/// Whether a table is one that somebody left behind who is not at it any more.
pub fn is_left(table: &str, live: &Standing) -> bool {
    let token = BEGINNINGS.iter().find_map(|beginning| table.strip_prefix(beginning));
    token.is_some_and(|token| live.state == State::Rest || token != live.token)
}

/// A new token: random, as each run is another.
pub fn token() -> String {
    let Id128(bytes) = Id128(rand::random());
    bytes.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// The columns of the new table: as declared now, and those that other generations of the scripts still write.
pub fn columns(table: &TableDef, old: &[ColumnDef]) -> Vec<ColumnDef> {
    let mut columns = tables::stored(table);
    columns.push(ColumnDef::new(NTH_COLUMN, ColumnType::Int));
    let others = old.iter().filter(|column| columns.iter().all(|own| own.name != column.name)).cloned();
    let others: Vec<ColumnDef> = others.collect();
    columns.extend(others);
    columns
}

/// Columns as a store lists them: name and type.
pub fn listed(columns: Vec<(String, String)>) -> Vec<ColumnDef> {
    let known = |(name, kind): (String, String)| Some(ColumnDef { kind: schema::kind_of(&kind)?, name });
    columns.into_iter().filter_map(known).collect()
}

/// What a commit brings, one row of `$arrived` per counter: its id, the lowest number, and the window of the times.
pub fn brought(commit: &Commit<'_>) -> Vec<(Id128, u64, Window)> {
    let mut all: BTreeMap<Id128, (u64, Window)> = BTreeMap::new();
    for entry in commit.entries.iter() {
        let (seqnum, time) = (entry.cursor.seqnum, entry.time());
        let behind = Time(time.0.saturating_add(1));
        let (lowest, times) = all.entry(entry.cursor.seqnum_id).or_insert((seqnum, Window { from: time, to: behind }));
        *lowest = seqnum.min(*lowest);
        *times = Window { from: times.from.min(time), to: times.to.max(behind) };
    }
    all.into_iter().map(|(id, (lowest, times))| (id, lowest, times)).collect()
}

/// Tries until a commit does not have to wait for a table any more, which `None` says.
pub fn when_free<T>(mut attempt: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let until = Instant::now() + COMMIT_WAIT;
    loop {
        if let Some(done) = attempt()? {
            return Ok(done);
        }
        if Instant::now() >= until {
            let what =
                "a table built anew by `infralogs reparse` is about to take its place, and nothing is stored meanwhile";
            return Err(Error::unavailable(what).help("it is tried again"));
        }
        sleep(LOOK_EVERY);
    }
}

/// What a program's tables were when it last looked at them, which its commits must agree with.
#[derive(Debug, Default)]
pub struct Prepared(Mutex<Looked>);

#[derive(Debug, Default)]
struct Looked {
    epoch: Option<i64>,
    tables: HashMap<String, Arc<TableDef>>,
}

impl Prepared {
    /// Tables were looked at, and made if need be, in an epoch that was read before.
    pub fn set(&self, epoch: i64, tables: &[Arc<TableDef>]) {
        let mut looked = self.lock();
        looked.epoch = Some(epoch);
        looked.tables.extend(tables.iter().map(|table| (table.name.clone(), table.clone())));
    }

    /// The epoch; `None` before any table was looked at.
    pub fn epoch(&self) -> Option<i64> {
        self.lock().epoch
    }

    /// Refuses what was parsed by older scripts than those whose types the tables have by now.
    ///
    /// # Errors
    /// `Conflict`: parsed again, it fits.
    pub fn agrees(&self, commit: &Commit<'_>) -> Result<()> {
        let looked = self.lock();
        let fits = |parsed: &ParsedRows| {
            let now = looked.tables.get(&parsed.table.name);
            now.is_none_or(|now| {
                let own = parsed.table.columns.iter();
                own.filter_map(|own| Some((own, now.column(&own.name)?))).all(|(own, kind)| own.kind == kind)
            })
        };
        if commit.parsed.iter().all(fits) { Ok(()) } else { Err(stale()) }
    }

    fn lock(&self) -> MutexGuard<'_, Looked> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The error of a commit whose program has not looked at its tables since one was replaced.
pub fn stale() -> Error {
    Error::new(Kind::Conflict, "a table was built anew by `infralogs reparse`").help("the tables are looked at again")
}

/// The error of a replay into a table that is being built anew.
pub fn busy(table: &str) -> Error {
    let what = format!("table `{table}` is being built anew by `infralogs reparse`, which takes its records along");
    Error::new(Kind::Conflict, what).help("replay what is left when it has ended")
}

/// The error of one who is not at it any more.
pub fn ousted(table: &str) -> Error {
    let what = format!(
        "another `infralogs reparse` began, or this one was not heard of for long; table `{table}` is as it was"
    );
    Error::new(Kind::Conflict, what).help("run it again, one at a time")
}
