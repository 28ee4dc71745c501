//! Reads the text of a dissect pattern.

use crate::parse::spec::FieldType;
use std::sync::Arc;

/// The deepest that parts may stand in parts.
const DEPTH_MAX: usize = 8;

/// A piece of a pattern.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Node {
    /// Text that stands there.
    Literal(String),
    /// Text that is taken; `None`: skipped.
    Field(Option<Arc<str>>, FieldType),
    /// Whether this text stands there.
    Flag(Arc<str>, Arc<str>),
    /// One of several, or nothing.
    Part { optional: bool, arms: Vec<Vec<Node>> },
}

/// What is wrong with a pattern, and at which byte of it.
#[derive(Debug, PartialEq)]
pub(crate) struct Fault {
    pub at: usize,
    pub what: String,
    pub help: String,
}

/// A pattern's pieces in order.
pub(crate) fn parse(pattern: &str) -> Result<Vec<Node>, Fault> {
    let mut reader = Reader { pattern, at: 0 };
    let (mut arms, _) = reader.arms(None, 0)?;
    Ok(arms.pop().unwrap_or_default())
}

struct Reader<'p> {
    pattern: &'p str,
    at: usize,
}

fn fault(at: usize, what: impl Into<String>, help: impl Into<String>) -> Fault {
    Fault { at, what: what.into(), help: help.into() }
}

impl Reader<'_> {
    fn rest(&self) -> &str {
        &self.pattern[self.at..]
    }

    fn take(&mut self, sign: &str) -> bool {
        let found = self.rest().starts_with(sign);
        self.at += if found { sign.len() } else { 0 };
        found
    }

    /// Pieces up to `close`, in arms parted by `{|}`; with no `close` the whole pattern, in one arm.
    fn arms(&mut self, close: Option<(&str, usize)>, depth: usize) -> Result<(Vec<Vec<Node>>, usize), Fault> {
        if depth > DEPTH_MAX {
            return Err(fault(
                self.at,
                format!("parts stand deeper than {DEPTH_MAX} in each other"),
                "write two patterns",
            ));
        }
        let mut arms = vec![Vec::new()];
        loop {
            if let Some((sign, _)) = close
                && self.take(sign)
            {
                return Ok((arms, self.at));
            }
            let at = self.at;
            let Some(next) = self.rest().chars().next() else {
                return match close {
                    Some((sign, opened)) => {
                        Err(fault(opened, format!("this part is not closed by `{sign}`"), format!("add `{sign}`")))
                    }
                    None => Ok((arms, at)),
                };
            };
            if self.take("{|}") {
                if close.is_none() {
                    return Err(fault(at, "`{|}` stands outside a part", "write `{(one{|}other)}`"));
                }
                arms.push(Vec::new());
                continue;
            }
            let node = self.node(next, depth)?;
            let Some(arm) = arms.last_mut() else { continue };
            match (arm.last_mut(), node) {
                (Some(Node::Literal(text)), Node::Literal(more)) => text.push_str(&more),
                (_, node) => arm.push(node),
            }
        }
    }

    fn node(&mut self, next: char, depth: usize) -> Result<Node, Fault> {
        let at = self.at;
        if self.take("{{") {
            return Ok(Node::Literal("{".into()));
        }
        if self.take("}}") {
            return Ok(Node::Literal("}".into()));
        }
        if self.take("{?") {
            let (arms, _) = self.arms(Some(("?}", at)), depth + 1)?;
            return Ok(Node::Part { optional: true, arms });
        }
        if self.take("{(") {
            let (arms, _) = self.arms(Some((")}", at)), depth + 1)?;
            return Ok(Node::Part { optional: false, arms });
        }
        match next {
            '{' => self.field(),
            '}' => Err(fault(at, "a `}` that closes nothing", "write `}}` for a brace")),
            other => {
                self.at += other.len_utf8();
                Ok(Node::Literal(other.into()))
            }
        }
    }

    /// `{name:type}`.
    fn field(&mut self) -> Result<Node, Fault> {
        let at = self.at;
        let inside = &self.pattern[at + 1..];
        let unclosed = || fault(at, "this field is not closed by `}`", "write `{{` for a brace");
        let brace = inside.find('}').ok_or_else(unclosed)?;
        let end = match inside[..brace].find('(') {
            Some(_) => inside.find(")}").map(|end| end + 1).ok_or_else(unclosed)?,
            None => brace,
        };
        self.at = at + 1 + end + 1;
        let (name, kind) = inside[..end].split_once(':').unwrap_or((&inside[..end], "text"));
        if !is_name(name) {
            let what = format!("`{}` is no name for a field", name.escape_debug());
            return Err(fault(at + 1, what, "names are lower-case letters, digits and `_`; write `{{` for a brace"));
        }
        let kind_at = at + 1 + name.len() + 1;
        let kind = FieldType::parse(kind)
            .ok_or_else(|| fault(kind_at, format!("`{}` is no type", kind.escape_debug()), FieldType::known()))?;
        match kind {
            FieldType::Flag(text) if text.is_empty() => {
                Err(fault(kind_at, "a flag without its text", "write `flag(text)`"))
            }
            FieldType::Flag(text) if name != "_" => Ok(Node::Flag(name.into(), text)),
            FieldType::Flag(text) => {
                Ok(Node::Part { optional: true, arms: vec![vec![Node::Literal(text.as_ref().into())]] })
            }
            kind => Ok(Node::Field((name != "_").then(|| name.into()), kind)),
        }
    }
}

/// Whether scripts can use this as a field's name.
pub(crate) fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}
