//! What a web host writes: nginx and the shop's application behind it.

use crate::{incident::Incident, line::Program, slot::Slot};
use infralogs_core::time::Time;

const NGINX: Program =
    Program { identifier: "nginx", unit: "nginx.service", command: "nginx: worker process", user: 33 };
const SHOP: Program = Program {
    identifier: "checkout-api",
    unit: "checkout-api.service",
    command: "/usr/bin/checkout-api --config /etc/checkout.toml",
    user: 998,
};

const PAGES: [&str; 10] = [
    "/",
    "/products",
    "/products/1204",
    "/products/877",
    "/cart",
    "/checkout",
    "/api/v1/orders",
    "/api/v1/stock",
    "/static/app.js",
    "/health",
];
const AGENTS: [&str; 4] = [
    "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0 Safari/537.36",
    "curl/8.5.0",
    "kube-probe/1.33",
];
const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Adds this second's entries.
pub fn write(slot: &mut Slot) {
    for _ in 0..slot.chance.count(0.5 * slot.busy) {
        request(slot);
    }
    for _ in 0..slot.chance.count(0.05 * slot.busy) {
        shop(slot);
    }
    match slot.incident {
        Some(Incident::Database) => without_database(slot),
        Some(Incident::Crashes) if slot.second % 40 == slot.host % 40 => crash(slot),
        _ => {}
    }
}

/// One line of nginx's combined access log.
fn request(slot: &mut Slot) {
    let page = slot.chance.pick(&PAGES);
    let bad = match slot.incident {
        Some(Incident::Database) => 0.35,
        Some(Incident::Crashes) => 0.15,
        _ => 0.004,
    };
    let (status, method) = if page.starts_with("/static") || page == "/health" {
        (200, "GET")
    } else if slot.chance.happens(bad) {
        (*slot.chance.pick(&[&502, &503, &504, &500]), "GET")
    } else if page == "/checkout" {
        (if slot.chance.happens(0.06) { 422 } else { 201 }, "POST")
    } else {
        (*slot.chance.pick(&[&200, &200, &200, &200, &200, &200, &304, &304, &301, &404]), "GET")
    };
    let bytes = if status == 304 { 0 } else { slot.chance.around(4_200) };
    let (visitor, agent) = (slot.visitor(), slot.chance.pick(&AGENTS));
    let when = nginx_time(slot.second);
    let message = format!("{visitor} - - [{when}] \"{method} {page} HTTP/1.1\" {status} {bytes} \"-\" \"{agent}\"");
    let pid = slot.pid_of(810);
    slot.say(&NGINX, pid, 6, message);
}

fn shop(slot: &mut Slot) {
    let order = 100_000 + slot.chance.below(900_000);
    let ms = slot.chance.around(120);
    let (priority, message) = match slot.chance.below(100) {
        0..=54 => (6, format!("order={order} msg=\"order accepted\" duration_ms={ms}")),
        55..=79 => (7, format!("order={order} msg=\"cache refreshed\" entries={}", ms * 3)),
        80..=91 => (5, format!("order={order} msg=\"payment needs a second try\" provider=acme-pay")),
        92..=97 => (4, format!("order={order} msg=\"slow answer from stock\" duration_ms={}", ms * 20)),
        _ => (3, format!("order={order} msg=\"payment refused\" provider=acme-pay code=card_declined")),
    };
    let pid = slot.pid_of(1_402);
    slot.say(&SHOP, pid, priority, message);
}

/// The database has no connection left.
fn without_database(slot: &mut Slot) {
    if slot.chance.happens(0.3) {
        let number = 40_000 + slot.chance.below(50_000);
        let visitor = slot.visitor();
        let pid = slot.pid_of(810);
        let message = format!(
            "[error] {pid}#{pid}: *{number} upstream timed out (110: Connection timed out) while reading response \
             header from upstream, client: {visitor}, server: shop.example, request: \"GET /api/v1/orders HTTP/1.1\", \
             upstream: \"http://127.0.0.1:8090/api/v1/orders\""
        );
        slot.say(&NGINX, pid, 3, message);
    }
    if slot.chance.happens(0.4) {
        let pid = slot.pid_of(1_402);
        let order = 100_000 + slot.chance.below(900_000);
        let (priority, message) = match slot.chance.below(20) {
            0 => (1, "msg=\"no database connection for 30 s, orders are refused\" pool=orders".to_owned()),
            1..=3 => (2, "msg=\"circuit breaker open\" upstream=db-1 pool=orders".to_owned()),
            _ => (3, format!("order={order} msg=\"can't store the order\" error=\"sorry, too many clients already\"")),
        };
        slot.say(&SHOP, pid, priority, message);
    }
}

/// The application is killed and started again.
fn crash(slot: &mut Slot) {
    let pid = slot.new_pid();
    slot.say(&SHOP, pid, 2, "msg=\"allocation of 268435456 bytes failed\" heap_bytes=2013265920".into());
    crate::system::killed(slot, "checkout-api", pid);
    crate::system::unit_failed(slot, "checkout-api.service", "oom-kill");
}

/// `23/Nov/2025:09:14:05 +0000`
fn nginx_time(second: u64) -> String {
    let text = Time(i64::try_from(second).unwrap_or(0) * 1_000_000).to_string();
    let month = text.get(5..7).and_then(|month| month.parse::<usize>().ok()).unwrap_or(1);
    let part = |range: std::ops::Range<usize>| text.get(range).unwrap_or_default().to_owned();
    format!("{}/{}/{}:{} +0000", part(8..10), MONTHS[(month - 1) % 12], part(0..4), part(11..19))
}
