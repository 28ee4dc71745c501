//! The one list of plugins: removing one is its folder and three lines, here and in two Cargo.toml.

use infralogs_core::plugin::Plugin;

/// All plugins.
pub static PLUGINS: &[&Plugin] = &[
    &infralogs_journal::PLUGIN,
    &infralogs_agent_api::PLUGIN,
    &infralogs_demo::PLUGIN,
    &infralogs_exec::PLUGIN,
    &infralogs_sqlite::PLUGIN,
    &infralogs_mysql::PLUGIN,
    &infralogs_bokeh::PLUGIN,
    &infralogs_vault::PLUGIN,
    &infralogs_mounted::PLUGIN,
    &infralogs_dns::PLUGIN,
    &infralogs_kubernetes::PLUGIN,
];
