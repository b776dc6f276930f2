use super::super::row::Row;
use super::rows;

/// Checks what a dump has: `id` for each row that is read, and `@line text` for each fault, with a part of its text.
fn check(dump: &str, expect: &[&str]) {
    let read: Vec<String> = rows(dump, None)
        .map(|row| match row {
            Ok(row) => Row::id(&row).unwrap_or_default().to_owned(),
            Err((line, faults)) => {
                let faults: Vec<&str> = faults.iter().map(|fault| &*fault.detail).collect();
                format!("@{line} {}", faults.join("; "))
            }
        })
        .collect();
    let fits = |(read, expect): (&String, &&str)| match expect.split_once(' ') {
        Some((line, text)) if line.starts_with('@') => read.starts_with(&format!("{line} ")) && read.contains(text),
        _ => read == expect,
    };
    assert!(read.len() == expect.len() && read.iter().zip(expect).all(fits), "{dump}\n{read:#?}\nnot {expect:#?}");
}

/// An INSERT of a row for each id, without an end.
fn insert(ids: &[u32]) -> String {
    let rows: Vec<String> = ids.iter().map(|id| format!("({id},'http://a.test/')")).collect();
    format!("INSERT INTO queued_job (id,url) VALUES {}", rows.join(","))
}

#[test]
fn a_value_that_is_not_read_hides_no_other_row() {
    let insert = "-- MySQL dump\nINSERT INTO `queued_job` (id,run_at,url) VALUES";
    check(&format!("{insert} (1,NOW(6),'x'),(2,CURRENT_TIMESTAMP(3),'x'),(3,NULL,'x');"), &["1", "2", "3"]);
    let other = "(1,CHAR(65 USING utf8mb4),'x'),\n(2,f(g(')'), 1),'(,'),\n(3,NULL,'x')";
    check(&format!("{insert} {other};"), &["@2 before `USING", "@3 not read here", "3"]);
    check(&format!("{insert} (1,NULL,'x'),\nx,(2,NULL,'x');\n{insert} (3,NULL,'x');"), &["1", "@3 nothing more", "3"]);
    check(&format!("{insert} (1,NULL,'x'),;"), &["1", "@2 a row is missing"]);
    check(&format!("{insert} (1,+,'x',(2,NULL,'x');\n{insert} (3,NULL,'x');"), &["@2 the row has no `)`", "3"]);
    check(&format!("{insert} (1,NULL,'x),(2,NULL,'y');\n{insert} (3,NULL,'x');"), &["@2 has no end"]);
}

#[test]
fn a_statement_without_an_end_hides_no_other() {
    let (one, two) = (insert(&[1]), insert(&[2]));
    check(&format!("{one}\n{two}"), &["1", "2"]);
    check(&format!("{one} {two};\n{}", insert(&[3])), &["1", "@1 `,` or `;` is missing", "3"]);
    check(&format!("{one}\nwhat\n{two};"), &["1", "@2 `,` or `;` is missing", "2"]);
    check(&format!("psql: warning\nmysqldump: can't say\n{one};\n{two};"), &["1", "2"]);
    check(&format!("pg_dump warning\n{one};"), &["1"]);
    check(&format!("{one}\nON CONFLICT (id) DO UPDATE SET url = ';)';\n{two} RETURNING id;"), &["1", "2"]);
    check(&format!("{one} AS new ON DUPLICATE KEY UPDATE url = new.url;{two}"), &["1", "2"]);
    check(&format!("INSERT INTO queued_job\n{one}"), &["@1 VALUES is missing", "1"]);
    let of_server = "USE [app]\nGO\nSET IDENTITY_INSERT [dbo].[queued_job] ON \n\n\
                     INSERT [dbo].[queued_job] ([id], [url]) VALUES (1, N'x')\nGO\n\
                     INSERT [dbo].[queued_job] ([id], [url]) VALUES (2, N'x')\n\
                     INSERT [dbo].[queued_job] ([id], [url]) VALUES (3, N'x')\n\
                     SET IDENTITY_INSERT [dbo].[queued_job] OFF\nGO\n\
                     CREATE PROCEDURE [dbo].[p] AS\nBEGIN TRAN; INSERT [queued_job] ([id], [url]) VALUES (4, N'x');\nGO\n";
    check(of_server, &["1", "2", "3"]);
    check(&format!("COPY a (b) FROM stdin;\n1\n{one};\n"), &["@1 the COPY has no end"]);
    check(&format!("SELECT $$ a\n{one};"), &["@1 has no end"]);
}

#[test]
fn statements_that_change_the_table_are_named() {
    let (one, two) = (insert(&[1]), insert(&[2]));
    let named =
        |statement: &str| check(&format!("{one};\n\n{statement};\n{two};"), &["1", "@3 changes the table", "2"]);
    named("WITH x AS (SELECT 1) INSERT INTO public.queued_job (id) SELECT 1");
    named("WITH x AS (SELECT 1)\nINSERT INTO public.queued_job (id) SELECT 1");
    named(&format!("PREPARE p AS {two}"));
    named(&format!("EXPLAIN\n{two}"));
    named("UPDATE `queued_job` SET url = ';'");
    named("UPDATE ONLY \"public\".\"queued_job\" SET url = ';'");
    named("DELETE FROM queued_job WHERE id = 1");
    named("TRUNCATE TABLE queued_job");
    named("DO $$ BEGIN PERFORM 1; DELETE FROM queued_job; END $$");
    named("LOAD DATA INFILE 'a.csv' INTO TABLE queued_job");
    named("IF NOT EXISTS (SELECT 1) INSERT INTO [queued_job] (id) SELECT 1");
    check(&format!("\\copy queued_job from 'a.csv'\n{one};"), &["@1 \\copy", "1"]);
    let ordinary = "DROP TABLE IF EXISTS queued_job;\nCREATE TABLE public.queued_job (id int, url text);\n\
                    ALTER TABLE ONLY public.queued_job ADD CONSTRAINT a FOREIGN KEY (b) REFERENCES c(d) ON DELETE CASCADE;\n\
                    CREATE INDEX i ON queued_job (id);\nLOCK TABLES `queued_job` WRITE;\n\
                    COMMENT ON TABLE public.queued_job IS 'INSERT INTO queued_job';\n\
                    SELECT pg_catalog.setval('public.queued_job_id_seq', 1, true);\n\
                    GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.queued_job TO a;\n\
                    CREATE VIEW v AS SELECT * FROM queued_job;\nDELETE FROM sqlite_sequence;\n";
    check(&format!("DELETE FROM queued_job;\nTRUNCATE queued_job;\n{ordinary}{one};\n{ordinary}"), &["1"]);
}

#[test]
fn bodies_and_comments_have_no_rows() {
    let (one, two, never) = (insert(&[1]), insert(&[2]), insert(&[99]));
    let sqlite = format!(
        "PRAGMA x;\nCREATE TRIGGER t AFTER INSERT ON a BEGIN\nUPDATE a SET b = CASE c WHEN 1 THEN 2 END;\n{never};\nEND;\n{one};"
    );
    check(&sqlite, &["1"]);
    let mysql = format!(
        "-- MySQL dump\n{one};\nDELIMITER ;;\n/*!50003 CREATE*/ /*!50017 DEFINER=`a`@`%`*/ /*!50003 TRIGGER t BEFORE INSERT \
         ON a FOR EACH ROW BEGIN IF NEW.begin THEN\n{never};\nEND IF; END */;;\nDELIMITER ;\n{two};"
    );
    check(&mysql, &["1", "2"]);
    let plain = format!("-- MySQL dump\nCREATE PROCEDURE p() BEGIN IF (1) THEN\n{never};\nEND IF; END;\n{one};");
    check(&plain, &["1"]);
    let postgres = format!(
        "SET client_encoding = 'UTF8';\nCREATE OR REPLACE FUNCTION f() RETURNS int AS $_$ BEGIN\n{never};\nEND $_$;\n\
         CREATE FUNCTION g() RETURNS int BEGIN ATOMIC\n{never};\nEND;\nCREATE RULE r AS ON INSERT TO a DO INSTEAD (\n{never};\n);\n{one};"
    );
    check(&postgres, &["1"]);
    check(&format!("CREATE TRIGGER t BEGIN\n{never};\n{one};"), &["@1 has no END"]);

    let nested = format!("/* a /* b */ {never}; /* c */ */\n{one};");
    check(&format!("SET client_encoding = 'UTF8';\n{nested}"), &["1"]);
    check(&format!("PRAGMA x;\n{nested}"), &["99", "1"]);
    check(&nested, &["@1 comment", "1"]);
    check(&format!("{one};\n/* a\n{two};"), &["1", "@2 this comment has no end"]);
    check(&format!("/* see /etc/* */ {one};"), &["1"]);
}

#[test]
fn rows_of_a_copy_are_no_comments() {
    let copy = "COPY queued_job (url, id) FROM stdin;\n-- x\t1\n  /* x\t2\n\t3\n\n*/\t4\n\\.\n";
    check(copy, &["1", "2", "3", "@5 1 values", "4"]);
    check("INSERT INTO queued_job AS q (id, url) VALUES (1, 'x');", &["1"]);
}

#[test]
fn comments_that_mysql_reads_are_read() {
    let (one, two) = (insert(&[1]), insert(&[2]));
    check(&format!("-- MySQL dump\n/*!40000 {one} */;\n/*M!100100 {two}; */"), &["1", "2"]);
    check(&format!("/*M!999999\\- enable the sandbox mode */ \n-- MariaDB dump\n{one};\n/* {two} */"), &["1"]);
    check(&format!("{one};\n/*!40000 {two} */;"), &["1", "2"]);
    check(&format!("PRAGMA x;\n{one};\n/*!40000 {two} */;"), &["1"]);
}
