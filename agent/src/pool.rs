//! Opened sources that wait for the next reader.

use crate::Open;
use infralogs_core::{Result, plugin::Source};
use std::sync::{Arc, Mutex, PoisonError};

/// The most opened sources kept while nobody reads.
const IDLE_MAX: usize = 4;

#[derive(Clone)]
pub(crate) struct Pool {
    open: Open,
    idle: Arc<Mutex<Vec<Box<dyn Source>>>>,
}

impl Pool {
    pub(crate) fn new(open: Open) -> Self {
        Self { open, idle: Arc::default() }
    }

    /// A source for one reader.
    pub(crate) fn take(&self) -> Result<Box<dyn Source>> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        idle.map_or_else(|| (self.open)(), Ok)
    }

    /// Gives it back after a read that went well.
    pub(crate) fn give(&self, source: Box<dyn Source>) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE_MAX {
            idle.push(source);
        }
    }
}
