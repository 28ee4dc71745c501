//! What the database host writes: PostgreSQL.

use crate::{incident::Incident, line::Program, slot::Slot};

const POSTGRES: Program = Program {
    identifier: "postgres",
    unit: "postgresql@15-main.service",
    command: "/usr/lib/postgresql/15/bin/postgres -D /var/lib/postgresql/15/main",
    user: 115,
};

const STATEMENTS: [&str; 4] = [
    "SELECT * FROM orders WHERE customer = $1 ORDER BY placed DESC LIMIT 20",
    "UPDATE stock SET count = count - 1 WHERE product = $1",
    "INSERT INTO orders (customer, product, placed) VALUES ($1, $2, now())",
    "SELECT product, sum(count) FROM stock GROUP BY product",
];

/// Adds this second's entries.
pub fn write(slot: &mut Slot) {
    for _ in 0..slot.chance.count(0.36 * slot.busy) {
        usual(slot);
    }
    if slot.incident == Some(Incident::Database) {
        for _ in 0..slot.chance.count(0.7) {
            let pid = slot.new_pid();
            slot.say(&POSTGRES, pid, 2, "FATAL:  sorry, too many clients already".into());
        }
        if slot.chance.happens(0.05) {
            let (pid, other) = (slot.new_pid(), slot.new_pid());
            let message = format!(
                "ERROR:  deadlock detected\nDETAIL:  Process {pid} waits for ShareLock on transaction 884211; blocked by process {other}."
            );
            slot.say(&POSTGRES, pid, 3, message);
        }
    }
    if slot.second % 300 == 17 {
        let buffers = slot.chance.around(900);
        let pid = slot.pid_of(640);
        let seconds = 10 + slot.chance.below(40);
        let message =
            format!("LOG:  checkpoint complete: wrote {buffers} buffers (5.5%); write={seconds}.104 s, sync=0.012 s");
        slot.say(&POSTGRES, pid, 6, message);
    }
}

fn usual(slot: &mut Slot) {
    let pid = slot.new_pid();
    let statement = slot.chance.pick(&STATEMENTS);
    let ms = slot.chance.around(260);
    let (priority, message) = match slot.chance.below(200) {
        0 => (3, "ERROR:  duplicate key value violates unique constraint \"orders_pkey\"".to_owned()),
        1 => (3, "ERROR:  canceling statement due to statement timeout".to_owned()),
        2..=6 => (4, "WARNING:  there is no transaction in progress".to_owned()),
        7..=70 => {
            (6, "LOG:  connection authorized: user=shop database=orders application_name=checkout-api".to_owned())
        }
        _ => (6, format!("LOG:  duration: {ms}.{:03} ms  statement: {statement}", ms * 7 % 1_000)),
    };
    slot.say(&POSTGRES, pid, priority, message);
}
