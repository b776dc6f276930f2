//! Processes that don't outlive the test process, even if that is killed with SIGKILL.
//!
//! A small shell waits at the end of a pipe that this process holds. When this process goes, however it goes, the
//! system closes the pipe and the shell does what is to be done. The guarded program, too, starts as a shell that
//! waits for a word: it becomes the program once its watcher is there, so there is no moment without one.

use std::ffi::OsStr;
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};

/// Does something when this process is gone; does nothing if it is dropped before.
#[derive(Debug)]
pub struct Watcher {
    shell: Child,
    pipe: Option<ChildStdin>,
}

impl Watcher {
    /// Watches, to run the shell `script` with `arg` as `$1`.
    pub fn start(script: &str, arg: impl AsRef<OsStr>) -> io::Result<Self> {
        let mut shell = Command::new("/bin/sh")
            .args(["-c", &format!("read -r over || {{ {script}; }}"), "watcher"])
            .arg(arg)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // A group of its own: Ctrl-C in the terminal must not end the watchers before their work.
            .process_group(0)
            .spawn()?;
        let pipe = shell.stdin.take();
        Ok(Self { shell, pipe })
    }

    /// Does it now, and waits until it is done.
    pub fn act(mut self) {
        self.pipe.take();
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        if let Some(mut pipe) = self.pipe.take() {
            let _ = pipe.write_all(b"over\n");
        }
        let _ = self.shell.wait();
    }
}

/// A process, leader of its own group. Dropping it kills the group.
#[derive(Debug)]
pub struct Guarded {
    child: Child,
    _watcher: Watcher,
}

impl Guarded {
    /// Starts `program`; `set` may give it variables, a folder and pipes for its output. Its stdin is empty.
    pub fn spawn<A: AsRef<OsStr>>(
        program: &Path,
        args: impl IntoIterator<Item = A>,
        set: impl FnOnce(&mut Command),
    ) -> io::Result<Self> {
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", "read -r go && exec \"$@\" </dev/null", "guard"])
            .arg(program)
            .args(args)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        set(&mut command);
        let mut child = command.stdin(Stdio::piped()).process_group(0).spawn()?;
        let watcher = Watcher::start(KILL_GROUP, child.id().to_string())?;
        let mut gate = child.stdin.take().ok_or(io::ErrorKind::BrokenPipe)?;
        gate.write_all(b"go\n")?;
        Ok(Self { child, _watcher: watcher })
    }

    /// The process itself, for its output pipes and its id.
    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal, by its short name: `TERM`, `STOP`, `CONT`. A process that has ended gets none: its id may be
    /// another's by now.
    pub fn signal(&mut self, name: &str) {
        if self.exited().is_none() {
            shell(&format!("kill -s {name} {}", self.pid()));
        }
    }

    /// Its exit status, if it has ended.
    pub fn exited(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Kills it and its group with SIGKILL and waits until it is gone.
    pub fn kill(&mut self) {
        if self.exited().is_none() {
            shell(&KILL_GROUP.replace("\"$1\"", &self.pid().to_string()));
        }
        let _ = self.child.wait();
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        self.kill();
    }
}

const KILL_GROUP: &str = "kill -s KILL -- -\"$1\"";

/// `kill` is built into the shell, while the program of that name is missing on small systems.
fn shell(script: &str) {
    let _ = Command::new("/bin/sh").args(["-c", script]).stderr(Stdio::null()).status();
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::{BufRead, BufReader};
    use std::thread::sleep;
    use std::time::{Duration, Instant};

    use super::*;

    /// Plays both parts: the test, and (started by it) a test process that guards a `sleep` until it is killed.
    #[test]
    fn nothing_is_left_after_sigkill() {
        if std::env::var_os("GUARD_CHILD").is_some() {
            let guarded = Guarded::spawn(Path::new("/bin/sleep"), ["600"], |_| {}).unwrap();
            eprintln!("guarded {}", guarded.pid());
            sleep(Duration::from_secs(60));
            return;
        }
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "--nocapture"])
            .arg("guard::tests::nothing_is_left_after_sigkill")
            .env("GUARD_CHILD", "1")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let pid = BufReader::new(process.stderr.take().unwrap())
            .lines()
            .find_map(|line| line.unwrap().strip_prefix("guarded ").map(str::to_owned))
            .unwrap();
        assert!(is_alive(&pid));
        process.kill().unwrap();
        process.wait().unwrap();
        let end = Instant::now() + Duration::from_secs(10);
        while is_alive(&pid) {
            assert!(Instant::now() < end, "process {pid} is left");
            sleep(Duration::from_millis(10));
        }
    }

    /// A process that has ended but was not waited for (`Z`) is not alive.
    fn is_alive(pid: &str) -> bool {
        fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
    }
}
