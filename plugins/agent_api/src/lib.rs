//! Reads an infralogs-agent over HTTP as a source.
