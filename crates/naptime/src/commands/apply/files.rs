//! The files of a document: one, or all of a folder, which together are one.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context, bail};
use serde_json::{Map, Value};

use super::faults::Refused;
use crate::commands::read_file;
use crate::commands::variables::fill_in;
use crate::commands::yaml::{self, escaped};

/// What a file is called whose part of the document is read.
const ENDINGS: [&str; 3] = ["yaml", "yml", "json"];

/// Where the parts of a document are written; nowhere, by default.
#[derive(Debug, Default)]
pub(in super::super) struct Sources {
    files: Vec<String>,
    /// The file and the line of each value, by its JSON pointer.
    places: HashMap<String, (usize, usize)>,
}

impl Sources {
    /// Why nothing was applied, by faults at JSON pointers.
    pub(in super::super) fn refused(&self, faults: impl IntoIterator<Item = (String, String)>) -> Refused {
        Refused(faults.into_iter().map(|(pointer, detail)| self.tell(&pointer, &detail)).collect())
    }

    /// A fault at a JSON pointer, as `naptime.yaml:12: endpoints.shop.every: what is wrong`.
    fn tell(&self, pointer: &str, detail: &str) -> String {
        let path: Vec<String> =
            pointer.split('/').skip(1).map(|name| name.replace("~1", "/").replace("~0", "~")).collect();
        let told = if path.is_empty() { detail.to_owned() } else { format!("{}: {detail}", path.join(".")) };
        match self.place(pointer) {
            Some((file, line)) => format!("{file}:{line}: {told}"),
            None => told,
        }
    }

    /// Where a value is written, or else what it would be in.
    fn place(&self, pointer: &str) -> Option<(&str, usize)> {
        let mut pointer = pointer;
        loop {
            if let Some((file, line)) = self.places.get(pointer) {
                return self.files.get(*file).map(|file| (file.as_str(), *line));
            }
            pointer = &pointer[..pointer.rfind('/')?];
        }
    }

    fn line(&self, file: usize, line: usize, told: &str) -> String {
        format!("{}:{line}: {told}", self.files.get(file).map_or("", String::as_str))
    }
}

/// Reads a file, a folder, or standard input (`-`), and fills in what is of the environment.
pub(super) fn read(from: &str, variable: &dyn Fn(&str) -> Option<String>) -> anyhow::Result<(Value, Sources)> {
    let files = if from != "-" && Path::new(from).is_dir() { in_folder(from)? } else { vec![from.to_owned()] };
    let texts = files.into_iter().map(|file| {
        let bytes = read_file(&file)?;
        let text = String::from_utf8(bytes).with_context(|| format!("{file} is not UTF-8"))?;
        Ok((file, text))
    });
    let texts = texts.collect::<anyhow::Result<Vec<_>>>()?;
    together(texts, variable).map_err(Into::into)
}

/// The files of a folder, by their names. What is in folders within it is not.
fn in_folder(folder: &str) -> anyhow::Result<Vec<String>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(|| format!("cannot read {folder}"))? {
        let path = entry.with_context(|| format!("cannot read {folder}"))?.path();
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        if ENDINGS.contains(&ending) && path.is_file() {
            files.push(path.display().to_string());
        }
    }
    if files.is_empty() {
        bail!("there is no .yaml, .yml or .json file in {folder}");
    }
    files.sort();
    Ok(files)
}

/// The document that texts are together, by the names of their files.
fn together(
    texts: Vec<(String, String)>,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<(Value, Sources), Refused> {
    let (mut document, mut sources, mut faults) = (Map::new(), Sources::default(), Vec::new());
    for (file, text) in texts {
        let number = sources.files.len();
        sources.files.push(if file == "-" { "standard input".to_owned() } else { file });
        let yaml::Read { value, lines } = match yaml::read(&text) {
            Ok(read) => read,
            Err(fault) => {
                faults.push(sources.line(number, fault.line, &fault.detail));
                continue;
            }
        };
        let line = |pointer: &str| lines.get(pointer).copied().unwrap_or(1);
        let parts = match value {
            Value::Object(parts) => parts,
            Value::Null => Map::new(),
            _ => {
                faults.push(sources.line(number, 1, "a document is an object of endpoints, pools, rules, receivers"));
                continue;
            }
        };
        // What begins with `x-` is for aliases to stand for.
        for (name, part) in parts.into_iter().filter(|(name, _)| !name.starts_with("x-")) {
            let at = format!("/{}", escaped(&name));
            let Some(there) = document.get_mut(&name) else {
                document.insert(name, part);
                continue;
            };
            match (there, part) {
                (Value::Object(there), Value::Object(more)) => {
                    for (key, thing) in more {
                        if there.contains_key(&key) {
                            let pointer = format!("{at}/{}", escaped(&key));
                            let other = sources.place(&pointer).map(|(file, line)| format!(" at {file}:{line}"));
                            let detail = format!("{name}.{key}: it is there{} already", other.unwrap_or_default());
                            faults.push(sources.line(number, line(&pointer), &detail));
                        } else {
                            there.insert(key, thing);
                        }
                    }
                }
                (there, part) if *there != part => {
                    let detail = format!("{name}: another file says something else");
                    faults.push(sources.line(number, line(&at), &detail));
                }
                _ => {}
            }
        }
        for (pointer, line) in lines {
            sources.places.entry(pointer).or_insert((number, line));
        }
    }
    let mut document = Value::Object(document);
    let missing = fill_in(&mut document, variable);
    faults.extend(missing.into_iter().map(|(pointer, why)| sources.tell(&pointer, &why)));
    if faults.is_empty() { Ok((document, sources)) } else { Err(Refused(faults)) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(texts: &[(&str, &str)]) -> Result<(Value, Sources), Vec<String>> {
        let texts = texts.iter().map(|(file, text)| (file.to_string(), text.to_string())).collect();
        let variable = |name: &str| (name == "TOKEN").then(|| "t".to_owned());
        together(texts, &variable).map_err(|Refused(faults)| faults)
    }

    #[test]
    fn files_of_a_folder_are_one_document() {
        let one = ("a.yaml", "project: shop\nendpoints:\n  a: {url: 'https://a.test/${TOKEN}'}\n");
        let two = ("b.json", r#"{"project": "shop", "endpoints": {"b": {"url": "x"}}, "rules": {}}"#);
        let (document, sources) = read(&[one, two]).unwrap();
        let expected = json!({
            "project": "shop", "endpoints": {"a": {"url": "https://a.test/t"}, "b": {"url": "x"}}, "rules": {},
        });
        assert_eq!(document, expected);
        assert_eq!(sources.tell("/endpoints/a/url", "bad"), "a.yaml:3: endpoints.a.url: bad");
        assert_eq!(sources.tell("/endpoints/b/every", "missing"), "b.json:1: endpoints.b.every: missing");
        assert_eq!(sources.tell("", "bad"), "a.yaml:1: bad");
    }

    #[test]
    fn all_that_is_wrong_is_told_with_its_place() {
        let found = read(&[
            ("a.yaml", "project: shop\nendpoints:\n  a: 1\n  b:\n    body: ${NONE}\n"),
            ("b.yaml", "project: other\nendpoints:\n\n  a: 2\n"),
            ("c.yaml", "a: [\n"),
            ("d.yaml", "- a\n"),
        ]);
        let faults = found.map(drop).unwrap_err();
        let expected = [
            "b.yaml:1: project: another file says something else",
            "b.yaml:4: endpoints.a: it is there at a.yaml:3 already",
            "c.yaml:",
            "d.yaml:1: a document is an object",
            "a.yaml:5: endpoints.b.body: the variable NONE is not set",
        ];
        assert_eq!(faults.len(), expected.len(), "{faults:?}");
        for (fault, expected) in faults.iter().zip(expected) {
            assert!(fault.starts_with(expected), "{fault}");
        }
    }
}
