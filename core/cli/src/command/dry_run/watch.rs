//! Runs the dry run again whenever a script is saved, also after one that does not load.

use super::{Args, Sample};
use infralogs_core::Result;
use std::{
    fs,
    io::IsTerminal,
    path::Path,
    process::ExitCode,
    time::{Duration, SystemTime},
};

/// How often the scripts are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How deep folders are looked into.
const DEPTH_MAX: usize = 16;

/// Path, size and time of change of every script.
type Stamps = Vec<(String, u64, Option<SystemTime>)>;

/// Until it is stopped.
pub fn run(args: &Args, sample: &Sample) -> Result<ExitCode> {
    let mut seen = Stamps::new();
    let roots = args.roots()?;
    loop {
        let mut now = Stamps::new();
        roots.iter().for_each(|root| stamps(root, DEPTH_MAX, &mut now));
        if now != seen {
            seen = now;
            if std::io::stdout().is_terminal() {
                print!("\x1b[2J\x1b[H");
            }
            if let Err(error) = args.once(sample) {
                crate::output::error(&error);
            }
            eprintln!(
                "watching {}; Ctrl-C ends",
                roots.iter().map(|r| r.display().to_string()).collect::<Vec<_>>().join(", ")
            );
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

fn stamps(path: &Path, depth: usize, all: &mut Stamps) {
    let Ok(found) = fs::metadata(path) else { return };
    if found.is_dir() {
        let mut inside: Vec<_> = fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
        inside.sort();
        if depth > 0 {
            inside.iter().for_each(|path| stamps(path, depth - 1, all));
        }
    } else if path.extension().is_some_and(|end| end == "rhai") {
        all.push((path.display().to_string(), found.len(), found.modified().ok()));
    }
}
