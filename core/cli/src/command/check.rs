//! `infralogs check`: loads all scripts, runs their examples, says everything that is wrong.

use crate::{connect, output};
use clap::ValueEnum;
use infralogs_core::{Result, definitions::Definitions, schedule::Schedule};
use serde_json::json;
use std::{io::IsTerminal, path::PathBuf, process::ExitCode};

#[derive(clap::Args)]
pub struct Args {
    /// A folder with scripts, or one script; may be given several times
    #[arg(long = "scripts", value_name = "DIR")]
    scripts: Vec<PathBuf>,
    /// Scripts and inventories as this file says
    #[arg(long, value_name = "FILE", conflicts_with = "scripts")]
    config: Option<PathBuf>,
    /// How the definitions are listed
    #[arg(long, value_enum, default_value = "table")]
    output: Listing,
}

#[derive(Clone, Copy, ValueEnum)]
enum Listing {
    Table,
    Json,
}

impl Args {
    pub fn run(self) -> Result<ExitCode> {
        let roots = connect::roots(&self.scripts, self.config.as_deref())?;
        let fixed = crate::subpath::among(&roots);
        for path in &fixed {
            eprintln!(
                "warning: {} is a subPath mount, which never follows its ConfigMap: edits will not arrive\n  \
                 help: mount the whole volume as a folder",
                path.display()
            );
        }
        let definitions = match infralogs_core::script::load(&roots) {
            Ok(definitions) => definitions,
            Err(rejected) => {
                match self.output {
                    Listing::Table => eprintln!("{}", rejected.draw(std::io::stderr().is_terminal())),
                    Listing::Json => println!("{}", json!({ "ok": false, "problems": problems(&rejected) })),
                }
                return Ok(ExitCode::from(2));
            }
        };
        match self.output {
            Listing::Table => list(&definitions),
            Listing::Json => {
                println!(
                    "{}",
                    json!({ "ok": true, "hash": definitions.hash, "fixed_mounts": fixed, "definitions": places(&definitions) })
                )
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn problems(rejected: &infralogs_core::script::Rejected) -> Vec<serde_json::Value> {
    let all = rejected.problems.iter();
    all.map(|p| json!({ "file": p.file, "line": p.line, "column": p.column, "what": p.what, "help": p.help })).collect()
}

/// Every definition: kind, name, place.
fn places(definitions: &Definitions) -> Vec<serde_json::Value> {
    rows(definitions)
        .into_iter()
        .map(|[kind, name, place, about]| json!({ "kind": kind, "name": name, "place": place, "about": about }))
        .collect()
}

fn list(definitions: &Definitions) {
    println!(
        "{}",
        output::table(&["kind", "name", "declared at", "what"], rows(definitions).into_iter().map(Vec::from))
    );
    println!("{} is fine: {}", definitions.hash, connect::summary(definitions));
}

fn rows(definitions: &Definitions) -> Vec<[String; 4]> {
    let row = |kind: &str, name: &str, place: &str, about: String| [kind.into(), name.into(), place.into(), about];
    let mut rows = Vec::new();
    for parser in &definitions.parsers {
        let columns: Vec<&str> = parser.table.columns.iter().map(|column| column.name.as_str()).collect();
        rows.push(row(
            "parser",
            &parser.spec.name,
            &parser.spec.place,
            format!("{}({})", parser.table.name, columns.join(", ")),
        ));
    }
    for schedule in &definitions.schedules {
        rows.push(row("schedule", &schedule.name, &schedule.place, when(schedule)));
    }
    for rule in &definitions.rules {
        rows.push(row("rule", &rule.name, &rule.place, String::new()));
    }
    for dashboard in &definitions.dashboards {
        let panels = dashboard.rows.iter().flatten().count();
        rows.push(row("dashboard", &dashboard.name, &dashboard.place, format!("{panels} panels")));
    }
    rows
}

/// `every 15s`, `cron 0 3 * * mon`, and in which hours.
fn when(schedule: &Schedule) -> String {
    let often = match &schedule.cron {
        Some(cron) => format!("cron {cron}"),
        None => format!("every {:?}", schedule.every),
    };
    if schedule.during.is_empty() { often } else { format!("{often}, in {} windows", schedule.during.len()) }
}
