//! `infralogs audit`: what each machine's journal counted, against what became of it. Nothing may be there twice.

use crate::{
    output::{self, Output},
    place::{self, Place, answer, ever},
};
use infralogs_core::{
    Result,
    expr::{Compare, Expr},
    plugin::Store,
    query::{Aggregate, Key, Measure, Query, ROWS_MAX, Shape},
    table::{Rows, TableDef},
    tables,
    time::{Time, Window},
};
use std::{
    collections::{BTreeMap, HashMap},
    process::ExitCode,
    sync::Arc,
};

#[derive(clap::Args)]
pub struct Args {
    /// Only entries from this time on: an RFC 3339 time, or a span back from now such as 1d
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    since: Option<String>,
    /// How it is printed
    #[arg(long, value_enum, default_value = "table")]
    output: Output,
    #[command(flatten)]
    place: Place,
}

/// One machine's account.
#[derive(Debug, Default)]
struct Account {
    host: String,
    /// Numbers its journals' counters gave from the first to the last entry stored.
    counted: i64,
    /// Rows of `logs`.
    stored: i64,
    /// Left out by rules, since the collector first polled it; unknown for a window.
    dropped: Option<i64>,
    /// Damaged in the journal; unknown for a window.
    unreadable: Option<i64>,
    /// Rotated away before they were read.
    lost: i64,
}

impl Account {
    /// Numbers nobody accounts for: entries of files that may not be read, such as those of users. In a window also
    /// those dropped and unreadable, of which only the sums are kept.
    fn unread(&self) -> i64 {
        self.counted - self.stored - self.dropped.unwrap_or(0) - self.unreadable.unwrap_or(0) - self.lost
    }

    fn cells(&self, machine: &str) -> Vec<String> {
        let (counted, stored, lost, unread) =
            (Some(self.counted), Some(self.stored), Some(self.lost), Some(self.unread()));
        let numbers = [counted, stored, self.dropped, self.unreadable, lost, unread];
        let names = [output::plain(&self.host), output::plain(machine)];
        let shown = |number: &Option<i64>| number.map(|number| number.to_string()).unwrap_or_default();
        names.into_iter().chain(numbers.iter().map(shown)).collect()
    }
}

const HEADER: [&str; 8] = ["host", "machine", "counted", "stored", "dropped", "unreadable", "lost", "unread"];

impl Args {
    /// Exit code 1 if a machine has more than its journal counted.
    pub async fn run(self) -> Result<ExitCode> {
        let store = self.place.find()?.store().await?;
        let since = self.since.as_deref().map(place::since).transpose()?;
        let accounts = accounts(&store, since).await?;
        match self.output {
            Output::Table => {
                println!(
                    "{}",
                    output::table(&HEADER, accounts.iter().map(|(machine, account)| account.cells(machine)))
                );
                if since.is_some() {
                    println!("of dropped and unreadable only the sums since ever are kept: here they are among unread");
                }
                println!(
                    "counted = stored + dropped by rule + unreadable + lost + unread (in files that may not be read,"
                );
                println!("or skipped by the counter: some sources, such as the demo, do not count one by one)");
            }
            Output::Csv => {
                println!("{}", HEADER.join(","));
                for (machine, account) in &accounts {
                    let cells: Vec<String> = account.cells(machine).iter().map(|cell| output::csv(cell)).collect();
                    println!("{}", cells.join(","));
                }
            }
            Output::Json => {
                for (machine, account) in &accounts {
                    let Account { host, counted, stored, dropped, unreadable, lost } = account;
                    let unread = account.unread();
                    println!(
                        "{}",
                        serde_json::json!({
                            "host": host, "machine": machine, "counted": counted, "stored": stored, "dropped": dropped,
                            "unreadable": unreadable, "lost": lost, "unread": unread,
                        })
                    );
                }
            }
        }
        let twice = accounts.values().any(|account| account.stored > account.counted);
        Ok(if twice { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }
}

/// The accounts by machine, of everything or of the entries from a time on.
async fn accounts(store: &Arc<dyn Store>, since: Option<Time>) -> Result<BTreeMap<String, Account>> {
    let window = Window { from: since.unwrap_or(ever().from), ..ever() };
    let measure = |name: &str, of| Measure { name: name.into(), of };
    let seqnum = || Arc::from("seqnum");
    // Reports are made when they are asked for; nobody counts them.
    let real = Expr::compare(Compare::Ne, Expr::field("identifier"), Expr::text("infralogs-disk"));
    let measures = vec![
        measure("stored", Aggregate::Count),
        measure("first", Aggregate::Min(seqnum())),
        measure("last", Aggregate::Max(seqnum())),
    ];
    let logs = groups(store, &tables::LOGS, Some(real), &["machine", "seqnum_id"], measures, window).await?;
    let mut accounts = BTreeMap::<String, Account>::new();
    let mut counters = HashMap::new();
    for row in 0..logs.len() {
        let int = |name| place::int(&logs, name, row).unwrap_or(0);
        let (machine, first, last) = (place::text(&logs, "machine", row), int("first"), int("last"));
        let account = accounts.entry(machine.clone()).or_default();
        account.stored += int("stored");
        account.counted += last - first + 1;
        counters.insert((machine, place::text(&logs, "seqnum_id", row)), first..=last);
    }
    let lost = vec![measure("lost", Aggregate::Sum("lost".into()))];
    let gaps = groups(store, &tables::GAPS, None, &["machine", "seqnum_id", "before_seqnum"], lost, ever()).await?;
    for row in 0..gaps.len() {
        let machine = place::text(&gaps, "machine", row);
        // A hole is found later than it came about: it is the window's if the counter's numbers say so.
        let counter = counters.get(&(machine.clone(), place::text(&gaps, "seqnum_id", row)));
        let before = place::int(&gaps, "before_seqnum", row).unwrap_or(0);
        if since.is_none() || counter.is_some_and(|counter| before > *counter.start() && before <= *counter.end()) {
            accounts.entry(machine).or_default().lost += place::int(&gaps, "lost", row).unwrap_or(0);
        }
    }
    let known = Query {
        table: "agents".into(),
        filter: None,
        last: None,
        shape: Shape::Latest { columns: Vec::new(), limit: ROWS_MAX },
    };
    let agents = answer(store, &known, &tables::AGENTS, ever()).await?;
    for row in 0..agents.len() {
        let account = accounts.entry(place::text(&agents, "machine", row)).or_default();
        account.host = place::text(&agents, "host", row);
        if since.is_none() {
            let int = |name| place::int(&agents, name, row).unwrap_or(0);
            account.dropped = Some(account.dropped.unwrap_or(0) + int("dropped"));
            account.unreadable = Some(account.unreadable.unwrap_or(0) + int("unreadable"));
        }
    }
    Ok(accounts)
}

async fn groups(
    store: &Arc<dyn Store>,
    table: &Arc<TableDef>,
    filter: Option<Expr>,
    by: &[&str],
    measures: Vec<Measure>,
    window: Window,
) -> Result<Rows> {
    let by = by.iter().map(|name| Key::Field((*name).into())).collect();
    let shape = Shape::Groups { every: None, by, measures, top: None };
    let query = Query { table: table.name.clone().into(), filter, last: None, shape };
    answer(store, &query, table, window).await
}
