//! Cuts a log line into tokens: times, numbers, addresses, quoted texts, words, and the signs between them.

use infralogs_core::parse::{Outcome, Parser, spec::*};
use infralogs_core::time::Time;
use std::{net::IpAddr, sync::Arc};

/// The longest time that is looked for, in bytes.
const TIME_BYTES_MAX: usize = 40;

/// Forms of times, the most telling first, and how many words each has.
const TIMES: [(&str, usize); 12] = [
    ("rfc3339", 1),
    ("%Y-%m-%d %H:%M:%S.%f", 2),
    ("%Y-%m-%d %H:%M:%S,%f", 2),
    ("%Y-%m-%d %H:%M:%S", 2),
    ("%Y/%m/%d %H:%M:%S", 2),
    ("nginx", 2),
    ("%a %b %d %H:%M:%S.%f %Y", 5),
    ("%a %b %d %H:%M:%S %Y", 5),
    ("%d %b %Y %H:%M:%S.%f", 4),
    ("%d/%b/%Y:%H:%M:%S.%f", 1),
    ("syslog", 3),
    ("unix", 1),
];

/// Words of severity.
pub const LEVELS: [&str; 17] = [
    "trace",
    "debug",
    "info",
    "information",
    "notice",
    "warn",
    "warning",
    "error",
    "err",
    "fatal",
    "crit",
    "critical",
    "alert",
    "emerg",
    "panic",
    "log",
    "statement",
];

/// What a token is.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// Stands between others: a space, a bracket, a comma.
    Sign,
    /// A quoted text, without its quotes.
    Quoted,
    /// A word of severity: INFO, warn, FATAL.
    Level,
    Word,
    /// A value with its type.
    Typed(FieldType),
}

/// A piece of a line.
#[derive(Debug, Clone, PartialEq)]
pub struct Token<'l> {
    pub text: &'l str,
    pub kind: Kind,
}

/// The tokens of a line, all of its bytes in order.
pub fn tokens(line: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while at < line.len() {
        let rest = &line[at..];
        let before = line[..at].chars().next_back();
        let begins = before.is_none_or(|c| !c.is_alphanumeric() && c != '.' && c != '-');
        if begins && let Some((bytes, kind)) = time(rest) {
            tokens.push(Token { text: &rest[..bytes], kind: Kind::Typed(kind) });
            at += bytes;
            continue;
        }
        let first = rest.chars().next().unwrap_or(' ');
        if first == '"'
            && let Some(inside) = rest[1..].find('"')
        {
            tokens.push(Token { text: &rest[..1], kind: Kind::Sign });
            tokens.push(Token { text: &rest[1..1 + inside], kind: Kind::Quoted });
            tokens.push(Token { text: &rest[1 + inside..2 + inside], kind: Kind::Sign });
            at += inside + 2;
            continue;
        }
        let bytes = match rest.find(is_sign) {
            Some(0) => first.len_utf8(),
            Some(bytes) => trimmed(&rest[..bytes], &rest[bytes..]),
            None => trimmed(rest, ""),
        };
        let text = &rest[..bytes];
        tokens.push(Token {
            text,
            kind: if is_sign(first) || text == ":" || text == "." { Kind::Sign } else { kind_of(text) },
        });
        at += bytes;
    }
    tokens
}

fn is_sign(c: char) -> bool {
    c.is_whitespace() || "[](){}<>\"'=,;|*#".contains(c)
}

/// A word without a colon that ends it: the colon is a sign of its own.
fn trimmed(word: &str, after: &str) -> usize {
    let ends = after.is_empty() || after.starts_with(char::is_whitespace);
    let colon = word.strip_suffix(':').filter(|word| ends && !word.is_empty());
    // A full stop that ends a sentence, not one of several in a name or number.
    let stop = word.strip_suffix('.').filter(|word| ends && !word.is_empty() && !word.contains('.'));
    let cut = colon.or(stop).map_or(word.len(), str::len);
    cut.max(1)
}

/// The type a word's text has by itself.
pub fn kind_of(word: &str) -> Kind {
    let digits = word.strip_prefix('-').unwrap_or(word);
    if !digits.is_empty() && digits.len() < 19 && digits.bytes().all(|b| b.is_ascii_digit()) {
        return Kind::Typed(FieldType::Int);
    }
    if word.parse::<IpAddr>().is_ok() {
        return Kind::Typed(FieldType::Ip);
    }
    let is_float = digits.split_once('.').is_some_and(|(whole, part)| {
        !whole.is_empty()
            && !part.is_empty()
            && (whole.len() + part.len()) < 17
            && [whole, part].iter().all(|d| d.bytes().all(|b| b.is_ascii_digit()))
    });
    if is_float {
        return Kind::Typed(FieldType::Float);
    }
    if LEVELS.contains(&word.to_ascii_lowercase().as_str()) {
        return Kind::Level;
    }
    let number = digits.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    if ["ms", "us", "s"].contains(&&digits[number.len()..]) && number.parse::<f64>().is_ok() {
        return Kind::Typed(FieldType::Duration);
    }
    Kind::Word
}

/// A time this text begins with: its length and form.
fn time(text: &str) -> Option<(usize, FieldType)> {
    let first = text.chars().next()?;
    if !first.is_ascii_digit() && !first.is_ascii_uppercase() {
        return None;
    }
    TIMES.iter().find_map(|(format, words)| {
        let bytes = words_end(text, *words)?;
        let part = text[..bytes].trim_end_matches(['.', ':', ',']);
        let plausible = part.bytes().filter(u8::is_ascii_digit).count() >= 5 && part.len() <= TIME_BYTES_MAX;
        let epoch = *format != "unix" || (part.len() >= 10 && part.starts_with('1') && part.contains('.'));
        (plausible && epoch && reads(format, part)).then(|| (part.len(), FieldType::Time((*format).into())))
    })
}

/// Where so many words end; a day of one digit has two spaces before it.
fn words_end(text: &str, words: usize) -> Option<usize> {
    let mut at = 0;
    for nth in 0..words {
        if nth > 0 {
            let gap = text[at..].len() - text[at..].trim_start_matches(' ').len();
            if gap == 0 || gap > 2 {
                return None;
            }
            at += gap;
        }
        let stop = |c: char| c.is_whitespace() || "[](){}<>\"'=;|".contains(c);
        at += text[at..].find(stop).unwrap_or(text[at..].len());
    }
    (at > 0).then_some(at)
}

/// Whether the parser reads a text as a time of this form.
fn reads(format: &str, text: &str) -> bool {
    use std::{cell::RefCell, collections::HashMap};
    thread_local! {
        static PARSERS: RefCell<HashMap<String, Option<Arc<Parser>>>> = RefCell::default();
    }
    PARSERS.with_borrow_mut(|parsers| {
        let parser = parsers.entry(format.to_owned()).or_insert_with(|| {
            let pattern = format!("{{at:time({format})}}");
            super::parser(vec![Extractor::Dissect(pattern.as_str().into())]).map(Arc::new)
        });
        let Some(parser) = parser else { return false };
        matches!(parser.run_text(text, Time::now()), Outcome::Matched(_))
    })
}
