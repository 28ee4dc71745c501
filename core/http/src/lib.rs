//! Serves a tide app on hyper with limits, timeouts and TLS, and wraps the one HTTP client.
