//! The bounds of one rendering. A template that would take more is refused before it does.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::value::Value;

/// The most bytes of a value, and of what comes out of a template.
pub(crate) const MAX_BYTES: usize = 256 * 1024;

/// The most work of all templates of a rule: bytes that are read or made, and steps.
const MAX_WORK: usize = 4 * 1024 * 1024;

/// What a step of the evaluation counts for.
const STEP_WORK: usize = 8;

/// The most levels of expressions and blocks within each other.
const MAX_DEPTH: usize = 100;

/// How long the templates of one event may take. [`MAX_WORK`] takes a fraction of a second, so this is for a machine that
/// hardly runs.
const DEADLINE: Duration = Duration::from_secs(10);

/// What is left to be spent.
pub(crate) struct Work {
    left: usize,
    depth: usize,
    until: Instant,
}

impl Work {
    /// The moment until which all templates of one event must be rendered.
    pub(crate) fn deadline() -> Instant {
        Instant::now() + DEADLINE
    }

    pub(crate) fn new(until: Instant) -> Self {
        Self { left: MAX_WORK, depth: 0, until }
    }

    /// # Errors
    /// If no more is left of the work, or of the time.
    pub(crate) fn spend(&mut self, bytes: usize) -> Result<(), String> {
        let left = self.left.checked_sub(bytes);
        self.left =
            left.ok_or("the templates of the rule take more work than they may (loops, or filters of large values)")?;
        if Instant::now() > self.until {
            return Err(format!("the templates took more than {} s", DEADLINE.as_secs()));
        }
        Ok(())
    }

    /// Begins with another template, whatever level an error left the one before at.
    pub(crate) fn begin(&mut self) {
        self.depth = 0;
    }

    /// Goes one level deeper, and counts a step.
    pub(crate) fn enter(&mut self) -> Result<(), String> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(format!("the template is nested more than {MAX_DEPTH} levels deep"));
        }
        self.spend(STEP_WORK)
    }

    pub(crate) fn leave(&mut self) {
        self.depth -= 1;
    }

    /// Reads all of a value.
    pub(crate) fn read(&mut self, value: &Value) -> Result<(), String> {
        self.spend(value.size())
    }

    /// Makes a value of `bytes`, which must be known before it is made.
    pub(crate) fn make(&mut self, bytes: usize) -> Result<(), String> {
        if bytes > MAX_BYTES {
            return Err(format!("a value would be longer than {MAX_BYTES} bytes"));
        }
        self.spend(bytes)
    }

    pub(crate) fn text(&mut self, text: impl Into<Arc<str>>) -> Result<Value, String> {
        let text = text.into();
        self.make(text.len())?;
        Ok(Value::text(text))
    }

    /// A list of values that are there already.
    pub(crate) fn list(&mut self, items: Vec<Value>) -> Result<Value, String> {
        let mut size = 0;
        for item in &items {
            let more = item.size() + 1;
            self.spend(more)?;
            size += more;
        }
        self.make(size)?;
        Ok(Value::list(items))
    }
}
