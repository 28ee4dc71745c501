//! The names of a batch's fields: each is held once, and fields carry its number.

use std::{collections::HashMap, sync::Arc};

/// So many names are kept for the next batch; more are forgotten with their batch.
const KEPT_MAX: usize = 4096;

/// Names by their numbers, and numbers by their names.
#[derive(Debug, Clone, Default)]
pub(super) struct Names {
    list: Vec<Arc<[u8]>>,
    numbers: HashMap<Arc<[u8]>, u32>,
}

impl Names {
    /// All of them, by their numbers.
    pub fn all(&self) -> &[Arc<[u8]>] {
        &self.list
    }

    /// The name of a number that was given out.
    #[inline]
    pub fn get(&self, number: u32) -> &[u8] {
        &self.list[number as usize]
    }

    /// The number of a name, a new one if it is new.
    pub fn number(&mut self, name: &[u8]) -> u32 {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        let (number, name) = (self.list.len() as u32, Arc::<[u8]>::from(name));
        self.list.push(name.clone());
        self.numbers.insert(name, number);
        number
    }

    /// No field has any of these numbers any more.
    pub fn end_batch(&mut self) {
        if self.list.len() > KEPT_MAX {
            *self = Self::default();
        }
    }
}
