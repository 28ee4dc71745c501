//! `infralogs dry-run`: shows what a parser makes of real input. Writes nothing anywhere.

use crate::{
    connect,
    output::{self, Output},
};
use clap::ValueEnum;
use infralogs_core::{
    Error, Result,
    definitions::Definitions,
    parse::{
        Outcome, Parser,
        input::{Format, Input, Read},
    },
    time::Time,
};
use serde_json::{Map, json};
use std::{
    fs::File,
    io::{BufReader, IsTerminal, Write},
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

/// The most input read, in bytes.
const INPUT_BYTES_MAX: usize = 256 << 20;
/// The most odd lines told of.
const ODD_MAX: usize = 10;

#[derive(clap::Args)]
pub struct Args {
    /// A parser's name, or a script: then all parsers it declares
    #[arg(value_name = "PARSER|FILE.rhai")]
    parser: String,
    /// What to read: a file, or - for standard input
    #[arg(long, value_name = "FILE|-")]
    input: PathBuf,
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

/// What one parser made of one entry.
struct Tried<'p> {
    line: u64,
    parser: &'p Parser,
    outcome: Outcome,
}

impl Args {
    pub fn run(self) -> Result<ExitCode> {
        let Some(definitions) = self.load()? else { return Ok(ExitCode::from(2)) };
        let parsers = chosen(&definitions, &self.parser)?;
        let wanted = match self.format {
            InputFormat::Auto => None,
            InputFormat::Text => Some(Format::Text),
            InputFormat::Syslog => Some(Format::Syslog),
            InputFormat::Json => Some(Format::Json),
            InputFormat::Export => Some(Format::Export),
            InputFormat::Verbose => Some(Format::Verbose),
        };
        let (format, input) = read_input(&self.input, wanted, &fields(&self.set)?)?;
        if wanted.is_none() {
            eprintln!("reading as {} (guessed; --format says otherwise)", format.name());
        }
        // Plain text has no identifier or unit that `.from` could select by.
        let select = format != Format::Text || !self.set.is_empty();
        if !select && parsers.iter().any(|parser| parser.spec.from.is_some()) {
            eprintln!("plain text has no fields to select by: .from is not applied (--set identifier=… does)");
        }
        let tried = run_all(&parsers, &input, select);
        show(&tried, &parsers, self.output).map_err(|error| Error::failed("cannot write the result").because(error))?;
        summary(&tried, &parsers, &input);
        let failed = tried.iter().any(|one| matches!(one.outcome, Outcome::Unmatched(_) | Outcome::Failed(_)));
        Ok(if self.fail_unmatched && failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }

    /// The definitions; mistakes are drawn.
    fn load(&self) -> Result<Option<Arc<Definitions>>> {
        let file = Path::new(&self.parser);
        let is_script = file.extension().is_some_and(|end| end == "rhai");
        let roots = match (is_script, self.scripts.is_empty()) {
            (true, true) => vec![file.to_owned()],
            _ => connect::roots(&self.scripts, None)?,
        };
        match infralogs_core::script::load(&roots) {
            Ok(definitions) => Ok(Some(definitions)),
            Err(rejected) => {
                eprintln!("{}", rejected.draw(std::io::stderr().is_terminal()));
                Ok(None)
            }
        }
    }
}

/// The parsers meant: one by name, or all that a script declares.
fn chosen<'d>(definitions: &'d Definitions, wanted: &str) -> Result<Vec<&'d Arc<Parser>>> {
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
    definitions.parser(wanted).map(|parser| vec![parser]).ok_or_else(|| {
        let names: Vec<&str> = definitions.parsers.iter().map(|parser| &*parser.spec.name).collect();
        let error = Error::invalid(format!("there is no parser `{}`", wanted.escape_debug()));
        error.help(format!("there are {}", names.join(", ")))
    })
}

/// The whole input, within its limit.
fn read_input(path: &Path, format: Option<Format>, given: &[(String, String)]) -> Result<(Format, Read)> {
    let place = path.display().to_string();
    let source: Box<dyn std::io::Read> = if place == "-" {
        Box::new(std::io::stdin().lock())
    } else {
        Box::new(File::open(path).map_err(|error| Error::invalid("cannot read the input").at(&place).because(error))?)
    };
    let mut input = Input::new(BufReader::new(source), format, given, Time::now()).map_err(|error| error.at(&place))?;
    let mut all = Read::default();
    while let Some(batch) = input.next_batch().map_err(|error| error.at(&place))? {
        for entry in batch.entries.iter() {
            entry.fields().for_each(|(name, value)| all.entries.push_field(name, value));
            all.entries.end(entry.cursor);
        }
        all.lines.extend(batch.lines);
        all.odd.extend(batch.odd);
        if all.entries.bytes() > INPUT_BYTES_MAX {
            return Err(Error::invalid(format!("the input is larger than {INPUT_BYTES_MAX} bytes"))
                .at(place)
                .help("give a part of it"));
        }
    }
    for (line, why) in all.odd.iter().take(ODD_MAX) {
        eprintln!("line {line}: {why}");
    }
    Ok((input.format(), all))
}

/// `--set` pairs as journal fields.
fn fields(set: &[String]) -> Result<Vec<(String, String)>> {
    set.iter()
        .map(|pair| {
            let (name, value) = pair.split_once('=').ok_or_else(|| {
                Error::invalid(format!("`--set {}` has no `=`", pair.escape_debug()))
                    .help("write --set identifier=sshd")
            })?;
            let journal = infralogs_core::fields::journal_names(name).first().map_or(name, |first| first);
            Ok((journal.to_owned(), value.to_owned()))
        })
        .collect()
}

fn run_all<'p>(parsers: &[&'p Arc<Parser>], input: &Read, select: bool) -> Vec<Tried<'p>> {
    let now = Time::now();
    let mut tried = Vec::with_capacity(input.entries.len() * parsers.len());
    for (index, entry) in input.entries.iter().enumerate() {
        for parser in parsers {
            let outcome = if select { parser.run(&entry, now) } else { parser.run_selected(&entry, now) };
            tried.push(Tried { line: input.lines[index], parser, outcome });
        }
    }
    tried
}

fn show(tried: &[Tried<'_>], parsers: &[&Arc<Parser>], how: Output) -> std::io::Result<()> {
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    match how {
        Output::Json => tried.iter().try_for_each(|one| writeln!(out, "{}", object(one)))?,
        Output::Table | Output::Csv => {
            for parser in parsers {
                let columns = &parser.table.columns;
                let header: Vec<&str> = ["line"].into_iter().chain(columns.iter().map(|c| c.name.as_str())).collect();
                let rows = matched(tried, parser).map(|(line, row)| {
                    let cells = row.iter().zip(columns).map(|(value, column)| output::cell(value, column.kind));
                    [line.to_string()].into_iter().chain(cells).collect::<Vec<_>>()
                });
                if how == Output::Csv {
                    writeln!(out, "{}", header.join(","))?;
                    for row in rows {
                        writeln!(out, "{}", row.iter().map(|cell| output::csv(cell)).collect::<Vec<_>>().join(","))?;
                    }
                } else {
                    writeln!(out, "{} → {}\n{}", parser.spec.name, parser.table.name, output::table(&header, rows))?;
                }
            }
        }
    }
    out.flush()
}

/// The rows one parser made, with their lines.
fn matched<'t>(
    tried: &'t [Tried<'t>],
    parser: &'t Parser,
) -> impl Iterator<Item = (u64, &'t Vec<infralogs_core::value::Value<'static>>)> {
    tried.iter().filter(move |one| std::ptr::eq(one.parser, parser)).filter_map(|one| match &one.outcome {
        Outcome::Matched(row) => Some((one.line, row)),
        _ => None,
    })
}

/// One record for machines.
fn object(one: &Tried<'_>) -> serde_json::Value {
    let (outcome, row, reason) = match &one.outcome {
        Outcome::Matched(row) => ("matched", Some(row), None),
        Outcome::Unselected => ("unselected", None, None),
        Outcome::Unmatched(reason) => ("unmatched", None, Some(reason)),
        Outcome::Dropped(reason) => ("dropped", None, Some(reason)),
        Outcome::Failed(reason) => ("failed", None, Some(reason)),
    };
    let columns = &one.parser.table.columns;
    let row = row.map(|row| {
        let cells =
            columns.iter().zip(row).map(|(column, value)| (column.name.clone(), output::json(value, column.kind)));
        cells.collect::<Map<_, _>>()
    });
    let mut object = json!({
        "line": one.line,
        "parser": &*one.parser.spec.name,
        "table": one.parser.table.name,
        "outcome": outcome,
        "matched": row.is_some(),
    });
    if let Some(row) = row {
        object["row"] = row.into();
    }
    if let Some(reason) = reason {
        object["reason"] = reason.as_str().into();
    }
    object
}

/// What became of the input, on standard error.
fn summary(tried: &[Tried<'_>], parsers: &[&Arc<Parser>], input: &Read) {
    for parser in parsers {
        let mine = || tried.iter().filter(|one| std::ptr::eq(one.parser, &raw const ***parser));
        let count = |is: fn(&Outcome) -> bool| mine().filter(|one| is(&one.outcome)).count();
        eprintln!(
            "{}: {} entries: {} matched, {} unmatched, {} dropped, {} failed, {} not selected",
            parser.spec.name,
            input.entries.len(),
            count(|o| matches!(o, Outcome::Matched(_))),
            count(|o| matches!(o, Outcome::Unmatched(_))),
            count(|o| matches!(o, Outcome::Dropped(_))),
            count(|o| matches!(o, Outcome::Failed(_))),
            count(|o| matches!(o, Outcome::Unselected)),
        );
        let why = mine().find_map(|one| match &one.outcome {
            Outcome::Unmatched(reason) | Outcome::Failed(reason) => Some((one.line, reason)),
            _ => None,
        });
        if let Some((line, reason)) = why {
            eprintln!("  first, line {line}: {reason}");
        }
    }
    eprintln!("nothing was written anywhere");
}
