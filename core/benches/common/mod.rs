//! What both benchmarks of the parse engine share: the corpora, the parsers, the clock.

pub mod clock;
pub mod corpora;
pub mod parsers;
