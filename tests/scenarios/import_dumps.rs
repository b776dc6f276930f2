//! `naptime import` of what other products write: each row is taken over as it was meant, or named with its line.

use std::fs;

use naptime_tests::naptime::Naptime;
use naptime_tests::scratch::Scratch;
use naptime_tests::sqlite::File;
use naptime_tests::target::Target;

use super::web::{SOON, Web};

const POSTGRES: &str = r#"--
-- PostgreSQL database dump
--

\restrict aBcDeF

SET statement_timeout = 0;
SET standard_conforming_strings = on;

CREATE FUNCTION public.f() RETURNS trigger LANGUAGE plpgsql AS $_$
BEGIN INSERT INTO queued_job VALUES (99, 'TARGET/99'); RAISE 'it''s'; END;
$_$;
CREATE TABLE public.queued_job (
    id integer NOT NULL,
    url text DEFAULT 'a,b;c'::text, -- not (null)
    method character varying(10),
    body text,
    done_at timestamp without time zone,
    CONSTRAINT positive CHECK ((id > 0))
);
COPY public.other (id, note) FROM stdin;
1	it's
2	INSERT INTO queued_job (id, url) VALUES (98, 'TARGET/98');
\.

COPY public.queued_job (id, url, method, body, done_at) FROM stdin;
1	TARGET/1	POST	{"path": "C:\\\\new", "q": "it's"}	\N
2	TARGET/2	POST	two\nlines,\tand a tab	\N
3	TARGET/3	GET	\N	2020-01-01 00:00:00
4	TARGET/4
\.

INSERT INTO public.queued_job VALUES (5, 'TARGET/5', 'POST', 'C:\new\table', NULL);
INSERT INTO public.queued_job (id, url, method, body) VALUES
    (6, 'TARGET/6', 'POST', E'a\\b\nit\'s \x41\303\244'),
    (7, 'TARGET/7', 'POST', '{"a": [1]}'::jsonb),
    (8, 'TARGET/8', 'POST', $x$it's -- no comment; $x$) ON CONFLICT DO NOTHING;
INSERT INTO public.queued_job (url, body, id, method) VALUES ('TARGET/9', '\x6869', 9, 'POST');
SET standard_conforming_strings = off;
INSERT INTO public.queued_job (id, url, method, body) VALUES (10, 'TARGET/10', 'POST', 'a\\b\tc');
"#;

const MYSQL: &str = r#"-- MySQL dump 10.13  Distrib 8.0.36
/*!40101 SET NAMES utf8mb4 */;
CREATE TABLE `queued_job` (
  `id` int NOT NULL AUTO_INCREMENT,
  `url` varchar(255) DEFAULT NULL COMMENT 'it\'s, (the) URL',
  `method` varchar(10), `body` blob, `done_at` datetime, `done` bit(1),
  PRIMARY KEY (`id`), KEY `by_url` (`url`)
) ENGINE=InnoDB;
LOCK TABLES `queued_job` WRITE;
INSERT INTO `queued_job` VALUES (1,'TARGET/1','POST','C:\\new \"x\"','0000-00-00 00:00:00',b'0'),(2,'TARGET/2','POST',_binary 'two\nlines','',_binary '\0'),(3,'TARGET/3','POST',0x68C3A4,0,0),(4,'TARGET/4','POST',X'6869',NULL,NULL),(5,'TARGET/5','POST',NULL,'2020-01-01 00:00:00',0);
REPLACE INTO `queued_job` (`id`, `url`, `method`, `body`) VALUES (6,'TARGET/6','POST','six'),(1,'TARGET/again','POST','x');
INSERT IGNORE INTO `app`.`queued_job` (`id`, `url`, `done_at`) VALUES (7,'TARGET/7','0000-00-00'),(8,'TARGET/8','some day');
INSERT INTO `queued_job` (`id`, `url`) SELECT `id`, `url` FROM `old`;
"#;

const SQLITE: &str = r#"PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE IF NOT EXISTS "queued_job"(id INTEGER PRIMARY KEY, url TEXT, method TEXT, body TEXT, "done" INTEGER);
INSERT INTO queued_job VALUES(1,'TARGET/1','POST','C:\new\',0);
INSERT INTO queued_job VALUES(2,'TARGET/2','POST',replace('two\nlines','\n',char(10)),0);
INSERT INTO queued_job VALUES(3,'TARGET/3','POST',unistr('a\u0007b\\c'),0);
INSERT OR IGNORE INTO queued_job (id, url, method, body) VALUES (4,'TARGET/4','POST','it''s');
INSERT OR REPLACE INTO main.queued_job (id, url, method, body) VALUES (5,'TARGET/5','POST',X'6869');
COMMIT;
"#;

const CSV: &str = r#"id,url,method,params,body,done_at
1,TARGET/1#part,GET,a=1&b=x#y,,0000-00-00 00:00:00
2,TARGET/2?c=3#part,GET,?a=1,,""
3,TARGET/3,POST,,"no end,0
4,TARGET/4,POST,,"NULL",0
5,TARGET/5,POST,,"it said ""no""",
5,TARGET/twice,POST,,,
6,TARGET/6,POST,,"odd" one,
7,TARGET/7,POST,,NULL,2020-01-01
"#;

/// A running Naptime, what it calls, and a folder for the files.
struct Ground {
    web: Web,
    _file: File,
    target: Target,
    folder: Scratch,
}

impl Ground {
    async fn new() -> Self {
        let file = File::fresh();
        let web = Web::start(Naptime::up(&file)).await;
        Self { web, _file: file, target: Target::start().await, folder: Scratch::new() }
    }

    /// Imports a file. Returns the exit code and what was said.
    async fn import(&self, name: &str, bytes: &[u8], args: &[&str]) -> (Option<i32>, String) {
        let path = self.folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        let args = [&[path.to_str().unwrap()], args].concat();
        let process = self.web.naptime.ask("import").args(&args).launch();
        let code = process.wait_exit(SOON).await.code();
        (code, process.output())
    }

    /// Imports a text, of which some rows are not readable: those of these lines, for what is said of them.
    async fn import_some(&self, name: &str, text: &str, counts: &str, faults: &[(usize, &str)]) {
        let text = text.replace("TARGET", &self.target.url(""));
        let (code, said) = self.import(name, text.as_bytes(), &[]).await;
        assert_eq!(code, Some(i32::from(!faults.is_empty())), "{said}");
        assert!(said.contains(counts), "{counts}: {said}");
        for (line, what) in faults {
            let at = format!("line {line}: ");
            assert!(said.lines().any(|said| said.starts_with(&at) && said.contains(what)), "{at}{what}: {said}");
        }
        let named = said.lines().filter(|line| line.starts_with("line ")).count();
        assert_eq!(named, faults.len(), "{said}");
        let (_, again) = self.import(name, text.as_bytes(), &[]).await;
        assert!(again.contains(" imported 0, "), "{again}");
    }

    /// Waits until these paths were called, each once and with this body, and no others.
    async fn called(&self, bodies: &[(&str, &str)]) {
        self.target.wait_for(SOON, "all that was imported", |calls| calls.len() >= bodies.len()).await;
        for (path, body) in bodies {
            let calls = self.target.calls(path);
            assert_eq!(calls.len(), 1, "{path}: {:?}", self.target.all_calls());
            assert_eq!(String::from_utf8_lossy(&calls[0].body), *body, "{path}");
        }
        assert_eq!(self.target.count(), bodies.len());
        assert_eq!(self.web.items("/api/jobs?state=waiting").await.len(), 0);
    }
}

#[tokio::test]
async fn a_dump_of_postgresql_is_read_as_it_was_meant() {
    let ground = Ground::new().await;
    let counts = "10 rows: imported 7, there already 0, done already 1, not readable 2";
    let line = |text: &str| 1 + POSTGRES[..POSTGRES.find(text).unwrap()].matches('\n').count();
    let faults =
        [(line("4\tTARGET/4"), "2 values, and 5 columns"), (line("INSERT INTO public.queued_job (url"), "bytes")];
    ground.import_some("dump.sql", POSTGRES, counts, &faults).await;
    let bodies = [
        ("/1", r#"{"path": "C:\\new", "q": "it's"}"#),
        ("/2", "two\nlines,\tand a tab"),
        ("/5", r"C:\new\table"),
        ("/6", "a\\b\nit's Aä"),
        ("/7", r#"{"a": [1]}"#),
        ("/8", "it's -- no comment; "),
        ("/10", "a\\b\tc"),
    ];
    ground.called(&bodies).await;
}

#[tokio::test]
async fn a_dump_of_mysql_is_read_as_it_was_meant() {
    let ground = Ground::new().await;
    let counts = "10 rows: imported 6, there already 0, done already 1, not readable 3";
    let line = |text: &str| 1 + MYSQL[..MYSQL.find(text).unwrap()].matches('\n').count();
    let faults = [
        (line("REPLACE INTO"), "id: the row at line 10 has the same id"),
        (line("INSERT IGNORE"), "done_at: `some day` is no time"),
        (line("INSERT INTO `queued_job` (`id`, `url`) SELECT"), "VALUES is missing"),
    ];
    ground.import_some("dump.sql", &format!("\u{feff}{MYSQL}").replace('\n', "\r\n"), counts, &faults).await;
    let bodies = [("/1", r#"C:\new "x""#), ("/2", "two\nlines"), ("/3", "hä"), ("/4", "hi"), ("/6", "six"), ("/7", "")];
    ground.called(&bodies).await;
}

#[tokio::test]
async fn a_dump_of_sqlite_is_read_as_it_was_meant() {
    let ground = Ground::new().await;
    ground
        .import_some("dump.sql", SQLITE, "5 rows: imported 5, there already 0, done already 0, not readable 0", &[])
        .await;
    let bodies = [("/1", r"C:\new\"), ("/2", "two\nlines"), ("/3", "a\u{7}b\\c"), ("/4", "it's"), ("/5", "hi")];
    ground.called(&bodies).await;
}

#[tokio::test]
async fn rows_of_csv_are_not_swallowed() {
    let ground = Ground::new().await;
    let counts = "8 rows: imported 4, there already 0, done already 1, not readable 3";
    let faults = [
        (4, "row: field 5 begins with a quote"),
        (7, "id: the row at line 6 has the same id"),
        (8, "row: field 5 begins with a quote"),
    ];
    ground.import_some("queue.csv", CSV, counts, &faults).await;
    ground.called(&[("/1", ""), ("/2", ""), ("/4", "NULL"), ("/5", "it said \"no\"")]).await;
    assert_eq!(ground.target.calls("/1")[0].uri, "/1?a=1&b=x%23y");
    assert_eq!(ground.target.calls("/2")[0].uri, "/2?c=3&a=1");
}

#[tokio::test]
async fn what_cannot_be_told_is_asked() {
    let ground = Ground::new().await;
    let text = r"INSERT INTO queued_job (id, url, method, body) VALUES (1, 'TARGET/1', 'POST', 'plain'), (2, 'TARGET/2', 'POST', 'a\tb');
INSERT INTO queued_job (id, url) VALUES (3, 'TARGET/3');"
        .replace("TARGET", &ground.target.url(""));
    let (code, said) = ground.import("some.sql", text.as_bytes(), &[]).await;
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("2 rows: imported 1, ") && said.contains("line 1: sql: "), "{said}");
    assert!(said.contains("--standard-strings") && said.contains("--backslash-escapes"), "{said}");
    let (code, said) = ground.import("some.sql", text.as_bytes(), &["--backslash-escapes"]).await;
    assert!(code == Some(0) && said.contains("3 rows: imported 2, there already 1, "), "{said}");
    ground.called(&[("/1", "plain"), ("/2", "a\tb"), ("/3", "")]).await;

    let (code, said) = ground.import("latin.csv", b"id,url\n1,x\n2,http://a.test/\xe4\n", &[]).await;
    assert!(code == Some(1) && said.contains("not UTF-8 at line 3"), "{said}");
    let (code, said) = ground.import("wide.csv", b"\xff\xfei\0d\0", &[]).await;
    assert!(code == Some(1) && said.contains("UTF-16"), "{said}");
    let (code, said) = ground.import("cut.sql", b"COPY queued_job (id, url) FROM stdin;\n", &[]).await;
    assert!(code == Some(1) && said.contains("the COPY has no end"), "{said}");
    let (code, said) = ground.import("unnamed.sql", b"INSERT INTO queued_job VALUES (1, 'x'), (2, 'y');", &[]).await;
    assert!(code == Some(1) && said.contains("2 rows: imported 0, ") && said.contains("name its columns"), "{said}");
    let (code, said) = ground.import("no_url.csv", b"id,link\n1,x\n2,y\n", &[]).await;
    assert!(code == Some(1) && said.contains("2 rows: imported 0, ") && said.contains("no column `url`"), "{said}");
    assert_eq!(ground.target.count(), 3);
}
