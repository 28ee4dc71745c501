//! The infralogs command.
fn main() {}
