//! An app with Naptime in it: the example of `naptime-embed`.

use std::ops::Deref;
use std::path::PathBuf;
use std::time::Duration;

use crate::naptime::Store;
use crate::process::Process;
use crate::{eventually, http, port};

/// How long a start may take on a machine that is busy with other tests.
const READY: Duration = Duration::from_secs(30);

/// The started app; see [`Process`] for what can be done with it.
#[derive(Debug)]
pub struct Host {
    process: Process,
    port: u16,
}

impl Host {
    /// Starts it on a free port, and waits until the Naptime in it is ready.
    pub async fn start(store: &impl Store) -> Self {
        let port = port::free_port();
        let (variable, value) = store.env();
        let env = [(variable.to_owned(), value), ("PORT".to_owned(), port.to_string())];
        let process = Process::spawn("host", &program(), [""; 0], &env);
        let host = Self { process, port };
        let (client, ready) = (http::client(), host.url("/naptime/readyz"));
        eventually(READY, "the app is ready", async || {
            if let Some(status) = host.exited() {
                panic!("the app ended with {status} before it was ready");
            }
            let answer = client.get(&ready).send().await.ok()?;
            (answer.status() == 200).then_some(())
        })
        .await;
        host
    }

    /// The address of `path`.
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }
}

impl Deref for Host {
    type Target = Process;

    fn deref(&self) -> &Process {
        &self.process
    }
}

/// The example as it was built together with the program.
pub fn program() -> PathBuf {
    let tests = std::env::current_exe().expect("this program has a path");
    let path = tests.parent().expect("deps").with_file_name("examples").join("host");
    let build = "cargo build --workspace --example host";
    assert!(path.exists(), "{} is not there: {build}", path.display());
    path
}
