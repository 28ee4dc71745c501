//! Which journal files there are, and finding places in them.

pub(crate) mod chain;
pub(crate) mod file;
pub(crate) mod folder;
pub(crate) mod foreign;
pub(crate) mod index;
pub(crate) mod name;
pub(crate) mod salvage;
pub(crate) mod seek;
