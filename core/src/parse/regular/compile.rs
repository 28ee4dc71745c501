//! Compiles an expression where each decision falls on the next byte; refuses all others.

use super::{Op, Straight, Word, set::Set};
use regex_syntax::hir::{Hir, HirKind, Look, Repetition};

/// Groups within groups that are followed.
const DEPTH_MAX: usize = 32;

/// What may come after a piece of an expression.
#[derive(Clone)]
struct Next {
    bytes: Set,
    /// Whether the match may end here whatever comes.
    free: bool,
}

impl Straight {
    /// Compiles; `take` names the piece each group fills. `None` if the expression may have to try again.
    pub fn compile(pattern: &str, take: &[Option<u16>]) -> Option<Self> {
        let hir = regex_syntax::parse(pattern).ok()?;
        let mut parts = flat(&hir);
        let anchored = parts.first().is_some_and(|hir| matches!(hir.kind(), HirKind::Look(Look::Start)));
        let ends = parts.last().is_some_and(|hir| matches!(hir.kind(), HirKind::Look(Look::End)));
        parts.drain(..usize::from(anchored));
        parts.truncate(parts.len() - usize::from(ends && !parts.is_empty()));
        let mut compiler = Compiler { take };
        let mut ops = compiler.sequence(&parts, Next { bytes: Set::empty(), free: !ends }, 0)?.0;
        if ends {
            ops.push(Op::End);
        }
        (anchored || matches!(ops.first(), Some(Op::Word(_)))).then_some(Self { ops, anchored })
    }
}

/// The parts of a sequence.
fn flat(hir: &Hir) -> Vec<&Hir> {
    if let HirKind::Concat(parts) = hir.kind() { parts.iter().collect() } else { vec![hir] }
}

struct Compiler<'c> {
    take: &'c [Option<u16>],
}

impl Compiler<'_> {
    /// Compiles parts that stand one after the other, the last one first: each must know what may come after it. Gives
    /// what they may begin with, too.
    fn sequence(&mut self, parts: &[&Hir], after: Next, depth: usize) -> Option<(Vec<Op>, Next)> {
        let mut ops = Vec::new();
        let mut next = after;
        for hir in parts.iter().rev() {
            let (own, begins) = self.part(hir, next, depth)?;
            ops.splice(0..0, own);
            next = begins;
        }
        Some((ops, next))
    }

    fn part(&mut self, hir: &Hir, after: Next, depth: usize) -> Option<(Vec<Op>, Next)> {
        if depth > DEPTH_MAX {
            return None;
        }
        match hir.kind() {
            HirKind::Empty => Some((Vec::new(), after)),
            HirKind::Literal(literal) => {
                let begins = Next { bytes: Set::of_byte(*literal.0.first()?), free: false };
                Some((vec![Op::Word(Word::new(&literal.0))], begins))
            }
            HirKind::Class(_) => repeated(hir, 1, Some(1), true, after),
            HirKind::Repetition(repetition) => self.repetition(repetition, after, depth),
            HirKind::Capture(capture) => {
                let (mut ops, begins) = self.sequence(&flat(&capture.sub), after, depth + 1)?;
                if let Some(piece) = self.take.get(capture.index as usize).copied().flatten() {
                    ops.insert(0, Op::Open(piece));
                    ops.push(Op::Close(piece));
                }
                Some((ops, begins))
            }
            HirKind::Concat(parts) => self.sequence(&parts.iter().collect::<Vec<_>>(), after, depth + 1),
            HirKind::Alternation(arms) => self.choice(&arms.iter().collect::<Vec<_>>(), false, after, depth),
            HirKind::Look(_) => None,
        }
    }

    fn repetition(&mut self, repetition: &Repetition, after: Next, depth: usize) -> Option<(Vec<Op>, Next)> {
        match (repetition.sub.kind(), repetition.min, repetition.max) {
            (HirKind::Class(_), least, most) => repeated(&repetition.sub, least, most, repetition.greedy, after),
            (_, 0, Some(1)) => self.choice(&[&repetition.sub], true, after, depth),
            _ => None,
        }
    }

    /// One of several, told apart by their first byte; with `optional` also none, told apart by what comes after.
    fn choice(&mut self, hirs: &[&Hir], optional: bool, after: Next, depth: usize) -> Option<(Vec<Op>, Next)> {
        // Where the match may end at once, an arm that begins and then fails would have to be taken back.
        if optional && after.free {
            return None;
        }
        let mut begins = if optional { after.clone() } else { Next { bytes: Set::empty(), free: false } };
        let mut arms = Vec::with_capacity(hirs.len());
        for hir in hirs {
            let (ops, first) = self.part(hir, after.clone(), depth + 1)?;
            // An arm that may be empty begins with what comes after, so that two of them meet.
            let may_be_empty = hir.properties().minimum_len() == Some(0);
            if first.free || may_be_empty || !first.bytes.is_sure() || first.bytes.meets(&begins.bytes) {
                return None;
            }
            begins.bytes = begins.bytes.and(&first.bytes);
            arms.push((first.bytes, ops));
        }
        Some((vec![Op::Choice { arms, optional }], begins))
    }
}

/// A class of characters, some times.
fn repeated(class: &Hir, least: u32, most: Option<u32>, greedy: bool, after: Next) -> Option<(Vec<Op>, Next)> {
    let HirKind::Class(class) = class.kind() else { return None };
    let set = Set::of_class(class);
    let is_fixed = most == Some(least);
    // Who counts must count characters, not bytes.
    if (least > 1 || most.is_some()) && !set.is_ascii() && set.is_sure() {
        return None;
    }
    // How far it runs must be clear from the byte that ends it, or from its end being free.
    if !is_fixed && (set.meets(&after.bytes) || (after.free && !greedy)) {
        return None;
    }
    let begins = if least == 0 {
        Next { bytes: set.clone().and(&after.bytes), free: after.free }
    } else {
        Next { bytes: set.clone(), free: false }
    };
    let most = most.map_or(usize::MAX, |most| most as usize);
    Some((vec![Op::Run { set, least: least as usize, most }], begins))
}
