//! A first parser guessed from sample lines: the common shape of the lines, or a format everybody knows.

mod keys;
mod name;
mod shape;
mod token;
pub mod write;

use infralogs_core::{
    parse::{
        Outcome, Parser,
        spec::{Extractor, ParserSpec},
    },
    time::Time,
};
use std::collections::BTreeMap;
use write::Times;

/// The most lines that are looked at.
pub const LINES_MAX: usize = 2_000;
/// A guess is good when it takes this share of the lines.
const GOOD: f64 = 0.95;
/// The most patterns of one guess.
const PATTERNS_MAX: usize = 8;

/// A guessed parser.
pub struct Sketch {
    /// Tried in order.
    pub extractors: Vec<Extractor>,
    /// How many of the lines it takes.
    pub taken: usize,
}

/// Guesses. Empty lines do not count.
pub fn guess(lines: &[&str]) -> Sketch {
    let known = [Extractor::Nginx, Extractor::Apache].map(|one| vec![one]);
    let keyed = [keys::json(lines), keys::logfmt(lines)].into_iter().flatten().map(|one| vec![one]);
    for extractors in known.into_iter().chain(keyed) {
        let sketch = tried(extractors, lines);
        if is_good(&sketch, lines) {
            return sketch;
        }
    }
    let shaped = tried(by_shape(lines), lines);
    let syslog = tried(vec![Extractor::Syslog(Vec::new())], lines);
    if is_good(&syslog, lines) && !is_good(&shaped, lines) { syslog } else { shaped }
}

fn is_good(sketch: &Sketch, lines: &[&str]) -> bool {
    sketch.taken as f64 >= GOOD * lines.len() as f64
}

fn tried(extractors: Vec<Extractor>, lines: &[&str]) -> Sketch {
    let taken = match parser(extractors.clone()) {
        Some(parser) => lines.iter().filter(|line| takes(&parser, line)).count(),
        None => 0,
    };
    Sketch { extractors, taken }
}

fn takes(parser: &Parser, line: &str) -> bool {
    matches!(parser.run_text(line, Time::now()), Outcome::Matched(_))
}

/// A parser of nothing but these extractors.
pub fn parser(extractors: Vec<Extractor>) -> Option<Parser> {
    let spec = ParserSpec {
        name: "sample".into(),
        place: "sample".into(),
        script: "".into(),
        from: None,
        input: "message".into(),
        lines: None,
        extractors,
        steps: Vec::new(),
        strict: false,
        columns: None,
        table: "sample".into(),
        keep_for: None,
        keep_size: None,
        rollups: Vec::new(),
        examples: Vec::new(),
    };
    Parser::compile(spec).ok()
}

/// Patterns for the shapes that the lines have; where they are too many, what their beginnings have in common.
fn by_shape(lines: &[&str]) -> Vec<Extractor> {
    let cut: Vec<_> = lines.iter().map(|line| token::tokens(line)).collect();
    let mut patterns: Vec<Extractor> = Vec::new();
    let mut left: Vec<usize> = (0..lines.len()).collect();
    for shape in shape::shapes(&cut).into_iter().filter(shape::Shape::is_telling).take(PATTERNS_MAX) {
        // A shape that one line has is an accident, unless there are few lines.
        if shape.lines * 50 < lines.len() {
            break;
        }
        let pattern = best_pattern(&shape, lines);
        let Some(parser) = parser(vec![pattern.clone()]) else { continue };
        let before = left.len();
        left.retain(|nth| !takes(&parser, lines[*nth]));
        if left.len() < before {
            patterns.push(pattern);
        }
    }
    if left.len() as f64 <= (1.0 - GOOD) * lines.len() as f64 {
        return patterns;
    }
    let all = shape::header(&cut).map(|shape| best_pattern(&shape, lines));
    if let Some(header) = all {
        return vec![header];
    }
    // The lines begin in several ways: a header for each of the most common first words.
    let rest: Vec<_> = left.iter().map(|nth| cut[*nth].clone()).collect();
    let mut by_first: BTreeMap<String, Vec<Vec<token::Token<'_>>>> = BTreeMap::new();
    for line in rest {
        let first = line.first().map(|token| format!("{:?}", token.kind)).unwrap_or_default();
        by_first.entry(first).or_default().push(line);
    }
    patterns
        .extend(by_first.values().filter_map(|lines| shape::header(lines)).map(|shape| best_pattern(&shape, lines)));
    patterns
}

/// The shape as a pattern with typed times, or with times word by word where that takes more lines.
fn best_pattern(shape: &shape::Shape, lines: &[&str]) -> Extractor {
    let [typed, words] = [Times::Typed, Times::Words].map(|times| write::pattern(shape, times));
    let taken = |pattern: &Extractor| tried(vec![pattern.clone()], lines).taken;
    if typed == words || taken(&typed) >= taken(&words) { typed } else { words }
}
