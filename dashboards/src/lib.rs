//! The dashboard service: routes, page, live patches, embedded BokehJS.

pub mod assets;
