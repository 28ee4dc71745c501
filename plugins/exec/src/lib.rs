//! Runs any program as a source: NDJSON on its standard output.
