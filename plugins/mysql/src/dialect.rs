//! Where MariaDB, MySQL and TiDB differ: every statement that is not the same for all.
//!
//! Run in our tests: MariaDB. The others' texts follow their manuals and are only compared as text.

use std::time::Duration;

/// Whose server it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flavour {
    MariaDb,
    Mysql,
    TiDb,
}

impl Flavour {
    /// By what `VERSION()` answers.
    pub fn of(version: &str) -> Self {
        if version.contains("MariaDB") {
            Self::MariaDb
        } else if version.contains("TiDB") {
            Self::TiDb
        } else {
            Self::Mysql
        }
    }

    /// A collation that compares bytes and pads nothing (`utf8mb4_bin` says `'a' = 'a '`).
    pub fn collation(self) -> &'static str {
        match self {
            Self::MariaDb => "utf8mb4_nopad_bin",
            Self::Mysql | Self::TiDb => "utf8mb4_0900_bin",
        }
    }

    /// Run on each new connection.
    pub fn setup(self) -> Vec<String> {
        let mut list = vec![
            format!("SET NAMES utf8mb4 COLLATE {}", self.collation()),
            "SET SESSION sql_mode = 'STRICT_ALL_TABLES', time_zone = '+00:00', autocommit = 1".into(),
            // No transaction of ours reads twice what it relies on: it locks its checkpoint row.
            "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED".into(),
            "SET SESSION innodb_lock_wait_timeout = 10".into(),
        ];
        if self != Self::TiDb {
            list.push("SET SESSION lock_wait_timeout = 20".into()); // for DDL
        }
        list
    }

    /// The SELECT, ended by the server after this time.
    pub fn timed(self, select: &str, timeout: Duration) -> String {
        match self {
            Self::MariaDb => format!("SET STATEMENT max_statement_time = {} FOR {select}", timeout.as_secs_f64()),
            Self::Mysql | Self::TiDb => {
                let hint = format!("SELECT /*+ MAX_EXECUTION_TIME({}) */", timeout.as_millis());
                select.replacen("SELECT", &hint, 1)
            }
        }
    }

    /// What stands behind the columns of CREATE TABLE.
    pub fn table_options(self) -> String {
        format!("ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = {}", self.collation())
    }
}

#[cfg(test)]
mod tests {
    use super::Flavour::{self, MariaDb, Mysql, TiDb};
    use std::time::Duration;

    #[test]
    fn texts() {
        assert_eq!(Flavour::of("10.11.6-MariaDB-0+deb12u1"), MariaDb);
        assert_eq!(Flavour::of("8.4.2"), Mysql);
        assert_eq!(Flavour::of("8.0.11-TiDB-v8.5.0"), TiDb);
        let timed = |flavour: Flavour| flavour.timed("SELECT a FROM (SELECT 1)", Duration::from_millis(2_500));
        assert_eq!(timed(MariaDb), "SET STATEMENT max_statement_time = 2.5 FOR SELECT a FROM (SELECT 1)");
        assert_eq!(timed(Mysql), "SELECT /*+ MAX_EXECUTION_TIME(2500) */ a FROM (SELECT 1)");
        assert_eq!(timed(TiDb), timed(Mysql));
        assert_eq!(MariaDb.setup()[0], "SET NAMES utf8mb4 COLLATE utf8mb4_nopad_bin");
        assert_eq!(Mysql.setup()[0], "SET NAMES utf8mb4 COLLATE utf8mb4_0900_bin");
        assert_eq!(TiDb.table_options(), Mysql.table_options());
    }
}
