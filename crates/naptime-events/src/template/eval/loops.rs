//! Loops. What they go through is made item by item, and what a round held is given back at its end.

use std::collections::BTreeMap;
use std::sync::Arc;

use minijinja::machinery::ast::{Expr, ForLoop};

use super::{Evaluated, Evaluator};
use crate::template::items::Items;
use crate::template::value::Value;

impl Evaluator<'_> {
    pub(super) fn each(&mut self, it: &ForLoop<'_>) -> Evaluated<()> {
        let held = self.work.held();
        let all = self.defined(&it.iter)?;
        let items = Items::of(&all, self.work)?;
        let wanted = match &it.filter_expr {
            Some(condition) => Some(self.wanted(&it.target, condition, items.clone())?),
            None => None,
        };
        let length = wanted.as_ref().map_or_else(|| items.length(), |all| all.iter().filter(|is| **is).count());
        if length == 0 {
            self.work.give_back(held);
            return self.statements(&it.else_body);
        }
        let (held_of_all, bytes_each) = (self.work.held(), items.bytes_each());
        let is_wanted = |at: usize| wanted.as_ref().is_none_or(|all| all.get(at) == Some(&true));
        let items = items.enumerate().filter(|(at, _)| is_wanted(*at));
        for (index, (_, item)) in items.enumerate() {
            self.work.enter()?;
            self.work.hold(bytes_each)?;
            let count = |count: usize| Value::Int(i128::try_from(count).unwrap_or(i128::MAX));
            let members = [
                ("index", count(index + 1)),
                ("index0", count(index)),
                ("revindex", count(length - index)),
                ("first", Value::Bool(index == 0)),
                ("last", Value::Bool(index + 1 == length)),
                ("length", count(length)),
            ];
            let members = members.into_iter().map(|(name, value)| (Arc::from(name), value)).collect();
            self.scopes.push(BTreeMap::from([("loop".to_owned(), Value::Map(Arc::new(members)))]));
            self.assign(&it.target, item)?;
            self.statements(&it.body)?;
            self.scopes.pop();
            self.work.leave();
            self.work.give_back(held_of_all);
        }
        self.work.give_back(held);
        Ok(())
    }

    /// Which items the condition of a loop holds for. A list of these items would take more memory.
    fn wanted(&mut self, target: &Expr<'_>, condition: &Expr<'_>, items: Items) -> Evaluated<Vec<bool>> {
        self.work.hold(items.length())?;
        let (held, mut wanted) = (self.work.held(), Vec::with_capacity(items.length()));
        for item in items {
            self.scopes.push(BTreeMap::new());
            self.assign(target, item)?;
            wanted.push(self.truth(condition)?);
            self.scopes.pop();
            self.work.give_back(held);
        }
        Ok(wanted)
    }
}
