//! `infralogs repl`: evaluates expressions on a sample record.

use super::dry_run::{chosen, input};
use crate::{connect, output};
use infralogs_core::{
    Error, Result,
    entry::Entry,
    parse::{
        Outcome, Parser,
        spec::{ParserSpec, Step},
    },
    script::{expression, load},
    time::Time,
};
use std::{
    io::{self, BufRead, IsTerminal, Write},
    path::PathBuf,
    process::ExitCode,
    sync::Arc,
};

/// The column that holds the answer.
const ANSWER: &str = "answer";

#[derive(clap::Args)]
pub struct Args {
    /// A parser's name, or a script that declares one: its fields are there too
    #[arg(value_name = "PARSER|FILE.rhai")]
    parser: Option<String>,
    /// Lines of a log; the first is the record, `:next` goes on to the next
    #[arg(long, value_name = "FILE")]
    input: Option<PathBuf>,
    /// The record's message
    #[arg(long, conflicts_with = "input", value_name = "TEXT")]
    message: Option<String>,
    /// Gives the record this field, such as identifier=sshd
    #[arg(long = "set", value_name = "FIELD=VALUE")]
    set: Vec<String>,
    /// A folder with scripts; may be given several times
    #[arg(long = "scripts", value_name = "DIR")]
    scripts: Vec<PathBuf>,
}

impl Args {
    pub fn run(self) -> Result<ExitCode> {
        let Some(spec) = self.spec()? else { return Ok(ExitCode::from(2)) };
        let given = input::fields(&self.set)?;
        let read = match &self.input {
            Some(path) => input::file(path, None, &given)?.1,
            None => input::text(self.message.as_deref().unwrap_or_default(), &given)?,
        };
        if read.entries.is_empty() {
            return Err(Error::invalid("the input has no records"));
        }
        let mut at = 0;
        let terminal = io::stdin().is_terminal();
        if terminal {
            eprintln!("an expression such as `message.len() > 10`; :fields, :next, :quit");
        }
        let mut failed = false;
        let mut lines = io::stdin().lock().lines();
        loop {
            if terminal {
                eprint!("> ");
                let _ = io::stderr().flush();
            }
            let Some(Ok(line)) = lines.next() else { break };
            let entry = read.entries.get(at);
            match line.trim() {
                "" => {}
                ":quit" | ":q" => break,
                ":next" | ":n" => {
                    at = (at + 1) % read.entries.len();
                    show_fields(&spec, &read.entries.get(at));
                }
                ":fields" | ":f" => show_fields(&spec, &entry),
                text => match answer(&spec, text, &entry) {
                    Ok(answer) => println!("{answer}"),
                    Err(why) => {
                        failed = true;
                        eprintln!("{why}");
                    }
                },
            }
        }
        Ok(if failed && !terminal { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }

    /// The parser whose fields are there: the one named, or one of nothing but the entry's own.
    fn spec(&self) -> Result<Option<ParserSpec>> {
        let Some(wanted) = &self.parser else { return Ok(Some(input::bare_spec())) };
        let roots = match (wanted.ends_with(".rhai"), self.scripts.is_empty()) {
            (true, true) => vec![PathBuf::from(wanted)],
            _ => connect::roots(&self.scripts, None)?,
        };
        match load(&roots) {
            Ok(definitions) => Ok(chosen(&definitions, wanted)?.first().map(|parser| parser.spec.clone())),
            Err(rejected) => {
                eprintln!("{}", rejected.draw(io::stderr().is_terminal()));
                Ok(None)
            }
        }
    }
}

/// What an expression gives for an entry.
fn answer(spec: &ParserSpec, text: &str, entry: &Entry<'_>) -> std::result::Result<String, String> {
    let to = expression(text).map_err(|rejected| rejected.draw(io::stderr().is_terminal()))?;
    let mut spec = spec.clone();
    spec.steps.push(Step::Set { name: ANSWER.into(), to, kind: None });
    spec.columns = Some(vec![ANSWER.into()]);
    let parser = Parser::compile(spec).map_err(|flaws| {
        let said = |flaw: &infralogs_core::parse::Flaw| match &flaw.error.help {
            Some(help) => format!("error: {}; {help}", flaw.error.what),
            None => format!("error: {}", flaw.error.what),
        };
        flaws.iter().map(said).collect::<Vec<_>>().join("\n")
    })?;
    match parser.run_selected(entry, Time::now()) {
        Outcome::Matched(row) => {
            let column = parser.table.columns.iter().position(|column| column.name == ANSWER);
            let value = column.and_then(|at| Some((row.get(at)?, parser.table.columns[at].kind)));
            Ok(value.map_or_else(String::new, |(value, kind)| {
                if value.is_missing() { "missing".into() } else { output::cell(value, kind) }
            }))
        }
        Outcome::Unmatched(why) | Outcome::Failed(why) | Outcome::Dropped(why) => {
            Err(format!("the parser makes no record of this entry: {why}"))
        }
        Outcome::Unselected => Err("the parser does not select this entry".into()),
    }
}

fn show_fields(spec: &ParserSpec, entry: &Entry<'_>) {
    for (name, value) in entry.fields() {
        println!("{} = {}", String::from_utf8_lossy(name), String::from_utf8_lossy(value).escape_debug());
    }
    let Ok(parser) = Parser::compile(spec.clone()).map(Arc::new) else { return };
    if let Outcome::Matched(row) = parser.run_selected(entry, Time::now()) {
        for (column, value) in parser.table.columns.iter().zip(&row).filter(|(_, value)| !value.is_missing()) {
            println!("{} = {}", column.name, output::cell(value, column.kind));
        }
    }
}
