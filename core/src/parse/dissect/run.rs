//! Runs a dissect pattern: each field ends where the next word is found.

use super::syntax::{Fault, Node};
use crate::{
    parse::{
        bytes::Word,
        convert::Reading,
        piece::{Miss, Piece},
        spec::FieldType,
    },
    time::Time,
};
use std::sync::Arc;

/// A compiled pattern.
#[derive(Debug)]
pub(crate) struct Dissect {
    items: Vec<Item>,
    /// What can be missing, by [`Miss::wanted`].
    wants: Vec<String>,
}

/// No piece has this number: there are no more than a record has slots.
const NONE: u16 = u16::MAX;

#[derive(Debug)]
enum Item {
    Literal(Literal),
    /// Takes up to what is found by `end`; `take` is the piece it fills, [`NONE`] if it has no name.
    Field {
        take: u16,
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
    /// Before this, which what follows passes over.
    Until(Literal),
    /// Before the first of these; with the text if none is there and `text` says so.
    First { of: Vec<Literal>, text: bool },
    /// Where this time ends: what follows it may also stand in it.
    Time(Box<Reading>),
}

#[derive(Debug, Clone)]
struct Literal {
    word: Word,
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
    #[inline]
    fn find(&self, text: &[u8], from: usize) -> Option<usize> {
        if self.is_last {
            return self.word.ends(text).filter(|at| *at >= from);
        }
        self.word.find(text, from)
    }
}

/// One text being read. Readers give where to go on; `None` where something is missing, which `miss` then tells.
struct Run<'r> {
    text: &'r str,
    clock: Time,
    pieces: &'r mut [Piece],
    miss: Miss,
}

impl Dissect {
    /// Compiles; `take` gives the number of the piece that a named field fills.
    pub fn compile(nodes: &[Node], take: &mut dyn FnMut(&str) -> u16) -> Result<Self, Fault> {
        let mut compiler = Compiler { wants: vec!["the end of the text".into()], take };
        let end = Next { end: true, ..Next::default() };
        let items = compiler.items(nodes, &end)?;
        Ok(Self { items, wants: compiler.wants })
    }

    /// Fills the pieces of a text that has this shape; `clock` is what times are near to.
    pub fn read(&self, text: &str, clock: Time, pieces: &mut [Piece]) -> Result<(), Miss> {
        let mut run = Run { text, clock, pieces, miss: Miss::new(0, 0) };
        match run.items(&self.items, 0) {
            Some(end) if end == text.len() => Ok(()),
            Some(end) => Err(Miss::new(end, 0)),
            None => Err(run.miss),
        }
    }

    /// What was missing, for a message.
    pub fn wanted(&self, miss: Miss) -> &str {
        self.wants.get(usize::from(miss.wanted)).map_or("", String::as_str)
    }
}

impl Run<'_> {
    fn items(&mut self, items: &[Item], mut at: usize) -> Option<usize> {
        let text = self.text.as_bytes();
        for item in items {
            match item {
                Item::Literal(literal) => {
                    if !literal.word.stands_at(text, at) {
                        return self.missing(at, literal.wanted);
                    }
                    at += literal.word.len();
                }
                Item::Field { take, end, wanted } => {
                    let Some((piece, next)) = self.field(end, at) else { return self.missing(at, *wanted) };
                    // A field without a name has no piece.
                    if let Some(taken) = self.pieces.get_mut(usize::from(*take)) {
                        *taken = piece;
                    }
                    at = next;
                }
                Item::Flag { take, text: flag } => {
                    let found = flag.word.stands_at(text, at);
                    self.pieces[usize::from(*take)] = Piece::flag(found);
                    at += if found { flag.word.len() } else { 0 };
                }
                Item::Part { optional, arms, wanted } => {
                    at = match arms.iter().find_map(|arm| self.part(arm, at)) {
                        Some(next) => next,
                        None if *optional => at,
                        None => return self.missing(at, *wanted),
                    };
                }
            }
        }
        Some(at)
    }

    /// Notes what is missing where.
    #[cold]
    fn missing(&mut self, at: usize, wanted: u16) -> Option<usize> {
        self.miss = Miss::new(at, wanted);
        None
    }

    /// One arm of a part; what it took is given back if it does not fit.
    #[inline]
    fn part(&mut self, arm: &[Item], at: usize) -> Option<usize> {
        // Mostly the first word tells, before anything was taken.
        let (arm, at) = match arm {
            [Item::Literal(first), rest @ ..] if first.word.stands_at(self.text.as_bytes(), at) => {
                (rest, at + first.word.len())
            }
            [Item::Literal(_), ..] => return None,
            _ => (arm, at),
        };
        if arm.is_empty() {
            return Some(at);
        }
        let fits = self.items(arm, at);
        if fits.is_none() {
            forget(arm, self.pieces);
        }
        fits
    }

    /// A field that begins at `at`, and where to go on.
    #[inline(always)]
    fn field(&self, end: &End, at: usize) -> Option<(Piece, usize)> {
        let text = self.text.as_bytes();
        let (to, next) = match end {
            End::Before(literal) => {
                let to = literal.find(text, at)?;
                (to, to + literal.word.len())
            }
            End::Until(literal) => {
                let to = literal.find(text, at)?;
                (to, to)
            }
            End::Text => (text.len(), text.len()),
            End::First { of, text: to_end } => {
                let to = first(of, text, at, to_end.then_some(text.len()))?;
                (to, to)
            }
            End::Time(reading) => {
                let (time, length) = reading.time_start(self.text.get(at..)?, self.clock)?;
                // Where there is no such day, the text stays, for the reason why.
                let piece = time.map_or(Piece::raw(at, at + length), Piece::micros);
                return Some((piece, at + length));
            }
        };
        Some((Piece::raw(at, to), next))
    }
}

/// The first place from `at` on where one of these stands, if before `end`; else that.
fn first(of: &[Literal], text: &[u8], at: usize, end: Option<usize>) -> Option<usize> {
    let mut first = end;
    for literal in of {
        let until = first.map_or(text.len(), |first| first + literal.word.len()).min(text.len());
        // What begins behind the first found so far need not be looked for.
        let within = if literal.is_last { text } else { &text[..until] };
        if let Some(found) = literal.find(within, at) {
            first = Some(first.map_or(found, |first| first.min(found)));
        }
    }
    first
}

fn forget(items: &[Item], pieces: &mut [Piece]) {
    for item in items {
        match item {
            Item::Field { take, .. } | Item::Flag { take, .. } => {
                if let Some(taken) = pieces.get_mut(usize::from(*take)) {
                    *taken = Piece::default();
                }
            }
            Item::Part { arms, .. } => arms.iter().for_each(|arm| forget(arm, pieces)),
            _ => {}
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
        Literal { word: Word::new(text.as_bytes()), is_last, wanted }
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
                    Item::Field { take: name.as_deref().map_or(NONE, |name| (self.take)(name)), end, wanted }
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
            (_, 1, false) => (End::Until(words.remove(0)), false),
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
