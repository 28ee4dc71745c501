//! The store for MySQL-protocol databases.
