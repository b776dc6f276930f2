//! What a backslash in a string is, by what the dump says of itself.

/// The setting of PostgreSQL that says it.
pub(super) const STANDARD_STRINGS: &str = "standard_conforming_strings";

/// What a backslash in a string is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::import) enum Strings {
    /// A backslash: PostgreSQL since 9.1, SQLite, and MySQL with `NO_BACKSLASH_ESCAPES`.
    Standard,
    /// The beginning of an escape, as MySQL has them.
    Mysql,
    /// The beginning of an escape, as PostgreSQL has them.
    Postgres,
    /// The dump does not say, so a string that has one can't be read.
    Unknown,
}

/// What stands before the first row decides; what is in rows may be anybody's text.
pub(super) fn of(text: &str) -> Strings {
    let begins_rows = |line: &str| {
        let word: String = line.trim_start().chars().take(8).collect::<String>().to_uppercase();
        ["INSERT ", "REPLACE ", "COPY "].iter().any(|statement| word.starts_with(statement))
    };
    let end = text.split_inclusive('\n').take_while(|line| !begins_rows(line)).map(str::len).sum::<usize>();
    let (head, rest) = text.split_at(end);
    let head = head.to_uppercase();
    let says = |words: &[&str]| words.iter().any(|word| head.contains(word));
    let first: String = rest.lines().next().unwrap_or_default().chars().take(200).collect::<String>().to_uppercase();
    let first = first.trim_start();
    if says(&["POSTGRESQL DATABASE", "STANDARD_CONFORMING_STRINGS", "PG_CATALOG.", "CLIENT_ENCODING"]) {
        // A SET of the setting is carried out where it stands.
        return Strings::Standard;
    }
    if says(&["NO_BACKSLASH_ESCAPES", "PRAGMA "]) || first.starts_with("INSERT OR ") || first.starts_with("COPY ") {
        return Strings::Standard;
    }
    // Only MySQL quotes names so.
    let quotes = |text: &str| text.split("VALUES").next().is_some_and(|names| names.contains('`'));
    let mysql = says(&["MYSQL DUMP", "MARIADB DUMP", "/*!", "ENGINE=", "SET NAMES", "LOCK TABLES", "`"]);
    if mysql || quotes(first) || first.starts_with("INSERT IGNORE ") { Strings::Mysql } else { Strings::Unknown }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dump_says_what_a_backslash_is() {
        let check = |text: &str, expect: Strings| assert_eq!(of(text), expect, "{text}");
        check("--\n-- PostgreSQL database dump\n--\nINSERT INTO a VALUES (1);", Strings::Standard);
        check("SET standard_conforming_strings = off;\nINSERT INTO a VALUES (1);", Strings::Standard);
        check("PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\nINSERT INTO a VALUES(1);", Strings::Standard);
        check("COPY a (b) FROM stdin;\n", Strings::Standard);
        check("INSERT OR IGNORE INTO a (b) VALUES ('c');", Strings::Standard);
        check("-- MySQL dump 10.13\nINSERT INTO a VALUES (1);", Strings::Mysql);
        check("INSERT INTO `a` VALUES ('PRAGMA ');", Strings::Mysql);
        check("/*!40101 SET SQL_MODE='NO_BACKSLASH_ESCAPES' */;\nINSERT INTO `a` VALUES (1);", Strings::Standard);
        check("INSERT INTO a (b) VALUES ('-- PostgreSQL database dump `');", Strings::Unknown);
        check("", Strings::Unknown);
    }
}
