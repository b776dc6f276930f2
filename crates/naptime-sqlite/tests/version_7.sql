PRAGMA application_id = 1315008561;
PRAGMA user_version = 7;
PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE jobs (
        seq        INTEGER PRIMARY KEY,
        id         BLOB    NOT NULL UNIQUE,
        gate       TEXT    NOT NULL DEFAULT '',
        claim_at   INTEGER,                      -- state.claim_at
        held       INTEGER NOT NULL,             -- whether state.lock is set
        size       INTEGER NOT NULL,             -- bytes of the request
        pool       TEXT    NOT NULL,
        search     TEXT    NOT NULL,             -- what lists search and are sorted by
        tags       TEXT    NOT NULL,             -- JSON
        active     INTEGER NOT NULL,
        deleted_at INTEGER,
        rev        INTEGER NOT NULL,
        plan       INTEGER NOT NULL,
        created_at INTEGER NOT NULL,
        updated_at INTEGER NOT NULL,
        spec       TEXT    NOT NULL,             -- JSON, without headers and body
        state      TEXT    NOT NULL              -- JSON
    , key TEXT, changes TEXT NOT NULL DEFAULT '[]', stage TEXT, ended_at INTEGER, deadline INTEGER, promised_since INTEGER, sla_ms INTEGER, longest_ms INTEGER, once INTEGER NOT NULL DEFAULT 0) STRICT;
INSERT INTO jobs VALUES(1,X'00000000000000000000000000000001','',1782907973947,0,0,'https://plain.test','https://plain.test/idle idle','[]',1,NULL,2,2,1782907200004,1782907200024,'{"endpoint":"https://plain.test/idle","request":{"method":"GET","headers":[],"body":null,"timeout":"30s"},"schedule":{"every":{"period":"10m","anchor":"1970-01-01T00:02:53.947Z"}},"retry":{"attempts":3,"backoff":"2s","on":"429, 503, timeout, connection"},"sla":null,"name":"idle","tags":[],"success":"200-299","lease":"15s","steer":null,"key":null}','{"due":"2026-07-01T12:12:53.947Z","asked_at":null,"claim_at":"2026-07-01T12:12:53.947Z","attempt":0,"lock":null,"last":{"due":"2026-07-01T12:02:53.947Z","started":"2026-07-01T12:03:00.056Z","finished":"2026-07-01T12:03:00.056Z","outcome":"ok","status":200,"message":"fine"},"last_ok":"2026-07-01T12:03:00.056Z","watch":null,"ended_at":null,"counters":{"settled":1,"missed":0,"runs":1,"ok":1}}',NULL,'[{"at":"2026-07-01T12:00:00.024Z","by":"person","what":"every 5m, now every 10m"}]',NULL,NULL,NULL,NULL,NULL,NULL,0);
INSERT INTO jobs VALUES(2,X'00000000000000000000000000000002','',1782907935128,1,20,'https://plain.test','https://plain.test/held held','[]',1,NULL,1,1,1782907200004,1782907200004,'{"endpoint":"https://plain.test/held","request":{"method":"GET","headers":[],"body":null,"timeout":"30s"},"schedule":{"every":{"period":"5m","anchor":"1970-01-01T00:02:40.319Z"}},"retry":{"attempts":3,"backoff":"2s","on":"429, 503, timeout, connection"},"sla":null,"name":"held","tags":[],"success":"200-299","lease":"15s","steer":null,"key":null}','{"due":"2026-07-01T12:07:40.319Z","asked_at":null,"claim_at":"2026-07-01T12:12:15.128Z","attempt":5,"lock":{"worker":"00000000-0000-0000-0000-00000000beef","token":"00000000-0000-0000-0000-00000000010c","since":"2026-07-01T12:12:00.128Z","lease":"15s","at":"2026-07-01T12:12:00.128Z","due":"2026-07-01T12:07:40.319Z","asked_at":null,"plan":1,"edits":0,"lost":[{"worker":"00000000-0000-0000-0000-00000000beef","token":"00000000-0000-0000-0000-000000000108","since":"2026-07-01T12:08:00.101Z","due":"2026-07-01T12:07:40.319Z","asked_at":null,"plan":1},{"worker":"00000000-0000-0000-0000-00000000beef","token":"00000000-0000-0000-0000-000000000109","since":"2026-07-01T12:09:00.106Z","due":"2026-07-01T12:07:40.319Z","asked_at":null,"plan":1},{"worker":"00000000-0000-0000-0000-00000000beef","token":"00000000-0000-0000-0000-00000000010a","since":"2026-07-01T12:10:00.117Z","due":"2026-07-01T12:07:40.319Z","asked_at":null,"plan":1},{"worker":"00000000-0000-0000-0000-00000000beef","token":"00000000-0000-0000-0000-00000000010b","since":"2026-07-01T12:11:00.125Z","due":"2026-07-01T12:07:40.319Z","asked_at":null,"plan":1}]},"last":{"due":"2026-07-01T12:02:40.319Z","started":"2026-07-01T12:03:00.052Z","finished":"2026-07-01T12:03:00.052Z","outcome":"ok","status":200,"message":"fine"},"last_ok":"2026-07-01T12:03:00.052Z","watch":null,"ended_at":null,"counters":{"settled":1,"missed":0,"runs":1,"ok":1}}',NULL,'[]',NULL,NULL,NULL,NULL,NULL,NULL,0);
INSERT INTO jobs VALUES(3,X'00000000000000000000000000000003','',1782908043720,0,0,'https://plain.test','https://plain.test/retrying retrying','[]',1,NULL,1,1,1782907200004,1782907200004,'{"endpoint":"https://plain.test/retrying","request":{"method":"GET","headers":[],"body":null,"timeout":"30s"},"schedule":{"every":{"period":"5m","anchor":"1970-01-01T00:04:29.059Z"}},"retry":{"attempts":5,"backoff":"1m","on":"429, 503, timeout, connection"},"sla":null,"name":"retrying","tags":[],"success":"200-299","lease":"15s","steer":null,"key":null}','{"due":"2026-07-01T12:04:29.059Z","asked_at":null,"claim_at":"2026-07-01T12:14:03.720Z","attempt":3,"lock":null,"last":{"due":"2026-07-01T12:04:29.059Z","started":"2026-07-01T12:10:00.120Z","finished":"2026-07-01T12:10:00.120Z","outcome":"timeout","status":null,"message":"no answer"},"last_ok":null,"watch":null,"ended_at":null,"counters":{"settled":0,"missed":0,"runs":3,"ok":0}}',NULL,'[]',NULL,NULL,NULL,NULL,NULL,NULL,0);
INSERT INTO jobs VALUES(4,X'00000000000000000000000000000004','',NULL,0,0,'https://plain.test','https://plain.test/off?api_key=hunter2 off','[]',0,NULL,1,1,1782907200004,1782907200004,'{"endpoint":"https://plain.test/off?api_key=hunter2","request":{"method":"GET","headers":[],"body":null,"timeout":"30s"},"schedule":{"every":{"period":"5m","anchor":"1970-01-01T00:04:33.132Z"}},"retry":{"attempts":3,"backoff":"2s","on":"429, 503, timeout, connection"},"sla":null,"name":"off","tags":[],"success":"200-299","lease":"15s","steer":null,"key":null}','{"due":null,"asked_at":null,"claim_at":null,"attempt":0,"lock":null,"last":null,"last_ok":null,"watch":null,"ended_at":null,"counters":{"settled":0,"missed":0,"runs":0,"ok":0}}',NULL,'[]',NULL,NULL,NULL,NULL,NULL,NULL,0);
INSERT INTO jobs VALUES(5,X'00000000000000000000000000000005','',NULL,0,0,'https://plain.test','https://plain.test/deleted deleted','[]',0,1782907200016,2,2,1782907200004,1782907200016,'{"endpoint":"https://plain.test/deleted","request":{"method":"GET","headers":[],"body":null,"timeout":"30s"},"schedule":{"every":{"period":"5m","anchor":"1970-01-01T00:00:19.665Z"}},"retry":{"attempts":3,"backoff":"2s","on":"429, 503, timeout, connection"},"sla":null,"name":"deleted","tags":[],"success":"200-299","lease":"15s","steer":null,"key":null}','{"due":null,"asked_at":null,"claim_at":null,"attempt":0,"lock":null,"last":null,"last_ok":null,"watch":null,"ended_at":null,"counters":{"settled":0,"missed":0,"runs":0,"ok":0}}',NULL,'[]',NULL,NULL,NULL,NULL,NULL,NULL,0);
INSERT INTO jobs VALUES(6,X'00000000000000000000000000000006','',NULL,0,0,'https://plain.test','https://plain.test/done done','[]',1,NULL,1,1,1782907200004,1782907200004,'{"endpoint":"https://plain.test/done","request":{"method":"GET","headers":[],"body":null,"timeout":"30s"},"schedule":{"once":{"at":"2026-07-01T12:00:00.000Z"}},"retry":{"attempts":6,"backoff":"2s","on":"503, timeout, unreachable"},"sla":null,"name":"done","tags":[],"success":"200-299","lease":"15s","steer":null,"key":"order-6"}','{"due":null,"asked_at":null,"claim_at":null,"attempt":0,"lock":null,"last":{"due":"2026-07-01T12:00:00.004Z","started":"2026-07-01T12:01:00.032Z","finished":"2026-07-01T12:01:00.032Z","outcome":"ok","status":200,"message":"fine"},"last_ok":"2026-07-01T12:01:00.032Z","watch":null,"ended_at":"2026-07-01T12:01:00.032Z","counters":{"settled":1,"missed":0,"runs":1,"ok":1}}','order-6','[]','done',1782907260032,NULL,NULL,NULL,NULL,1);
INSERT INTO jobs VALUES(7,X'00000000000000000000000000000007','',1782910800000,0,0,'https://plain.test','https://plain.test/waiting waiting orders','["orders"]',1,NULL,1,1,1782907200004,1782907200004,'{"endpoint":"https://plain.test/waiting","request":{"method":"GET","headers":[],"body":null,"timeout":"30s"},"schedule":{"once":{"at":"2026-07-01T13:00:00.000Z"}},"retry":{"attempts":6,"backoff":"2s","on":"503, timeout, unreachable"},"sla":null,"name":"waiting","tags":["orders"],"success":"200-299","lease":"15s","steer":null,"key":"order-7"}','{"due":"2026-07-01T13:00:00.000Z","asked_at":null,"claim_at":"2026-07-01T13:00:00.000Z","attempt":0,"lock":null,"last":null,"last_ok":null,"watch":null,"ended_at":null,"counters":{"settled":0,"missed":0,"runs":0,"ok":0}}','order-7','[]','waiting',NULL,NULL,NULL,NULL,NULL,1);
INSERT INTO jobs VALUES(8,X'00000000000000000000000000000008','https://limited.test',1782907236853,0,0,'https://limited.test','https://limited.test/ limited','[]',1,NULL,1,1,1782907200004,1782907200004,'{"endpoint":"https://limited.test/","request":{"method":"GET","headers":[],"body":null,"timeout":"30s"},"schedule":{"every":{"period":"5m","anchor":"1970-01-01T00:00:36.853Z"}},"retry":{"attempts":3,"backoff":"2s","on":"429, 503, timeout, connection"},"sla":null,"name":"limited","tags":[],"success":"200-299","lease":"15s","steer":null,"key":null}','{"due":"2026-07-01T12:00:36.853Z","asked_at":null,"claim_at":"2026-07-01T12:00:36.853Z","attempt":0,"lock":null,"last":null,"last_ok":null,"watch":null,"ended_at":null,"counters":{"settled":0,"missed":0,"runs":0,"ok":0}}',NULL,'[]',NULL,NULL,NULL,NULL,NULL,NULL,0);
INSERT INTO jobs VALUES(9,X'00000000000000000000000000000009','',1782907922389,0,0,'https://plain.test','https://plain.test/broken broken','[]',1,NULL,1,1,1782907200004,1782907200004,'{"endpoint":"https://plain.test/broken","request":{"method":"GET","headers":[],"body":null,"timeout":"30s"},"schedule":{"every":{"period":"5m","anchor":"1970-01-01T00:01:30.688Z"}},"retry":{"attempts":3,"backoff":"2s","on":"429, 503, timeout, connection"},"sla":{"secs":60,"nanos":0},"name":"broken","tags":[],"success":"200-299","lease":"15s","steer":null,"key":null}','{"due":"2026-07-01T12:11:30.688Z","asked_at":null,"claim_at":"2026-07-01T12:12:02.389Z","attempt":1,"lock":null,"last":{"due":"2026-07-01T12:11:30.688Z","started":"2026-07-01T12:12:00.136Z","finished":"2026-07-01T12:12:00.136Z","outcome":"timeout","status":null,"message":"no answer"},"last_ok":null,"watch":{"since":"2026-07-01T12:00:00.004Z","deadline":"2026-07-01T12:01:00.004Z","longest_ms":0,"on_since":"2026-07-01T12:00:00.004Z","failed_at":"2026-07-01T12:02:00.040Z"},"ended_at":null,"counters":{"settled":2,"missed":0,"runs":7,"ok":0}}',NULL,'[]',NULL,NULL,1782907260004,1782907200004,60000,0,0);
CREATE TABLE requests (
        job     INTEGER PRIMARY KEY REFERENCES jobs (seq) ON DELETE CASCADE,
        request TEXT NOT NULL                    -- JSON
    ) STRICT;
INSERT INTO requests VALUES(1,'{"method":"GET","headers":[],"body":null,"timeout":"30s"}');
INSERT INTO requests VALUES(2,'{"method":"GET","headers":[["x-kind","held"]],"body":"{\"ask\": 1}","timeout":"30s"}');
INSERT INTO requests VALUES(3,'{"method":"GET","headers":[],"body":null,"timeout":"30s"}');
INSERT INTO requests VALUES(4,'{"method":"GET","headers":[],"body":null,"timeout":"30s"}');
INSERT INTO requests VALUES(5,'{"method":"GET","headers":[],"body":null,"timeout":"30s"}');
INSERT INTO requests VALUES(6,'{"method":"GET","headers":[],"body":null,"timeout":"30s"}');
INSERT INTO requests VALUES(7,'{"method":"GET","headers":[],"body":null,"timeout":"30s"}');
INSERT INTO requests VALUES(8,'{"method":"GET","headers":[],"body":null,"timeout":"30s"}');
INSERT INTO requests VALUES(9,'{"method":"GET","headers":[],"body":null,"timeout":"30s"}');
CREATE TABLE runs (
        job      BLOB    NOT NULL,               -- no reference: a run may come in after its job is gone
        token    BLOB    NOT NULL,
        worker   BLOB    NOT NULL,
        due      INTEGER NOT NULL,
        started  INTEGER NOT NULL,
        finished INTEGER NOT NULL,
        outcome  TEXT    NOT NULL,
        status   INTEGER,
        message  TEXT    NOT NULL,
        attempt  INTEGER NOT NULL,
        manual   INTEGER NOT NULL,
        PRIMARY KEY (job, token)
    ) STRICT, WITHOUT ROWID;
INSERT INTO runs VALUES(X'00000000000000000000000000000001',X'00000000000000000000000000000103',X'0000000000000000000000000000beef',1782907373947,1782907380056,1782907380056,'ok',200,'fine',1,0);
INSERT INTO runs VALUES(X'00000000000000000000000000000002',X'00000000000000000000000000000103',X'0000000000000000000000000000beef',1782907360319,1782907380052,1782907380052,'ok',200,'fine',1,0);
INSERT INTO runs VALUES(X'00000000000000000000000000000002',X'00000000000000000000000000000108',X'0000000000000000000000000000beef',1782907660319,1782907680101,1782907740106,'lost',NULL,'the worker was gone before it could say how the call ended',1,0);
INSERT INTO runs VALUES(X'00000000000000000000000000000002',X'00000000000000000000000000000109',X'0000000000000000000000000000beef',1782907660319,1782907740106,1782907800117,'lost',NULL,'the worker was gone before it could say how the call ended',2,0);
INSERT INTO runs VALUES(X'00000000000000000000000000000002',X'0000000000000000000000000000010a',X'0000000000000000000000000000beef',1782907660319,1782907800117,1782907860125,'lost',NULL,'the worker was gone before it could say how the call ended',3,0);
INSERT INTO runs VALUES(X'00000000000000000000000000000002',X'0000000000000000000000000000010b',X'0000000000000000000000000000beef',1782907660319,1782907860125,1782907920128,'lost',NULL,'the worker was gone before it could say how the call ended',4,0);
INSERT INTO runs VALUES(X'00000000000000000000000000000003',X'00000000000000000000000000000105',X'0000000000000000000000000000beef',1782907469059,1782907500076,1782907500076,'timeout',NULL,'no answer',1,0);
INSERT INTO runs VALUES(X'00000000000000000000000000000003',X'00000000000000000000000000000107',X'0000000000000000000000000000beef',1782907469059,1782907620084,1782907620084,'timeout',NULL,'no answer',2,0);
INSERT INTO runs VALUES(X'00000000000000000000000000000003',X'0000000000000000000000000000010a',X'0000000000000000000000000000beef',1782907469059,1782907800120,1782907800120,'timeout',NULL,'no answer',3,0);
INSERT INTO runs VALUES(X'00000000000000000000000000000006',X'00000000000000000000000000000101',X'0000000000000000000000000000beef',1782907200004,1782907260032,1782907260032,'ok',200,'fine',1,0);
INSERT INTO runs VALUES(X'00000000000000000000000000000009',X'00000000000000000000000000000102',X'0000000000000000000000000000beef',1782907290688,1782907320040,1782907320040,'timeout',NULL,'no answer',1,0);
INSERT INTO runs VALUES(X'00000000000000000000000000000009',X'00000000000000000000000000000103',X'0000000000000000000000000000beef',1782907290688,1782907380048,1782907380048,'timeout',NULL,'no answer',2,0);
INSERT INTO runs VALUES(X'00000000000000000000000000000009',X'00000000000000000000000000000104',X'0000000000000000000000000000beef',1782907290688,1782907440068,1782907440068,'timeout',NULL,'no answer',3,0);
INSERT INTO runs VALUES(X'00000000000000000000000000000009',X'00000000000000000000000000000107',X'0000000000000000000000000000beef',1782907590688,1782907620092,1782907620092,'timeout',NULL,'no answer',1,0);
INSERT INTO runs VALUES(X'00000000000000000000000000000009',X'00000000000000000000000000000108',X'0000000000000000000000000000beef',1782907590688,1782907680104,1782907680104,'timeout',NULL,'no answer',2,0);
INSERT INTO runs VALUES(X'00000000000000000000000000000009',X'00000000000000000000000000000109',X'0000000000000000000000000000beef',1782907590688,1782907740113,1782907740113,'timeout',NULL,'no answer',3,0);
INSERT INTO runs VALUES(X'00000000000000000000000000000009',X'0000000000000000000000000000010c',X'0000000000000000000000000000beef',1782907890688,1782907920136,1782907920136,'timeout',NULL,'no answer',1,0);
CREATE TABLE load (
        tier    INTEGER NOT NULL,                -- in seconds
        at      INTEGER NOT NULL,
        worker  BLOB    NOT NULL,
        figures TEXT    NOT NULL,                -- JSON
        PRIMARY KEY (tier, at, worker)
    ) STRICT, WITHOUT ROWID;
CREATE TABLE workers (
        id      BLOB    PRIMARY KEY NOT NULL,
        seen_at INTEGER NOT NULL,
        left    INTEGER NOT NULL,                -- whether it took its leave
        beat    TEXT    NOT NULL                 -- JSON
    ) STRICT, WITHOUT ROWID;
INSERT INTO workers VALUES(X'0000000000000000000000000000beef',1782907200003,0,'{"id":"00000000-0000-0000-0000-00000000beef","host":"here","pid":7,"version":"0","capacity":10,"held":1,"started_at":"2026-07-01T12:00:00.003Z","stopping":false,"trouble":null}');
CREATE TABLE pools (
        pool           TEXT    PRIMARY KEY NOT NULL,
        active         INTEGER NOT NULL DEFAULT 1,
        headers        TEXT    NOT NULL DEFAULT '[]',                -- JSON
        max_in_flight  INTEGER,
        max_per_second INTEGER,
        rev            INTEGER NOT NULL,
        updated_at     INTEGER NOT NULL,
        gate           TEXT    NOT NULL DEFAULT '',                  -- what its jobs carry
        known          INTEGER NOT NULL DEFAULT 0                    -- whether workers must know of it
    , max_timeout_ms INTEGER, transport TEXT NOT NULL DEFAULT '{}') STRICT, WITHOUT ROWID;
INSERT INTO pools VALUES('https://limited.test',1,'[]',2,NULL,2,1782907200020,'https://limited.test',1,NULL,'{"http1_only":false,"extra_ca":null,"client_cert":null}');
INSERT INTO pools VALUES('https://plain.test',1,'[]',NULL,NULL,1,1782907200004,'',0,NULL,'{}');
CREATE TABLE passes (
        id           BLOB    PRIMARY KEY NOT NULL,
        pool         TEXT    NOT NULL,
        flight_until INTEGER,                                        -- null: no call is in flight
        start_until  INTEGER                                         -- null: no call left lately
    ) STRICT, WITHOUT ROWID;
CREATE TABLE rules (
        name       TEXT    PRIMARY KEY NOT NULL,
        event      TEXT    NOT NULL,
        rule       TEXT    NOT NULL,                                 -- JSON
        rev        INTEGER NOT NULL,
        updated_at INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
INSERT INTO rules VALUES('poll','linked','{"name":"poll","event":"linked","job":"{{ key }}","then":{"upsert":{"url":"https://plain.test/{{ key }}","every":"300000","days":["mon-fri"],"headers":[["X-A","{{ data.a }}"]],"retry":{"attempts":"3","backoff":"1500","on":"503, timeout"},"steer":{"min":"30s","max":"1h"},"active":true}},"enabled":true}',4,1782907200004);
CREATE TABLE breaches (                                          -- of SLAs, those that have ended
        job   BLOB    NOT NULL,
        began INTEGER NOT NULL,
        ended INTEGER NOT NULL,
        cause TEXT    NOT NULL,
        PRIMARY KEY (job, began)
    ) STRICT, WITHOUT ROWID;
CREATE TABLE sla (                                               -- sums of what has ended
        tier        INTEGER NOT NULL,                                -- in seconds
        at          INTEGER NOT NULL,
        promised_ms INTEGER NOT NULL,
        breached_ms INTEGER NOT NULL,
        PRIMARY KEY (tier, at)
    ) STRICT, WITHOUT ROWID;
CREATE TABLE begun_events (                                      -- that came again, and may kill a worker
        event     TEXT    PRIMARY KEY NOT NULL,
        consumer  BLOB    NOT NULL,                                  -- who began it last
        consumers INTEGER NOT NULL,                                  -- how many have begun it
        at        INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
CREATE TABLE clock (
        one  INTEGER PRIMARY KEY CHECK (one = 1),
        seen INTEGER NOT NULL                    -- the latest time written, but for a second
    ) STRICT;
INSERT INTO clock VALUES(1,1782907920128);
CREATE TABLE salt (                                              -- one row: what passwords are hashed with
        one  INTEGER PRIMARY KEY CHECK (one = 1),
        salt BLOB    NOT NULL
    ) STRICT;
CREATE TABLE sessions (                                          -- of people who are logged in
        id    BLOB    PRIMARY KEY NOT NULL,                          -- a hash of the cookie
        began INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
CREATE INDEX jobs_deleted ON jobs (deleted_at) WHERE deleted_at IS NOT NULL;
CREATE INDEX runs_newest ON runs (job, started, token);
CREATE INDEX runs_finished ON runs (finished);
CREATE INDEX jobs_stage ON jobs (stage, created_at, id, search, pool, tags) WHERE stage IS NOT NULL;
CREATE INDEX jobs_list ON jobs (search, id, pool, active, tags) WHERE deleted_at IS NULL AND stage IS NULL;
CREATE INDEX jobs_count ON jobs (active) WHERE deleted_at IS NULL AND stage IS NULL;
CREATE INDEX jobs_deleted_endpoints ON jobs (deleted_at, id) WHERE deleted_at IS NOT NULL AND stage IS NULL;
CREATE INDEX jobs_ended ON jobs (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX jobs_planned ON jobs (seq) WHERE active AND deleted_at IS NULL AND ended_at IS NULL;
CREATE INDEX jobs_deadline ON jobs (deadline, id, promised_since, sla_ms, longest_ms) WHERE deadline IS NOT NULL;
CREATE INDEX jobs_pool ON jobs (pool, gate, once, active, deleted_at);
CREATE INDEX pools_known ON pools (pool) WHERE known;
CREATE INDEX passes_of ON passes (pool);
CREATE INDEX rules_of ON rules (event, name);
CREATE INDEX breaches_of ON breaches (job, ended, began);
CREATE INDEX breaches_newest ON breaches (ended, job);
CREATE INDEX jobs_due ON jobs (gate, claim_at, id, held, size, pool) WHERE claim_at IS NOT NULL;
CREATE UNIQUE INDEX jobs_key ON jobs (key, once) WHERE key IS NOT NULL AND deleted_at IS NULL;
COMMIT;
