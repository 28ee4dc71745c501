//! Searches a field for many texts at once.

use crate::parse::entry_fields::EntryField;
use aho_corasick::{AhoCorasick, AhoCorasickKind, Anchored, Input, StartKind, automaton::OverlappingState};
use std::sync::Arc;

/// The most bytes of all texts of one search that are compiled to the fastest form, which takes the most memory.
const DENSE_BYTES_MAX: usize = 64 << 10;

/// All searches, by their number.
#[derive(Debug, Default)]
pub(super) struct Scans(Vec<Scan>);

/// One field, the texts that are searched for in it, and who wants each.
#[derive(Debug)]
pub(super) struct Scan {
    field: EntryField,
    /// Whether the field must begin with them.
    begins: bool,
    texts: Vec<Arc<str>>,
    wanted_by: Vec<Vec<u16>>,
    searcher: Option<AhoCorasick>,
}

impl Scans {
    /// Adds who wants one of these texts to the search of a field; the number of that search.
    pub fn add(&mut self, field: EntryField, texts: &[Arc<str>], begins: bool, who: u16) -> u16 {
        let same = |scan: &Scan| scan.field == field && scan.begins == begins;
        let at = self.0.iter().position(same).unwrap_or_else(|| {
            let (texts, wanted_by) = (Vec::new(), Vec::new());
            self.0.push(Scan { field, begins, texts, wanted_by, searcher: None });
            self.0.len() - 1
        });
        let scan = &mut self.0[at];
        for text in texts {
            match scan.texts.iter().position(|own| own == text) {
                Some(nth) => scan.wanted_by[nth].push(who),
                None => {
                    scan.texts.push(text.clone());
                    scan.wanted_by.push(vec![who]);
                }
            }
        }
        at as u16
    }

    /// Makes the searches ready.
    pub fn build(&mut self) {
        self.0.iter_mut().for_each(Scan::build);
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn get(&self, number: u16) -> Option<&Scan> {
        self.0.get(usize::from(number))
    }

    pub fn all(&self) -> impl Iterator<Item = &Scan> {
        self.0.iter()
    }
}

impl Scan {
    fn build(&mut self) {
        let bytes: usize = self.texts.iter().map(|text| text.len()).sum();
        let kind = if bytes <= DENSE_BYTES_MAX { AhoCorasickKind::DFA } else { AhoCorasickKind::ContiguousNFA };
        let start = if self.begins { StartKind::Anchored } else { StartKind::Unanchored };
        let texts = self.texts.iter().map(|text| text.as_bytes());
        // Without a searcher (too many texts) everyone is found: slower, and just as right.
        self.searcher = AhoCorasick::builder().kind(Some(kind)).start_kind(start).build(texts).ok();
    }

    /// Adds who wants a text that stands in an entry's field; some may be added twice, some without need.
    pub fn search(&self, values: &[Option<&[u8]>], found: &mut Vec<u16>) {
        // A field that is not there may still be wanted as an empty text.
        let bytes = self.field.bytes(values).unwrap_or_default();
        let Some(searcher) = &self.searcher else {
            self.wanted_by.iter().for_each(|who| found.extend_from_slice(who));
            return;
        };
        // Most entries hold none of the texts: the first look only asks whether there is any.
        if !self.begins && !searcher.is_match(bytes) {
            return;
        }
        let anchored = if self.begins { Anchored::Yes } else { Anchored::No };
        let mut state = OverlappingState::start();
        loop {
            let input = Input::new(bytes).anchored(anchored);
            if searcher.try_find_overlapping(input, &mut state).is_err() {
                self.wanted_by.iter().for_each(|who| found.extend_from_slice(who));
                return;
            }
            let Some(hit) = state.get_match() else { return };
            if let Some(who) = self.wanted_by.get(hit.pattern().as_usize()) {
                found.extend_from_slice(who);
            }
        }
    }
}
