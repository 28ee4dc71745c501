//! `infralogs tail`: the newest entries of the whole fleet, one line each, and those that follow.

mod follow;

use crate::{
    output,
    place::{self, Place, answer},
};
use follow::Follow;
use infralogs_core::{
    Result,
    query::Shape,
    sql::schema::is_of_a_journal,
    table::Rows,
    time::{Time, Window, parse_span},
};
use std::{
    collections::HashSet,
    io::{self, IsTerminal, Write},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

/// How often it looks for new entries.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Clocks of machines may be ahead of ours by so much.
const AHEAD: Duration = Duration::from_secs(600);
/// The most entries shown first.
const ENTRIES_MAX: usize = 5_000;
/// What is read of each entry.
const COLUMNS: [&str; 8] = ["time", "host", "service", "level", "message", "machine", "seqnum_id", "seqnum"];

#[derive(clap::Args)]
pub struct Args {
    /// Only entries for which this is true: level >= "error" & host == "web-1"
    #[arg(long = "where", value_name = "CONDITION")]
    condition: Option<String>,
    /// How many of the newest entries are shown first
    #[arg(short = 'n', long, value_name = "ENTRIES", default_value_t = 50)]
    entries: usize,
    /// How far back these may lie. One that is ten minutes ahead or more, of a clock that is wrong, is not among them
    #[arg(long, value_name = "SPAN", default_value = "1d")]
    last: String,
    /// Go on with what is stored from now on, until Ctrl-C. Entries come in the order machines counted them; one
    /// whose time is more than a minute off those stored with it may be left out
    #[arg(short, long)]
    follow: bool,
    /// One object a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

/// Which entries were shown first, by their key.
type Shown = HashSet<(String, String, i64)>;

impl Args {
    pub async fn run(self) -> Result<ExitCode> {
        let places = self.place.find()?;
        let condition = self.condition.as_ref().map(|condition| format!(".where({condition})")).unwrap_or_default();
        let Some((mut query, table)) = places.ask(&format!("logs{condition}.latest({})", self.entries.max(1)))? else {
            return Ok(ExitCode::from(2));
        };
        // Reports are made when they are asked for.
        let real = is_of_a_journal();
        query.filter = Some(query.filter.map_or(real.clone(), |filter| filter.and(real)));
        query.shape = latest(self.entries.clamp(1, ENTRIES_MAX));
        let store = places.store().await?;
        // Where everybody is comes first, so that nothing falls between.
        let mut follow = Follow::begin(store.clone(), query.clone(), table.clone()).await?;
        let now = Time::now();
        let window = Window { from: now.minus(parse_span(&self.last)?), to: now.plus(AHEAD) };
        let rows = answer(&store, &query, &table, window).await?;
        let mut shown = Shown::new();
        if self.print(&rows, &mut shown).is_err() || !self.follow {
            return Ok(ExitCode::SUCCESS);
        }
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let mut open = true;
            let mut take = |rows: &Rows| {
                open = self.print(rows, &mut shown).is_ok();
                open
            };
            if let Err(error) = follow.look(&mut take).await {
                tracing::warn!("{error}");
            }
            if !open {
                return Ok(ExitCode::SUCCESS);
            }
        }
    }

    /// Prints what was not shown yet, oldest first. An error: nobody reads any more.
    fn print(&self, rows: &Rows, shown: &mut Shown) -> io::Result<()> {
        let colour = io::stdout().is_terminal();
        let first = shown.is_empty();
        let mut out = io::BufWriter::new(io::stdout().lock());
        for row in (0..rows.len()).rev() {
            let text = |name: &str| place::text(rows, name, row);
            let int = |name: &str| place::int(rows, name, row).unwrap_or(0);
            let (time, seqnum) = (int("time"), int("seqnum"));
            let key = (text("machine"), text("seqnum_id"), seqnum);
            // Those shown first are all there is to remember: what follows comes once.
            if shown.contains(&key) {
                continue;
            }
            if first {
                shown.insert(key);
            }
            let cell = |name: &str| output::plain(&text(name));
            let (host, service, level, message) = (cell("host"), cell("service"), cell("level"), cell("message"));
            let time = Time(time).to_string();
            if self.json {
                let line = serde_json::json!({
                    "time": time, "host": text("host"), "service": text("service"), "level": text("level"),
                    "message": text("message"), "machine": text("machine"), "seqnum_id": text("seqnum_id"), "seqnum": seqnum,
                });
                writeln!(out, "{line}")?;
                continue;
            }
            let (tint, off) = if colour { (tint(&level), "\x1b[0m") } else { ("", "") };
            let at = time.get(..23).unwrap_or(&time).replace('T', " ");
            writeln!(out, "{at} {host} {service} {tint}{level}{off} {message}")?;
        }
        out.flush()
    }
}

fn latest(limit: usize) -> Shape {
    Shape::Latest { columns: COLUMNS.map(Arc::from).to_vec(), limit }
}

fn tint(level: &str) -> &'static str {
    match level {
        "emerg" | "alert" | "critical" | "error" => "\x1b[31m",
        "warning" => "\x1b[33m",
        "debug" => "\x1b[2m",
        _ => "",
    }
}
