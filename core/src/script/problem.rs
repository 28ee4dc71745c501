//! One thing wrong in a script, and how it is drawn: its line, a caret, what is known.

use super::{limits::PROBLEMS_MAX, source::Place};
use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use std::fmt;

/// One thing wrong in a script.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The file as a person names it.
    pub file: String,
    /// 1-based; 0 when it concerns the whole file.
    pub line: usize,
    /// 1-based, in characters.
    pub column: usize,
    /// How many characters the caret underlines, at least 1.
    pub width: usize,
    /// What is wrong.
    pub what: String,
    /// What is known or to be done.
    pub help: Option<String>,
    /// The source line.
    pub source: String,
}

impl Problem {
    /// Something wrong at a place; the caret covers the word that stands there.
    pub(super) fn at(place: &Place, what: impl Into<String>) -> Self {
        Self {
            file: place.file.shown.clone(),
            line: place.line,
            column: place.column,
            width: place.width(),
            what: what.into(),
            help: None,
            source: place.source_line().to_owned(),
        }
    }
    /// Something wrong with a whole file.
    pub(super) fn file(shown: impl Into<String>, what: impl Into<String>) -> Self {
        Self { file: shown.into(), line: 0, column: 0, width: 1, what: what.into(), help: None, source: String::new() }
    }
    /// Says what is known or what to do.
    #[must_use]
    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
    /// `file:line:column`, or only the file.
    pub fn place(&self) -> String {
        if self.line == 0 { self.file.clone() } else { format!("{}:{}:{}", self.file, self.line, self.column) }
    }
    /// Drawn for a terminal or a page.
    pub fn draw(&self, colour: bool) -> String {
        let title = Level::ERROR.primary_title(self.what.as_str());
        let mut group = if self.line == 0 {
            Group::with_title(title).element(Origin::path(self.file.as_str()))
        } else {
            let (source, span) = self.shortened();
            let snippet = Snippet::source(source)
                .line_start(self.line)
                .path(self.file.as_str())
                .annotation(AnnotationKind::Primary.span(span));
            Group::with_title(title).element(snippet)
        };
        if let Some(help) = &self.help {
            group = group.element(Level::HELP.message(help.as_str()));
        }
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
        renderer.render(&[group])
    }

    /// The source line and the bytes the caret covers; the renderer cuts long lines by itself.
    fn shortened(&self) -> (&str, std::ops::Range<usize>) {
        let byte_of = |chars: usize| self.source.char_indices().nth(chars).map_or(self.source.len(), |(byte, _)| byte);
        let start = self.column.saturating_sub(1);
        (&self.source, byte_of(start)..byte_of(start + self.width.max(1)))
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place(), self.what)?;
        self.help.iter().try_for_each(|help| write!(f, "; {help}"))
    }
}

/// A generation that was refused: every problem of every file.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rejected {
    /// By file and place.
    pub problems: Vec<Problem>,
    /// The content hash of the refused generation.
    pub hash: String,
}

impl Rejected {
    /// Sorted, without repetitions, cut at the limit.
    pub(super) fn new(hash: String, mut problems: Vec<Problem>) -> Self {
        problems.sort();
        problems.dedup();
        if problems.len() > PROBLEMS_MAX {
            let more = problems.len() - PROBLEMS_MAX;
            problems.truncate(PROBLEMS_MAX);
            problems.push(Problem::file("…", format!("and {more} more")));
        }
        Self { problems, hash }
    }
    /// All problems drawn, with an empty line between.
    pub fn draw(&self, colour: bool) -> String {
        self.problems.iter().map(|problem| problem.draw(colour)).collect::<Vec<_>>().join("\n\n")
    }
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.draw(false))
    }
}

impl std::error::Error for Rejected {}
