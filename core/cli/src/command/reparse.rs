//! `infralogs reparse`: builds a parser's table anew from `logs`, after the parser changed.

use crate::{
    place::{self, Place, Places},
    scripts,
    secrets::supplied,
};
use infralogs_core::{
    Error, Result,
    collect::{Reparsed, Step, rehearse, reparse, writers},
    definitions::Definitions,
    plugin::Store,
    table::TableDef,
    tables,
    time::Time,
};
use std::{
    io::IsTerminal,
    process::ExitCode,
    sync::Arc,
    time::{Duration, Instant},
};

/// Progress is told this often where nobody watches a line change.
const TELL_EVERY: Duration = Duration::from_secs(10);
/// The same on a terminal.
const DRAW_EVERY: Duration = Duration::from_millis(200);

#[derive(clap::Args)]
pub struct Args {
    /// The parser that changed, or its table: all parsers of the table are run again
    #[arg(long, value_name = "PARSER")]
    parser: String,
    /// Entries from this time on are parsed again, older rows stay: an RFC 3339 time, or a span back from now such as 7d
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    since: String,
    /// Reads and parses, says what would become of the table, and writes nothing
    #[arg(long)]
    pretend: bool,
    #[command(flatten)]
    place: Place,
}

impl Args {
    /// Exit code 1 if records failed.
    pub async fn run(self) -> Result<ExitCode> {
        let since = place::since(&self.since)?;
        let Places { roots, write, secrets, .. } = self.place.find()?;
        let Some(scripts) = scripts::open(&roots) else { return Ok(ExitCode::from(2)) };
        let definitions = scripts.current();
        let table = self.table(&definitions)?;
        let parsers = writers(&definitions, &table.name);
        let names: Vec<String> = parsers.iter().map(|parser| format!("`{}`", parser.spec.name)).collect();
        eprintln!("table `{}`, written by {}: entries since {since}", table.name, names.join(", "));
        left_out(&definitions, &table.name);
        let store = supplied(&write, secrets.as_ref()).await?;
        let (pretend, of) = (self.pretend, table.clone());
        let work = tokio::task::spawn_blocking(move || {
            store.migrate()?;
            changed(&*store, &of)?;
            let mut progress = Progress::new(since);
            let told = &mut |step, done: &Reparsed| {
                progress.tell(step, done);
                Ok(())
            };
            let done = match pretend {
                true => rehearse(&*store, &parsers, since, told),
                false => reparse(&*store, &of, &parsers, since, told),
            };
            progress.end();
            done
        });
        let done = work.await.map_err(|_| Error::failed("the store stopped in the middle"))??;
        self.say(&table.name, &done);
        Ok(if done.failed > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }

    /// The table that is meant.
    fn table(&self, definitions: &Definitions) -> Result<Arc<TableDef>> {
        let name = definitions.parser(&self.parser).map_or(self.parser.as_str(), |parser| &parser.spec.table);
        let declared = definitions.table(name).filter(|_| tables::built_in(name).is_none());
        declared.cloned().ok_or_else(|| definitions.no_parser(&self.parser))
    }

    fn say(&self, table: &str, done: &Reparsed) {
        let (rows, entries) = (done.rows, done.entries);
        if self.pretend {
            println!("`{table}` would have {rows} rows of {entries} entries, and the rows of older ones as they are");
        } else {
            println!("`{table}` has {rows} rows of {entries} entries, and {} older ones as they were", done.kept);
        }
        if done.emptied > 0 {
            println!("  {} values of older rows do not fit their column's new type and are missing", done.emptied);
        }
        if done.failed > 0 {
            let how = if self.pretend { "would fail" } else { "failed and are in quarantine" };
            println!("  {} records {how}", done.failed);
        }
        if let Some(reason) = &done.reason {
            println!("  the first fails because: {}", crate::output::plain(reason));
        }
    }
}

/// Says which columns are stored otherwise than the scripts say now.
fn changed(store: &dyn Store, table: &TableDef) -> Result<()> {
    let stored = store.columns(&table.name)?;
    for column in &table.columns {
        let now = column.kind.name();
        match stored.iter().find(|old| old.name == column.name) {
            Some(old) if old.kind == column.kind => {}
            Some(old) => eprintln!("  column `{}`: {} becomes {now}", column.name, old.kind.name()),
            None if !stored.is_empty() => eprintln!("  column `{}`: new, {now}", column.name),
            None => {}
        }
    }
    Ok(())
}

/// Says which schedules do not use a parser whose rows are now made of all entries.
fn left_out(definitions: &Definitions, table: &str) {
    for parser in writers(definitions, table) {
        let name = &parser.spec.name;
        let leaves = |names: &&Vec<Arc<str>>| !names.contains(name);
        for schedule in
            definitions.schedules.iter().filter(|one| one.parse.as_ref().is_some_and(|names| leaves(&names)))
        {
            eprintln!(
                "  note: schedule `{}` leaves out `{name}`; its machines' entries are parsed here too",
                schedule.name
            );
        }
    }
}

/// How far it is: one line that changes on a terminal, now and then a line elsewhere.
struct Progress {
    since: Time,
    begun: Time,
    terminal: bool,
    told: Option<Instant>,
}

impl Progress {
    fn new(since: Time) -> Self {
        Self { since, begun: Time::now(), terminal: std::io::stderr().is_terminal(), told: None }
    }

    fn tell(&mut self, step: Step, done: &Reparsed) {
        let every = if self.terminal { DRAW_EVERY } else { TELL_EVERY };
        let first = *self.told.get_or_insert_with(Instant::now);
        if first.elapsed() < every {
            return;
        }
        self.told = Some(Instant::now());
        let doing = match step {
            Step::Begin | Step::Read | Step::Fill => {
                let back = done.back_to.map_or(0, |back| self.begun.0.saturating_sub(back.0));
                let all = self.begun.0.saturating_sub(self.since.0).max(1);
                let percent = (back.max(0) as f64 * 100.0 / all as f64).min(100.0);
                format!("{percent:.0} % read: {} entries, {} rows", done.entries, done.rows)
            }
            Step::Keep => format!("{} older rows taken over", done.kept),
            Step::Look => format!("{} entries read; looking at what was stored meanwhile", done.entries),
            Step::Freeze | Step::Frozen | Step::Decide | Step::Finish => "the table changes places".into(),
        };
        match self.terminal {
            true => eprint!("\r\x1b[K{doing}"),
            false => eprintln!("{doing}"),
        }
    }

    fn end(&self) {
        if self.terminal {
            eprint!("\r\x1b[K");
        }
    }
}
