//! What a document costs: a page of 12 panels with 1,000 points each beside Python's Bokeh in the same run, a million
//! points reduced to 600 pixels, and the patch of an edited title. Needs `tests/oracle/setup.sh` to have run (the
//! oracle tests run it).
#![allow(missing_docs)]

#[path = "../tests/scenes/mod.rs"]
mod scenes;

use infralogs_bokeh::{Bokeh, reduce};
use infralogs_core::{
    dashboard::PanelKind,
    plugin::{Renderer, Theme},
    query::Aggregate,
    table::ColumnType,
    time::Window,
    value::Value,
};
use scenes::{NOW, Sample};
use std::{
    fs,
    hint::black_box,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::Duration,
};

const PANELS: usize = 12;
const POINTS: i64 = 1_000;
const STEP: Duration = Duration::from_secs(15);
const ROUNDS: usize = 15;
/// How often ours is done in one round.
const REPEATS: usize = 40;

fn main() {
    let page = page("Fleet");
    let mut python = Python::start();
    let (mut ours, mut packed, mut lists, mut arrays) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (mut bytes, mut packed_bytes, mut list_bytes, mut array_bytes) = (0, 0, 0, 0);
    let (mut wire, mut list_wire, mut array_wire) = (0, 0, 0);
    for _ in 0..ROUNDS {
        let (cpu, text) = measure(|| Bokeh.packed(&page.render(Theme::Dark)).to_string());
        packed.push(cpu);
        packed_bytes = text.len();
        let (cpu, text) = measure(|| page.render(Theme::Dark).json.to_string());
        ours.push(cpu);
        (bytes, wire) = (text.len(), zipped(text.as_bytes()));
        let (cpu, size, zipped) = python.run("list");
        lists.push(cpu);
        (list_bytes, list_wire) = (size, zipped);
        let (cpu, size, zipped) = python.run("np");
        arrays.push(cpu);
        (array_bytes, array_wire) = (size, zipped);
    }
    let (ours, packed) = (median(&mut ours), median(&mut packed));
    let (lists, arrays) = (median(&mut lists), median(&mut arrays));
    println!("\n{PANELS} panels x {POINTS} points, median CPU of {ROUNDS} interleaved rounds:");
    println!("{:<34} {ours:>9.2} ms {bytes:>9} bytes, {wire:>7} zipped", "Infralogs, lists (sent zipped)");
    println!("{:<34} {packed:>9.2} ms {packed_bytes:>9} bytes", "Infralogs, arrays (sent plain)");
    println!("{:<34} {lists:>9.2} ms {list_bytes:>9} bytes, {list_wire:>7} zipped", "Python's Bokeh 3.9.2, lists");
    println!("{:<34} {arrays:>9.2} ms {array_bytes:>9} bytes, {array_wire:>7} zipped", "Python's Bokeh 3.9.2, arrays");
    let (peer, peer_bytes) = (lists.min(arrays), list_bytes.min(array_bytes));
    println!("\n{:<52} {:>9} {:>9}", "", "measured", "bound");
    let peer_wire = list_wire.min(array_wire) as f64;
    row("less CPU than Python's faster way", peer / ours, ">=", 50.0, "x");
    row("less CPU, packed into arrays", peer / packed, ">=", 50.0, "x");
    row("zipped, of Python's smaller document zipped", wire as f64 / peer_wire, "<=", 0.8, "x");
    row("bytes, of Python's smaller document", packed_bytes as f64 / peer_bytes as f64, "<=", 0.8, "x");

    let million: Vec<f64> = (0..1_000_000u32).map(|at| f64::from(at.wrapping_mul(2_654_435_761) >> 8)).collect();
    let mut times: Vec<f64> = (0..ROUNDS)
        .map(|_| measure(|| black_box(reduce::keep(&[black_box(&million)], million.len(), 600))).0)
        .collect();
    row("1,000,000 points to 600 pixels", median(&mut times), "<=", 10.0, " ms");

    let (before, after) = (page.render(Theme::Dark), self::page("Better").render(Theme::Dark));
    let patch = Bokeh.patch(&before, &after).map_or(f64::INFINITY, |patch| patch.to_string().len() as f64);
    row("patch of an edited title, of the document", patch / bytes as f64 * 100.0, "<=", 5.0, " %");
}

/// Bytes on the wire, as the dashboard service zips them.
fn zipped(bytes: &[u8]) -> usize {
    let mut zip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    zip.write_all(bytes).expect("memory");
    zip.finish().expect("memory").len()
}

fn row(what: &str, measured: f64, sign: &str, bound: f64, unit: &str) {
    let fits = if sign == "<=" { measured <= bound } else { measured >= bound };
    let word = if fits { "" } else { "  MISSED" };
    println!("{what:<46} {measured:>9.2}{unit:<4} {sign} {bound}{unit}{word}");
}

/// One line a panel, one number every 15 seconds.
fn page(title: &str) -> Sample {
    let mut sample = Sample::new(title);
    for row in 0..PANELS / 3 {
        sample = sample.row((0..3).map(|place| panel(row * 3 + place)).collect());
    }
    sample.window = Window { from: NOW.minus(STEP * POINTS as u32), to: NOW };
    sample
}

fn panel(index: usize) -> (infralogs_core::dashboard::Panel, infralogs_core::dashboard::Answer) {
    let query = scenes::grouped(Some(STEP), &[], "mean", Aggregate::Mean("x".into()));
    let start = NOW.minus(STEP * POINTS as u32).0;
    let mut walk = 50.0;
    let rows = (0..POINTS).map(|at| {
        let dice = (at as u64 * 31 + index as u64).wrapping_mul(6_364_136_223_846_793_005) >> 33;
        walk = f64::abs(walk + (dice % 2_001) as f64 / 1_000.0 - 1.0);
        vec![Value::Int(start + at * STEP.as_micros() as i64), Value::Float((walk * 1_000.0_f64).round() / 1_000.0)]
    });
    let columns = [("time", ColumnType::Time), ("mean", ColumnType::Float)];
    (
        scenes::panel(&format!("Panel {index}"), PanelKind::Lines { stacked: false }, query),
        scenes::rows(&columns, rows.collect()),
    )
}

/// Mean CPU time of this thread, in milliseconds, and what came of it. The scheduler counts in steps of a few
/// milliseconds, so the work is repeated until a step is small beside it.
fn measure<T>(work: impl Fn() -> T) -> (f64, T) {
    let before = cpu_ns();
    let mut made = work();
    for _ in 1..REPEATS {
        made = work();
    }
    ((cpu_ns() - before) / 1e6 / REPEATS as f64, made)
}

/// What the scheduler gave this thread so far.
fn cpu_ns() -> f64 {
    let said = fs::read_to_string("/proc/thread-self/schedstat").expect("Linux counts it");
    said.split(' ').next().and_then(|first| first.parse().ok()).expect("a number")
}

fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// The peer, started once: imports are not counted.
struct Python(Option<ChildStdin>, BufReader<ChildStdout>, Child);

impl Python {
    fn start() -> Self {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| here.join("../../target"), Into::into);
        let python = target.join("oracle/venv/bin/python");
        let mut child = Command::new(&python)
            .arg(here.join("benches/peer.py"))
            .args([PANELS.to_string(), POINTS.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}; run the oracle tests first", python.display()));
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take().expect("piped"));
        Self(stdin, BufReader::new(stdout), child)
    }

    /// CPU milliseconds of one document, its bytes, and its bytes zipped as ours are.
    fn run(&mut self, mode: &str) -> (f64, usize, usize) {
        let stdin = self.0.as_mut().expect("piped");
        writeln!(stdin, "{mode}").expect("Python listens");
        let mut line = String::new();
        self.1.read_line(&mut line).expect("Python answers");
        let said: Vec<&str> = line.split_whitespace().collect();
        let [cpu, bytes, zipped] = said[..] else { panic!("three numbers: {line}") };
        let number = |text: &str| text.parse().expect("a number");
        (cpu.parse().expect("a number"), number(bytes), number(zipped))
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        // It ends when nobody can ask any more.
        drop(self.0.take());
        let _ = self.2.wait();
    }
}
