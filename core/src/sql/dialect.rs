//! Where SQL dialects differ: every template that is not the same for all stores.

use crate::{
    expr::{Arithmetic, TextTest},
    table::Storage,
};

/// What a store's SQL is like. A value a store passes in, not a plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// SQLite 3.
    Sqlite,
    /// MySQL, MariaDB and what speaks like them; text columns have a binary collation that pads nothing.
    Mysql,
}

impl Dialect {
    /// A name as SQL wants it.
    pub fn quote(self, name: &str) -> String {
        match self {
            Self::Sqlite => format!("\"{}\"", name.replace('"', "\"\"")),
            Self::Mysql => format!("`{}`", name.replace('`', "``")),
        }
    }

    /// How rows are sorted by a column: text by its bytes, so that `''` and `'\0'` are never taken for each other.
    /// (MariaDB fills the sort keys of text with zeros and forgets how long they were; those of bytes it does not.)
    pub(super) fn sort_key(self, column: &str, storage: Storage) -> String {
        match (self, storage) {
            (Self::Mysql, Storage::Text) => format!("CAST({column} AS BINARY)"),
            _ => column.to_owned(),
        }
    }

    /// Division of integers, cut off.
    pub(super) fn div(self) -> &'static str {
        match self {
            Self::Sqlite => "/",
            Self::Mysql => "DIV",
        }
    }

    /// An int again, or NULL where SQLite made it a float.
    pub(super) fn checked_sum(self) -> &'static str {
        match self {
            Self::Sqlite => "(CASE typeof({0}) WHEN 'integer' THEN {0} END)",
            Self::Mysql => "{0}",
        }
    }

    /// Arithmetic of two ints; NULL beyond 64 bits and for a division by zero. SQLite's may come out as a float,
    /// which stays one in any further arithmetic, see [`Self::checked_sum`].
    pub(super) fn int_arithmetic(self, how: Arithmetic) -> &'static str {
        // MySQL fails on overflow: computed in decimals, clamped just beyond the range, and the clamps made NULL.
        macro_rules! ranged {
            ($what:literal) => {
                concat!(
                    "CAST(NULLIF(NULLIF(GREATEST(LEAST(",
                    $what,
                    ", 9223372036854775808), -9223372036854775809), 9223372036854775808), -9223372036854775809) AS SIGNED)"
                )
            };
        }
        match (self, how) {
            (Self::Sqlite, Arithmetic::Add) => "({0} + {1})",
            (Self::Sqlite, Arithmetic::Sub) => "({0} - {1})",
            (Self::Sqlite, Arithmetic::Mul) => "({0} * {1})",
            (Self::Sqlite, Arithmetic::Div) => "({0} / {1})",
            (Self::Sqlite, Arithmetic::Rem) => "({0} - ({0} / {1}) * {1})",
            (Self::Mysql, Arithmetic::Add) => ranged!("CAST({0} AS DECIMAL(65,0)) + {1}"),
            (Self::Mysql, Arithmetic::Sub) => ranged!("CAST({0} AS DECIMAL(65,0)) - {1}"),
            (Self::Mysql, Arithmetic::Mul) => ranged!("CAST({0} AS DECIMAL(65,0)) * {1}"),
            (Self::Mysql, Arithmetic::Div) => {
                "(CASE WHEN {1} = 0 OR ({1} = -1 AND {0} = -9223372036854775808) THEN NULL ELSE {0} DIV {1} END)"
            }
            (Self::Mysql, Arithmetic::Rem) => {
                "(CASE WHEN {1} = 0 OR ({1} = -1 AND {0} = -9223372036854775808) THEN NULL ELSE {0} % {1} END)"
            }
        }
    }

    /// Makes what is not finite NULL. (MySQL has no such doubles: it fails instead.)
    pub(super) fn finite(self) -> &'static str {
        match self {
            Self::Sqlite => "nullif(nullif({0}, 9e999), -9e999)",
            Self::Mysql => "{0}",
        }
    }

    pub(super) fn int_to_float(self) -> &'static str {
        match self {
            Self::Sqlite => "CAST({0} AS REAL)",
            Self::Mysql => "({0} + 0e0)",
        }
    }

    pub(super) fn float_to_int(self) -> &'static str {
        match self {
            Self::Sqlite => "(CASE WHEN abs({0}) < 9e18 THEN CAST({0} AS INTEGER) END)",
            Self::Mysql => "(CASE WHEN ABS({0}) < 9e18 THEN CAST(TRUNCATE({0}, 0) AS SIGNED) END)",
        }
    }

    pub(super) fn int_to_text(self) -> &'static str {
        match self {
            Self::Sqlite => "CAST({0} AS TEXT)",
            Self::Mysql => "CAST({0} AS CHAR)",
        }
    }

    /// Length in bytes, NUL bytes included.
    pub(super) fn text_len(self) -> &'static str {
        match self {
            Self::Sqlite => "length(CAST({0} AS BLOB))",
            Self::Mysql => "LENGTH({0})",
        }
    }

    pub(super) fn join(self) -> &'static str {
        match self {
            Self::Sqlite => "({0} || {1})",
            Self::Mysql => "CONCAT({0}, {1})",
        }
    }

    /// Without ASCII white space at both ends.
    pub(super) fn trim(self) -> &'static str {
        match self {
            Self::Sqlite => "trim({0}, char(32, 9, 10, 12, 13))",
            Self::Mysql => "REGEXP_REPLACE({0}, '\\\\A[ \\\\t\\\\n\\\\f\\\\r]+|[ \\\\t\\\\n\\\\f\\\\r]+\\\\z', '')",
        }
    }

    /// ASCII letters made small or large; MySQL's own functions would change other letters too.
    pub(super) fn ascii_case(self, upper: bool) -> String {
        match self {
            Self::Sqlite => if upper { "upper({0})" } else { "lower({0})" }.into(),
            Self::Mysql => (b'a'..=b'z').fold("{0}".into(), |sql, letter| {
                let (small, large) = (letter as char, letter.to_ascii_uppercase() as char);
                let (from, to) = if upper { (small, large) } else { (large, small) };
                format!("REPLACE({sql}, '{from}', '{to}')")
            }),
        }
    }

    /// A text's test against a constant that is not empty, by bytes; NULs do not end a text.
    pub(super) fn text_test(self, how: TextTest, part: &str) -> String {
        let (bytes, chars) = (part.len(), part.chars().count());
        match (self, how) {
            (Self::Sqlite, TextTest::Contains) => "(instr(CAST({0} AS BLOB), CAST({1} AS BLOB)) > 0)".into(),
            (Self::Sqlite, TextTest::StartsWith) => {
                format!("(substr(CAST({{0}} AS BLOB), 1, {bytes}) = CAST({{1}} AS BLOB))")
            }
            (Self::Sqlite, TextTest::EndsWith) => {
                format!("(substr(CAST({{0}} AS BLOB), -{bytes}) = CAST({{1}} AS BLOB))")
            }
            (Self::Mysql, TextTest::Contains) => "(INSTR({0}, {1}) > 0)".into(),
            (Self::Mysql, TextTest::StartsWith) => format!("(LEFT({{0}}, {chars}) = {{1}})"),
            (Self::Mysql, TextTest::EndsWith) => format!("(RIGHT({{0}}, {chars}) = {{1}})"),
        }
    }

    /// The text at a path of a JSON object: a string itself, bytes that are not text (`{"$b64":…,"text":…}`) as
    /// near as text comes, the first of several.
    pub(super) fn json_text(self, json: &str, path: &str) -> String {
        let one = |path: &str, more: &str| {
            let kind = self.json_kind(json, path);
            let (text, bytes) = (self.json_string(json, path), self.json_string(json, &format!("{path}.text")));
            format!(
                "(CASE {kind} WHEN 'text' THEN {text} WHEN 'string' THEN {text} WHEN 'object' THEN {bytes}{more} END)"
            )
        };
        one(path, &format!(" WHEN 'array' THEN {}", one(&format!("{path}[0]"), "")))
    }

    fn json_kind(self, json: &str, path: &str) -> String {
        match self {
            Self::Sqlite => format!("json_type({json}, '{path}')"),
            Self::Mysql => format!("LOWER(JSON_TYPE(JSON_EXTRACT({json}, '{path}')))"),
        }
    }

    fn json_string(self, json: &str, path: &str) -> String {
        match self {
            Self::Sqlite => format!("json_extract({json}, '{path}')"),
            // As text of the connection's collation: JSON's own is another binary one, which does not mix.
            Self::Mysql => format!("CAST(JSON_UNQUOTE(JSON_EXTRACT({json}, '{path}')) AS CHAR)"),
        }
    }

    /// Whether there is a `null` at a path of a JSON object.
    pub(super) fn json_is_null(self, json: &str, path: &str) -> String {
        match self {
            Self::Sqlite => format!("(json_type({json}, '{path}') = 'null')"),
            Self::Mysql => format!("(JSON_TYPE(JSON_EXTRACT({json}, '{path}')) = 'NULL')"),
        }
    }

    /// An int and a double compared exactly: `{0}` is the int. SQLite does; MySQL would round the int.
    pub(super) fn int_float(self, operator: &str) -> String {
        if self == Self::Sqlite {
            return format!("({{0}} {operator} {{1}})");
        }
        let (above, below, inside) = match operator {
            "<" => ("TRUE", "FALSE", "{0} < CAST(CEILING({1}) AS SIGNED)"),
            "<=" => ("TRUE", "FALSE", "{0} <= CAST(FLOOR({1}) AS SIGNED)"),
            ">" => ("FALSE", "TRUE", "{0} > CAST(FLOOR({1}) AS SIGNED)"),
            ">=" => ("FALSE", "TRUE", "{0} >= CAST(CEILING({1}) AS SIGNED)"),
            _ => ("FALSE", "FALSE", "{1} = FLOOR({1}) AND {0} = CAST(FLOOR({1}) AS SIGNED)"),
        };
        format!(
            "({{0}} IS NOT NULL AND CASE WHEN {{1}} >= 9223372036854775808e0 THEN {above} \
             WHEN {{1}} < -9223372036854775808e0 THEN {below} ELSE {inside} END)"
        )
    }
}
