//! What the failed tests said, to be told again at the end of a run: thousands of lines may come after their own.

use std::fmt;

/// The most lines of one test. Its panic comes first, the output of its programs after it.
const MAX_LINES: usize = 40;

/// The sections of a test run's output about failed tests.
#[derive(Debug, Default)]
pub(crate) struct Failures {
    sections: Vec<Vec<String>>,
    at: At,
}

/// Where in the output the next line is.
#[derive(Debug, Default, PartialEq, Eq)]
enum At {
    #[default]
    Outside,
    Failures,
    Section,
    Backtrace,
}

impl Failures {
    /// Takes the line if it is of a section.
    pub(crate) fn read(&mut self, line: &str) {
        let line = line.trim_end();
        if line == "failures:" {
            self.at = At::Failures;
        } else if line.starts_with("test result: ") {
            self.at = At::Outside;
        } else if self.at != At::Outside && line.starts_with("---- ") && line.ends_with(" stdout ----") {
            self.sections.push(Vec::new());
            self.at = At::Section;
        } else if line == "stack backtrace:" && self.at == At::Section {
            self.at = At::Backtrace;
        } else if self.at == At::Backtrace && !line.starts_with(' ') {
            self.at = At::Section;
        }
        if self.at == At::Section
            && let Some(section) = self.sections.last_mut()
            && section.len() < MAX_LINES
            && !line.is_empty()
        {
            section.push(line.to_owned());
        }
    }
}

impl fmt::Display for Failures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.sections.is_empty() {
            writeln!(f, "\nWhat failed, once more:")?;
        }
        for section in &self.sections {
            writeln!(f, "\n{}", section.join("\n"))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_failed_test_said_is_kept_and_its_backtrace_is_not() {
        let mut failures = Failures::default();
        let output = "\
running 2 tests
test a ... FAILED

successes:

---- b stdout ----
all is well

failures:

---- a stdout ----

thread 'a' panicked at a.rs:1:2:
no calls came
stack backtrace:
   0: somewhere
             at deep.rs
note: some details are omitted
--- output of naptime worker (7):
it starts

failures:
    a

test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s
";
        output.lines().for_each(|line| failures.read(line));
        let expect = "
What failed, once more:

---- a stdout ----
thread 'a' panicked at a.rs:1:2:
no calls came
note: some details are omitted
--- output of naptime worker (7):
it starts
";
        assert_eq!(failures.to_string(), expect);
        assert_eq!(Failures::default().to_string(), "");
    }
}
