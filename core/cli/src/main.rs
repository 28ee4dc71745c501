//! The `infralogs` command: reads what was typed, does it, says what went wrong.

mod command;
mod configured;
mod connect;
mod local;
mod logging;
mod ops;
mod output;
mod place;
mod plugins;
mod presence;
mod scripts;
mod secrets;
mod sketch;
mod stop;
mod subpath;
mod upload;

use clap::Parser;
use infralogs_core::Kind;
use std::process::ExitCode;

/// Logs of a fleet of VMs: collected, parsed and drawn as short scripts say.
#[derive(Parser)]
#[command(name = "infralogs", version, about, max_term_width = 100)]
struct Typed {
    #[command(subcommand)]
    command: command::Command,
    #[command(flatten)]
    logging: logging::Options,
}

fn main() -> ExitCode {
    let typed = Typed::parse();
    logging::start(&typed.logging);
    infralogs_http::install_crypto();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: cannot start threads: {error}");
            return ExitCode::FAILURE;
        }
    };
    let done = runtime.block_on(async {
        let done = typed.command.run().await;
        secrets::end_all().await;
        done
    });
    runtime.shutdown_timeout(std::time::Duration::from_secs(3));
    match done {
        Ok(code) => code,
        Err(error) => {
            output::error(&error);
            ExitCode::from(if error.kind == Kind::Invalid { 2 } else { 1 })
        }
    }
}
