//! The real program, as a user starts it.

use std::ops::Deref;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use crate::process::Process;
use crate::{eventually, http, port, tools};

/// How long a start may take on a machine that is busy with other tests.
const READY: Duration = Duration::from_secs(30);

/// A store that the program can be pointed at.
pub trait Store {
    /// The variable that does it.
    fn env(&self) -> (&'static str, String);
}

/// A started `naptime`; see [`Process`] for what can be done with it.
#[derive(Debug)]
pub struct Naptime {
    process: Process,
    port: Option<u16>,
}

impl Naptime {
    /// `naptime web` on a free port.
    pub fn web(store: &impl Store) -> Start {
        Start::new("web", store).listening()
    }

    /// `naptime worker`.
    pub fn worker(store: &impl Store) -> Start {
        Start::new("worker", store)
    }

    /// `naptime up` on a free port.
    pub fn up(store: &impl Store) -> Start {
        Start::new("up", store).listening()
    }

    /// A command on a store, for a start that ends by itself: start it, then [`wait_exit`](Process::wait_exit).
    pub fn command(store: &impl Store, name: &str) -> Start {
        Start::new(name, store)
    }

    /// A command that asks this server, such as `list`: start it, then [`wait_exit`](Process::wait_exit).
    pub fn ask(&self, name: &str) -> Start {
        Start::asking(&self.url(""), name)
    }

    /// The address of `path` on the web, such as `http://127.0.0.1:12345/readyz`.
    pub fn url(&self, path: &str) -> String {
        url(self.port, path)
    }

    async fn ready(self) -> Self {
        let Some(port) = self.port else { return self };
        let client = http::client();
        let url = self.url("/readyz");
        let what = format!("/readyz answers 200 on port {port}");
        eventually(READY, &what, async || {
            if let Some(status) = self.exited() {
                panic!("naptime ended with {status} before it was ready");
            }
            let answer = client.get(&url).send().await.ok()?;
            (answer.status() == 200).then_some(())
        })
        .await;
        self
    }
}

impl Deref for Naptime {
    type Target = Process;

    fn deref(&self) -> &Process {
        &self.process
    }
}

/// A `naptime` to be started.
///
/// Calls to this machine are allowed, as the targets are here; everything else is as the program has it by default.
#[derive(Clone, Debug)]
pub struct Start {
    wrapper: Vec<String>,
    args: Vec<String>,
    env: Vec<(String, String)>,
    port: Option<u16>,
}

impl Start {
    fn new(command: &str, store: &impl Store) -> Self {
        let (variable, value) = store.env();
        Self::bare(command).env(variable, value).env("NAPTIME_ALLOW_NETWORKS", "127.0.0.0/8")
    }

    /// A command that asks the server at this URL.
    pub fn asking(server: &str, command: &str) -> Self {
        Self::bare(command).env("NAPTIME_SERVER", server)
    }

    fn bare(command: &str) -> Self {
        Self { wrapper: Vec::new(), args: vec![command.to_owned()], env: Vec::new(), port: None }
    }

    fn listening(mut self) -> Self {
        let port = port::free_port();
        self.port = Some(port);
        self.env("HOST", "127.0.0.1").env("PORT", port.to_string())
    }

    /// The address of `path` on the web once it is started.
    pub fn url(&self, path: &str) -> String {
        url(self.port, path)
    }

    /// Sets a variable; the last value counts.
    pub fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.env.retain(|(known, _)| known != name);
        self.env.push((name.to_owned(), value.into()));
        self
    }

    /// Leaves out a variable that would be set otherwise.
    pub fn without(mut self, name: &str) -> Self {
        self.env.retain(|(known, _)| known != name);
        self
    }

    /// Starts it by way of a program that becomes it, such as `prlimit --nofile=256:1024`.
    pub fn under(mut self, wrapper: &[&str]) -> Self {
        self.wrapper = wrapper.iter().map(|&word| word.to_owned()).collect();
        self
    }

    /// Adds an argument.
    pub fn arg(mut self, arg: impl Into<String>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// Adds arguments.
    pub fn args(self, args: &[&str]) -> Self {
        args.iter().fold(self, |start, &arg| start.arg(arg))
    }

    /// Starts it and, if it has a web, waits until that is ready.
    pub async fn start(self) -> Naptime {
        self.launch().ready().await
    }

    /// Starts it without waiting: for a start that is meant to fail.
    pub fn launch(self) -> Naptime {
        let name = format!("naptime {}", self.args.join(" "));
        let mut words = self.wrapper;
        words.push(binary().display().to_string());
        words.extend(self.args);
        let process = Process::spawn(&name, &tools::program(&words[0]), &words[1..], &self.env);
        Naptime { process, port: self.port }
    }
}

fn url(port: Option<u16>, path: &str) -> String {
    let port = port.expect("only `web` and `up` listen");
    format!("http://127.0.0.1:{port}{path}")
}

/// The program: `NAPTIME_BIN`, or built now, once per test process, in the profile of the tests.
pub fn binary() -> &'static PathBuf {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        std::env::var_os("NAPTIME_BIN").map_or_else(build, |path| PathBuf::from(path).canonicalize().unwrap())
    })
}

fn build() -> PathBuf {
    // The test itself is in `<target>/<profile>/deps/`.
    let me = std::env::current_exe().unwrap();
    let profile = me.ancestors().nth(2).unwrap();
    let release = profile.ends_with("release");
    let mut cargo = Command::new(env!("CARGO"));
    // What cargo tells this test of itself would make build scripts run again, and what depends on them.
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("CARGO_")) {
        if name != "CARGO_TARGET_DIR" && name != "CARGO_HOME" {
            cargo.env_remove(name);
        }
    }
    let status = cargo
        // All of the workspace, so that the dependencies have the features they have in the tests and aren't built again.
        .args(["build", "--quiet", "--workspace", "--bin", "naptime", "--example", "host"])
        .args(release.then_some("--release"))
        .current_dir(tools::workspace())
        .status()
        .unwrap();
    assert!(status.success(), "naptime doesn't build: {status}");
    profile.join("naptime")
}
