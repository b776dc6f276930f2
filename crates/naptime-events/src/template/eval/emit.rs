//! What comes out of a template, and what it takes in memory.

use super::{Evaluated, Evaluator, Piece};
use crate::template::value::{Form, Value};
use crate::template::work::{ALLOCATION, MAX_BYTES};

/// The bytes of a piece in a list that may have grown to twice what is in it.
const PIECE_BYTES: usize = 2 * size_of::<Piece>();

impl Evaluator<'_> {
    pub(super) fn emit_literal(&mut self, text: &str) -> Evaluated<()> {
        self.count_out(text.len())?;
        self.work.keep(text.len())?;
        if let Some(Piece::Literal(last)) = self.pieces.last_mut() {
            last.push_str(text);
            return Ok(());
        }
        self.work.keep(PIECE_BYTES + ALLOCATION)?;
        self.pieces.push(Piece::Literal(text.to_owned()));
        Ok(())
    }

    pub(super) fn emit_value(&mut self, value: Value) -> Evaluated<()> {
        self.count_out(value.size())?;
        let value = match value {
            // Wherever they go, lists and objects are JSON, which takes less memory than their items.
            Value::List(_) | Value::Map(_) => Value::Text(value.print(), Form::Json),
            other => other,
        };
        self.work.keep(PIECE_BYTES + value.as_str().map_or(0, |text| ALLOCATION + text.len()))?;
        self.pieces.push(Piece::Value(value));
        Ok(())
    }

    fn count_out(&mut self, size: usize) -> Evaluated<()> {
        self.size += size;
        if self.size > MAX_BYTES {
            return Err(format!("what comes out is longer than {MAX_BYTES} bytes"));
        }
        self.work.spend(size)
    }
}
