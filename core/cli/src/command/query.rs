//! `infralogs query`: asks the store in the language of dashboards, from a terminal.

use crate::{
    connect,
    output::{self, Output},
    place::{Place, Places},
    scripts,
    secrets::supplied,
    stop,
};
use infralogs_core::{
    Error, Result,
    cancel::Cancel,
    plugin::Store,
    query::{Frame, ROWS_MAX},
    table::Rows,
    time::{Time, Window, parse_span},
};
use std::{
    io::{self, IsTerminal, Write},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

/// The exit code of what was ended by Ctrl-C.
const INTERRUPTED: u8 = 130;
/// How long a query that was cancelled may take to end.
const CANCEL_WAIT: Duration = Duration::from_secs(5);
/// How long `--fresh` waits for the replica.
const FRESH_WAIT: Duration = Duration::from_secs(30);

#[derive(clap::Args)]
pub struct Args {
    /// The question: logs.where(level >= "error").last(6.hours).count(host)
    query: String,
    /// How far back to look where the question does not say
    #[arg(long, value_name = "SPAN", default_value = "1h")]
    last: String,
    /// How the answer is printed
    #[arg(long, value_enum, default_value = "table")]
    output: Output,
    /// The most rows printed
    #[arg(long, value_name = "ROWS", default_value_t = 1_000)]
    limit: usize,
    /// The longest it may take
    #[arg(long, value_name = "SPAN", default_value = "30s")]
    timeout: String,
    /// Print the SQL and where the numbers come from, and ask nothing
    #[arg(long, visible_alias = "explain")]
    sql: bool,
    /// Read from a replica only once it has everything that is in the primary now
    #[arg(long)]
    fresh: bool,
    #[command(flatten)]
    place: Place,
}

impl Args {
    pub async fn run(self) -> Result<ExitCode> {
        let Places { roots, write, read, secrets } = self.place.find()?;
        let (last, timeout) = (parse_span(&self.last)?, parse_span(&self.timeout)?);
        let Some((definitions, query)) = scripts::ask(&roots, &self.query) else { return Ok(ExitCode::from(2)) };
        let Some(table) = definitions.table(&query.table).cloned() else {
            return Err(Error::invalid(format!("no parser writes a table `{}`", query.table)));
        };
        let now = Time::now();
        let timeout_ms = u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX);
        let frame = Frame { window: Window { from: now.minus(last), to: now }, zone_s: 0, timeout_ms };
        let chosen = read.as_ref().unwrap_or(&write);
        let (sql, said) = (self.sql, query.last.is_none());
        let (output, limit) = (self.output, self.limit);
        // Explaining asks nothing, so it needs no credentials.
        let store = if sql { connect::store(chosen)? } else { supplied(chosen, secrets.as_ref()).await? };
        let primary = if self.fresh { Some(supplied(&write, secrets.as_ref()).await?) } else { None };
        let (cancel, mut stopped) = (Cancel::default(), stop::on_signal()?);
        let cancelled = cancel.clone();
        let mut answer = tokio::task::spawn_blocking(move || {
            if sql {
                return store.explain(&query, &table, &frame).map(Some);
            }
            if let Some(primary) = primary {
                wait(&*store, &primary)?;
            }
            let mut printed = Printed { output, limit, shown: 0, found: 0, held: None };
            store.stream(&query, &table, &frame, &cancelled, &mut |rows| printed.piece(rows))?;
            printed.end()?;
            Ok(None)
        });
        let answer = tokio::select! {
            answer = &mut answer => answer,
            _ = stopped.changed() => {
                // The statement ends on the server too.
                cancel.cancel();
                let _ = tokio::time::timeout(CANCEL_WAIT, answer).await;
                return Ok(ExitCode::from(INTERRUPTED));
            }
        };
        match answer.map_err(|_| Error::failed("the store stopped in the middle of the query"))?? {
            Some(explained) => println!("-- reads {}\n{}", explained.reads, explained.sql),
            None if said && io::stderr().is_terminal() => {
                eprintln!("of the last {}; ask for more with .last(…) or --last", self.last);
            }
            None => {}
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// What of an answer was printed so far.
struct Printed {
    output: Output,
    limit: usize,
    shown: usize,
    found: usize,
    /// The pieces of a table, whose columns are as wide as their widest cell.
    held: Option<Rows>,
}

impl Printed {
    /// Prints a piece of the answer as it comes; false once nobody reads it any more.
    fn piece(&mut self, rows: Rows) -> Result<bool> {
        let shown = rows.len().min(self.limit - self.shown);
        let first = self.found == 0 && self.shown == 0;
        self.found += rows.len();
        self.shown += shown;
        if matches!(self.output, Output::Table) {
            match &mut self.held {
                None => self.held = Some(rows),
                Some(held) => held.columns.iter_mut().zip(&rows.columns).for_each(|(own, more)| own.append(more)),
            }
            return Ok(true);
        }
        written(write_rows(&rows, shown, first, self.output))
    }

    fn end(self) -> Result<()> {
        if let Some(rows) = &self.held {
            written(write_rows(rows, self.shown, true, self.output))?;
        }
        if self.shown < self.found {
            eprintln!("{} of {} rows; print more with --limit {}", self.shown, self.found, self.found);
        } else if self.found >= ROWS_MAX {
            eprintln!("cut at {ROWS_MAX} rows; ask for a shorter time or fewer records");
        }
        Ok(())
    }
}

/// Whether somebody still reads what is written.
fn written(result: io::Result<()>) -> Result<bool> {
    match result {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(Error::failed("cannot write the answer").because(error)),
    }
}

/// Until the replica has what the primary has now.
fn wait(replica: &dyn Store, primary: &Arc<dyn Store>) -> Result<()> {
    let Some(position) = primary.position()? else { return Ok(()) };
    if replica.wait_for(&position, FRESH_WAIT)? {
        return Ok(());
    }
    let what = format!("the replica did not catch up within {} s", FRESH_WAIT.as_secs());
    Err(Error::unavailable(what).at(replica.name()).help("leave out --fresh, or look at its replication"))
}

fn write_rows(rows: &Rows, shown: usize, first: bool, output: Output) -> io::Result<()> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    let columns = || rows.defs.iter().zip(&rows.columns);
    let cells = |row: usize| columns().map(move |(def, column)| output::cell(&column.get(row), def.kind));
    let names: Vec<&str> = rows.defs.iter().map(|def| def.name.as_str()).collect();
    match output {
        Output::Table => writeln!(out, "{}", output::table(&names, (0..shown).map(|row| cells(row).collect())))?,
        Output::Csv => {
            if first {
                writeln!(out, "{}", names.iter().map(|name| output::csv(name)).collect::<Vec<_>>().join(","))?;
            }
            for row in 0..shown {
                writeln!(out, "{}", cells(row).map(|cell| output::csv(&cell)).collect::<Vec<_>>().join(","))?;
            }
        }
        Output::Json => {
            for row in 0..shown {
                let values =
                    columns().map(|(def, column)| (def.name.clone(), output::json(&column.get(row), def.kind)));
                writeln!(out, "{}", serde_json::Value::Object(values.collect()))?;
            }
        }
    }
    out.flush()
}
