//! A terminal with a shell in it, as people use the program: tmux, whose screen can be read.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use crate::eventually;
use crate::guard::Guarded;
use crate::scratch::Scratch;
use crate::tools;

/// For a command that ends by itself, on a machine that is busy with other tests.
const ENDS: Duration = Duration::from_secs(30);
/// The lines of the screen: more than most commands print, so that little scrolls away.
const HEIGHT: usize = 200;

/// What is typed. The command itself is in a file, so that this takes one line of the screen however narrow that is.
const TYPED: &str = ". ./go";

/// A terminal. Closed when dropped, with what runs in it.
#[derive(Debug)]
pub struct Terminal {
    folder: Scratch,
    socket: PathBuf,
    _server: Guarded,
}

/// A command that has ended, as it is seen on the screen.
#[derive(Debug)]
pub struct Shown {
    /// What it ended with, as the shell has it: 130 after Ctrl-C.
    pub code: i32,
    /// The lines on the screen: of what is longer, the end.
    pub lines: Vec<String>,
    /// The same, those joined that were broken where the screen ends.
    pub text: String,
    /// The same with colours, as escape sequences.
    pub styled: String,
}

impl Terminal {
    /// Opens a terminal of so many columns. Its shell has these variables and no others but `PATH`, and starts in a folder
    /// that is its home and otherwise empty.
    pub async fn open(columns: u16, env: &[(&str, String)]) -> Self {
        let folder = Scratch::new();
        let socket = folder.path().join("tmux");
        let home = folder.path().join("home");
        std::fs::create_dir(&home).unwrap();
        // A server of its own, which is no daemon, so it ends with us.
        let args = ["-u", "-f", "/dev/null", "-D", "-S", socket.to_str().unwrap()];
        let server = Guarded::spawn(&tools::tmux(), args, |command| {
            command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("HOME", &home);
        })
        .unwrap();
        let terminal = Self { folder, socket, _server: server };
        let (columns, height) = (columns.to_string(), HEIGHT.to_string());
        // Set here and not for the server: tmux gives a first shell the `PATH` of whoever asks for it.
        let variables: Vec<String> = env.iter().map(|(name, value)| format!("{name}={value}")).collect();
        // The prompt tells how the command before it has ended.
        let new = ["new-session", "-d", "-x", &columns, "-y", &height, "-c", home.to_str().unwrap()];
        let variables: Vec<&str> = variables.iter().map(String::as_str).collect();
        let shell = [&["env", "PS1=[$?]", "ENV="][..], &variables, &["/bin/sh"]].concat();
        eventually(ENDS, "tmux starts", async || terminal.tmux(&[&new[..], &shell].concat())).await;
        terminal.shows("the prompt", |screen| screen.trim_end() == "[0]").await;
        terminal
    }

    /// The folder that the shell is in.
    pub fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    /// Runs a line of shell to its end.
    pub async fn runs(&self, line: &str) -> Shown {
        self.begins(line);
        self.ends().await
    }

    /// Has the shell begin with a line, on an empty screen.
    pub fn begins(&self, line: &str) {
        std::fs::write(self.home().join("go"), line).unwrap();
        let typed = ["send-keys", "-R", ";", "clear-history", ";", "send-keys", TYPED, "Enter"];
        self.tmux(&typed).expect("tmux takes keys");
    }

    /// Presses keys, by the names that tmux has for them: `C-c`, `y`, `Enter`.
    pub fn presses(&self, keys: &[&str]) {
        self.tmux(&[&["send-keys"], keys].concat()).expect("tmux takes keys");
    }

    /// Waits until the screen is as wanted, and returns it.
    pub async fn shows(&self, what: &str, is_it: impl Fn(&str) -> bool) -> String {
        eventually(ENDS, what, async || Some(self.screen(&[])).filter(|screen| is_it(screen))).await
    }

    /// Waits until the shell prompts again.
    pub async fn ends(&self) -> Shown {
        let prompt = |screen: &str| -> Option<i32> {
            let lines: Vec<&str> = screen.trim_end().lines().collect();
            let [typed, .., last] = lines[..] else { return None };
            let has_begun = typed == TYPED || lines.len() == HEIGHT;
            last.strip_prefix('[')?.strip_suffix(']')?.parse().ok().filter(|_| has_begun)
        };
        let screen = self.shows("the command ends", |screen| prompt(screen).is_some()).await;
        let code = prompt(&screen).unwrap();
        let mut lines: Vec<String> = screen.trim_end().lines().map(str::to_owned).collect();
        lines.pop();
        if lines.first().is_some_and(|line| line == TYPED) {
            lines.remove(0);
        }
        Shown { code, lines, text: self.screen(&["-J"]), styled: self.screen(&["-e"]) }
    }

    fn screen(&self, how: &[&str]) -> String {
        self.tmux(&[&["capture-pane", "-p"], how].concat()).expect("tmux shows its screen")
    }

    /// What tmux prints; none if it refuses.
    fn tmux(&self, words: &[&str]) -> Option<String> {
        // Without `-N` it would start a server of its own where ours is not there yet.
        let output =
            Command::new(tools::tmux()).args(["-u", "-N", "-S"]).arg(&self.socket).args(words).output().unwrap();
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_shell_is_seen_and_typed_to() {
        let terminal = Terminal::open(40, &[("NAME", "日本".to_owned())]).await;
        let shown = terminal.runs("printf '\\033[31mred\\033[0m %s\\n' $NAME; stty size; false").await;
        assert_eq!((shown.code, &shown.lines[..]), (1, &["red 日本".to_owned(), format!("{HEIGHT} 40")][..]));
        assert!(shown.styled.contains("\u{1b}[31mred"), "{shown:?}");
        terminal.begins("echo asks; read -r answer; echo got $answer; sleep 100");
        terminal.shows("it asks", |screen| screen.contains("asks\n")).await;
        terminal.presses(&["y", "Enter"]);
        terminal.shows("the answer", |screen| screen.contains("got y\n")).await;
        terminal.presses(&["C-c"]);
        assert_eq!(terminal.ends().await.code, 130);
    }
}
