//! The filters of templates, and `range`. Each counts what it reads before it reads it, and what it makes before it
//! makes it; a filter that cannot say is not here.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::args::Args;
use super::eval::must_be_there;
use super::items::Items;
use super::operators::is_true;
use super::value::{Form, Value};
use super::work::{ALLOCATION, MAX_BYTES, Work};
use super::{encode, operators};

/// All filters.
pub(crate) const FILTERS: [&str; 33] = [
    "abs",
    "bool",
    "capitalize",
    "count",
    "d",
    "default",
    "first",
    "float",
    "int",
    "items",
    "join",
    "keys",
    "last",
    "length",
    "list",
    "lower",
    "map",
    "max",
    "min",
    "path",
    "replace",
    "reverse",
    "round",
    "sort",
    "split",
    "string",
    "sum",
    "title",
    "tojson",
    "trim",
    "unique",
    "upper",
    "urlencode",
];

/// The bytes of a name and its value as a list of two.
const PAIR_BYTES: usize = 3 * size_of::<Value>() + 2 * ALLOCATION + size_of::<Vec<Value>>();

type Evaluated<T = Value> = Result<T, String>;

pub(crate) fn apply(name: &str, input: Value, mut args: Args, work: &mut Work) -> Evaluated {
    if matches!(name, "default" | "d") {
        let other = args.take(0, "value").unwrap_or_else(|| Value::text(""));
        let also_false = args.take(1, "boolean").is_some_and(|it| is_true(&it));
        args.end(name)?;
        let is_there = !matches!(input, Value::Undefined(_)) && (is_true(&input) || !also_false);
        return Ok(if is_there { input } else { other });
    }
    must_be_there(&input)?;
    work.read(&input)?;
    let out = match name {
        "upper" => work.text(text(&input)?.to_uppercase())?,
        "lower" => work.text(text(&input)?.to_lowercase())?,
        "capitalize" => work.text(capitalized(&text(&input)?))?,
        "title" => {
            let text = text(&input)?;
            let words = text.split_inclusive(|c: char| c.is_whitespace() || c == '-');
            work.text(words.map(capitalized).collect::<String>())?
        }
        "trim" => match args.text(0, "chars")? {
            None => work.text(text(&input)?.trim())?,
            Some(chars) => {
                work.spend(input.size().saturating_mul(chars.len()))?;
                work.text(text(&input)?.trim_matches(|c| chars.contains(c)))?
            }
        },
        "replace" => replaced(&text(&input)?, &mut args, work)?,
        "string" => work.text(input.print())?,
        "length" | "count" => counted(match &input {
            Value::Text(text, _) => text.chars().count(),
            Value::List(items) => items.len(),
            Value::Map(members) => members.len(),
            other => return Err(format!("{} has no length", other.kind())),
        }),
        "first" => Items::of(&input, work)?.next().unwrap_or(Value::Undefined(None)),
        "last" => Items::of(&input, work)?.last_of_all().unwrap_or(Value::Undefined(None)),
        "list" => {
            let items = items_of(&input, work)?;
            work.list(items)?
        }
        "keys" => {
            members_of(&input)?;
            let names = items_of(&input, work)?;
            work.list(names)?
        }
        "items" => {
            let members = members_of(&input)?;
            work.hold(members.len() * PAIR_BYTES)?;
            let pair =
                |(name, value): (&Arc<str>, &Value)| Value::list(vec![Value::text(Arc::clone(name)), value.clone()]);
            work.list(members.iter().map(pair).collect())?
        }
        "reverse" => match &input {
            Value::Text(text, _) => work.text(text.chars().rev().collect::<String>())?,
            _ => {
                let mut items = items_of(&input, work)?;
                items.reverse();
                work.list(items)?
            }
        },
        "join" => joined(&input, &mut args, work)?,
        "split" => split(&text(&input)?, &mut args, work)?,
        "map" => {
            let name = args.text(usize::MAX, "attribute")?.ok_or("`map` needs `attribute='name'`")?;
            let of = |item: Value| match &item {
                Value::Map(members) => members.get(&*name).cloned(),
                _ => None,
            };
            let found: Option<Vec<Value>> = items_of(&input, work)?.into_iter().map(of).collect();
            work.list(found.ok_or_else(|| format!("undefined value; an item has no `{name}`"))?)?
        }
        "sort" => {
            let reverse = args.take(usize::MAX, "reverse").is_some_and(|it| is_true(&it));
            let mut items = sorted(&input, work)?;
            if reverse {
                items.reverse();
            }
            work.list(items)?
        }
        "min" => sorted(&input, work)?.into_iter().next().unwrap_or(Value::Undefined(None)),
        "max" => sorted(&input, work)?.pop().unwrap_or(Value::Undefined(None)),
        "unique" => {
            let mut seen = BTreeSet::new();
            let each = 2 * (size_of::<String>() + ALLOCATION);
            let length = Items::of(&input, work)?.length();
            work.hold(input.size() + length * each)?;
            let items = items_of(&input, work)?.into_iter().filter(|item| seen.insert(item.to_json())).collect();
            work.list(items)?
        }
        "sum" => {
            let mut items = Items::of(&input, work)?;
            let add = |sum, item: Value| {
                if matches!(item, Value::Int(_) | Value::Float(_)) {
                    operators::apply(minijinja::machinery::ast::BinOpKind::Add, &sum, &item, work)
                } else {
                    Err(format!("`sum` adds numbers, not {}", item.kind()))
                }
            };
            items.try_fold(Value::Int(0), add)?
        }
        "abs" => match input {
            Value::Int(it) => Value::Int(it.checked_abs().ok_or("the number is too large")?),
            Value::Float(it) => Value::Float(it.abs()),
            other => return Err(format!("`abs` takes a number, not {}", other.kind())),
        },
        "round" => {
            let digits = args.int(0, "precision")?.unwrap_or(0).clamp(0, 15);
            let scale = 10f64.powi(i32::try_from(digits).unwrap_or(0));
            match input {
                // So large a number has no digits to be rounded.
                Value::Float(it) if !(it * scale).is_finite() => Value::Float(it),
                Value::Float(it) => Value::Float((it * scale).round() / scale),
                Value::Int(_) => input,
                other => return Err(format!("`round` takes a number, not {}", other.kind())),
            }
        }
        "int" => int(&input)?,
        "float" => match &input {
            Value::Text(text, _) => {
                let read = text.trim().parse().ok().filter(|it: &f64| it.is_finite());
                Value::Float(read.ok_or("`float` found a text that is no number")?)
            }
            other => Value::Float(other.as_f64().ok_or_else(|| format!("{} is no number", other.kind()))?),
        },
        "bool" => Value::Bool(is_true(&input)),
        "tojson" => {
            // The texts of JSON may be six times as long as what they say.
            work.text_in(input.to_json(), Form::Json)?
        }
        "urlencode" => work.text_in(encode::urlencoded(&input), Form::Encoded)?,
        "path" => work.text_in(encode::path(&text(&input)?), Form::Path)?,
        _ => return Err(format!("a template has no filter `{name}`")),
    };
    args.end(name)?;
    Ok(out)
}

/// `range(stop)` or `range(start, stop, step)`.
pub(crate) fn range(mut args: Args, work: &mut Work) -> Evaluated {
    let first = args.int(0, "start")?.ok_or("`range` needs a number")?;
    let (start, stop) = args.int(1, "stop")?.map_or((0, first), |stop| (first, stop));
    let step = args.int(2, "step")?.unwrap_or(1);
    args.end("range")?;
    if step == 0 {
        return Err("the step of `range` is 0".to_owned());
    }
    let mut items = Vec::new();
    let mut at = start;
    while (step > 0 && at < stop) || (step < 0 && at > stop) {
        let item = Value::Int(at);
        work.read(&item)?;
        if items.len() * item.size() > MAX_BYTES {
            return Err("`range` has too many numbers".to_owned());
        }
        // The list may have grown to twice what is in it.
        work.hold(2 * size_of::<Value>())?;
        items.push(item);
        at = at.checked_add(step).ok_or("`range` has too large numbers")?;
    }
    Ok(Value::list(items))
}

/// A list of its own of what a loop would go through.
fn items_of(value: &Value, work: &mut Work) -> Evaluated<Vec<Value>> {
    Items::of(value, work)?.collected(work)
}

fn members_of(value: &Value) -> Evaluated<&BTreeMap<Arc<str>, Value>> {
    let Value::Map(members) = value else { return Err(format!("{} has no names", value.kind())) };
    Ok(members)
}

/// A text, or what a number prints as.
fn text(value: &Value) -> Evaluated<Arc<str>> {
    match value {
        Value::Text(..) | Value::Int(_) | Value::Float(_) | Value::Bool(_) => Ok(value.print()),
        other => Err(format!("the filter takes a text, not {}", other.kind())),
    }
}

fn counted(count: usize) -> Value {
    Value::Int(i128::try_from(count).unwrap_or(i128::MAX))
}

fn capitalized(word: &str) -> String {
    let mut chars = word.chars();
    let first = chars.next().into_iter().flat_map(char::to_uppercase);
    first.chain(chars.flat_map(char::to_lowercase)).collect()
}

fn replaced(text: &str, args: &mut Args, work: &mut Work) -> Evaluated {
    let (Some(from), Some(to)) = (args.text(0, "from")?, args.text(1, "to")?) else {
        return Err("`replace` needs two texts".to_owned());
    };
    let count = if from.is_empty() { text.chars().count() + 1 } else { text.matches(&*from).count() };
    work.make(text.len() - from.len() * count.min(text.len()) + to.len().saturating_mul(count))?;
    work.text(text.replace(&*from, &to))
}

fn joined(input: &Value, args: &mut Args, work: &mut Work) -> Evaluated {
    let separator = args.text(0, "d")?.unwrap_or_else(|| "".into());
    let items = Items::of(input, work)?;
    work.make(input.size() + separator.len().saturating_mul(items.length()))?;
    let mut out = String::new();
    for (index, item) in items.enumerate() {
        if index > 0 {
            out.push_str(&separator);
        }
        out.push_str(&item.print());
    }
    work.text(out)
}

fn split(text: &str, args: &mut Args, work: &mut Work) -> Evaluated {
    let separator = args.text(0, "sep")?;
    let count = match &separator {
        None => text.split_whitespace().count(),
        Some(separator) if separator.is_empty() => return Err("`split` needs a text to split at".to_owned()),
        Some(separator) => text.split(&**separator).count(),
    };
    work.hold(text.len() + count * (2 * size_of::<Value>() + ALLOCATION))?;
    work.list(match &separator {
        None => text.split_whitespace().map(Value::text).collect(),
        Some(separator) => text.split(&**separator).map(Value::text).collect(),
    })
}

/// Numbers, or texts.
fn sorted(input: &Value, work: &mut Work) -> Evaluated<Vec<Value>> {
    let mut items = items_of(input, work)?;
    let next_to = items.iter().zip(items.iter().skip(1));
    if let Some((a, b)) = next_to.into_iter().find(|(a, b)| a.order(b).is_none()) {
        return Err(format!("{} and {} cannot be compared", a.kind(), b.kind()));
    }
    // A text may be compared once for each halving of the list.
    work.spend(input.size().saturating_mul(items.len().checked_ilog2().unwrap_or(0) as usize))?;
    items.sort_by(|a, b| a.order(b).unwrap_or(std::cmp::Ordering::Equal));
    Ok(items)
}

#[allow(clippy::cast_possible_truncation)] // What has no fraction any more, and is checked.
fn int(value: &Value) -> Evaluated {
    let no_number = || format!("`int` found {} that is no number", value.kind());
    match value {
        Value::Int(_) => Ok(value.clone()),
        Value::Bool(it) => Ok(Value::Int((*it).into())),
        Value::Text(text, _) => match text.trim().parse() {
            Ok(int) => Ok(Value::Int(int)),
            Err(_) => text.trim().parse().map_err(|_| no_number()).map(Value::Float).and_then(|it| int(&it)),
        },
        Value::Float(it) if it.abs() < 9e15 => Ok(Value::Int(it.trunc() as i128)),
        _ => Err(no_number()),
    }
}
