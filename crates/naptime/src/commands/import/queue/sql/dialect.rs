//! Which product a dump is of, and what a backslash in its strings is, by what the dump says of itself.

/// The setting of PostgreSQL that says what a backslash is.
pub(super) const STANDARD_STRINGS: &str = "standard_conforming_strings";

/// What a backslash in a string is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::commands::import) enum Strings {
    /// A backslash: PostgreSQL since 9.1, SQLite, and MySQL with `NO_BACKSLASH_ESCAPES`.
    Standard,
    /// The beginning of an escape, as MySQL has them.
    Mysql,
    /// The beginning of an escape, as PostgreSQL has them.
    Postgres,
    /// The dump does not say, so a string that has one can't be read.
    Unknown,
}

/// The product that a dump is of. MariaDB is MySQL here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Product {
    Postgres,
    Mysql,
    Sqlite,
    SqlServer,
    Unknown,
}

/// How a dump is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Dialect {
    pub(super) product: Product,
    pub(super) strings: Strings,
}

impl Dialect {
    /// The dialect with what the user says of strings. Only MySQL escapes with a backslash unless a dump says more.
    pub(super) fn with_strings(self, strings: Strings) -> Self {
        let is_mysql = self.product == Product::Unknown && strings == Strings::Mysql;
        Self { product: if is_mysql { Product::Mysql } else { self.product }, strings }
    }
}

/// What stands before the first row decides; what is in rows may be anybody's text.
pub(super) fn of(text: &str) -> Dialect {
    let begins_rows = |line: &str| {
        let word: String = line.trim_start().chars().take(8).collect::<String>().to_uppercase();
        ["INSERT ", "REPLACE ", "COPY "].iter().any(|statement| word.starts_with(statement))
    };
    let end = text.split_inclusive('\n').take_while(|line| !begins_rows(line)).map(str::len).sum::<usize>();
    let (head, rest) = text.split_at(end);
    let head = head.to_uppercase();
    let says = |words: &[&str]| words.iter().any(|word| head.contains(word));
    let statements = beginnings(&head);
    let begins = |words: &[&str]| statements.iter().any(|line| words.iter().any(|word| line.starts_with(word)));
    let first: String = rest.lines().next().unwrap_or_default().chars().take(200).collect::<String>().to_uppercase();
    let first = first.trim_start();
    let dialect = |product: Product, strings: Strings| Dialect { product, strings };
    let mysql = || {
        let no_escapes = head.lines().any(|line| line.contains("SQL_MODE") && line.contains("NO_BACKSLASH_ESCAPES"));
        dialect(Product::Mysql, if no_escapes { Strings::Standard } else { Strings::Mysql })
    };
    if begins(&["-- MYSQL DUMP", "-- MARIADB DUMP", "/*!", "/*M!"]) {
        return mysql();
    }
    let of_postgres =
        ["-- POSTGRESQL DATABASE", "SET STANDARD_CONFORMING_STRINGS", "SET CLIENT_ENCODING", "SELECT PG_CATALOG."];
    if begins(&of_postgres) || first.starts_with("COPY ") {
        // A SET of the setting is carried out where it stands.
        return dialect(Product::Postgres, Strings::Standard);
    }
    if begins(&["PRAGMA "]) || first.starts_with("INSERT OR ") {
        return dialect(Product::Sqlite, Strings::Standard);
    }
    if begins(&["USE [", "SET ANSI_", "SET IDENTITY_INSERT ", "CREATE TABLE ["]) || first.starts_with("INSERT [") {
        // A backslash at the end of a line joins it to the next there, so texts with a backslash are asked about.
        return dialect(Product::SqlServer, Strings::Unknown);
    }
    // Only MySQL quotes names so.
    let quotes = |text: &str| text.split("VALUES").next().is_some_and(|names| names.contains('`'));
    let of_mysql = says(&["ENGINE=", "NO_BACKSLASH_ESCAPES", "`"]) || begins(&["SET NAMES", "LOCK TABLES"]);
    if of_mysql || quotes(first) || first.starts_with("INSERT IGNORE ") {
        return mysql();
    }
    dialect(Product::Unknown, Strings::Unknown)
}

/// The lines at which a statement or a comment begins. The other lines are names and texts that anybody chose.
fn beginnings(head: &str) -> Vec<&str> {
    let mut begins = true;
    let mut found = Vec::new();
    for line in head.lines().map(str::trim) {
        let is_whole = line.is_empty() || line.starts_with("--") || line.starts_with('\\') || line == "GO";
        if begins || is_whole {
            found.push(line);
        }
        begins = if is_whole { begins || line == "GO" } else { line.ends_with(';') || line.ends_with("*/") };
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dump_says_what_a_backslash_is() {
        let check = |text: &str, expect: Strings| assert_eq!(of(text).strings, expect, "{text}");
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

    #[test]
    fn names_of_columns_say_nothing_of_the_product() {
        let check = |text: &str, product: Product| assert_eq!(of(text).product, product, "{text}");
        let rows = "INSERT INTO a VALUES (1);";
        check(&format!("-- MySQL dump 10\nCREATE TABLE `a` (`client_encoding` varchar(3));\n{rows}"), Product::Mysql);
        check(&format!("-- MariaDB dump 10\nSET client_encoding = 1;\n{rows}"), Product::Mysql);
        check(&format!("/*!40101 SET NAMES utf8 */;\nCREATE TABLE `a` (pg_catalog.x int);\n{rows}"), Product::Mysql);
        check(&format!("CREATE TABLE `a` (\n  pragma text,\n  client_encoding text\n);\n{rows}"), Product::Mysql);
        check(&format!("CREATE TABLE a (\n  pragma text,\n  client_encoding text\n);\n{rows}"), Product::Unknown);
        check(&format!("/* a */\nPRAGMA foreign_keys=OFF;\n{rows}"), Product::Sqlite);
        check(&format!("SET statement_timeout = 0;\nSET client_encoding = 'UTF8';\n{rows}"), Product::Postgres);
        check(&format!("USE [app]\nGO\n{rows}"), Product::SqlServer);
    }
}
