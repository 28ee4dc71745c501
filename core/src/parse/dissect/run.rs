//! Runs a dissect pattern: each field ends where the next word is found, by memchr.

use super::syntax::{Fault, Node};
use crate::parse::{
    convert::Reading,
    piece::{Miss, Piece},
    spec::FieldType,
};
use memchr::memmem::Finder;
use std::sync::Arc;

/// A compiled pattern.
#[derive(Debug)]
pub(crate) struct Dissect {
    items: Vec<Item>,
    /// What can be missing, by [`Miss::wanted`].
    wants: Vec<String>,
}

#[derive(Debug)]
enum Item {
    Literal(Literal),
    /// Takes up to what is found by `end`; `take` is the piece it fills.
    Field {
        take: Option<u16>,
        end: End,
        wanted: u16,
    },
    Flag {
        take: u16,
        text: Literal,
    },
    Part {
        optional: bool,
        arms: Vec<Vec<Item>>,
        wanted: u16,
    },
}

/// Where a field ends.
#[derive(Debug)]
enum End {
    /// With the text.
    Text,
    /// Before this, which is then passed over.
    Before(Literal),
    /// Before the first of these; with the text if none is there and `text` says so.
    First { of: Vec<Literal>, text: bool },
    /// Where this time ends: what follows it may also stand in it.
    Time(Box<Reading>),
}

#[derive(Debug, Clone)]
struct Literal {
    text: Arc<str>,
    finder: Box<Finder<'static>>,
    /// Whether the text must end behind it.
    is_last: bool,
    wanted: u16,
}

/// What may come next in a pattern.
#[derive(Debug, Clone, Default)]
struct Next {
    words: Vec<(Arc<str>, bool)>,
    end: bool,
    field: bool,
}

impl Literal {
    /// The first place at or after `from`.
    fn find(&self, text: &str, from: usize) -> Option<usize> {
        let rest = text.as_bytes().get(from..)?;
        let word = self.text.as_bytes();
        if self.is_last {
            return rest.len().checked_sub(word.len()).filter(|_| rest.ends_with(word)).map(|at| from + at);
        }
        let at = if let [byte] = word { memchr::memchr(*byte, rest) } else { self.finder.find(rest) };
        at.map(|at| from + at)
    }

    fn stands_at(&self, text: &str, at: usize) -> bool {
        text.as_bytes().get(at..).is_some_and(|rest| rest.starts_with(self.text.as_bytes()))
    }
}

impl Dissect {
    /// Compiles; `take` gives the number of the piece that a named field fills.
    pub fn compile(nodes: &[Node], take: &mut dyn FnMut(&str) -> u16) -> Result<Self, Fault> {
        let mut compiler = Compiler { wants: vec!["the end of the text".into()], take };
        let end = Next { end: true, ..Next::default() };
        let items = compiler.items(nodes, &end)?;
        Ok(Self { items, wants: compiler.wants })
    }

    /// Fills the pieces of a text that has this shape.
    pub fn read(&self, text: &str, pieces: &mut [Piece]) -> Result<(), Miss> {
        let end = run(&self.items, text, 0, pieces)?;
        if end == text.len() { Ok(()) } else { Err(Miss::new(end, 0)) }
    }

    /// What was missing, for a message.
    pub fn wanted(&self, miss: Miss) -> &str {
        self.wants.get(usize::from(miss.wanted)).map_or("", String::as_str)
    }
}

fn run(items: &[Item], text: &str, mut at: usize, pieces: &mut [Piece]) -> Result<usize, Miss> {
    for item in items {
        match item {
            Item::Literal(literal) => {
                if !literal.stands_at(text, at) {
                    return Err(Miss::new(at, literal.wanted));
                }
                at += literal.text.len();
            }
            Item::Field { take, end, wanted } => {
                let (to, next) = end.find(text, at).ok_or(Miss::new(at, *wanted))?;
                if let Some(take) = take {
                    pieces[usize::from(*take)] = Piece::raw(at, to);
                }
                at = next;
            }
            Item::Flag { take, text: word } => {
                let found = word.stands_at(text, at);
                pieces[usize::from(*take)] = Piece::flag(found);
                at += if found { word.text.len() } else { 0 };
            }
            Item::Part { optional, arms, wanted } => {
                at = match arms.iter().find_map(|arm| part(arm, text, at, pieces)) {
                    Some(next) => next,
                    None if *optional => at,
                    None => return Err(Miss::new(at, *wanted)),
                };
            }
        }
    }
    Ok(at)
}

/// One arm of a part; what it took is given back if it does not fit.
fn part(arm: &[Item], text: &str, at: usize, pieces: &mut [Piece]) -> Option<usize> {
    let fits = run(arm, text, at, pieces).ok();
    if fits.is_none() {
        forget(arm, pieces);
    }
    fits
}

fn forget(items: &[Item], pieces: &mut [Piece]) {
    for item in items {
        match item {
            Item::Field { take: Some(take), .. } | Item::Flag { take, .. } => {
                pieces[usize::from(*take)] = Piece::default();
            }
            Item::Part { arms, .. } => arms.iter().for_each(|arm| forget(arm, pieces)),
            _ => {}
        }
    }
}

impl End {
    /// Where the field ends and where to go on.
    fn find(&self, text: &str, at: usize) -> Option<(usize, usize)> {
        match self {
            Self::Text => Some((text.len(), text.len())),
            Self::Before(literal) => literal.find(text, at).map(|to| (to, to + literal.text.len())),
            Self::First { of, text: to_end } => {
                let mut first = to_end.then_some(text.len());
                for literal in of {
                    let until = first.map_or(text.len(), |first| first + literal.text.len()).min(text.len());
                    // What begins behind the first found so far need not be looked for.
                    let within = if literal.is_last { text } else { text.get(..until).unwrap_or(text) };
                    if let Some(found) = literal.find(within, at) {
                        first = Some(first.map_or(found, |first| first.min(found)));
                    }
                }
                first.map(|to| (to, to))
            }
            Self::Time(reading) => {
                let length = reading.time_length(text.get(at..)?)?;
                Some((at + length, at + length))
            }
        }
    }
}

struct Compiler<'c> {
    wants: Vec<String>,
    take: &'c mut dyn FnMut(&str) -> u16,
}

impl Compiler<'_> {
    fn want(&mut self, what: String) -> u16 {
        self.wants.push(what);
        (self.wants.len() - 1) as u16
    }

    fn literal(&mut self, text: &str, is_last: bool) -> Literal {
        let wanted = self.want(format!("`{}`", text.escape_debug()));
        Literal { text: text.into(), finder: Box::new(Finder::new(text.as_bytes()).into_owned()), is_last, wanted }
    }

    fn items(&mut self, nodes: &[Node], after: &Next) -> Result<Vec<Item>, Fault> {
        let mut items = Vec::with_capacity(nodes.len());
        let mut index = 0;
        while let Some(node) = nodes.get(index) {
            index += 1;
            let rest = &nodes[index..];
            let item = match node {
                Node::Literal(text) => Item::Literal(self.literal(text, false)),
                Node::Flag(name, text) => Item::Flag { take: (self.take)(name), text: self.literal(text, false) },
                Node::Part { optional, arms } => {
                    let after = next(rest, after);
                    let arms = arms.iter().map(|arm| self.items(arm, &after)).collect::<Result<_, _>>()?;
                    Item::Part { optional: *optional, arms, wanted: self.want("any of the alternatives".into()) }
                }
                Node::Field(name, kind) => {
                    let (end, passed) = match time_end(kind, &next(rest, after)) {
                        Some(end) => (end, false),
                        None => self.end(rest, after, name.as_deref())?,
                    };
                    index += usize::from(passed);
                    let wanted = match &end {
                        End::Before(literal) => literal.wanted,
                        End::Time(_) => self.want("a time of the field's format".into()),
                        _ => self.want("what follows the field".into()),
                    };
                    Item::Field { take: name.as_deref().map(|name| (self.take)(name)), end, wanted }
                }
            };
            items.push(item);
        }
        Ok(items)
    }

    /// Where a field ends that is followed by `rest`, and whether that passes over the next piece.
    fn end(&mut self, rest: &[Node], after: &Next, name: Option<&str>) -> Result<(End, bool), Fault> {
        let follows = next(rest, after);
        if follows.field {
            let what = format!("nothing tells where `{{{}}}` ends and the next field begins", name.unwrap_or("_"));
            return Err(Fault { at: 0, what, help: "put the text between them there".into() });
        }
        let mut words: Vec<Literal> =
            follows.words.iter().map(|(text, is_last)| self.literal(text, *is_last)).collect();
        Ok(match (&rest.first(), words.len(), follows.end) {
            (Some(Node::Literal(_)), 1, false) => (End::Before(words.remove(0)), true),
            (_, 0, _) => (End::Text, false),
            (_, _, text) => (End::First { of: words, text }, false),
        })
    }
}

/// A time ends where its format does if what follows may also stand in it: `2026-01-05 12:00:00 web-1`.
fn time_end(kind: &FieldType, follows: &Next) -> Option<End> {
    let FieldType::Time(_) = kind else { return None };
    // What is wrong with a format is said where the field is added.
    let reading = Reading::compile(kind).ok()?;
    let firsts = follows.words.iter().filter_map(|(word, _)| word.bytes().next());
    firsts.into_iter().any(|first| reading.time_may_hold(first)).then(|| End::Time(Box::new(reading)))
}

/// What may come next where `nodes` and then `after` follow.
fn next(nodes: &[Node], after: &Next) -> Next {
    let Some((first, rest)) = nodes.split_first() else { return after.clone() };
    match first {
        Node::Literal(text) => {
            let then = next(rest, after);
            let is_last = then.end && then.words.is_empty() && !then.field;
            Next { words: vec![(text.as_str().into(), is_last)], ..Next::default() }
        }
        Node::Field(..) => Next { field: true, ..Next::default() },
        Node::Flag(_, text) => {
            let mut found = next(rest, after);
            let is_last = found.end && found.words.is_empty() && !found.field;
            found.words.insert(0, (text.clone(), is_last));
            found
        }
        Node::Part { optional, arms } => {
            let then = next(rest, after);
            let mut found = if *optional { then.clone() } else { Next::default() };
            for arm in arms {
                let more = next(arm, &then);
                found.words.extend(more.words);
                found.end |= more.end;
                found.field |= more.field;
            }
            found
        }
    }
}
