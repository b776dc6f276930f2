//! What is wrong with files, each with its place.

use std::fmt;

/// Faults, each as `naptime.yaml:12: endpoints.shop.every: what is wrong`.
#[derive(Debug)]
pub(in super::super) struct Refused(pub(super) Vec<String>);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nothing was applied:")?;
        self.0.iter().try_for_each(|fault| write!(f, "\n  {fault}"))
    }
}

impl std::error::Error for Refused {}
