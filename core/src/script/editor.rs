//! For those who write scripts: definition files for Rhai's editor tools, and one expression read alone.

use super::{
    engine::bare,
    library::Libraries,
    limits::STACK_BYTES,
    problem::{Problem, Rejected},
    run::{self, Compiled},
    sheet::lock,
    source::File,
};
use crate::{expr::Expr, parse::spec::Step};
use std::{sync::Arc, thread};

/// The longest expression that is read alone, in bytes.
const EXPRESSION_BYTES_MAX: usize = 64 << 10;

/// Our functions, and those of the language, as definition files (`*.d.rhai`): names and contents.
pub fn definition_files() -> Vec<(String, String)> {
    let engine = bare();
    let mut files: Vec<(String, String)> = engine.definitions().include_standard_packages(false).iter_files().collect();
    files.sort();
    files
}

/// Reads an expression over fields, as a person types it at a prompt.
pub fn expression(text: &str) -> Result<Expr, Rejected> {
    let cut: String = if text.len() > EXPRESSION_BYTES_MAX { String::new() } else { text.replace('\n', " ") };
    let file = File {
        shown: "expression".into(),
        path: "expression.rhai".into(),
        text: format!("parser(\"expression\").set(\"value\",\n{cut}\n);"),
        hash: "0".into(),
        outside: false,
    };
    let read = || {
        let compiled = Compiled::new(&Arc::new(file)).map_err(|problem| vec![problem])?;
        let (drafts, _) = run::run(compiled, &mut Libraries::default());
        let set = drafts.parsers.iter().find_map(|parser| match lock(parser).spec.steps.first() {
            Some(Step::Set { to, .. }) => Some(to.clone()),
            _ => None,
        });
        if drafts.problems.is_empty() { Ok(set) } else { Err(drafts.problems) }
    };
    // On a thread of its own: a deep expression needs a deep stack.
    let loader = thread::Builder::new().name("expression".into()).stack_size(STACK_BYTES);
    let read = thread::scope(|scope| loader.spawn_scoped(scope, read).ok().and_then(|thread| thread.join().ok()));
    match read {
        Some(Ok(Some(expr))) => Ok(expr),
        Some(Err(mut problems)) => {
            // The expression stands on the second line of the script around it.
            problems.iter_mut().for_each(|problem| problem.line = problem.line.saturating_sub(1).max(1));
            Err(Rejected::new(String::new(), problems))
        }
        _ => Err(Rejected::new(String::new(), vec![Problem::file("expression", "this is no expression over fields")])),
    }
}
