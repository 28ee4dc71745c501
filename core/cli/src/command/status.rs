//! `infralogs status`: every machine of the fleet, when it last answered, what it lost and what is wrong with it.

use crate::{
    output::{self, Output},
    place::{self, Place, answer, ever},
};
use infralogs_core::{
    Result,
    plugin::Store,
    query::{Aggregate, Key, Measure, Query, ROWS_MAX, Shape},
    table::TableDef,
    tables,
    time::{Time, parse_span},
};
use std::{
    collections::BTreeMap,
    io::{IsTerminal, Write},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

/// A machine whose newest entry is of a time so much later than its answer has a clock that is wrong.
const CLOCK_AHEAD_S: i64 = 60;
/// How often `--watch` looks again.
const LOOK_EVERY: Duration = Duration::from_secs(2);

#[derive(clap::Args)]
pub struct Args {
    /// A machine that did not answer for so long is late
    #[arg(long, value_name = "SPAN", default_value = "2m")]
    late: String,
    /// Look again every two seconds, until Ctrl-C
    #[arg(short, long)]
    watch: bool,
    /// How it is printed
    #[arg(long, value_enum, default_value = "table")]
    output: Output,
    #[command(flatten)]
    place: Place,
}

/// How one machine does.
struct Machine {
    host: String,
    state: &'static str,
    answered_s: Option<i64>,
    lag_s: Option<i64>,
    entries: i64,
    dropped: i64,
    unreadable: i64,
    lost: i64,
    quarantined: i64,
    error: String,
}

impl Args {
    /// Exit code 1 if a machine is late or fails.
    pub async fn run(self) -> Result<ExitCode> {
        let (store, late) = (self.place.find()?.store().await?, parse_span(&self.late)?);
        loop {
            let machines = machines(&store, late).await?;
            if self.watch && std::io::stdout().is_terminal() {
                // From the top of an empty screen.
                print!("\x1b[2J\x1b[H");
            }
            self.print(&machines, &store);
            if !self.watch {
                let well = machines.iter().all(|machine| machine.state == "up");
                return Ok(if well { ExitCode::SUCCESS } else { ExitCode::FAILURE });
            }
            let _ = std::io::stdout().flush();
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    fn print(&self, machines: &[Machine], store: &Arc<dyn Store>) {
        let header = [
            "host",
            "state",
            "answered",
            "lag",
            "entries",
            "dropped",
            "unreadable",
            "lost",
            "quarantined",
            "last error",
        ];
        match self.output {
            Output::Table => {
                println!("{}", output::table(&header, machines.iter().map(Machine::cells)));
                let up = machines.iter().filter(|machine| machine.state == "up").count();
                println!("{up} of {} machines up, as {} knows", machines.len(), store.name());
            }
            Output::Csv => {
                println!("{}", header.join(","));
                for machine in machines {
                    println!("{}", machine.cells().iter().map(|cell| output::csv(cell)).collect::<Vec<_>>().join(","));
                }
            }
            Output::Json => machines.iter().for_each(|machine| println!("{}", machine.json())),
        }
    }
}

impl Machine {
    fn cells(&self) -> Vec<String> {
        let age = |seconds: Option<i64>| seconds.map_or_else(String::new, |seconds| format!("{seconds} s"));
        vec![
            output::plain(&self.host),
            self.state.to_owned(),
            age(self.answered_s),
            age(self.lag_s),
            self.entries.to_string(),
            self.dropped.to_string(),
            self.unreadable.to_string(),
            self.lost.to_string(),
            self.quarantined.to_string(),
            output::plain(&self.error),
        ]
    }

    fn json(&self) -> serde_json::Value {
        serde_json::json!({
            "host": self.host, "state": self.state, "answered_s": self.answered_s, "lag_s": self.lag_s,
            "entries": self.entries, "dropped": self.dropped, "unreadable": self.unreadable, "lost": self.lost,
            "quarantined": self.quarantined, "error": self.error,
        })
    }
}

/// All machines the store knows, those with trouble first.
async fn machines(store: &Arc<dyn Store>, late: Duration) -> Result<Vec<Machine>> {
    let known = Query { table: "agents".into(), filter: None, last: None, shape: every_row() };
    let agents = answer(store, &known, &tables::AGENTS, ever()).await?;
    let lost = by_host(store, &tables::GAPS, Aggregate::Sum("lost".into())).await?;
    let quarantined = by_host(store, &tables::QUARANTINE, Aggregate::Count).await?;
    let now = Time::now();
    let mut machines: Vec<Machine> = (0..agents.len())
        .map(|row| {
            let int = |name| place::int(&agents, name, row);
            let age_s = |time: Option<i64>| time.map(|time| (now.0 - time) / 1_000_000);
            let (host, error) = (place::text(&agents, "host", row), place::text(&agents, "last_error", row));
            let answered_s = age_s(int("last_seen"));
            let ahead_s = (int("last_entry").unwrap_or(0) - int("last_seen").unwrap_or(i64::MAX)) / 1_000_000;
            let is_late = answered_s.is_none_or(|seconds| seconds > late.as_secs().cast_signed());
            let state = match (error.is_empty(), is_late) {
                (false, _) => "failing",
                (true, true) => "late",
                (true, false) => "up",
            };
            let sum = |sums: &BTreeMap<String, i64>| sums.get(&host).copied().unwrap_or(0);
            Machine {
                state,
                answered_s,
                lag_s: int("lag_ms").map(|ms| ms / 1_000),
                entries: int("entries").unwrap_or(0),
                dropped: int("dropped").unwrap_or(0),
                unreadable: int("unreadable").unwrap_or(0),
                lost: sum(&lost),
                quarantined: sum(&quarantined),
                error: match ahead_s {
                    // Its entries are stored, and every chart shows them where they do not belong.
                    CLOCK_AHEAD_S.. if error.is_empty() => format!("its clock is {ahead_s} s ahead"),
                    _ => error,
                },
                host,
            }
        })
        .collect();
    machines.sort_by(|a, b| (a.state == "up", &a.host).cmp(&(b.state == "up", &b.host)));
    Ok(machines)
}

fn every_row() -> Shape {
    Shape::Latest { columns: Vec::new(), limit: ROWS_MAX }
}

/// One number for each host.
async fn by_host(store: &Arc<dyn Store>, table: &Arc<TableDef>, of: Aggregate) -> Result<BTreeMap<String, i64>> {
    let measures = vec![Measure { name: "n".into(), of }];
    let shape = Shape::Groups { every: None, by: vec![Key::Field("host".into())], measures, top: None };
    let query = Query { table: table.name.clone().into(), filter: None, last: None, shape };
    let rows = answer(store, &query, table, ever()).await?;
    Ok((0..rows.len()).map(|row| (place::text(&rows, "host", row), place::int(&rows, "n", row).unwrap_or(0))).collect())
}
