//! Several statements in one packet: a commit waits for the server's answer a few times, not a dozen. On a busy machine
//! every wait is a turn that others take.

use mysql::{Conn, Row, Value as Bound, prelude::Queryable};

/// Statements with their values in them. The server carries them out in order and stops at the first that fails.
#[derive(Debug, Default)]
pub(crate) struct Packet(String);

impl Packet {
    /// Adds a statement as it is.
    pub fn add(&mut self, sql: &str) {
        if !self.0.is_empty() {
            self.0.push(';');
        }
        self.0.push_str(sql);
    }

    /// Adds a statement; each `?` of it stands for the next value.
    pub fn add_with(&mut self, sql: &str, values: &[Bound]) {
        let mut parts = sql.split('?');
        self.add(parts.next().unwrap_or_default());
        for (part, value) in parts.zip(values) {
            // A backslash escapes: `sql_mode` is ours.
            self.0.push_str(&value.as_sql(false));
            self.0.push_str(part);
        }
    }

    /// Runs them; the rows of each statement. (The driver's `query_drop` would hide what fails behind the first one.)
    pub fn run(self, conn: &mut Conn) -> mysql::Result<Vec<Vec<Row>>> {
        let mut answers = Vec::new();
        let mut result = conn.query_iter(self.0)?;
        while let Some(set) = result.iter() {
            answers.push(set.collect::<mysql::Result<Vec<Row>>>()?);
        }
        Ok(answers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stand_in_their_places_and_end_nothing() {
        let mut packet = Packet::default();
        packet.add_with("UPDATE a SET b = ? WHERE c = ?", &["x'; DROP TABLE a; \\".into(), Bound::NULL]);
        packet.add("COMMIT");
        assert_eq!(packet.0, r"UPDATE a SET b = 'x\'; DROP TABLE a; \\' WHERE c = NULL;COMMIT");
    }
}
