//! The parse engine from outside: declared parsers in, outcomes and rows out.

mod agreement;
mod common;
mod compile;
mod extract;
mod input;
mod mutation;
mod native;
mod selection;
mod steps;
