//! The commands that ask a server, as people and scripts type them: the real program against a real server.

mod apply;
mod doctor;
mod endpoints;
mod jobs;
mod overview;
mod pipes;
mod runs;
mod script;
mod servers;
mod targets;
mod terminal;

use naptime_tests::naptime::Start;
use serde_json::Value;

use super::web::{SOON, Web};

/// A command that has ended.
#[derive(Debug)]
struct Ended {
    code: Option<i32>,
    stdout: String,
    /// What it wrote to stderr.
    errors: String,
}

impl Ended {
    /// The lines that other programs read, each in its columns.
    fn rows(&self) -> Vec<Vec<&str>> {
        assert_eq!(self.code, Some(0), "{self:?}");
        self.stdout.lines().map(|line| line.split('\t').collect()).collect()
    }

    /// The documents, one on each line.
    fn json(&self) -> Vec<Value> {
        assert_eq!(self.code, Some(0), "{self:?}");
        self.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Asserts how it ended, and that these words are in what it wrote.
    fn says(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, Some(code), "{self:?}");
        for word in words {
            assert!(self.stdout.contains(word) || self.errors.contains(word), "{word} in {self:?}");
        }
    }
}

async fn run(start: Start) -> Ended {
    let process = start.launch();
    let code = process.wait_exit(SOON).await.code();
    let lines = process.lines();
    let errors = lines.iter().filter(|line| line.is_error).map(|line| line.text.clone() + "\n").collect();
    Ended { code, stdout: process.stdout(), errors }
}

/// Runs `naptime <words>`, asking this server.
async fn naptime(web: &Web, words: &[&str]) -> Ended {
    run(web.naptime.ask(words[0]).args(&words[1..])).await
}
