//! How long scripts take to load, what an idle watcher costs, and that reloads under full ingest lose nothing.

use infralogs_core::{
    cursor::Cursor,
    entry::Entries,
    parse::Plan,
    script::{Scripts, load},
    time::Time,
};
use std::{
    fmt::Write,
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

const FILES: usize = 200;
const DECLARATIONS_OF_A_FILE: usize = 10;

fn main() {
    let folder = tempfile::tempdir().expect("a folder");
    write_scripts(folder.path());
    println!("{:<58} {:>14} {:>10}", "scripts", "measured", "bound");
    let took = timed(folder.path());
    row("200 scripts, 2,000 declarations: load and check, median", ms(took[10]), "250 ms");
    row("  fastest and slowest of 21", format!("{}, {}", ms(took[0]), ms(took[20])), "");
    row("an idle watcher's CPU in a minute", idle(folder.path()), "0 %");
    let (batches, effects, wrong) = reloading();
    let nth = |percent: usize| ms(effects[effects.len() * percent / 100]);
    row("saved until in effect, under full ingest: median of 50", nth(50), "1000 ms");
    row("  95th of a hundred", nth(95), "1000 ms");
    row("batches of 1,000 entries parsed meanwhile", batches.to_string(), "");
    row("  entries lost or parsed twice", wrong.to_string(), "0");
}

fn row(what: &str, measured: String, bound: &str) {
    println!("{what:<58} {measured:>14} {bound:>10}");
}

fn ms(span: Duration) -> String {
    format!("{:.1} ms", span.as_secs_f64() * 1e3)
}

/// Parsers with examples, dashboards and rules, as people write them.
fn write_scripts(folder: &Path) {
    for file in 0..FILES {
        let mut text = String::new();
        for one in 0..DECLARATIONS_OF_A_FILE {
            let name = format!("n{file}_{one}");
            let _ = match one {
                0..7 => writeln!(
                    text,
                    "parser(\"{name}\").from(identifier == \"{name}\")\n    .pattern(\"user {{user}} from {{ip:ip}} port {{port:int}}\")\n    .keep(port > 10 & user != \"monitor\")\n    .example(\"user root from 203.0.113.9 port 22\", #{{ user: \"root\", port: 22 }})\n    .into(\"{name}\");"
                ),
                7 | 8 => writeln!(
                    text,
                    "dashboard(\"d{file}-{one}\").row([stat(\"Errors\", logs.where(level >= \"error\").count()),\n    lines(\"By address\", n{file}_0.every(1.minutes).count(ip))]);"
                ),
                _ => writeln!(text, "rule(\"r{file}-{one}\").drop(level == \"debug\" & identifier == \"{name}\");"),
            };
        }
        fs::write(folder.join(format!("f{file:03}.rhai")), text).expect("a script");
    }
}

fn timed(folder: &Path) -> Vec<Duration> {
    let roots = [folder.to_owned()];
    let mut took: Vec<Duration> = (0..21)
        .map(|_| {
            let begun = Instant::now();
            let definitions = load(&roots).unwrap_or_else(|rejected| panic!("{rejected}"));
            let took = begun.elapsed();
            let all = definitions.parsers.len() + definitions.dashboards.len() + definitions.rules.len();
            assert_eq!(all, FILES * DECLARATIONS_OF_A_FILE);
            took
        })
        .collect();
    took.sort();
    took
}

/// CPU of this process while nothing but the watcher runs, as the scheduler counts it.
fn idle(folder: &Path) -> String {
    const WATCHED: Duration = Duration::from_secs(60);
    let scripts = Scripts::open(&[folder.to_owned()]).unwrap_or_else(|rejected| panic!("{rejected}"));
    scripts.watch();
    thread::sleep(Duration::from_secs(2));
    let before = cpu();
    thread::sleep(WATCHED);
    let used = cpu() - before;
    format!("{:.3} % ({})", used.as_secs_f64() / WATCHED.as_secs_f64() * 100.0, ms(used))
}

/// What all threads of this process ran until now (`/proc/<pid>/task/*/schedstat`, in nanoseconds).
fn cpu() -> Duration {
    let threads = fs::read_dir("/proc/self/task").expect("Linux").flatten();
    let ran = threads.filter_map(|thread| {
        let stat = fs::read_to_string(thread.path().join("schedstat")).ok()?;
        stat.split_whitespace().next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(ran.sum())
}

/// Parses batch after batch on the current generation while the script changes 50 times.
fn reloading() -> (u64, Vec<Duration>, u64) {
    let folder = tempfile::tempdir().expect("a folder");
    let script: PathBuf = folder.path().join("p.rhai");
    let write = |version: usize| {
        let text = format!("parser(\"p\").pattern(\"entry {{n:int}} of {{host_name}}\").set(\"v\", {version});\n");
        fs::write(&script, text).expect("a script");
    };
    write(0);
    let scripts = Scripts::open(&[folder.path().to_owned()]).unwrap_or_else(|rejected| panic!("{rejected}"));
    scripts.watch();
    let ended = Arc::new(AtomicBool::new(false));
    let ingest = thread::spawn({
        let (scripts, ended) = (scripts.clone(), ended.clone());
        move || {
            let (mut batches, mut wrong, mut next) = (0, 0, 0_i64);
            while !ended.load(Ordering::Relaxed) {
                let mut entries = Entries::default();
                for n in next..next + 1_000 {
                    entries.push_field(b"MESSAGE", format!("entry {n} of web-1").as_bytes());
                    entries.end(Cursor::default());
                }
                next += 1_000;
                let parsed = Plan::new(scripts.current().parsers.clone()).run(&entries, Time::now());
                let rows: usize = parsed.rows.iter().map(|rows| rows.entry.len()).sum();
                let mut seen: Vec<u32> = parsed.rows.iter().flat_map(|rows| rows.entry.iter().copied()).collect();
                seen.dedup();
                wrong += rows.abs_diff(1_000) as u64 + rows.abs_diff(seen.len()) as u64;
                batches += 1;
            }
            (batches, wrong)
        }
    });
    let mut effects = Vec::new();
    for version in 1..=50 {
        let before = scripts.current().hash.clone();
        let saved = Instant::now();
        write(version);
        while scripts.current().hash == before {
            assert!(saved.elapsed() < Duration::from_secs(20) && scripts.rejected().is_none(), "never in effect");
            thread::sleep(Duration::from_millis(1));
        }
        effects.push(saved.elapsed());
    }
    effects.sort();
    ended.store(true, Ordering::Relaxed);
    let (batches, wrong) = ingest.join().expect("the ingest thread");
    (batches, effects, wrong)
}
