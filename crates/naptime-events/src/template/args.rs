//! The arguments within the parentheses of a template.

use std::sync::Arc;

use super::value::Value;

type Evaluated<T = Value> = Result<T, String>;

/// The arguments of a filter, a test or a function.
pub(crate) struct Args {
    pub(super) positional: Vec<Option<Value>>,
    pub(super) named: Vec<(String, Value)>,
}

impl Args {
    /// The argument at this place or of this name.
    pub(crate) fn take(&mut self, at: usize, name: &str) -> Option<Value> {
        if let Some(value) = self.positional.get_mut(at).and_then(Option::take) {
            return Some(value);
        }
        let at = self.named.iter().position(|(other, _)| other == name)?;
        Some(self.named.remove(at).1)
    }

    /// The whole number at this place or of this name.
    pub(crate) fn int(&mut self, at: usize, name: &str) -> Evaluated<Option<i128>> {
        match self.take(at, name) {
            None => Ok(None),
            Some(Value::Int(it)) => Ok(Some(it)),
            Some(other) => Err(format!("`{name}` must be a whole number, not {}", other.kind())),
        }
    }

    /// The text at this place or of this name.
    pub(crate) fn text(&mut self, at: usize, name: &str) -> Evaluated<Option<Arc<str>>> {
        match self.take(at, name) {
            None => Ok(None),
            Some(Value::Text(it, _)) => Ok(Some(it)),
            Some(other) => Err(format!("`{name}` must be a text, not {}", other.kind())),
        }
    }

    /// # Errors
    /// If there are more arguments than were taken.
    pub(crate) fn end(&self, of: &str) -> Evaluated<()> {
        if let Some((name, _)) = self.named.first() {
            return Err(format!("`{of}` has no argument `{name}`"));
        }
        if self.positional.iter().any(Option::is_some) {
            return Err(format!("`{of}` has too many arguments"));
        }
        Ok(())
    }
}
