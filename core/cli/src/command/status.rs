//! `infralogs status`: every machine of the fleet, when it last answered, how much it says, what it lost and what is
//! wrong with it; with `--watch` a view that lives.

use crate::{
    output::{self, Output},
    place::{self, Place, answer, ever},
};
use infralogs_core::{
    Result,
    inventory::PUSHED,
    plugin::Store,
    query::{Aggregate, Key, Measure, Query, ROWS_MAX, Shape},
    table::TableDef,
    tables,
    time::{Time, Window, parse_span},
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
/// One that pushes is heard of only when it has something to say.
const PUSHED_LATE: Duration = Duration::from_secs(3600);
/// How often `--watch` looks again.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// The most machines in the view, those with trouble first: more would roll out of a screen.
const WATCHED_MAX: usize = 40;
/// What the rate is of.
const RATE_OVER: Duration = Duration::from_secs(60);

#[derive(clap::Args)]
pub struct Args {
    /// A machine that did not answer for so long is late (one that pushes: after an hour, or so long)
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
    /// Entries of the last minute, by their own time, a second.
    rate: f64,
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
        if self.watch {
            tokio::select! {
                ended = self.look_on(&store, late) => return ended,
                _ = tokio::signal::ctrl_c() => return Ok(ExitCode::SUCCESS),
            }
        }
        let machines = machines(&store, late).await?;
        self.print(&machines, &store);
        if matches!(self.output, Output::Table) && std::io::stdout().is_terminal() {
            println!("(infralogs status --watch keeps looking)");
        }
        let well = machines.iter().all(|machine| machine.state == "up");
        Ok(if well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    /// The view: goes on, also while the store does not answer.
    async fn look_on(&self, store: &Arc<dyn Store>, late: Duration) -> Result<ExitCode> {
        let screen = std::io::stdout().is_terminal();
        loop {
            let seen = machines(store, late).await;
            if screen {
                // From the top of an empty screen.
                print!("\x1b[2J\x1b[H");
            }
            match seen {
                Ok(machines) if screen && machines.len() > WATCHED_MAX => {
                    self.print(&machines[..WATCHED_MAX], store);
                    println!(
                        "and {} more, in better state; all of them: infralogs status",
                        machines.len() - WATCHED_MAX
                    );
                }
                Ok(machines) => self.print(&machines, store),
                Err(error) if screen => println!("{error}"),
                Err(error) => return Err(error),
            }
            if screen {
                println!("{} · every {} s · Ctrl-C ends", Time::now(), LOOK_EVERY.as_secs());
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
            "entries/s",
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
            format!("{:.1}", self.rate),
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
            "entries_per_s": self.rate, "entries": self.entries, "dropped": self.dropped, "unreadable": self.unreadable, "lost": self.lost,
            "quarantined": self.quarantined, "error": self.error,
        })
    }
}

/// All machines the store knows, those with trouble first.
async fn machines(store: &Arc<dyn Store>, late: Duration) -> Result<Vec<Machine>> {
    let known = Query { table: "agents".into(), filter: None, last: None, shape: every_row() };
    let agents = answer(store, &known, &tables::AGENTS, ever()).await?;
    let lost = by_host(store, &tables::GAPS, Aggregate::Sum("lost".into()), ever()).await?;
    let quarantined = by_host(store, &tables::QUARANTINE, Aggregate::Count, ever()).await?;
    let now = Time::now();
    let minute = Window { from: now.minus(RATE_OVER), to: now };
    let newest = by_host(store, &tables::LOGS, Aggregate::Count, minute).await?;
    let mut machines: Vec<Machine> = (0..agents.len())
        .map(|row| {
            let int = |name| place::int(&agents, name, row);
            let age_s = |time: Option<i64>| time.map(|time| (now.0 - time) / 1_000_000);
            let (host, error) = (place::text(&agents, "host", row), place::text(&agents, "last_error", row));
            let answered_s = age_s(int("last_seen"));
            let ahead_s = (int("last_entry").unwrap_or(0) - int("last_seen").unwrap_or(i64::MAX)) / 1_000_000;
            let late = if place::text(&agents, "url", row) == PUSHED { late.max(PUSHED_LATE) } else { late };
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
                rate: sum(&newest) as f64 / RATE_OVER.as_secs_f64(),
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
async fn by_host(
    store: &Arc<dyn Store>,
    table: &Arc<TableDef>,
    of: Aggregate,
    window: Window,
) -> Result<BTreeMap<String, i64>> {
    let measures = vec![Measure { name: "n".into(), of }];
    let shape = Shape::Groups { every: None, by: vec![Key::Field("host".into())], measures, top: None };
    let query = Query { table: table.name.clone().into(), filter: None, last: None, shape };
    let rows = answer(store, &query, table, window).await?;
    Ok((0..rows.len()).map(|row| (place::text(&rows, "host", row), place::int(&rows, "n", row).unwrap_or(0))).collect())
}
