//! Many files as one journal: which entry comes next, and where to go on behind a cursor.

pub(crate) mod holes;
pub(crate) mod lane;
pub(crate) mod order;
pub(crate) mod plan;
pub(crate) mod setback;
