//! The collector's `/upload`: where systemd-journal-upload pushes a journal, if the configuration lets anybody.

use infralogs_core::{
    Result,
    collect::{Collector, Uploads},
    config::{UploadConfig, UploadMachine},
    inventory::{PUSHED, Pusher, Target},
};
use infralogs_http::{
    Limits, Tls,
    answer::{self, Errors, told},
    body::Coming,
    tls::{self, CertificateNames},
};
use std::{
    future::Future,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};
use tide::{Request, Response, StatusCode};
use tokio::{sync::watch, time::timeout};

/// What systemd-journal-upload sends.
const EXPORT: &str = "application/vnd.fdo.journal";
/// Entries that came are stored when so long nothing follows them.
const FLUSH_AFTER: Duration = Duration::from_secs(1);
/// Machines that push at once.
const CONNECTIONS: usize = 4_096;
/// A machine must send something in this time, or end. In milliseconds.
const STALL_MS: u64 = 60_000;

#[derive(Clone)]
struct State {
    known: Arc<Known>,
    uploads: Arc<Uploads>,
}

/// How machines are known.
struct Known {
    by_certificate: bool,
    machines: Option<Vec<UploadMachine>>,
}

/// Listens until told to stop, if it is configured; what comes back waits for the end.
pub async fn serve(
    config: Option<UploadConfig>,
    collector: &Collector,
    stop: watch::Receiver<bool>,
) -> Result<impl Future<Output = ()> + use<>> {
    let serving = match config {
        None => None,
        Some(UploadConfig { listen, tls, machines }) => {
            let by_certificate = tls.as_ref().is_some_and(|tls| tls.client_ca.is_some());
            let tls =
                tls.map(|tls| Tls::from_files(&tls.certificate, &tls.key, tls.client_ca.as_deref())).transpose()?;
            let listener = infralogs_http::bind(&listen).await?;
            let scheme = if tls.is_some() { "https" } else { "http" };
            tracing::info!("journals are pushed to {scheme}://{}/upload", crate::connect::address(&listener));
            let Collector { current, store, machines: told_apart, status, .. } = collector;
            let uploads = Uploads::new(current.clone(), store.clone(), told_apart.clone(), status.clone());
            let known = Arc::new(Known { by_certificate, machines });
            let mut app = tide::with_state(State { known, uploads });
            app.with(Errors);
            app.at("/upload").post(upload);
            // A body ends when its sender has caught up with its journal, however long that is.
            let limits =
                Limits { connections: CONNECTIONS, body_bytes: u64::MAX, body_stall_ms: STALL_MS, ..Limits::default() };
            Some(tokio::spawn(infralogs_http::serve(listener, app, limits, tls, stop)))
        }
    };
    Ok(async move {
        if let Some(Ok(Err(error))) = match serving {
            Some(task) => Some(task.await),
            None => None,
        } {
            tracing::warn!("taking what is pushed ended: {error}");
        }
    })
}

async fn upload(mut request: Request<State>) -> tide::Result {
    let State { known, uploads } = request.state().clone();
    let address = request.peer_addr().and_then(|peer| peer.parse::<SocketAddr>().ok()).map(|peer| peer.ip());
    let Some(pusher) = known.who(tls::names(&request).as_ref(), address) else {
        tracing::debug!(?address, "pushes, and is not known");
        let next = "list the machine in infralogs.yaml under `upload: machines:`";
        return Ok(told(StatusCode::Forbidden, "this machine may not push", Some(next)));
    };
    if request.header("content-type").is_none_or(|said| said.last().as_str() != EXPORT) {
        let next = format!("send {EXPORT}, as systemd-journal-upload does");
        return Ok(told(StatusCode::UnsupportedMediaType, "this is no journal in export format", Some(&next)));
    }
    let mut stop = infralogs_http::stop(&request);
    let mut body = Coming::of(&mut request);
    let mut upload = uploads.begin(pusher);
    let taking = async {
        loop {
            match timeout(FLUSH_AFTER, body.next()).await {
                Err(_) => upload.flush().await?,
                Ok(Ok(Some(piece))) => upload.push(&piece).await?,
                Ok(Ok(None)) => return upload.finish().await,
                Ok(Err(broken)) => {
                    // What came whole is stored: the sender need not send it again.
                    upload.finish().await?;
                    return Err(broken);
                }
            }
        }
    };
    tokio::select! {
        taken = taking => Ok(taken.map_or_else(|error| answer::error(&error), |()| accepted())),
        () = stop.stopped() => {
            Ok(told(StatusCode::ServiceUnavailable, "the collector ends", Some("push again, to another or later")))
        }
    }
}

/// As systemd-journal-remote says it.
fn accepted() -> Response {
    Response::builder(StatusCode::Accepted).content_type("text/plain").body("OK.\n").build()
}

impl Known {
    /// Who pushes, if it may.
    fn who(&self, names: Option<&CertificateNames>, address: Option<IpAddr>) -> Option<Pusher> {
        let listed = |is: &dyn Fn(&UploadMachine) -> bool| {
            self.machines.iter().flatten().find(|machine| is(machine)).map(|machine| machine.pusher.clone())
        };
        if !self.by_certificate {
            let address = address?.to_canonical();
            return listed(&|machine| machine.address == Some(address));
        }
        let names = names?;
        if self.machines.is_some() {
            return listed(&|machine| names.iter().any(|name| name.eq_ignore_ascii_case(&machine.pusher.target.name)));
        }
        let name = names.iter().next()?;
        let target = Target { name: name.into(), url: PUSHED.into(), ..Target::default() };
        Some(Pusher { target, ..Pusher::default() })
    }
}
