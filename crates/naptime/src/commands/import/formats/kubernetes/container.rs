//! The call that a container makes.

use serde_json::Value;

use super::super::super::call::Call;
use super::super::command;
use super::super::documents::{list, text};
use super::super::shell::{self, Command, program};
use crate::commands::variables::{literal, variable};

/// The shells that may run the command.
const SHELLS: [&str; 4] = ["sh", "bash", "ash", "dash"];

/// Reads the command of a container.
///
/// # Errors
/// Why it is not a call that Naptime can make: a sentence without a full stop.
pub(super) fn read(container: &Value) -> Result<Call, String> {
    let texts = |field: &str| list(&container[field]).iter().map(text).collect::<Vec<String>>();
    let (mut words, args) = (texts("command"), texts("args"));
    // The images of curl start curl.
    let image = text(&container["image"]);
    let image = image.rsplit('/').next().and_then(|image| image.split([':', '@']).next()).unwrap_or_default();
    if words.is_empty() && image.contains("curl") && program(&args) != "curl" {
        words.push("curl".to_owned());
    }
    words.extend(args);
    let known = |name: &str| value_of(container, name);
    if let [shell, options, script] = &words[..]
        && SHELLS.contains(&program(std::slice::from_ref(shell)))
        && options.starts_with('-')
        && options.ends_with('c')
    {
        return Ok(command::read(script, &known)?.call);
    }
    if words.is_empty() {
        return Err(format!("it runs what its image `{}` starts, which is not known here", shell::excerpt(image)));
    }
    let mut variables = Vec::new();
    let words = words.iter().map(|word| expanded(word, &known, container, &mut variables)).collect();
    command::call(Command { words, variables, ..Command::default() })
}

/// The value of a variable that the manifest writes out.
fn value_of(container: &Value, name: &str) -> Option<String> {
    let variable = list(&container["env"]).iter().find(|variable| variable["name"] == name)?;
    variable.get("value").map(text)
}

/// A word with its `$(NAME)` filled in. What comes from a secret is left to be.
fn expanded(
    word: &str,
    known: &impl Fn(&str) -> Option<String>,
    container: &Value,
    variables: &mut Vec<String>,
) -> String {
    let mut written = String::new();
    let mut rest = word;
    while let Some((before, after)) = rest.split_once("$(") {
        written.push_str(&literal(before));
        let Some((name, after)) = after.split_once(')') else {
            written.push_str("$(");
            rest = after;
            continue;
        };
        let is_there = list(&container["env"]).iter().any(|variable| variable["name"] == name);
        match known(name) {
            Some(value) => written.push_str(&literal(&value)),
            None if is_there => {
                written.push_str(&variable(name));
                variables.push(name.to_owned());
            }
            // What nobody sets stays as it is written.
            None => written.push_str(&literal(&format!("$({name})"))),
        }
        rest = after;
    }
    written + &literal(rest)
}
