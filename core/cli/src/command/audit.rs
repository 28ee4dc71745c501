//! `infralogs audit`: what each machine's journal counted, against what became of it. Nothing may be there twice.

use crate::{
    output::{self, Output},
    place::{self, Place, answer, ever},
};
use infralogs_core::{
    Result,
    expr::Expr,
    plugin::Store,
    query::{Aggregate, Key, Measure, Query, ROWS_MAX, Shape},
    sql::{schema::is_of_a_journal, write::hour},
    table::{Rows, TableDef},
    tables,
    time::{Time, Window},
};
use std::{collections::BTreeMap, process::ExitCode, sync::Arc};

#[derive(clap::Args)]
pub struct Args {
    /// Only entries from the hour of this time on: an RFC 3339 time, or a span back from now such as 1d
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
    /// Numbers its journals' counters gave.
    counted: i64,
    /// Rows of `logs`.
    stored: i64,
    /// Left out by rules.
    dropped: i64,
    /// Damaged in the journal.
    unreadable: i64,
    /// Rotated away before they were read.
    lost: i64,
}

impl Account {
    /// Numbers nobody accounts for: entries of files that may not be read, such as those of users.
    fn unread(&self) -> i64 {
        self.counted - self.stored - self.dropped - self.unreadable - self.lost
    }

    fn cells(&self, machine: &str) -> Vec<String> {
        let numbers = [self.counted, self.stored, self.dropped, self.unreadable, self.lost, self.unread()];
        let names = [output::plain(&self.host), output::plain(machine)];
        names.into_iter().chain(numbers.iter().map(ToString::to_string)).collect()
    }
}

const HEADER: [&str; 8] = ["host", "machine", "counted", "stored", "dropped", "unreadable", "lost", "unread"];

impl Args {
    /// Exit code 1 if a machine has more than its journal counted.
    pub async fn run(self) -> Result<ExitCode> {
        let store = self.place.find()?.store().await?;
        let since = self.since.as_deref().map(place::since).transpose()?;
        // Accounts are kept by the hour.
        let since = since.map(|since| Time(hour(since)));
        let accounts = accounts(&store, since).await?;
        match self.output {
            Output::Table => {
                println!(
                    "{}",
                    output::table(&HEADER, accounts.iter().map(|(machine, account)| account.cells(machine)))
                );
                if let Some(since) = since {
                    println!("of entries from {since} on: accounts are kept by the hour");
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

/// The accounts by machine, of everything or of the entries from the start of an hour on. What is stored is counted
/// anew from its rows, not taken from what was said of it.
async fn accounts(store: &Arc<dyn Store>, since: Option<Time>) -> Result<BTreeMap<String, Account>> {
    let window = Window { from: since.unwrap_or(ever().from), ..ever() };
    let measure = |name: &str, of| Measure { name: name.into(), of };
    let logs = groups(store, &tables::LOGS, Some(is_of_a_journal()), vec![measure("stored", Aggregate::Count)], window)
        .await?;
    let mut accounts = BTreeMap::<String, Account>::new();
    for row in 0..logs.len() {
        accounts.entry(place::text(&logs, "machine", row)).or_default().stored =
            place::int(&logs, "stored", row).unwrap_or(0);
    }
    let sums = ["counted", "dropped", "unreadable", "lost"];
    let sums = sums.map(|name| measure(name, Aggregate::Sum(name.into()))).to_vec();
    let said = groups(store, &tables::AUDIT, None, sums, window).await?;
    for row in 0..said.len() {
        let account = accounts.entry(place::text(&said, "machine", row)).or_default();
        let int = |name| place::int(&said, name, row).unwrap_or(0);
        (account.counted, account.lost) = (int("counted"), int("lost"));
        (account.dropped, account.unreadable) = (int("dropped"), int("unreadable"));
    }
    let shape = Shape::Latest { columns: Vec::new(), limit: ROWS_MAX };
    let known = Query { table: "agents".into(), filter: None, last: None, shape };
    let agents = answer(store, &known, &tables::AGENTS, ever()).await?;
    for row in 0..agents.len() {
        let machine = place::text(&agents, "machine", row);
        if !machine.is_empty() {
            accounts.entry(machine).or_default().host = place::text(&agents, "host", row);
        }
    }
    Ok(accounts)
}

async fn groups(
    store: &Arc<dyn Store>,
    table: &Arc<TableDef>,
    filter: Option<Expr>,
    measures: Vec<Measure>,
    window: Window,
) -> Result<Rows> {
    let by = vec![Key::Field("machine".into())];
    let shape = Shape::Groups { every: None, by, measures, top: None };
    let query = Query { table: table.name.clone().into(), filter, last: None, shape };
    answer(store, &query, table, window).await
}
