//! From an entry object to the fields of a batch.

pub(crate) mod cache;
pub(crate) mod decode;
pub(crate) mod filter;
