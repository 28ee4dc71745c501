//! Finds places by name in the scripts that are known, for carets that point at the right word.

use super::{
    outline::Outline,
    source::{File, Place},
};
use rhai::Position;
use std::{collections::BTreeMap, sync::Arc};

/// Scripts with what stands where in them, by the name the engine knows each by.
#[derive(Clone, Default)]
pub(super) struct Atlas(BTreeMap<String, (Arc<File>, Arc<Outline>)>);

impl Atlas {
    pub fn add(&mut self, file: &Arc<File>, outline: &Arc<Outline>) {
        self.0.insert(file.shown.clone(), (file.clone(), outline.clone()));
    }
    pub fn merge(&mut self, other: &Self) {
        self.0.extend(other.0.iter().map(|(name, both)| (name.clone(), both.clone())));
    }
    pub fn outline(&self, script: &str) -> Option<&Arc<Outline>> {
        self.0.get(script).map(|(_, outline)| outline)
    }
    /// The place of a position.
    pub fn place(&self, script: &str, at: Position) -> Option<Place> {
        self.0.get(script).map(|(file, _)| Place::new(file, at))
    }
    /// Where argument `index` of the call at a position begins.
    pub fn argument(&self, script: &str, call: Position, index: usize) -> Option<Place> {
        self.0.get(script).map(|(file, outline)| Place::new(file, outline.argument(call, index)))
    }
    /// Where a name stands at or after a place.
    pub fn name_after(&self, name: &str, place: &Place) -> Place {
        self.search(place, |outline, at| outline.name(name, at))
    }
    /// Where a name stands last before a place.
    pub fn name_before(&self, name: &str, place: &Place) -> Place {
        self.search(place, |outline, at| outline.name_before(name, at))
    }
    /// The names of all fields that any of the scripts reads of anything.
    pub fn field_names(&self) -> Vec<Arc<str>> {
        let mut names: Vec<Arc<str>> = self
            .0
            .values()
            .flat_map(|(_, outline)| outline.properties.iter().map(|name| name.as_str().into()))
            .collect();
        names.sort();
        names.dedup();
        names
    }

    fn search(&self, from: &Place, find: impl FnOnce(&Outline, Position) -> Position) -> Place {
        let narrow = |number: usize| u16::try_from(number).unwrap_or(u16::MAX);
        let at = Position::new(narrow(from.line).max(1), narrow(from.column));
        let found = self.0.get(&from.file.shown).map(|(file, outline)| Place::new(file, find(outline, at)));
        found.unwrap_or_else(|| from.clone())
    }
}
