//! A program under test: its output is kept, shown when the test fails, and can be waited for.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use tokio::sync::watch;

use crate::eventually;
use crate::guard::Guarded;

/// One line of output.
#[derive(Clone, Debug)]
pub struct Line {
    /// Whether it came on stderr.
    pub is_error: bool,
    /// The line without its end.
    pub text: String,
}

/// A running (or ended) program. Killed when dropped; on a panic its output is printed.
#[derive(Debug)]
pub struct Process {
    name: String,
    guarded: Mutex<Guarded>,
    pid: u32,
    lines: watch::Receiver<Vec<Line>>,
}

impl Process {
    /// Starts `program` with these arguments and with no other variables than `PATH` and `env`, so that a developer's
    /// own settings don't leak into a test. `name` is how it is called in messages.
    pub fn spawn<A: AsRef<OsStr>>(
        name: &str,
        program: &Path,
        args: impl IntoIterator<Item = A>,
        env: &[(String, String)],
    ) -> Self {
        let mut guarded = Guarded::spawn(program, args, |command| {
            command
                .env_clear()
                .env("PATH", std::env::var_os("PATH").unwrap_or_default())
                .envs(env.iter().map(|(name, value)| (name, value)))
                .stdout(Stdio::piped())
                .stderr(Stdio::piped());
        })
        .unwrap();
        let (sender, lines) = watch::channel(Vec::new());
        read_lines(guarded.child().stdout.take(), false, sender.clone());
        read_lines(guarded.child().stderr.take(), true, sender);
        Self { name: name.to_owned(), pid: guarded.pid(), guarded: Mutex::new(guarded), lines }
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Asks it to end.
    pub fn sigterm(&self) {
        self.signal("TERM");
    }

    /// Sends a signal, by its short name: `TERM`, `STOP`, `CONT`.
    pub fn signal(&self, name: &str) {
        self.guarded.lock().unwrap().signal(name);
    }

    /// Kills it with SIGKILL and waits until it is gone.
    pub fn kill9(&self) {
        self.guarded.lock().unwrap().kill();
    }

    /// Its exit status, if it has ended.
    pub fn exited(&self) -> Option<ExitStatus> {
        self.guarded.lock().unwrap().exited()
    }

    /// Waits until it ends and all of its output is read. Panics if it takes longer than `timeout`.
    pub async fn wait_exit(&self, timeout: Duration) -> ExitStatus {
        let what = format!("{} ends", self.name);
        let status = eventually(timeout, &what, async || self.exited()).await;
        let mut lines = self.lines.clone();
        // Ends with an error when the readers are done, which is what we wait for. Bounded, as a child of the program
        // may keep the pipe open.
        let _ = tokio::time::timeout(timeout, lines.wait_for(|_| false)).await;
        status
    }

    /// The lines so far, from stdout and stderr.
    pub fn lines(&self) -> Vec<Line> {
        self.lines.borrow().clone()
    }

    /// What it wrote to stdout so far.
    pub fn stdout(&self) -> String {
        self.text(|line| !line.is_error)
    }

    /// All that it wrote so far.
    pub fn output(&self) -> String {
        self.text(|_| true)
    }

    /// Waits for a line that `is_it` accepts; one that is there already counts. Panics if it takes longer than
    /// `timeout`, or if the program ends without it.
    pub async fn wait_line(&self, timeout: Duration, what: &str, is_it: impl Fn(&str) -> bool) -> String {
        let find = |lines: &Vec<Line>| lines.iter().find(|line| is_it(&line.text)).cloned();
        let mut lines = self.lines.clone();
        let found = tokio::time::timeout(timeout, lines.wait_for(|it| find(it).is_some())).await;
        match found {
            Ok(Ok(lines)) => find(&lines).unwrap().text,
            Ok(Err(_)) => panic!("{} ended without a line: {what}", self.name),
            Err(_) => panic!("{}: no line within {timeout:?}: {what}", self.name),
        }
    }

    fn text(&self, keep: impl Fn(&Line) -> bool) -> String {
        let lines = self.lines.borrow();
        let kept = lines.iter().filter(|line| keep(line));
        kept.map(|line| line.text.clone() + "\n").collect()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let (name, pid) = (&self.name, self.pid);
            eprintln!("--- output of {name} ({pid}):\n{}---", self.output());
        }
    }
}

/// Reads on a thread, so that output is taken even while the test does something else.
fn read_lines(pipe: Option<impl Read + Send + 'static>, is_error: bool, lines: watch::Sender<Vec<Line>>) {
    let pipe = BufReader::new(pipe.unwrap());
    std::thread::spawn(move || {
        for line in pipe.split(b'\n').map_while(Result::ok) {
            let text = String::from_utf8_lossy(&line).into_owned();
            lines.send_modify(|lines| lines.push(Line { is_error, text }));
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_secs(10);

    #[tokio::test]
    async fn output_and_exit_are_seen_and_the_environment_is_clean() {
        let script = "echo out $A ${CARGO:-clean}; echo err >&2; read -r nothing; exit 3";
        let env = [("A".to_owned(), "b".to_owned())];
        let process = Process::spawn("a shell", Path::new("/bin/sh"), ["-c", script], &env);
        process.wait_line(SOON, "err", |line| line == "err").await;
        assert_eq!(process.wait_exit(SOON).await.code(), Some(3));
        assert_eq!(process.stdout(), "out b clean\n");
    }
}
