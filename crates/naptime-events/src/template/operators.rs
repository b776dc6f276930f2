//! The operators of templates. Each counts what it reads and makes.

use minijinja::machinery::ast::BinOpKind;

use super::value::Value;
use super::work::Work;

type Evaluated<T = Value> = Result<T, String>;

/// `and` and `or` among them, once their left side has not decided.
pub(crate) fn apply(op: BinOpKind, a: &Value, b: &Value, work: &mut Work) -> Evaluated {
    match op {
        BinOpKind::ScAnd | BinOpKind::ScOr => Ok(b.clone()),
        BinOpKind::Eq | BinOpKind::Ne => {
            work.read(a)?;
            work.read(b)?;
            Ok(Value::Bool((a == b) == matches!(op, BinOpKind::Eq)))
        }
        BinOpKind::Lt | BinOpKind::Lte | BinOpKind::Gt | BinOpKind::Gte => {
            work.read(a)?;
            let order = a.order(b).ok_or_else(|| format!("{} and {} cannot be compared", a.kind(), b.kind()))?;
            Ok(Value::Bool(match op {
                BinOpKind::Lt => order.is_lt(),
                BinOpKind::Lte => order.is_le(),
                BinOpKind::Gt => order.is_gt(),
                _ => order.is_ge(),
            }))
        }
        BinOpKind::In => contains(b, a, work).map(Value::Bool),
        BinOpKind::Concat => {
            work.make(a.size() + b.size())?;
            work.text(format!("{}{}", a.print(), b.print()))
        }
        BinOpKind::Add => match (a, b) {
            (Value::Text(..), Value::Text(..)) => apply(BinOpKind::Concat, a, b, work),
            (Value::List(first), Value::List(second)) => {
                work.hold((first.len() + second.len()) * size_of::<Value>())?;
                work.list(first.iter().chain(second.iter()).cloned().collect())
            }
            _ => arithmetic(op, a, b),
        },
        BinOpKind::Mul => match (a, b) {
            (Value::Text(text, _), Value::Int(times)) | (Value::Int(times), Value::Text(text, _)) => {
                let times = usize::try_from((*times).max(0)).unwrap_or(usize::MAX);
                work.make(text.len().saturating_mul(times))?;
                work.text(text.repeat(times))
            }
            _ => arithmetic(op, a, b),
        },
        _ => arithmetic(op, a, b),
    }
}

pub(crate) fn negative(value: &Value) -> Evaluated {
    arithmetic(BinOpKind::Sub, &Value::Int(0), value)
}

fn arithmetic(op: BinOpKind, a: &Value, b: &Value) -> Evaluated {
    let unsupported = || format!("unsupported types: {} and {}", a.kind(), b.kind());
    let too_large = || "the result is no number that can be written".to_owned();
    if let (Value::Int(a), Value::Int(b)) = (a, b) {
        let whole = match op {
            BinOpKind::Add => Some(a.checked_add(*b)),
            BinOpKind::Sub => Some(a.checked_sub(*b)),
            BinOpKind::Mul => Some(a.checked_mul(*b)),
            // Both are rounded down, as in Python.
            BinOpKind::FloorDiv => {
                Some(a.checked_div_euclid(*b).map(|it| if *b < 0 && a.rem_euclid(*b) != 0 { it - 1 } else { it }))
            }
            BinOpKind::Rem => {
                Some(a.checked_rem(*b).map(|it| if it != 0 && (it < 0) != (*b < 0) { it + b } else { it }))
            }
            BinOpKind::Pow if *b >= 0 => Some(u32::try_from(*b).ok().and_then(|b| a.checked_pow(b))),
            _ => None,
        };
        if let Some(whole) = whole {
            return whole.map(Value::Int).ok_or_else(too_large);
        }
    }
    let (a, b) = (a.as_f64().ok_or_else(unsupported)?, b.as_f64().ok_or_else(unsupported)?);
    let result = match op {
        BinOpKind::Add => a + b,
        BinOpKind::Sub => a - b,
        BinOpKind::Mul => a * b,
        BinOpKind::Div => a / b,
        BinOpKind::FloorDiv => (a / b).floor(),
        BinOpKind::Rem => a - b * (a / b).floor(),
        BinOpKind::Pow => a.powf(b),
        _ => return Err("a template has no such operator".to_owned()),
    };
    if result.is_finite() { Ok(Value::Float(result)) } else { Err(too_large()) }
}

pub(crate) fn contains(all: &Value, one: &Value, work: &mut Work) -> Evaluated<bool> {
    work.read(all)?;
    work.read(one)?;
    match (all, one) {
        (Value::Text(all, _), Value::Text(one, _)) => Ok(all.contains(&**one)),
        (Value::List(items), _) => Ok(items.contains(one)),
        (Value::Map(members), Value::Text(name, _)) => Ok(members.contains_key(&**name)),
        _ => Err(format!("{} cannot hold {}", all.kind(), one.kind())),
    }
}

pub(crate) fn is_true(value: &Value) -> bool {
    match value {
        Value::Undefined(_) | Value::Null => false,
        Value::Bool(it) => *it,
        Value::Int(it) => *it != 0,
        Value::Float(it) => *it != 0.0,
        Value::Text(text, _) => !text.is_empty(),
        Value::List(items) => !items.is_empty(),
        Value::Map(members) => !members.is_empty(),
    }
}

/// Where the item `at` is of so many; a negative one counts from the end.
pub(crate) fn place(at: i128, length: usize) -> Option<usize> {
    let length = i128::try_from(length).ok()?;
    usize::try_from(if at < 0 { at + length } else { at }).ok()
}

/// `of[start:stop]`.
pub(crate) fn slice(of: &Value, start: Option<i128>, stop: Option<i128>, work: &mut Work) -> Evaluated {
    let range = |length: usize| {
        let at = |at: i128| place(at.max(-i128::try_from(length).unwrap_or(0)), length).unwrap_or(length).min(length);
        let (start, stop) = (start.map_or(0, at), stop.map_or(length, at));
        start..stop.max(start)
    };
    match of {
        Value::Text(text, _) => {
            work.read(of)?;
            let range = range(text.chars().count());
            work.text(text.chars().skip(range.start).take(range.len()).collect::<String>())
        }
        Value::List(items) => {
            let items = items.get(range(items.len())).unwrap_or_default();
            work.hold(size_of_val(items))?;
            work.list(items.to_vec())
        }
        other => Err(format!("{} has no slices", other.kind())),
    }
}
