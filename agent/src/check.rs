//! `infralogs-agent --check`: looks at everything the agent needs, as `ExecStartPre=` does, and says what to mend.

use crate::Typed;
use infralogs_agent::disk::Disk;
use infralogs_core::{
    Error, Result,
    plugin::{Ask, Source},
    script::Scripts,
};
use infralogs_http::{Tls, Tokens};
use std::{io::IsTerminal, path::Path};

/// Prints one line for each thing that was looked at.
///
/// # Errors
/// `Failed` if one of them is wrong: the agent would not start, or could not read.
pub async fn run(typed: &Typed) -> Result<()> {
    let mut wrong = 0;
    let mut say = |what: &str, found: Result<String>| match found {
        Ok(found) => println!("ok    {what}: {found}"),
        Err(error) => {
            wrong += 1;
            println!("wrong {what}: {error}");
        }
    };
    say("tokens", tokens(typed));
    say("journal", journal(typed).await);
    if let Some(root) = &typed.host_root {
        say("disks", disks(root).await);
    }
    if !typed.scripts.is_empty() {
        say("rules", rules(typed));
    }
    if let (Some(certificate), Some(key)) = (&typed.tls_cert, &typed.tls_key) {
        let tls = Tls::from_files(certificate, key, typed.client_ca.as_deref());
        say("certificate", tls.map(|_| certificate.display().to_string()));
    }
    say("address", infralogs_http::bind(&typed.listen).await.map(|_| format!("{} is free", typed.listen)));
    match wrong {
        0 => Ok(()),
        1 => Err(Error::failed("one thing is wrong, see above")),
        _ => Err(Error::failed(format!("{wrong} things are wrong, see above"))),
    }
}

fn tokens(typed: &Typed) -> Result<String> {
    let file = typed.token_file.clone().unwrap_or_default();
    let tokens = Tokens::from_file(&file)?;
    Ok(format!("{} in {}", tokens.digests().len(), file.display()))
}

async fn journal(typed: &Typed) -> Result<String> {
    let mut journal = infralogs_journal::open(typed.journal.as_slice())?;
    let found = journal.read(&Ask { limit: 0, ..Ask::default() }).await?;
    Ok(match found.head {
        Some(head) => format!("of machine {}, newest entry {}", found.machine, head.time()),
        None => format!("of machine {}, without an entry yet", found.machine),
    })
}

async fn disks(root: &Path) -> Result<String> {
    let report = Disk::of_host_at(root).read(&Ask::default()).await?;
    Ok(format!("{} mounted at {} and below", report.entries.len(), root.display()))
}

fn rules(typed: &Typed) -> Result<String> {
    let scripts = Scripts::open(&typed.scripts).map_err(|rejected| {
        eprintln!("{}", rejected.draw(std::io::stderr().is_terminal()));
        Error::invalid("the scripts are refused").help("mend what is said above")
    })?;
    Ok(format!("{} of scripts {}", scripts.current().rules.len(), scripts.current().hash))
}
