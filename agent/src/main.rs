//! `infralogs-agent`: serves this machine's journal to whoever has the token.

mod check;

use clap::{CommandFactory, Parser, Subcommand};
use infralogs_agent::{Agent, disk::Disk};
use infralogs_core::{Error, Kind, Result, script::Scripts};
use infralogs_http::{Limits, Tls, Tokens};
use std::{io::IsTerminal, path::PathBuf, process::ExitCode, sync::Arc};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
};

/// Serves this machine's journal at /logs to whoever has the token.
#[derive(Parser)]
#[command(name = "infralogs-agent", version, about, max_term_width = 100)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
struct Typed {
    /// A folder with *.journal files, or one such file, instead of this machine's own journal
    #[arg(long, value_name = "DIR|FILE")]
    journal: Option<PathBuf>,
    /// Where it listens
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:7070")]
    listen: String,
    /// Tokens that may read, one a line; the first two count, so that one can follow the other
    #[arg(long, value_name = "FILE", required = true)]
    token_file: Option<PathBuf>,
    /// A folder of scripts (or one) whose rules say what leaves this machine; may be given several times
    #[arg(long, value_name = "DIR|FILE")]
    scripts: Vec<PathBuf>,
    /// PEM certificate chain; may be replaced at any time
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// PEM key of the certificate
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// PEM authorities: only clients with a certificate of theirs are served (mTLS)
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    client_ca: Option<PathBuf>,
    /// In a container: where the machine's root is mounted, whose disks are reported then
    #[arg(long, value_name = "DIR")]
    host_root: Option<PathBuf>,
    /// Looks at all this, says what is wrong and how to mend it, and ends
    #[arg(long)]
    check: bool,
    #[command(subcommand)]
    instead: Option<Instead>,
}

/// What it may be asked to do instead of serving.
#[derive(Subcommand)]
enum Instead {
    /// Asks a running agent how it is (for container health checks)
    Health {
        /// Base address of the agent
        #[arg(default_value = "http://127.0.0.1:7070")]
        url: String,
    },
    /// Prints the manual page
    Man,
}

fn main() -> ExitCode {
    let typed = Typed::parse();
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .init();
    infralogs_http::install_crypto();
    let done = tokio::runtime::Builder::new_multi_thread()
        // The journal is read by one thread at a time; the machine has other work than ours, and each thread keeps memory.
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(|error| Error::failed("cannot start threads").because(error))
        .and_then(|runtime| runtime.block_on(run(typed)));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(if error.kind == Kind::Invalid { 2 } else { 1 })
        }
    }
}

async fn run(typed: Typed) -> Result<()> {
    match typed.instead {
        None => {}
        Some(Instead::Health { url }) => {
            println!("{}", infralogs_http::ops::ask(&url).await?);
            return Ok(());
        }
        Some(Instead::Man) => {
            let page = clap_mangen::Man::new(Typed::command());
            let cannot = |error| Error::failed("cannot print the manual").because(error);
            return page.render(&mut std::io::stdout()).map_err(cannot);
        }
    }
    if typed.check {
        return check::run(&typed).await;
    }
    let tokens = Tokens::from_file(typed.token_file.unwrap_or_default())?;
    let journal = infralogs_journal::open(typed.journal.as_slice())?;
    let disk = typed.host_root.as_deref().map_or_else(Disk::of_this_machine, Disk::of_host_at);
    let listener = infralogs_http::bind(&typed.listen).await?;
    let address = listener.local_addr().map_or_else(|_| typed.listen.clone(), |address| address.to_string());
    let files = journal.clone();
    let mut agent = Agent::new(Arc::new(move || Ok(Box::new(journal.clone()))), tokens)
        .files(Arc::new(move || files.noted()))
        .disk(Arc::new(move || Ok(Box::new(disk.clone()))));
    if !typed.scripts.is_empty() {
        agent = agent.scripts(scripts(&typed.scripts)?);
    }
    let tls = match (&typed.tls_cert, &typed.tls_key) {
        (Some(certificate), Some(key)) => Some(Tls::from_files(certificate, key, typed.client_ca.as_deref())?),
        _ => None,
    };
    let scheme = if tls.is_some() { "https" } else { "http" };
    tracing::info!("serving the journal on {scheme}://{address}/logs");
    infralogs_http::serve(listener, agent.app(), Limits::default(), tls, on_signal()?).await
}

/// Scripts whose edits are followed. Without its rules an agent must not start: they may hide secrets.
fn scripts(roots: &[PathBuf]) -> Result<Arc<Scripts>> {
    let scripts = Scripts::open(roots).map_err(|rejected| {
        eprintln!("{}", rejected.draw(std::io::stderr().is_terminal()));
        Error::invalid("the scripts are refused").help("mend what is said above")
    })?;
    scripts.watch();
    Ok(scripts)
}

/// Becomes true at Ctrl-C or SIGTERM.
fn on_signal() -> Result<watch::Receiver<bool>> {
    let cannot = |error| Error::failed("cannot listen for signals").because(error);
    let mut interrupt = signal(SignalKind::interrupt()).map_err(cannot)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(cannot)?;
    let (stop, stopped) = watch::channel(false);
    tokio::spawn(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        let _ = stop.send(true);
    });
    Ok(stopped)
}
