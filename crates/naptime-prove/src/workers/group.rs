//! Processes that do not outlive this one.

use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

/// A group of processes that is killed when this process is gone, however it goes.
///
/// A shell leads the group and waits at the end of a pipe that this process holds. When this process goes, the system
/// closes the pipe, and the shell kills the group. As a group of its own, it gets no Ctrl-C of the terminal.
pub(super) struct Group(Child);

impl Group {
    pub(super) fn start() -> std::io::Result<Self> {
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", "read -r over; kill -s KILL 0"]).stdin(Stdio::piped()).process_group(0);
        shell.stdout(Stdio::null()).stderr(Stdio::null()).spawn().map(Self)
    }

    pub(super) fn id(&self) -> i32 {
        self.0.id().cast_signed()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.0.stdin.take();
        let _ = self.0.wait();
    }
}
