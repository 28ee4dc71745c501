//! Loads one generation: reads every script, runs it, checks everything together.

use super::{
    atlas::Atlas,
    check,
    library::Libraries,
    limits::STACK_BYTES,
    problem::{Problem, Rejected},
    run::{self, Compiled},
    sheet::Drafts,
    source::{File, Sources},
};
use crate::{definitions::Definitions, query::Query};
use std::{path::PathBuf, sync::Arc, thread};

/// The dashboard that a typed question becomes.
const ASKED: &str = "typed-question";

/// Loads everything below the roots, checks it, runs every example. A root is a folder, or one script.
/// Blocks: it reads files and runs scripts, on a thread with a stack of its own.
pub fn load(roots: &[PathBuf]) -> Result<Arc<Definitions>, Rejected> {
    load_from(&Sources::read(roots))
}

/// Loads what was read.
pub(super) fn load_from(sources: &Sources) -> Result<Arc<Definitions>, Rejected> {
    let failed = |what: String| Rejected::new(String::new(), vec![Problem::file("scripts", what)]);
    thread::scope(|scope| {
        let loader = thread::Builder::new().name("scripts".into()).stack_size(STACK_BYTES);
        match loader.spawn_scoped(scope, || load_here(sources)) {
            Ok(thread) => thread.join().unwrap_or_else(|_| Err(failed("loading the scripts panicked".into()))),
            Err(error) => Err(failed(format!("no thread can be started to load scripts: {error}"))),
        }
    })
}

fn load_here(sources: &Sources) -> Result<Arc<Definitions>, Rejected> {
    let mut libraries = Libraries::among(&sources.files);
    let mut drafts = Drafts { problems: sources.problems.clone(), ..Drafts::default() };
    let mut atlas = Atlas::default();
    for file in sources.files.iter().filter(|file| file.library().is_none()) {
        match Compiled::new(file) {
            Ok(compiled) => {
                let (said, sheet) = run::run(compiled, &mut libraries);
                drafts.append(said);
                atlas.merge(&sheet.atlas);
            }
            Err(problem) => drafts.problems.push(problem),
        }
    }
    libraries.load_rest();
    drafts.problems.append(&mut libraries.problems);
    let hash = sources.hash();
    let files = sources.files.iter().map(|file| (file.path.clone(), file.hash.to_string())).collect();
    match check::assemble(drafts, atlas, &sources.files) {
        Ok(definitions) => Ok(Arc::new(Definitions { hash, files, ..definitions })),
        Err(problems) => Err(Rejected::new(hash, problems)),
    }
}

/// Loads everything below the roots and one question beside it, as a person types it: `logs.last(1.hours).count(host)`.
pub fn ask(roots: &[PathBuf], question: &str) -> Result<(Arc<Definitions>, Query), Rejected> {
    let before = format!("dashboard(\"{ASKED}\").row([table(\"answer\",\n");
    let mut sources = Sources::read(roots);
    sources.files.push(File::typed("query", format!("{before}{question}\n)]);")));
    let definitions = load_from(&sources)?;
    let dashboard = definitions.dashboard(ASKED);
    let panel = dashboard.and_then(|dashboard| dashboard.rows.first()?.first());
    match panel.and_then(|panel| panel.query.clone()) {
        Some(query) => Ok((definitions, query)),
        None => {
            let problem = Problem::file("query", "this asks nothing").help("write `logs.count()`");
            Err(Rejected::new(definitions.hash.clone(), vec![problem]))
        }
    }
}
