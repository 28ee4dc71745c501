//! Where MariaDB, MySQL and TiDB differ: every statement that is not the same for all.
//!
//! Run in our tests: MariaDB. The others' texts follow their manuals and are only compared as text.

use std::time::Duration;

/// How long a statement waits for another's lock, in seconds.
pub(crate) const LOCK_WAIT_S: u32 = 10;

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
            format!("SET SESSION innodb_lock_wait_timeout = {LOCK_WAIT_S}"),
        ];
        if self != Self::TiDb {
            list.push(format!("SET SESSION lock_wait_timeout = {LOCK_WAIT_S}")); // for DDL
        }
        list
    }

    /// Run on each new connection where the server knows them: their failure is none.
    pub fn may_setup(self) -> &'static [&'static str] {
        match self {
            // In a cluster a read waits for what other nodes committed before it: a checkpoint must be the last one.
            Self::MariaDb => &["SET SESSION wsrep_sync_wait = 1"],
            Self::Mysql => &["SET SESSION wsrep_sync_wait = 1", "SET SESSION information_schema_stats_expiry = 0"],
            Self::TiDb => &[],
        }
    }

    /// The end of an INSERT into the rollups: a row that is there already is added to.
    pub fn or_add(self) -> &'static str {
        match self {
            Self::MariaDb | Self::TiDb => " ON DUPLICATE KEY UPDATE n = n + VALUES(n)",
            Self::Mysql => " AS more ON DUPLICATE KEY UPDATE n = rollups.n + more.n",
        }
    }

    /// What stands behind an INSERT of counts of a parser's table: merged with those that are there.
    pub fn or_merge(self) -> String {
        let (before, own, more, end) = match self {
            Self::MariaDb | Self::TiDb => ("", "", "VALUES(", ")"),
            Self::Mysql => (" AS more", "`$counts`.", "more.", ""),
        };
        let sum = |name: &str| format!("{name} = {own}{name} + {more}{name}{end}");
        let pick = |name: &str, how: &str| format!("{name} = {how}({own}{name}, {more}{name}{end})");
        let all = [sum("n"), sum("hi"), sum("lo"), pick("least", "LEAST"), pick("most", "GREATEST")];
        format!("{before} ON DUPLICATE KEY UPDATE {}", all.join(", "))
    }

    /// How a new column is added without copying the table; where that can't be, without stopping writers.
    pub fn online(self) -> [&'static str; 2] {
        [", ALGORITHM = INSTANT", ", ALGORITHM = INPLACE, LOCK = NONE"]
    }

    /// Asks a primary where its log is.
    pub fn position(self) -> Option<&'static str> {
        match self {
            Self::MariaDb => Some("SELECT @@global.gtid_binlog_pos"),
            Self::Mysql => Some("SELECT @@global.gtid_executed"),
            Self::TiDb => None,
        }
    }

    /// Waits on a replica for a position, for so many seconds; 0 says that it is reached.
    pub fn wait_for(self) -> Option<&'static str> {
        match self {
            Self::MariaDb => Some("SELECT MASTER_GTID_WAIT(?, ?)"),
            Self::Mysql => Some("SELECT WAIT_FOR_EXECUTED_GTID_SET(?, ?)"),
            Self::TiDb => None,
        }
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
        assert_eq!(MariaDb.or_add(), " ON DUPLICATE KEY UPDATE n = n + VALUES(n)");
        assert_eq!(Mysql.or_add(), " AS more ON DUPLICATE KEY UPDATE n = rollups.n + more.n");
        assert!(MariaDb.or_merge().starts_with(" ON DUPLICATE KEY UPDATE n = n + VALUES(n), hi = hi + VALUES(hi), "));
        assert!(Mysql.or_merge().ends_with("most = GREATEST(`$counts`.most, more.most)"));
        assert_eq!(Mysql.wait_for(), Some("SELECT WAIT_FOR_EXECUTED_GTID_SET(?, ?)"));
        assert_eq!((TiDb.position(), TiDb.may_setup().len()), (None, 0));
    }
}
