//! `infralogs test`: runs every example and every case file of the scripts, and says what they cover.

mod cases;
mod coverage;

use crate::{connect, output};
use cases::Case;
use clap::ValueEnum;
use coverage::Coverage;
use infralogs_core::{Result, parse::Parser, script::load, time::Time};
use serde_json::json;
use std::{io::IsTerminal, path::PathBuf, process::ExitCode, sync::Arc};

/// Set, case files are rewritten to what comes out.
const UPDATE: &str = "UPDATE_EXPECT";

#[derive(clap::Args)]
pub struct Args {
    /// Only parsers of these names; left out: all
    #[arg(value_name = "PARSER")]
    parsers: Vec<String>,
    /// A folder with scripts, or one script; may be given several times
    #[arg(long = "scripts", value_name = "DIR")]
    scripts: Vec<PathBuf>,
    /// Says which patterns, branches and columns no example or case reaches
    #[arg(long)]
    coverage: bool,
    /// Fails below this coverage, in percent
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(0..=100))]
    min: Option<u8>,
    /// How the result is shown
    #[arg(long, value_enum, default_value = "table")]
    output: Listing,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Listing {
    Table,
    Json,
}

/// One test that ran.
struct Ran {
    name: String,
    place: String,
    /// What differs.
    failed: Option<String>,
}

impl Args {
    pub fn run(self) -> Result<ExitCode> {
        let roots = connect::roots(&self.scripts, None)?;
        let definitions = match load(&roots) {
            Ok(definitions) => definitions,
            Err(rejected) => {
                eprintln!("{}", rejected.draw(std::io::stderr().is_terminal()));
                return Ok(ExitCode::from(2));
            }
        };
        let mut parsers: Vec<&Arc<Parser>> = definitions.parsers.iter().collect();
        for name in &self.parsers {
            super::dry_run::chosen(&definitions, name)?;
        }
        parsers.retain(|parser| self.parsers.is_empty() || self.parsers.iter().any(|name| **name == *parser.spec.name));
        let now = Time::now();
        let cases = cases::find(&roots)?;
        let update = std::env::var_os(UPDATE).is_some();
        let mut ran = Vec::new();
        let mut covered = Vec::new();
        for parser in &parsers {
            let mut coverage = Coverage::new(parser);
            ran.extend(examples(parser, now));
            coverage.examples(parser, now);
            for case in cases.iter().filter(|case| *case.parser == *parser.spec.name) {
                ran.push(case_of(case, parser, update, now)?);
                coverage.entries(parser, &case.read(now)?.0, now);
            }
            covered.push((parser.spec.name.clone(), coverage));
        }
        if self.parsers.is_empty() {
            ran.extend(cases.iter().filter(|case| definitions.parser(&case.parser).is_none()).map(|case| Ran {
                name: case.name.clone(),
                place: case.input.display().to_string(),
                failed: Some(format!("there is no parser `{}`", case.parser)),
            }));
        }
        self.report(&ran, &covered)
    }

    fn report(&self, ran: &[Ran], covered: &[(Arc<str>, Coverage)]) -> Result<ExitCode> {
        let failed = ran.iter().filter(|one| one.failed.is_some()).count();
        let percent = coverage::percent(covered.iter().map(|(_, coverage)| coverage));
        match self.output {
            Listing::Json => {
                for one in ran {
                    println!(
                        "{}",
                        json!({ "test": one.name, "place": one.place, "ok": one.failed.is_none(), "differs": one.failed })
                    );
                }
                for (parser, coverage) in covered.iter().filter(|_| self.coverage) {
                    println!(
                        "{}",
                        json!({ "parser": &**parser, "coverage": coverage.percent(), "missed": coverage.missed() })
                    );
                }
                println!("{}", json!({ "passed": ran.len() - failed, "failed": failed, "coverage": percent }));
            }
            Listing::Table => {
                for one in ran {
                    match &one.failed {
                        None => println!("ok    {}", one.name),
                        Some(differs) => println!("FAIL  {} ({})\n{differs}", one.name, one.place),
                    }
                }
                if self.coverage || self.min.is_some() {
                    show_coverage(covered);
                }
                println!("{} passed, {failed} failed", ran.len() - failed);
            }
        }
        let too_little = self.min.filter(|min| percent < f64::from(*min));
        if let Some(min) = too_little {
            eprintln!("error: examples and cases cover {percent:.0} %, {min} % are wanted (--min {min})");
        }
        Ok(if failed > 0 || too_little.is_some() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }
}

fn show_coverage(covered: &[(Arc<str>, Coverage)]) {
    let rows = covered.iter().map(|(parser, coverage)| {
        vec![parser.to_string(), format!("{:.0} %", coverage.percent()), coverage.missed().join("\n")]
    });
    println!("{}", output::table(&["parser", "covered", "never reached"], rows));
    println!("covered: {:.0} %", coverage::percent(covered.iter().map(|(_, coverage)| coverage)));
}

/// Every `.example` and `.rejects`; those that fail are refused when scripts load, but here each is named.
fn examples(parser: &Parser, now: Time) -> Vec<Ran> {
    let flaws = parser.check_examples(now);
    let run = parser.spec.examples.iter().map(|example| {
        let flaw = flaws.iter().find(|flaw| flaw.error.place.as_deref() == Some(&example.place));
        let kind = if example.fields.is_some() { "example" } else { "rejects" };
        let short: String = example.input.chars().take(60).flat_map(char::escape_debug).collect();
        Ran {
            name: format!("{}: {kind} \"{short}\"", parser.spec.name),
            place: example.place.clone(),
            failed: flaw.map(|flaw| format!("      {}", flaw.error.what)),
        }
    });
    run.collect()
}

fn case_of(case: &Case, parser: &Arc<Parser>, update: bool, now: Time) -> Result<Ran> {
    let got = case.run(parser, now)?;
    let mut ran = Ran { name: case.name.clone(), place: case.expected.display().to_string(), failed: None };
    if update {
        case.write(&got)?;
    } else {
        ran.failed = case.differs(&got)?;
    }
    Ok(ran)
}
