//! One mongod: its process, which may come and go, and its port and data, which stay.

use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use mongodb::Client;
use mongodb::bson::{Document, doc};
use mongodb::options::{ClientOptions, ServerAddress};

use crate::guard::Guarded;
use crate::scratch::Scratch;
use crate::{eventually, port, tools};

#[derive(Debug)]
pub(super) struct Member {
    port: u16,
    /// The replica set that it belongs to, if it is not on its own.
    set: Option<&'static str>,
    extra: Mutex<Vec<String>>,
    /// How far its clock is off, as faketime takes it: `+400d`.
    clock: Mutex<Option<String>>,
    // Before the folder, so that it is gone when the folder is removed.
    process: Mutex<Option<Guarded>>,
    folder: Scratch,
}

impl Member {
    /// Starts a mongod; it may take a second until it answers.
    pub(super) fn start(set: Option<&'static str>, extra: &[&str], clock: Option<&str>) -> Self {
        let member = Self {
            port: port::free_port(),
            set,
            extra: Mutex::new(extra.iter().map(|&arg| arg.to_owned()).collect()),
            clock: Mutex::new(clock.map(str::to_owned)),
            process: Mutex::new(None),
            folder: Scratch::new(),
        };
        member.launch();
        member
    }

    pub(super) fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Starts it, on the same port and data as ever.
    pub(super) fn launch(&self) {
        assert!(!self.is_up(), "this mongod was not killed");
        let port = self.port.to_string();
        let folder = self.folder.path();
        let log = folder.join("mongod.log");
        let mut args: Vec<&str> = self.set.map(|set| ["--replSet", set]).into_iter().flatten().collect();
        args.extend(["--bind_ip", "127.0.0.1", "--port", &port, "--dbpath", text(folder)]);
        args.extend(["--logpath", text(&log), "--logappend", "--quiet"]);
        // Small, as three of them share a machine with everything else.
        args.extend(["--wiredTigerCacheSizeGB", "0.25", "--oplogSize", "512"]);
        // A database is some 65 files, which stay open for ten minutes after their last use as MongoDB has it. Hundreds
        // of tests in that time would take more descriptors than a process may have, and mongod ends without one.
        args.extend(["--wiredTigerEngineConfigString", "file_manager=(close_idle_time=20,close_handle_minimum=500)"]);
        args.extend(["--nounixsocket", "--setParameter"]);
        args.push("diagnosticDataCollectionEnabled=false");
        let extra = self.extra.lock().unwrap().clone();
        args.extend(extra.iter().map(String::as_str));
        let clock = self.clock.lock().unwrap().clone();
        let process = Guarded::spawn(&tools::mongod(), args, |command| {
            if let Some(clock) = clock {
                command
                    .env("LD_PRELOAD", tools::faketime())
                    .env("FAKETIME", clock)
                    .env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
            }
        })
        .unwrap();
        *self.process.lock().unwrap() = Some(process);
    }

    /// The arguments with which it starts the next time, beside those that all have.
    pub(super) fn set_args(&self, extra: &[&str]) {
        *self.extra.lock().unwrap() = extra.iter().map(|&arg| arg.to_owned()).collect();
    }

    /// Its clock is right when it starts the next time.
    pub(super) fn set_clock_right(&self) {
        self.clock.lock().unwrap().take();
    }

    /// Kills it with SIGKILL and waits until it is gone.
    pub(super) fn kill(&self) {
        self.process.lock().unwrap().take();
    }

    pub(super) fn signal(&self, name: &str) {
        if let Some(process) = &mut *self.process.lock().unwrap() {
            process.signal(name);
        }
    }

    /// The process that runs.
    pub(super) fn pid(&self) -> Option<u32> {
        self.process.lock().unwrap().as_ref().map(Guarded::pid)
    }

    pub(super) fn is_up(&self) -> bool {
        self.process.lock().unwrap().is_some()
    }

    /// Waits until it answers.
    pub(super) async fn answering(&self) {
        eventually(Duration::from_secs(60), "mongod answers", async || {
            let ended = self.process.lock().unwrap().as_mut().and_then(Guarded::exited);
            if let Some(status) = ended {
                panic!("mongod ended with {status}:\n{}", self.end_of_log());
            }
            self.command(doc! {"ping": 1}).await.ok()
        })
        .await;
    }

    /// Runs an administration command on this member, whatever its role.
    pub(super) async fn command(&self, command: Document) -> mongodb::error::Result<Document> {
        let options = ClientOptions::builder()
            .hosts(vec![ServerAddress::parse(self.host())?])
            .direct_connection(true)
            .server_selection_timeout(Duration::from_secs(2))
            .connect_timeout(Duration::from_secs(2))
            .build();
        let client = Client::with_options(options)?;
        let answer = client.database("admin").run_command(command).await;
        client.shutdown().immediate(true).await;
        answer
    }

    /// Whether it says of itself that it takes writes.
    pub(super) async fn is_primary(&self) -> bool {
        self.is_up()
            && self
                .command(doc! {"hello": 1})
                .await
                .is_ok_and(|answer| answer.get_bool("isWritablePrimary").unwrap_or(false))
    }

    fn end_of_log(&self) -> String {
        let log = fs::read_to_string(self.folder.path().join("mongod.log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().rev().take(10).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}
