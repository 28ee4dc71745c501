//! Regular expressions that never have to try again, run as a straight scan.
//!
//! Most expressions for log lines are words with runs of characters between them: `user=(?<user>\S+) from`. There the
//! next byte decides everything, so they are compiled to a few operations that walk the text once. What this module does
//! not understand, and texts it is not sure of (a `\S` before a letter that is no ASCII), are left to the regex crate.
//! The meaning is that of the regex crate; a property test holds the two together.

mod compile;
mod set;

use super::{
    bytes::{self, Word},
    piece::Piece,
};
use set::{NO, Set, UNSURE};

/// A compiled expression.
#[derive(Debug)]
pub(crate) struct Straight {
    ops: Vec<Op>,
    /// Whether it only matches at the start of a text; else it begins with a word.
    anchored: bool,
}

#[derive(Debug)]
enum Op {
    Word(Word),
    /// Between `least` and `most` characters of a set, as many as there are.
    Run {
        set: Set,
        least: usize,
        most: usize,
    },
    /// A group begins or ends; the piece it fills.
    Open(u16),
    Close(u16),
    /// The arm whose set has the next byte; else, if it may be missing, none.
    Choice {
        arms: Vec<(Set, Vec<Op>)>,
        optional: bool,
    },
    /// The text ends.
    End,
}

/// Why a text does not match.
#[derive(Debug, PartialEq, Eq)]
enum Stop {
    No,
    Unsure,
}

/// Of an expression that begins with a word, the most places where that word stands that are tried.
const PLACES_MAX: usize = 64;

impl Straight {
    /// Whether a text matches, its groups in the pieces; `None` if the regex crate must be asked.
    pub fn read(&self, text: &str, pieces: &mut [Piece]) -> Option<bool> {
        let bytes = text.as_bytes();
        if self.anchored {
            return answer(run(&self.ops, bytes, 0, pieces));
        }
        let Some(Op::Word(word)) = self.ops.first() else { return None };
        let mut at = 0;
        for _ in 0..PLACES_MAX {
            let Some(place) = word.find(bytes, at) else { return Some(false) };
            match answer(run(&self.ops, bytes, place, pieces)) {
                Some(false) => {}
                sure => return sure,
            }
            pieces.fill(Piece::default());
            at = place + 1;
        }
        None
    }
}

fn answer(ended: Result<usize, Stop>) -> Option<bool> {
    match ended {
        Ok(_) => Some(true),
        Err(Stop::No) => Some(false),
        Err(Stop::Unsure) => None,
    }
}

fn run(ops: &[Op], text: &[u8], mut at: usize, pieces: &mut [Piece]) -> Result<usize, Stop> {
    for op in ops {
        match op {
            Op::Word(word) => {
                if !word.stands_at(text, at) {
                    return Err(Stop::No);
                }
                at += word.len();
            }
            Op::Run { set, least, most } => {
                let end = set.run_end(text, at, *most)?;
                if end - at < *least {
                    return Err(Stop::No);
                }
                at = end;
            }
            Op::Open(piece) => pieces[usize::from(*piece)].from = at as u32,
            Op::Close(piece) => {
                let piece = &mut pieces[usize::from(*piece)];
                *piece = Piece::raw(piece.from as usize, at);
            }
            Op::Choice { arms, optional } => {
                if let Some(arm) = choose(arms, text.get(at).copied())? {
                    at = run(arm, text, at, pieces)?;
                } else if !optional {
                    return Err(Stop::No);
                }
            }
            Op::End if at == text.len() => {}
            Op::End => return Err(Stop::No),
        }
    }
    Ok(at)
}

fn choose(arms: &[(Set, Vec<Op>)], next: Option<u8>) -> Result<Option<&[Op]>, Stop> {
    let Some(next) = next else { return Ok(None) };
    for (set, arm) in arms {
        match set.has(next) {
            NO => {}
            UNSURE => return Err(Stop::Unsure),
            _ => return Ok(Some(arm)),
        }
    }
    Ok(None)
}

impl Set {
    /// Where a run that begins at a place ends.
    #[inline]
    fn run_end(&self, text: &[u8], from: usize, most: usize) -> Result<usize, Stop> {
        if most == usize::MAX
            && let Some((one, other)) = self.stops
        {
            let found =
                if one == other { bytes::find(one, text, from) } else { bytes::find_either(one, other, text, from) };
            return Ok(found.unwrap_or(text.len()));
        }
        let end = text.len().min(from.saturating_add(most));
        let mut at = from;
        while at < end {
            at = if self.is_not_space && most == usize::MAX { bytes::find_space_or_high(text, at) } else { at };
            match text.get(at).map(|byte| self.has(*byte)) {
                None | Some(NO) => break,
                Some(UNSURE) => return Err(Stop::Unsure),
                Some(_) => at += 1,
            }
        }
        Ok(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ATOMS: [&str; 22] = [
        "a",
        " ",
        "ab",
        "é",
        "[^ ]+",
        r"\S+",
        r"\d+",
        "[a-c]*",
        "(?:ab)?",
        "(?:a|b c|1)",
        ".*",
        r"\w{1,3}",
        "[^a\"]*",
        "\"",
        "[ab]{2}",
        "(?: b)?",
        "x",
        "(?i:b)",
        r"\s",
        "[!-~]+",
        r"\d*?",
        "[^b]",
    ];
    const TEXTS: [&str; 14] = ["a", " ", "ab", "é", "1", "12", "b c", "\"", "x", "\u{2003}", "B", "\n", "٣", "\u{7f}"];

    /// An expression of some atoms, each in a group or not.
    fn pattern() -> impl Strategy<Value = String> {
        let atom = (0..ATOMS.len(), any::<bool>());
        (any::<bool>(), proptest::collection::vec(atom, 1..6), any::<bool>()).prop_map(|(start, atoms, end)| {
            let mut pattern = String::from(if start { "^" } else { "" });
            for (atom, grouped) in atoms {
                pattern += &if grouped { format!("({})", ATOMS[atom]) } else { ATOMS[atom].to_owned() };
            }
            pattern + if end { "$" } else { "" }
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1_500))]
        #[test]
        fn it_matches_what_the_regex_crate_matches(
            pattern in pattern(), texts in proptest::collection::vec(proptest::collection::vec(0..TEXTS.len(), 0..9), 12),
        ) {
            let regex = regex::Regex::new(&pattern).unwrap();
            let take: Vec<Option<u16>> = (0..regex.captures_len()).map(|nth| (nth > 0).then(|| nth as u16 - 1)).collect();
            let Some(straight) = Straight::compile(&pattern, &take) else { return Ok(()) };
            for text in texts {
                let text: String = text.into_iter().map(|piece| TEXTS[piece]).collect();
                let mut pieces = vec![Piece::default(); take.len()];
                let Some(matches) = straight.read(&text, &mut pieces) else { continue };
                let captures = regex.captures(&text);
                prop_assert_eq!(matches, captures.is_some(), "{} on {:?}", &pattern, &text);
                let Some(captures) = captures else { continue };
                for nth in 1..captures.len() {
                    let own = Some(pieces[nth - 1]).filter(|piece| piece.form == crate::parse::piece::Form::Raw);
                    let own = own.map(|piece| piece.from as usize..piece.to as usize);
                    prop_assert_eq!(own, captures.get(nth).map(|group| group.range()), "{} on {:?}", &pattern, &text);
                }
            }
        }
    }

    #[test]
    fn usual_expressions_are_straight_and_others_are_not() {
        let is_straight = |pattern: &str| Straight::compile(pattern, &[None; 16]).is_some();
        for pattern in [
            r#"^(?P<ip>\S+) \S+ (?P<user>\S+) \[(?P<time>[^\]]+)\] "(?P<method>[A-Z]+) (?P<path>\S+)"#,
            r"Failed password for (?<user>[a-z]+) from (?<ip>[0-9.]+)(?: port \d+)?$",
            r"^\d{4}-\d\d-\d\d .*$",
        ] {
            assert!(is_straight(pattern), "{pattern}");
        }
        for pattern in [r"\d+ x", "^.*x", r"^(?:a b)+c", r"^a\b", "(?m)^a$", "^(?:ab)?abc", "^(?:invalid )?([a-z]+) x"]
        {
            assert!(!is_straight(pattern), "{pattern}");
        }
    }
}
