//! Loads one generation: reads every script, runs it, checks everything together.

use super::{
    atlas::Atlas,
    check,
    library::Libraries,
    limits::STACK_BYTES,
    problem::{Problem, Rejected},
    run::{self, Compiled},
    sheet::Drafts,
    source::Sources,
};
use crate::definitions::Definitions;
use std::{path::PathBuf, sync::Arc, thread};

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
    match check::assemble(drafts, atlas) {
        Ok(definitions) => Ok(Arc::new(Definitions { hash, files, ..definitions })),
        Err(problems) => Err(Rejected::new(hash, problems)),
    }
}
