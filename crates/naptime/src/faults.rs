//! Faults in settings, collected, so that they can be mended in one go.

use std::borrow::Cow;
use std::fmt;

use naptime_core::Invalid;

/// What is wrong with settings and arguments.
#[derive(Debug, Default)]
pub(crate) struct Faults(Vec<(Cow<'static, str>, String)>);

impl Faults {
    /// Adds one.
    pub(crate) fn add(&mut self, setting: impl Into<Cow<'static, str>>, detail: impl Into<String>) {
        self.0.push((setting.into(), detail.into()));
    }

    /// Reads a setting. What is not set, or set to nothing, is `default`; so is what cannot be read, after it was noted.
    pub(crate) fn read<T>(
        &mut self,
        setting: &'static str,
        text: Option<&String>,
        default: T,
        read: impl FnOnce(&str) -> Result<T, Invalid>,
    ) -> T {
        match given(text).map(read) {
            None => default,
            Some(Ok(value)) => value,
            Some(Err(invalid)) => {
                self.add(setting, invalid.detail);
                default
            }
        }
    }

    /// Reads a whole number.
    pub(crate) fn number(
        &mut self,
        setting: &'static str,
        text: Option<&String>,
        default: u32,
        min: u32,
        max: u32,
    ) -> u32 {
        self.read(setting, text, default, |text| {
            let number = text.trim().parse().ok().filter(|number| (min..=max).contains(number));
            number.ok_or_else(|| {
                Invalid::new("", "not_a_number", format!("`{text}` is not a whole number from {min} to {max}"))
            })
        })
    }

    /// The value, if there were no faults.
    pub(crate) fn check<T>(self, value: T) -> Result<T, Faults> {
        if self.0.is_empty() { Ok(value) } else { Err(self) }
    }
}

/// A setting that is set to something.
pub(crate) fn given(text: Option<&String>) -> Option<&str> {
    text.map(String::as_str).filter(|text| !text.trim().is_empty())
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("these values cannot be used:")?;
        for (setting, detail) in &self.0 {
            write!(f, "\n  {setting}: {detail}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}
