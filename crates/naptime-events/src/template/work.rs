//! The bounds of one rendering. A template that would take more is refused before it does.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::value::{Form, Value};

/// The most bytes of a value, and of what comes out of a template.
pub(crate) const MAX_BYTES: usize = 256 * 1024;

/// The most work of all templates of a rule: bytes that are read or made, and steps.
const MAX_WORK: usize = 4 * 1024 * 1024;

/// The most bytes that a template holds at a time beside the event: values that it made, and what comes out of it.
const MAX_HELD: usize = 6 * 1024 * 1024;

/// About how many bytes an allocation takes beside what is in it: the counts of its owners, and what the allocator adds.
pub(crate) const ALLOCATION: usize = 32;

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
    /// Bytes of values that a statement or a scope holds, and gives back at its end.
    held: usize,
    /// Bytes of what comes out, which are held until the template ends.
    kept: usize,
    #[cfg(test)]
    pub(crate) peak: usize,
}

impl Work {
    /// The moment until which all templates of one event must be rendered.
    pub(crate) fn deadline() -> Instant {
        Instant::now() + DEADLINE
    }

    pub(crate) fn new(until: Instant) -> Self {
        Self {
            left: MAX_WORK,
            depth: 0,
            until,
            held: 0,
            kept: 0,
            #[cfg(test)]
            peak: 0,
        }
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

    /// Begins with another template, whatever level an error left the one before at. Nothing is held of that one.
    pub(crate) fn begin(&mut self) {
        (self.depth, self.held, self.kept) = (0, 0, 0);
    }

    /// Holds so many bytes more, which must be known before they are taken.
    ///
    /// # Errors
    /// If that is more than a template may hold.
    pub(crate) fn hold(&mut self, bytes: usize) -> Result<(), String> {
        self.held = self.held.saturating_add(bytes);
        self.check_held()
    }

    /// The same for what comes out of the template: no statement gives it back.
    pub(crate) fn keep(&mut self, bytes: usize) -> Result<(), String> {
        self.kept = self.kept.saturating_add(bytes);
        self.check_held()
    }

    /// How much is held now, for [`Work::give_back`].
    pub(crate) fn held(&self) -> usize {
        self.held
    }

    /// Gives back what is held since `held` bytes were.
    pub(crate) fn give_back(&mut self, held: usize) {
        self.held = held;
    }

    fn check_held(&mut self) -> Result<(), String> {
        let all = self.held.saturating_add(self.kept);
        #[cfg(test)]
        {
            self.peak = self.peak.max(all);
        }
        if all > MAX_HELD {
            return Err(format!("the template would hold more than {} MiB at a time", MAX_HELD / 1024 / 1024));
        }
        Ok(())
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
        self.text_in(text, Form::Plain)
    }

    pub(crate) fn text_in(&mut self, text: impl Into<Arc<str>>, form: Form) -> Result<Value, String> {
        let text = text.into();
        self.make(text.len())?;
        self.hold(ALLOCATION + text.len())?;
        Ok(Value::Text(text, form))
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
        self.hold(2 * ALLOCATION + items.len() * size_of::<Value>())?;
        Ok(Value::list(items))
    }
}
