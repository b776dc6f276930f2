//! Charts as SVG, for the pages and for what `naptime prove` reports. The style sheet of a document colours them, so that
//! one drawing serves light, dark and paper, and needs no styles of its own.
//!
//! | class | of |
//! |---|---|
//! | `plot` | the whole drawing |
//! | `grid`, `y` | a line across, and its label |
//! | `axis`, `x` | the lower edge and its marks, and their labels; `last` is to end at its place, so as not to be cut off |
//! | `line`, `area`, `dot` | a series: its line, what lies below it, and values by themselves |
//! | `level`, `mark` | a line across to compare with, and one from top to bottom for what happened |

pub mod axis;
pub mod plot;

pub use axis::{Axis, Tick};
pub use plot::{Form, Line, Mark, Plot, Size};
