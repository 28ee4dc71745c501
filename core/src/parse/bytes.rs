//! Finds and compares a few bytes without a call into a library: the fields of a log line are short, and calls cost
//! more than they do. A block of 32 bytes is looked at at once; what is not near is left to `memchr`.

use super::lanes::Lanes;

/// How often the first byte of a word may stand there without the word before the whole word is searched for.
const FIRSTS_MAX: usize = 4;

/// Bytes looked at at once.
const BLOCK: usize = 32;

/// The eight bytes at a place, the first one lowest.
#[inline(always)]
pub(crate) fn eight(text: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*text.get(at..)?.first_chunk()?))
}

/// Marks in one block of 32 bytes.
#[inline(always)]
fn block_marks(text: &[u8], at: usize, marks: impl Fn(Lanes) -> u32) -> Option<u32> {
    let block = text.get(at..at + BLOCK)?;
    Some(marks(Lanes::at(block, 0)?) | marks(Lanes::at(block, 16)?) << 16)
}

/// The first mark in the block at a place, or in what is left of the text; else where to go on looking.
#[inline(always)]
fn first(text: &[u8], at: usize, marks: impl Fn(Lanes) -> u32, stops: impl Fn(u8) -> bool) -> Result<usize, usize> {
    if let Some(found) = block_marks(text, at, &marks) {
        return if found == 0 { Err(at + BLOCK) } else { Ok(at + found.trailing_zeros() as usize) };
    }
    // Near the end: the last block, without what stands before.
    match text.len().checked_sub(BLOCK).and_then(|last| Some((last, block_marks(text, last, &marks)?))) {
        Some((last, found)) => {
            let found = u32::try_from(at - last).ok().and_then(|before| found.checked_shr(before)).unwrap_or(0);
            if found == 0 { Err(text.len()) } else { Ok(at + found.trailing_zeros() as usize) }
        }
        None => {
            let rest = text.get(at..).unwrap_or_default();
            rest.iter().position(|byte| stops(*byte)).map(|more| at + more).ok_or(text.len())
        }
    }
}

/// The first place from `from` on where a byte stands.
#[inline]
pub(crate) fn find(byte: u8, text: &[u8], from: usize) -> Option<usize> {
    match first(text, from, |lanes| lanes.are(byte), |own| own == byte) {
        Ok(at) => Some(at),
        Err(at) => memchr::memchr(byte, text.get(at..)?).map(|more| at + more),
    }
}

/// The first place from `from` on where one of two bytes stands.
#[inline]
pub(crate) fn find_either(one: u8, other: u8, text: &[u8], from: usize) -> Option<usize> {
    let marks = |lanes: Lanes| lanes.are(one) | lanes.are(other);
    match first(text, from, marks, |own| own == one || own == other) {
        Ok(at) => Some(at),
        Err(at) => memchr::memchr2(one, other, text.get(at..)?).map(|more| at + more),
    }
}

/// The first place from `from` on where one of three bytes stands.
#[inline]
pub(crate) fn find_any(of: [u8; 3], text: &[u8], from: usize) -> Option<usize> {
    let [a, b, c] = of;
    let marks = |lanes: Lanes| lanes.are(a) | lanes.are(b) | lanes.are(c);
    match first(text, from, marks, |own| of.contains(&own)) {
        Ok(at) => Some(at),
        Err(at) => memchr::memchr3(a, b, c, text.get(at..)?).map(|more| at + more),
    }
}

/// The first place from `from` on where ASCII white space stands, or `byte`; else the end.
#[inline]
pub(crate) fn find_space_or(byte: u8, text: &[u8], from: usize) -> usize {
    let stops = |own: u8| own == byte || own.is_ascii_whitespace();
    let marks = |lanes: Lanes| lanes.are(byte) | lanes.are_at_most(b' ');
    let mut at = from;
    loop {
        match first(text, at, marks, stops) {
            Ok(found) if stops(text[found]) => return found,
            // Another control character.
            Ok(found) => at = found + 1,
            Err(end) if end >= text.len() => return text.len(),
            Err(next) => at = next,
        }
    }
}

/// The first place from `from` on where a byte up to a space stands, or one beyond ASCII; else the end.
#[inline]
pub(crate) fn find_space_or_high(text: &[u8], from: usize) -> usize {
    let marks = |lanes: Lanes| lanes.are_at_most(b' ') | !lanes.are_at_most(0x7f) & 0xffff;
    let mut at = from;
    loop {
        match first(text, at, marks, |own| own <= b' ' || own > 0x7f) {
            Ok(found) => return found,
            Err(end) if end >= text.len() => return text.len(),
            Err(next) => at = next,
        }
    }
}

/// A whole number of one to eight digits that stands from `from` to `to`; `None` for anything else.
#[inline]
pub(crate) fn short_int(text: &[u8], from: usize, to: usize) -> Option<i64> {
    let length = to.checked_sub(from).filter(|length| (1..=8).contains(length))?;
    // The eight bytes that end with it, what stands before it made zero.
    let eight = eight(text, to.checked_sub(8)?)? ^ 0x3030_3030_3030_3030;
    let digits = eight & u64::MAX << ((8 - length) * 8);
    if (digits | digits.wrapping_add(0x0606_0606_0606_0606)) & 0xf0f0_f0f0_f0f0_f0f0 != 0 {
        return None;
    }
    // Pairs, then fours, then all eight: the first digit is lowest.
    let pairs = (digits.wrapping_mul(10).wrapping_add(digits >> 8)) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs.wrapping_mul(100).wrapping_add(pairs >> 16)) & 0x0000_ffff_0000_ffff;
    Some((fours.wrapping_mul(10_000).wrapping_add(fours >> 32) & 0xffff_ffff).cast_signed())
}

/// Whether four numbers up to 255 stand from `from` to `to`, with points between them and no zero in front.
#[inline]
pub(crate) fn is_ipv4(text: &[u8], from: usize, to: usize) -> bool {
    const BYTES: std::ops::RangeInclusive<usize> = 7..=15;
    let length = to.saturating_sub(from);
    // Sixteen bytes that hold it, behind it where there are as many, else before it.
    let at = from.min(text.len().saturating_sub(16));
    let Some(lanes) = Lanes::at(text, at).filter(|_| BYTES.contains(&length)) else {
        return text.get(from..to).and_then(|text| std::str::from_utf8(text).ok()).is_some_and(is_ipv4_parsed);
    };
    // A bit for each of its bytes, the first one lowest.
    let of = |marks: u32| marks >> (from - at) & ((1 << length) - 1);
    let up_to_9 = of(lanes.are_at_most(b'9'));
    let (points, digits) = (of(lanes.are(b'.')), up_to_9 & !of(lanes.are_at_most(b'0' - 1)));
    let (zeros, ones, twos) = (of(lanes.are(b'0')), of(lanes.are(b'1')), of(lanes.are(b'2')));
    let (fives, up_to_5) = (of(lanes.are(b'5')), of(lanes.are_at_most(b'5')));
    let begins = points << 1 | 1;
    let two_long = digits & digits >> 1;
    let three_long = two_long & two_long >> 1;
    let hundreds = begins & three_long;
    let bad = (points | digits) ^ ((1 << length) - 1)
        | three_long & three_long >> 1
        | begins & !digits
        | begins & zeros & two_long
        | hundreds & !(ones | twos)
        | hundreds & twos & !(up_to_5 >> 1)
        | hundreds & twos & fives >> 1 & !(up_to_5 >> 2);
    bad == 0 && points.count_ones() == 3
}

/// What the standard library reads and writes in the same way.
fn is_ipv4_parsed(text: &str) -> bool {
    text.parse::<std::net::Ipv4Addr>().is_ok()
}

/// Whether two texts are the same.
#[inline]
pub(crate) fn same(one: &[u8], other: &[u8]) -> bool {
    let length = one.len();
    if length != other.len() {
        return false;
    }
    match (eight(one, 0), eight(other, 0)) {
        (Some(a), Some(b)) if length <= 16 => a == b && eight(one, length - 8) == eight(other, length - 8),
        (Some(a), Some(b)) if length <= 32 => {
            a == b && two(one, 8) == two(other, 8) && two(one, length - 16) == two(other, length - 16)
        }
        (Some(a), Some(b)) => a == b && one == other,
        _ => one.iter().zip(other).all(|(a, b)| a == b),
    }
}

/// Sixteen bytes at a place, as far as there are as many.
#[inline(always)]
fn two(text: &[u8], at: usize) -> (Option<u64>, Option<u64>) {
    (eight(text, at), eight(text, at + 8))
}

/// A text that is looked for, made ready.
#[derive(Debug, Clone)]
pub(crate) struct Word {
    text: Box<[u8]>,
    /// Its first eight bytes, and which of them it has.
    head: u64,
    mask: u64,
    /// Its last eight bytes and the eight after the first, if it has as many.
    tail: u64,
    middle: u64,
    finder: Box<memchr::memmem::Finder<'static>>,
}

impl Word {
    /// Makes a text ready.
    pub fn new(text: &[u8]) -> Self {
        let mut head = [0; 8];
        let taken = text.len().min(8);
        head[..taken].copy_from_slice(&text[..taken]);
        let mask = if taken == 8 { u64::MAX } else { (1 << (taken * 8)) - 1 };
        let finder = Box::new(memchr::memmem::Finder::new(text).into_owned());
        let tail = text.len().checked_sub(8).and_then(|at| eight(text, at)).unwrap_or(0);
        let middle = eight(text, 8).unwrap_or(0);
        Self { text: text.into(), head: u64::from_le_bytes(head), mask, tail, middle, finder }
    }

    /// Its length in bytes.
    #[inline]
    pub fn len(&self) -> usize {
        self.text.len()
    }

    /// Whether it stands at a place.
    #[inline]
    pub fn stands_at(&self, text: &[u8], at: usize) -> bool {
        match eight(text, at) {
            Some(word) if (word ^ self.head) & self.mask != 0 => false,
            Some(_) => match self.text.len() {
                0..=8 => true,
                // Its last eight bytes overlap the first, and in between there are at most eight more.
                long @ 9..=24 => {
                    eight(text, at + long - 8) == Some(self.tail)
                        && (long <= 16 || eight(text, at + 8) == Some(self.middle))
                }
                _ => text[at + 8..].starts_with(&self.text[8..]),
            },
            None => text.get(at..).is_some_and(|rest| rest.starts_with(&self.text)),
        }
    }

    /// Where it stands if the text ends with it.
    #[inline]
    pub fn ends(&self, text: &[u8]) -> Option<usize> {
        let at = text.len().checked_sub(self.len())?;
        let ends = match text.len().checked_sub(8).and_then(|last| eight(text, last)) {
            // What stands before it is shifted out.
            Some(last) if (1..=8).contains(&self.len()) => last >> ((8 - self.len()) * 8) == self.head,
            _ => text.ends_with(&self.text),
        };
        ends.then_some(at)
    }

    /// The first place from `from` on where it stands: mostly where its first byte stands for the first time.
    #[inline(always)]
    pub fn find(&self, text: &[u8], from: usize) -> Option<usize> {
        let Some(first) = self.text.first() else { return (from <= text.len()).then_some(from) };
        let mut at = from;
        for _ in 0..FIRSTS_MAX {
            at = find(*first, text, at)?;
            if self.stands_at(text, at) {
                return Some(at);
            }
            at += 1;
        }
        self.finder.find(text.get(at..)?).map(|more| at + more)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Texts of few letters, so that much repeats.
    fn text() -> impl Strategy<Value = Vec<u8>> {
        proptest::collection::vec(
            prop_oneof![Just(b' '), Just(b'a'), Just(b'b'), Just(1), Just(b'\n'), Just(255)],
            0..80,
        )
    }

    proptest! {
        #[test]
        fn numbers_and_addresses_are_what_the_library_reads(
            before in "[a-z ]{0,20}", text in "[0-9.]{0,9}|[0-9]{1,3}[.][0-9]{1,3}[.][0-9]{1,3}[.][0-9]{1,3}|(2[45][0-9]|1[0-9][0-9]|[1-9]?[0-9]|0[0-9]|300)([.](2[45][0-9]|1[0-9][0-9]|[1-9]?[0-9])){3}|[0-9:;/]{1,8}", after in "[a-z ]{0,20}",
        ) {
            let (whole, from) = (format!("{before}{text}{after}"), before.len());
            let to = from + text.len();
            prop_assert_eq!(is_ipv4(whole.as_bytes(), from, to), text.parse::<std::net::Ipv4Addr>().is_ok());
            let number = text.parse().ok().filter(|_| (1..=8).contains(&text.len()) && to >= 8);
            prop_assert_eq!(short_int(whole.as_bytes(), from, to), number);
        }

        #[test]
        fn all_find_what_a_plain_search_finds(text in text(), word in text(), from in 0..90_usize) {
            let plain = |stops: &dyn Fn(u8) -> bool| {
                text.get(from..).and_then(|rest| rest.iter().position(|byte| stops(*byte))).map(|at| from + at)
            };
            prop_assert_eq!(find(b'b', &text, from), plain(&|byte| byte == b'b'));
            prop_assert_eq!(find_either(b'b', 255, &text, from), plain(&|byte| byte == b'b' || byte == 255));
            let any = plain(&|byte| b"b \n".contains(&byte));
            prop_assert_eq!(find_any(*b"b \n", &text, from), any);
            let space = plain(&|byte| byte == b'b' || byte.is_ascii_whitespace());
            prop_assert_eq!(find_space_or(b'b', &text, from), space.unwrap_or(text.len()));
            let plain_end = plain(&|byte| byte <= b' ' || byte > 0x7f);
            prop_assert_eq!(find_space_or_high(&text, from), plain_end.unwrap_or(text.len()));
            let short = &word[..word.len().min(from % 12)];
            let own = &text[from.min(text.len())..];
            for word in [&word[..], short, &own[..own.len().min(from % 31)]] {
                let ready = Word::new(word);
                let found = text.get(from..).and_then(|rest| memchr::memmem::find(rest, word)).map(|at| from + at);
                prop_assert_eq!(ready.find(&text, from), found);
                let stands = text.get(from..).is_some_and(|rest| rest.starts_with(word));
                prop_assert_eq!(ready.stands_at(&text, from), stands);
                let ends = text.ends_with(word).then(|| text.len() - word.len());
                prop_assert_eq!(ready.ends(&text), ends);
                prop_assert_eq!(Word::new(own).ends(&text), text.ends_with(own).then(|| text.len() - own.len()));
                prop_assert_eq!(same(&text, word), text == word);
                prop_assert!(same(&text, &text.clone()));
            }
        }
    }
}
