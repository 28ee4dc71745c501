//! Credentials in the three routes: which are in use, how long they last, what is wrong with them. Never themselves.

use super::{Health, Page, Status};
use infralogs_core::rotate::Watch;
use serde_json::{Value, json};

/// Adds how each stands; degraded as soon as one is.
#[must_use]
pub fn health(mut health: Health, all: &[Watch]) -> Health {
    if all.is_empty() {
        return health;
    }
    let mut listed = Vec::new();
    for watch in all {
        let now = watch.standing();
        if now.degraded.is_some() || !now.entered {
            let what = now.degraded.as_deref().unwrap_or("none yet");
            health.what = format!("{}; credentials {}: {what}", health.what, watch.path);
            if health.status == Status::Ok {
                health.status = Status::Degraded;
                health = health.next("run `infralogs doctor` with the same configuration");
            }
        }
        listed.push(json!({
            "path": &*watch.path,
            "in_use": now.entered,
            "left_s": now.left().map(|left| left.as_secs()),
            "replaced": now.replaced,
            "problem": now.degraded,
        }));
    }
    health.with("credentials", Value::Array(listed))
}

/// Why there should be no work yet, if credentials are missing or have ended.
pub fn ready(all: &[Watch]) -> Option<Health> {
    let missing = all.iter().find(|watch| {
        let now = watch.standing();
        !now.entered || now.left().is_some_and(|left| left.is_zero())
    })?;
    let what = missing.standing().degraded.unwrap_or_else(|| "they are being asked for".into());
    let what = format!("no credentials {} to log in to the store: {what}", missing.path);
    Some(Health::new(Status::Failed, what).next("run `infralogs doctor` with the same configuration"))
}

/// How long each lasts, how often it was replaced, whether something is wrong.
pub fn metrics(page: &mut Page, all: &[Watch]) {
    for watch in all {
        let (now, labels) = (watch.standing(), [("path", &*watch.path)]);
        let one = |so: bool| f64::from(u8::from(so));
        page.gauge("infralogs_credentials_in_use", "1 once credentials let us in", &labels, one(now.entered));
        page.gauge(
            "infralogs_credentials_degraded",
            "1 while credentials can't be prolonged or replaced",
            &labels,
            one(now.degraded.is_some()),
        );
        page.counter("infralogs_credentials_replaced_total", "Times they were replaced", &labels, now.replaced);
        if let Some(left) = now.left() {
            page.gauge("infralogs_credentials_left_seconds", "Until those in use end", &labels, left.as_secs_f64());
        }
    }
}
