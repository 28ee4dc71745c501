//! Sets of characters by the byte they begin with.

use regex_syntax::hir::Class;

/// A byte is not in a set.
pub(super) const NO: u8 = 0;
/// It is.
pub(super) const YES: u8 = 1;
/// It begins a character that may be in it or not.
pub(super) const UNSURE: u8 = 2;

/// A set of characters.
#[derive(Clone)]
pub(super) struct Set {
    bytes: Box<[u8; 256]>,
    /// If it is everything but one or two ASCII characters: those.
    pub stops: Option<(u8, u8)>,
    /// Whether it is nearly everything that is no white space: worth a quick look for white space.
    pub is_not_space: bool,
}

impl Set {
    /// Nothing.
    pub fn empty() -> Self {
        Self { bytes: Box::new([NO; 256]), stops: None, is_not_space: false }
    }

    /// What a class of characters holds.
    pub fn of_class(class: &Class) -> Self {
        let mut set = Self::empty();
        let ranges: Vec<(u32, u32)> = match class {
            Class::Unicode(class) => class.iter().map(|range| (range.start().into(), range.end().into())).collect(),
            Class::Bytes(class) => class.iter().map(|range| (range.start().into(), range.end().into())).collect(),
        };
        for (start, end) in &ranges {
            for byte in *start..=(*end).min(0x7f) {
                set.bytes[byte as usize] = YES;
            }
        }
        // Every character beyond ASCII, or some, or none: a range may begin within ASCII.
        let all = ranges.iter().any(|(start, end)| *start <= 0x80 && *end == 0x0010_ffff);
        let none = ranges.iter().all(|(_, end)| *end < 0x80);
        let high = match (none, all && matches!(class, Class::Unicode(_))) {
            (true, _) => NO,
            (_, true) => YES,
            _ => UNSURE,
        };
        set.bytes[0x80..].fill(high);
        set.ready();
        set
    }

    /// Just one byte.
    pub fn of_byte(byte: u8) -> Self {
        let mut set = Self::empty();
        set.bytes[usize::from(byte)] = YES;
        set
    }

    /// Finds the quick ways to run over it.
    fn ready(&mut self) {
        let missing: Vec<u8> = (0..=255).filter(|byte| self.has(*byte) != YES).collect();
        self.stops = match missing[..] {
            [one] => Some((one, one)),
            [one, other] => Some((one, other)),
            _ => None,
        };
        let has = |byte: &u8| self.has(*byte) == YES;
        self.is_not_space = (0x21..=0x7f).all(|byte| has(&byte)) && !has(&b' ');
    }

    #[inline(always)]
    pub fn has(&self, byte: u8) -> u8 {
        self.bytes[usize::from(byte)]
    }

    /// Both together.
    pub fn and(mut self, other: &Self) -> Self {
        for (own, more) in self.bytes.iter_mut().zip(other.bytes.iter()) {
            *own = (*own).max(*more);
        }
        self
    }

    /// Whether a byte may be in both.
    pub fn meets(&self, other: &Self) -> bool {
        self.bytes.iter().zip(other.bytes.iter()).any(|(own, more)| *own != NO && *more != NO)
    }

    /// Whether every byte beyond ASCII is surely in it or surely not.
    pub fn is_sure(&self) -> bool {
        self.has(0x80) != UNSURE
    }

    /// Whether no byte beyond ASCII is in it: then characters and bytes count the same.
    pub fn is_ascii(&self) -> bool {
        self.bytes[0x80..].iter().all(|has| *has == NO)
    }
}

impl std::fmt::Debug for Set {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Set({} bytes)", self.bytes.iter().filter(|has| **has != NO).count())
    }
}
