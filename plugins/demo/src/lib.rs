//! Generates the entries of a small fleet, the same ones for the same seed.
