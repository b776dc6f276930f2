//! `${NAME}` in texts, which is a variable of the environment, so that credentials need not be in files. `$${` is a `${`
//! that stands for itself.

use serde_json::Value;

use super::yaml::escaped;

/// A variable that cannot be filled in: where it stands, as a JSON pointer, and why.
pub(super) type Missing = (String, String);

/// A text that has no variables, as a document has it.
pub(super) fn literal(text: &str) -> String {
    text.replace("${", "$${")
}

/// What stands for a variable.
pub(super) fn variable(name: &str) -> String {
    format!("${{{name}}}")
}

/// Fills in the variables of all texts.
pub(super) fn fill_in(value: &mut Value, value_of: &dyn Fn(&str) -> Option<String>) -> Vec<Missing> {
    let mut missing = Vec::new();
    walk(value, &mut String::new(), value_of, &mut missing);
    missing
}

fn walk(value: &mut Value, at: &mut String, value_of: &dyn Fn(&str) -> Option<String>, missing: &mut Vec<Missing>) {
    let mut within = |name: &str, value: &mut Value| {
        let end = at.len();
        at.push('/');
        at.push_str(&escaped(name));
        walk(value, at, value_of, missing);
        at.truncate(end);
    };
    match value {
        Value::Object(fields) => fields.iter_mut().for_each(|(name, value)| within(name, value)),
        Value::Array(items) => {
            items.iter_mut().enumerate().for_each(|(place, value)| within(&place.to_string(), value));
        }
        Value::String(text) => match filled_in(text, value_of) {
            Ok(filled) => *text = filled,
            Err(why) => missing.push((at.clone(), why)),
        },
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn filled_in(text: &str, value_of: &dyn Fn(&str) -> Option<String>) -> Result<String, String> {
    let (mut filled, mut rest) = (String::new(), text);
    while let Some(at) = rest.find("${") {
        let (before, after) = (&rest[..at], &rest[at + 2..]);
        if let Some(before) = before.strip_suffix('$') {
            filled.push_str(before);
            filled.push_str("${");
            rest = after;
            continue;
        }
        let Some((name, after)) = after.split_once('}') else {
            return Err("`${` has no `}`; write `$${` if no variable is meant".to_owned());
        };
        let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !is_name {
            return Err(format!("`${{{name}}}` names no variable; write `$${{` if none is meant"));
        }
        let value = value_of(name).filter(|value| !value.is_empty());
        filled.push_str(before);
        filled.push_str(&value.ok_or_else(|| format!("the variable {name} is not set"))?);
        rest = after;
    }
    Ok(filled + rest)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn variables_are_filled_in_and_what_is_missing_is_named() {
        let value_of = |name: &str| match name {
            "TOKEN" => Some("t${X}".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        };
        let mut value = json!({
            "a": "Bearer ${TOKEN}${TOKEN}", "b": ["$${TOKEN} $5 $", 7], "x/y": {"c": "${NONE}"}, "d": "${EMPTY}",
            "e": "${", "f": "${a b}", "g": "${}", "h": literal("$5 ${TOKEN} ${"), "i": variable("TOKEN"),
        });
        let missing = fill_in(&mut value, &value_of);
        assert_eq!(value["a"], "Bearer t${X}t${X}", "what is filled in is not looked at again");
        assert_eq!(value["b"], json!(["${TOKEN} $5 $", 7]));
        assert_eq!((&value["h"], &value["i"]), (&json!("$5 ${TOKEN} ${"), &json!("t${X}")));
        let places: Vec<&str> = missing.iter().map(|(place, _)| place.as_str()).collect();
        assert_eq!(places, ["/x~1y/c", "/d", "/e", "/f", "/g"]);
        assert_eq!(missing[0].1, "the variable NONE is not set");
    }
}
