//! Serves any source at a token-protected /logs.
