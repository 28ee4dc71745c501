//! `infralogs dry-run`: shows what a parser makes of real input. Writes nothing anywhere.

mod against;
pub mod explain;
pub mod input;
mod shapes;
pub mod show;
mod watch;

use crate::{connect, output::Output};
use clap::ValueEnum;
use infralogs_core::{
    Error, Result,
    definitions::Definitions,
    parse::{
        Outcome, Parser,
        input::{Format, Read},
    },
    script::load,
    time::Time,
};
use std::{
    io::IsTerminal,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

#[derive(clap::Args)]
#[command(group = clap::ArgGroup::new("source").required(true))]
pub struct Args {
    /// A parser's name, or a script: then all parsers it declares. Left out: all parsers there are
    #[arg(value_name = "PARSER|FILE.rhai")]
    parser: Option<String>,
    /// What to read: a file, or - for standard input
    #[arg(long, value_name = "FILE|-", group = "source")]
    input: Option<PathBuf>,
    /// Reads this machine's journal, or the one in a folder
    #[arg(long, value_name = "DIR", group = "source", num_args = 0..=1, require_equals = true)]
    journal: Option<Option<PathBuf>>,
    /// Reads from a live agent
    #[arg(long, value_name = "URL", group = "source")]
    agent: Option<String>,
    /// The agent's token
    #[arg(long, value_name = "FILE", requires = "agent")]
    token_file: Option<PathBuf>,
    /// How far back a journal or an agent is read
    #[arg(long, value_name = "TIME", default_value = "-1h", allow_hyphen_values = true)]
    since: String,
    /// The most entries read from a journal or an agent
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    limit: usize,
    /// What the input holds
    #[arg(long, value_enum, default_value = "auto")]
    format: InputFormat,
    /// A folder with scripts; may be given several times
    #[arg(long = "scripts", value_name = "DIR")]
    scripts: Vec<PathBuf>,
    /// Gives every entry this field, such as identifier=sshd
    #[arg(long = "set", value_name = "FIELD=VALUE")]
    set: Vec<String>,
    /// How records are shown
    #[arg(long, value_enum, default_value = "table")]
    output: Output,
    /// Shows stage by stage what each step did to the records, and what each stage costs
    #[arg(long)]
    explain: bool,
    /// Shows how rows change from those of this other version of the script
    #[arg(long, value_name = "OLD.rhai", conflicts_with = "explain")]
    against: Option<PathBuf>,
    /// Runs again whenever the scripts are saved
    #[arg(long, conflicts_with = "fail_unmatched")]
    watch: bool,
    /// Exit with 1 if an entry was selected and not matched, or failed
    #[arg(long)]
    fail_unmatched: bool,
}

/// What the input holds.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum InputFormat {
    /// Guessed from the first line, and said
    Auto,
    /// Each line is an entry's message
    Text,
    /// RFC 3164 or RFC 5424 lines
    Syslog,
    /// journalctl -o json
    Json,
    /// journalctl -o export
    Export,
    /// journalctl -o verbose
    Verbose,
}

/// What was read, and whether `.from` can choose from it.
struct Sample {
    read: Read,
    select: bool,
}

/// What one parser made of one record.
struct Tried<'p> {
    /// The record's first entry.
    entry: usize,
    line: u64,
    parser: &'p Arc<Parser>,
    outcome: Outcome,
}

impl Args {
    pub async fn run(self) -> Result<ExitCode> {
        let sample = self.read().await?;
        if self.watch {
            return watch::run(&self, &sample);
        }
        self.once(&sample)
    }

    /// Loads the scripts and shows what they make of the sample.
    fn once(&self, sample: &Sample) -> Result<ExitCode> {
        let Some(definitions) = loaded(&self.roots()?) else { return Ok(ExitCode::from(2)) };
        let parsers = match &self.parser {
            Some(wanted) => chosen(&definitions, wanted)?,
            None => definitions.parsers.iter().collect(),
        };
        if !sample.select && parsers.iter().any(|parser| parser.spec.from.is_some()) {
            eprintln!("plain text has no fields to select by: .from is not applied (--set identifier=… does)");
        }
        let now = Time::now();
        let tried = run_all(&parsers, sample, now);
        let cannot = |error: std::io::Error| Error::failed("cannot write the result").because(error);
        if let Some(old) = &self.against {
            let Some(old) = loaded(std::slice::from_ref(old)) else { return Ok(ExitCode::from(2)) };
            against::show(&parsers, &old, sample, self.output, now).map_err(cannot)?;
        } else if self.explain {
            explain::show(&parsers, sample, self.output, now).map_err(cannot)?;
        } else {
            show::show(&tried, &parsers, self.output).map_err(cannot)?;
        }
        show::summary(&tried, &parsers, sample);
        shapes::show(&tried, sample);
        eprintln!("nothing was written anywhere");
        let failed = tried.iter().any(|one| matches!(one.outcome, Outcome::Unmatched(_) | Outcome::Failed(_)));
        Ok(if self.fail_unmatched && failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }

    async fn read(&self) -> Result<Sample> {
        let given = input::fields(&self.set)?;
        if let Some(path) = &self.input {
            let wanted = self.format.wanted();
            let (format, read) = input::file(path, wanted, &given)?;
            if wanted.is_none() {
                eprintln!("reading as {} (guessed; --format says otherwise)", format.name());
            }
            // Plain text has no identifier or unit that `.from` could select by.
            return Ok(Sample { read, select: format != Format::Text || !given.is_empty() });
        }
        let since = Time::parse(&self.since, Time::now()).map_err(|error| error.at("--since"))?;
        let read = match (&self.agent, &self.journal) {
            (Some(url), _) => input::agent(url, self.token_file.as_deref(), since, self.limit, &given).await?,
            (None, Some(folder)) => input::journal(folder.as_deref(), since, self.limit, &given).await?,
            (None, None) => {
                return Err(Error::invalid("there is nothing to read").help("give --input, --journal or --agent"));
            }
        };
        eprintln!("read {} entries since {since}", read.entries.len());
        Ok(Sample { read, select: true })
    }

    /// The scripts to load: the script named, or the folders.
    fn roots(&self) -> Result<Vec<PathBuf>> {
        match &self.parser {
            Some(wanted) if wanted.ends_with(".rhai") && self.scripts.is_empty() => Ok(vec![PathBuf::from(wanted)]),
            _ => connect::roots(&self.scripts, None),
        }
    }
}

impl InputFormat {
    fn wanted(self) -> Option<Format> {
        match self {
            Self::Auto => None,
            Self::Text => Some(Format::Text),
            Self::Syslog => Some(Format::Syslog),
            Self::Json => Some(Format::Json),
            Self::Export => Some(Format::Export),
            Self::Verbose => Some(Format::Verbose),
        }
    }
}

/// The definitions; mistakes are drawn.
fn loaded(roots: &[PathBuf]) -> Option<Arc<Definitions>> {
    match load(roots) {
        Ok(definitions) => Some(definitions),
        Err(rejected) => {
            eprintln!("{}", rejected.draw(std::io::stderr().is_terminal()));
            None
        }
    }
}

/// The parsers meant: one by name, or all that a script declares.
pub fn chosen<'d>(definitions: &'d Definitions, wanted: &str) -> Result<Vec<&'d Arc<Parser>>> {
    if wanted.ends_with(".rhai") {
        let script = Path::new(wanted).canonicalize().ok();
        let declared_in = |parser: &&Arc<Parser>| {
            let file = parser.spec.place.rsplitn(3, ':').nth(2).unwrap_or_default();
            Path::new(file).canonicalize().ok() == script
        };
        let parsers: Vec<_> = definitions.parsers.iter().filter(declared_in).collect();
        if parsers.is_empty() {
            return Err(Error::invalid("the script declares no parser").at(wanted));
        }
        return Ok(parsers);
    }
    definitions.parser(wanted).map(|parser| vec![parser]).ok_or_else(|| definitions.no_parser(wanted))
}

/// What every parser makes of every record, in the order of the input.
fn run_all<'p>(parsers: &[&'p Arc<Parser>], sample: &Sample, now: Time) -> Vec<Tried<'p>> {
    let mut tried: Vec<Tried<'p>> = Vec::with_capacity(sample.read.entries.len() * parsers.len());
    for parser in parsers {
        let records = parser.run_file(&sample.read.entries, sample.select, now);
        tried.extend(records.into_iter().map(|(entry, outcome)| {
            let line = sample.read.lines.get(entry).copied().unwrap_or(0);
            Tried { entry, line, parser, outcome }
        }));
    }
    tried.sort_by_key(|one| one.entry);
    tried
}
