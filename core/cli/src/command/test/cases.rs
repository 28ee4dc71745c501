//! Case files beside the scripts: `cases/<parser>.<case>.in`, and in `.out` one line of JSON for each row.
//!
//! The input is anything a dry run reads. Lines at its top that begin with `#!` give all entries a field:
//! `#! identifier=sshd`. With none, `.from` is not asked where the input is plain text.

use crate::command::dry_run::{
    input,
    show::{row_object, word},
};
use infralogs_core::{
    Error, Result,
    entry::Entries,
    parse::{Outcome, Parser, input::Format},
    time::Time,
};
use serde_json::json;
use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

/// The folder beside scripts that holds cases.
const FOLDER: &str = "cases";
/// The largest case, in bytes.
const CASE_BYTES_MAX: u64 = 16 << 20;
/// How deep folders are looked into.
const DEPTH_MAX: usize = 16;
/// The most lines shown of a difference.
const LINES_MAX: usize = 20;

/// One case.
pub struct Case {
    /// `failed_ssh.ipv6`
    pub name: String,
    pub parser: String,
    pub input: PathBuf,
    pub expected: PathBuf,
}

/// All cases below the roots, and beside a root that is one script.
pub fn find(roots: &[PathBuf]) -> Result<Vec<Case>> {
    let mut cases = Vec::new();
    for root in roots {
        let folder = if root.is_dir() { root.as_path() } else { root.parent().unwrap_or(Path::new(".")) };
        let depth = if root.is_dir() { DEPTH_MAX } else { 1 };
        below(folder, depth, &mut cases)
            .map_err(|error| Error::invalid("cannot look for cases").at(folder.display().to_string()).because(error))?;
    }
    cases.sort_by(|a, b| a.input.cmp(&b.input));
    cases.dedup_by(|a, b| a.input == b.input);
    Ok(cases)
}

fn below(folder: &Path, depth: usize, cases: &mut Vec<Case>) -> io::Result<()> {
    let is_cases = folder.file_name().is_some_and(|name| name == FOLDER);
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() && depth > 0 {
            below(&path, depth - 1, cases)?;
        }
        let stem = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_suffix(".in"));
        if let Some(stem) = stem.filter(|_| is_cases) {
            let parser = stem.split('.').next().unwrap_or(stem).to_owned();
            cases.push(Case {
                name: stem.to_owned(),
                parser,
                expected: path.with_extension("out"),
                input: path.clone(),
            });
        }
    }
    Ok(())
}

impl Case {
    /// The entries, and whether `.from` is asked.
    pub fn read(&self, _now: Time) -> Result<(Entries, bool)> {
        let place = self.input.display().to_string();
        let failed = |error: io::Error| Error::invalid("cannot read the case").at(&place).because(error);
        if fs::metadata(&self.input).map_err(failed)?.len() > CASE_BYTES_MAX {
            return Err(Error::invalid(format!("this case is larger than {} MiB", CASE_BYTES_MAX >> 20)).at(place));
        }
        let bytes = fs::read(&self.input).map_err(failed)?;
        let mut body = bytes.as_slice();
        let mut set = Vec::new();
        while let Some(rest) = body.strip_prefix(b"#!") {
            let end = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
            set.push(String::from_utf8_lossy(&rest[..end]).trim().to_owned());
            body = rest.get(end + 1..).unwrap_or_default();
        }
        let given = input::fields(&set).map_err(|error| error.at(&place))?;
        let (format, read) = input::from(body, None, &given).map_err(|error| error.at(&place))?;
        Ok((read.entries, format != Format::Text || !given.is_empty()))
    }

    /// What comes out: one line for each record that is selected.
    pub fn run(&self, parser: &Arc<Parser>, now: Time) -> Result<String> {
        let (entries, select) = self.read(now)?;
        let mut out = String::new();
        for (_, outcome) in parser.run_file(&entries, select, now) {
            let line = match &outcome {
                Outcome::Unselected => continue,
                Outcome::Matched(row) => serde_json::Value::from(row_object(&parser.table, row)),
                other => {
                    let (word, reason) = word(other);
                    json!({ "outcome": word, "reason": reason })
                }
            };
            out.push_str(&line.to_string());
            out.push('\n');
        }
        Ok(out)
    }

    pub fn write(&self, got: &str) -> Result<()> {
        fs::write(&self.expected, got).map_err(|error| {
            Error::failed("cannot write what is expected").at(self.expected.display().to_string()).because(error)
        })
    }

    /// How what came out differs from what is expected, line by line; `None` if it does not.
    pub fn differs(&self, got: &str) -> Result<Option<String>> {
        let wanted = match fs::read_to_string(&self.expected) {
            Ok(wanted) => wanted,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let what = format!("      there is no {}; UPDATE_EXPECT=1 writes it", self.expected.display());
                return Ok(Some(what));
            }
            Err(error) => {
                let place = self.expected.display().to_string();
                return Err(Error::invalid("cannot read what is expected").at(place).because(error));
            }
        };
        if wanted == got {
            return Ok(None);
        }
        let (wanted, got): (Vec<&str>, Vec<&str>) = (wanted.lines().collect(), got.lines().collect());
        let mut lines = Vec::new();
        for nth in 0..wanted.len().max(got.len()) {
            let (was, is) = (wanted.get(nth), got.get(nth));
            if was == is {
                continue;
            }
            lines.push(format!("      row {}:", nth + 1));
            lines.extend(fields(was, is));
        }
        if lines.len() > LINES_MAX {
            let more = lines.len() - LINES_MAX;
            lines.truncate(LINES_MAX);
            lines.push(format!("      … and {more} more lines"));
        }
        lines.push("      UPDATE_EXPECT=1 takes over what comes out".into());
        Ok(Some(lines.join("\n")))
    }
}

/// What differs between two rows: only the fields that do, where both are there.
fn fields(was: Option<&&str>, is: Option<&&str>) -> Vec<String> {
    let read = |line: Option<&&str>| -> Option<serde_json::Map<String, serde_json::Value>> {
        serde_json::from_str(line?).ok()
    };
    if let (Some(was), Some(is)) = (read(was), read(is)) {
        let names = was.keys().chain(is.keys().filter(|name| !was.contains_key(*name)));
        let differing = names.filter(|name| was.get(*name) != is.get(*name));
        let lines = differing.flat_map(|name| {
            let old = was.get(name).map(|value| format!("      - {name}: {value}"));
            let new = is.get(name).map(|value| format!("      + {name}: {value}"));
            old.into_iter().chain(new)
        });
        return lines.collect();
    }
    let old = was.map(|line| format!("      - {line}"));
    let new = is.map(|line| format!("      + {line}"));
    old.into_iter().chain(new).collect()
}
