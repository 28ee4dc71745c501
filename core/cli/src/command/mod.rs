//! The command list. Each command is one file: what may be typed and what it does.

mod audit;
mod check;
mod collect;
mod completions;
mod definitions;
mod doctor;
mod dry_run;
mod explain;
mod health;
mod man;
mod mark;
mod migrate;
mod new;
mod picture;
mod plugins;
mod query;
mod render;
mod reparse;
mod repl;
mod replay;
mod serve;
mod status;
mod tail;
mod test;
mod up;

use clap::Subcommand;
use infralogs_core::Result;
use std::process::ExitCode;

#[derive(Subcommand)]
pub enum Command {
    /// Runs everything on this machine: an agent or a demo fleet, collector, store and dashboard
    Up(up::Args),
    /// Polls the fleet and stores what it brings
    Collect(collect::Args),
    /// Serves the dashboards of a store
    Serve(serve::Args),
    /// Shows what a parser makes of real input; writes nothing anywhere
    DryRun(dry_run::Args),
    /// Loads all scripts and says everything that is wrong with them
    Check(check::Args),
    /// Asks the store in the language of dashboards
    Query(query::Args),
    /// Shows every machine: when it last answered, what it lost, what is wrong with it
    Status(status::Args),
    /// Prints the newest entries of the fleet, and those that follow
    Tail(tail::Args),
    /// Counts per machine: what was written, stored, dropped by rule and lost
    Audit(audit::Args),
    /// Shows where stored rows come from: the entry, the script, and what the parser makes of it now
    Explain(explain::Args),
    /// Runs a parser again on its records in quarantine
    Replay(replay::Args),
    /// Builds a parser's table anew from the stored entries, after the parser changed
    Reparse(reparse::Args),
    /// Writes down a moment, such as a deploy, that dashboards draw over their charts
    Mark(mark::Args),
    /// Makes or upgrades the store's tables
    Migrate(migrate::Args),
    /// Runs the examples and case files of all scripts
    Test(test::Args),
    /// Writes a first parser from sample lines
    New(new::Args),
    /// Evaluates expressions on a sample record
    Repl(repl::Args),
    /// Writes definition files of the script language for editors
    Definitions(definitions::Args),
    /// Writes a dashboard to a file
    Render(render::Args),
    /// Asks a running infralogs how it is (for container health checks)
    Health(health::Args),
    /// Looks at the whole chain: secrets, policies, lives, clocks, databases
    Doctor(doctor::Args),
    /// Lists the plugins, or prints one's sample configuration
    Plugins(plugins::Args),
    /// Writes the manual pages
    Man(man::Args),
    /// Prints completions for a shell
    Completions(completions::Args),
}

impl Command {
    /// Does it.
    pub async fn run(self) -> Result<ExitCode> {
        match self {
            Self::Up(args) => args.run().await,
            Self::Collect(args) => args.run().await,
            Self::Serve(args) => args.run().await,
            Self::DryRun(args) => args.run().await,
            Self::Check(args) => args.run(),
            Self::Query(args) => args.run().await,
            Self::Status(args) => args.run().await,
            Self::Tail(args) => args.run().await,
            Self::Audit(args) => args.run().await,
            Self::Explain(args) => args.run().await,
            Self::Replay(args) => args.run().await,
            Self::Reparse(args) => args.run().await,
            Self::Mark(args) => args.run().await,
            Self::Migrate(args) => args.run().await,
            Self::Test(args) => args.run(),
            Self::New(args) => args.run(),
            Self::Repl(args) => args.run(),
            Self::Definitions(args) => args.run(),
            Self::Render(args) => args.run().await,
            Self::Health(args) => args.run().await,
            Self::Doctor(args) => args.run().await,
            Self::Plugins(args) => args.run(),
            Self::Man(args) => args.run(),
            Self::Completions(args) => args.run(),
        }
    }
}
