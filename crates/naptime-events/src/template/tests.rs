//! The tests of templates: `x is defined`.

use minijinja::machinery::ast::BinOpKind;

use super::args::Args;
use super::eval::must_be_there;
use super::operators;
use super::value::Value;
use super::work::Work;

/// All tests.
pub(crate) const TESTS: [&str; 27] = [
    "boolean",
    "defined",
    "divisibleby",
    "endingwith",
    "eq",
    "equalto",
    "even",
    "false",
    "float",
    "ge",
    "gt",
    "in",
    "integer",
    "iterable",
    "le",
    "lt",
    "mapping",
    "ne",
    "none",
    "number",
    "odd",
    "sequence",
    "startingwith",
    "string",
    "true",
    "undefined",
    "int",
];

pub(crate) fn apply(name: &str, value: &Value, mut args: Args, work: &mut Work) -> Result<bool, String> {
    let is_undefined = matches!(value, Value::Undefined(_));
    if matches!(name, "defined" | "undefined") {
        args.end(name)?;
        return Ok(is_undefined == (name == "undefined"));
    }
    must_be_there(value)?;
    let holds = match name {
        "none" => matches!(value, Value::Null),
        "boolean" => matches!(value, Value::Bool(_)),
        "true" => matches!(value, Value::Bool(true)),
        "false" => matches!(value, Value::Bool(false)),
        "number" => matches!(value, Value::Int(_) | Value::Float(_)),
        "integer" | "int" => matches!(value, Value::Int(_)),
        "float" => matches!(value, Value::Float(_)),
        "string" => matches!(value, Value::Text(..)),
        "sequence" => matches!(value, Value::List(_)),
        "mapping" => matches!(value, Value::Map(_)),
        "iterable" => matches!(value, Value::List(_) | Value::Map(_) | Value::Text(..)),
        "odd" => remainder(value, 2)? != 0,
        "even" => remainder(value, 2)? == 0,
        "divisibleby" => {
            let by = args.int(0, "num")?.ok_or("`divisibleby` needs a number")?;
            remainder(value, by)? == 0
        }
        "startingwith" | "endingwith" => {
            let other = args.text(0, "other")?.ok_or_else(|| format!("`{name}` needs a text"))?;
            let text = value.as_str().ok_or_else(|| format!("`{name}` is for texts, not {}", value.kind()))?;
            work.spend(other.len())?;
            if name == "startingwith" { text.starts_with(&*other) } else { text.ends_with(&*other) }
        }
        "in" => {
            let all = args.take(0, "other").ok_or("`in` needs a list, an object or a text")?;
            operators::contains(&all, value, work)?
        }
        _ => {
            let op = match name {
                "eq" | "equalto" => BinOpKind::Eq,
                "ne" => BinOpKind::Ne,
                "lt" => BinOpKind::Lt,
                "le" => BinOpKind::Lte,
                "gt" => BinOpKind::Gt,
                "ge" => BinOpKind::Gte,
                _ => return Err(format!("a template has no test `{name}`")),
            };
            let other = args.take(0, "other").ok_or_else(|| format!("`{name}` needs a value"))?;
            operators::is_true(&operators::apply(op, value, &other, work)?)
        }
    };
    args.end(name)?;
    Ok(holds)
}

fn remainder(value: &Value, by: i128) -> Result<i128, String> {
    match value {
        Value::Int(it) => it.checked_rem(by).ok_or_else(|| "a number cannot be divided by 0".to_owned()),
        other => Err(format!("{} is no whole number", other.kind())),
    }
}
