//! The items of a long body, one by one as they arrive, so that it is never held as a tree of values: lines, or the
//! elements of a JSON array.

/// The longest item, in bytes: as long as the body of a request for one job may be.
pub(super) const MAX_ITEM_BYTES: usize = 1024 * 1024;

/// One item.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Item {
    /// Its text, which is not looked at but for its end.
    Text(Box<[u8]>),
    /// It is longer than [`MAX_ITEM_BYTES`].
    TooLong,
}

/// Splits a body.
#[derive(Debug)]
pub(super) struct Splitter {
    shape: Shape,
    /// What is there of the present item.
    text: Vec<u8>,
    too_long: bool,
}

#[derive(Debug)]
enum Shape {
    Lines,
    Array(Place),
}

/// Where in an array the next byte is.
#[derive(Debug)]
enum Place {
    /// Before its `[`.
    Before,
    /// Before the first element, or before the `]` of an empty array.
    First,
    /// In an element, within so many brackets of its own.
    Element { depth: usize, string: Option<Escaped> },
    /// Behind its `]`.
    After,
}

/// Whether the next byte of a string is escaped.
type Escaped = bool;

impl Splitter {
    pub(super) fn lines() -> Self {
        Self { shape: Shape::Lines, text: Vec::new(), too_long: false }
    }

    pub(super) fn array() -> Self {
        Self { shape: Shape::Array(Place::Before), text: Vec::new(), too_long: false }
    }

    /// The next item that ends in `bytes`, which are taken up to its end; none if they are all taken before.
    ///
    /// # Errors
    /// What is wrong with the array.
    pub(super) fn next(&mut self, bytes: &mut &[u8]) -> Result<Option<Item>, &'static str> {
        match &mut self.shape {
            Shape::Lines => {
                let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else {
                    self.add(bytes);
                    *bytes = &[];
                    return Ok(None);
                };
                let (line, rest) = bytes.split_at(end);
                self.add(line);
                *bytes = rest.get(1..).unwrap_or_default();
                Ok(Some(self.item()))
            }
            Shape::Array(place) => {
                let Some(end) = place.end_of_element(bytes)? else {
                    let part = *bytes;
                    *bytes = &[];
                    self.add(part);
                    return Ok(None);
                };
                let (element, rest) = bytes.split_at(end);
                self.add(element);
                *bytes = rest.get(1..).unwrap_or_default();
                Ok(Some(self.item()))
            }
        }
    }

    /// The last item, once there are no more bytes: a last line without an end.
    ///
    /// # Errors
    /// The array has no end.
    pub(super) fn end(mut self) -> Result<Option<Item>, &'static str> {
        match self.shape {
            Shape::Lines => Ok(Some(self.item())),
            Shape::Array(Place::After) => Ok(None),
            Shape::Array(_) => Err("the list does not end"),
        }
    }

    fn add(&mut self, bytes: &[u8]) {
        // Blanks before an item are nothing of it.
        let bytes = if self.text.is_empty() { bytes.trim_ascii_start() } else { bytes };
        if self.text.len() + bytes.len() > MAX_ITEM_BYTES {
            self.too_long = true;
        } else {
            self.text.extend_from_slice(bytes);
        }
    }

    fn item(&mut self) -> Item {
        let item = if self.too_long { Item::TooLong } else { Item::Text(Box::from(self.text.trim_ascii_end())) };
        self.text.clear();
        self.too_long = false;
        item
    }
}

impl Place {
    /// Where in `bytes` the present element ends: at a comma, or at the end of the array. What is between items is
    /// cleared of brackets here, so that only blanks and elements are left of `bytes`.
    fn end_of_element(&mut self, bytes: &mut &[u8]) -> Result<Option<usize>, &'static str> {
        loop {
            match self {
                Self::Element { depth, string } => {
                    for (at, byte) in bytes.iter().enumerate() {
                        match (string.as_mut(), byte) {
                            (Some(escaped), _) if *escaped => *escaped = false,
                            (Some(escaped), b'\\') => *escaped = true,
                            (Some(_), b'"') => *string = None,
                            (Some(_), _) => {}
                            (None, b'"') => *string = Some(false),
                            (None, b'[' | b'{') => *depth += 1,
                            (None, b']' | b'}') if *depth > 0 => *depth -= 1,
                            (None, b']') => {
                                *self = Self::After;
                                return Ok(Some(at));
                            }
                            (None, b'}') => return Err("there is a `}` too many"),
                            (None, b',') if *depth == 0 => return Ok(Some(at)),
                            (None, _) => {}
                        }
                    }
                    return Ok(None);
                }
                Self::Before | Self::First | Self::After => {
                    *bytes = bytes.trim_ascii_start();
                    match (&self, bytes.first()) {
                        (_, None) => return Ok(None),
                        (Self::Before, Some(b'[')) => *self = Self::First,
                        (Self::Before, Some(_)) => return Err("it does not begin with `[`"),
                        (Self::First, Some(b']')) => *self = Self::After,
                        (Self::First, Some(_)) => {
                            *self = Self::Element { depth: 0, string: None };
                            continue;
                        }
                        (_, Some(_)) => return Err("there is something behind the end of the list"),
                    }
                    *bytes = bytes.get(1..).unwrap_or_default();
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The items of a text that arrives in parts of this size.
    fn split(mut splitter: Splitter, text: &str, part: usize) -> Result<Vec<String>, &'static str> {
        let mut items = Vec::new();
        let mut add = |item| match item {
            Item::Text(text) => items.push(String::from_utf8(text.into()).unwrap()),
            Item::TooLong => items.push("too long".to_owned()),
        };
        for mut bytes in text.as_bytes().chunks(part) {
            while let Some(item) = splitter.next(&mut bytes)? {
                add(item);
            }
            assert!(bytes.is_empty());
        }
        if let Some(item) = splitter.end()? {
            add(item);
        }
        Ok(items)
    }

    fn check(splitter: fn() -> Splitter, text: &str, expect: Result<&[&str], ()>) {
        for part in [1, 2, 3, 7, text.len().max(1)] {
            let found = split(splitter(), text, part);
            let found = found.as_ref().map(|items| items.iter().map(String::as_str).collect::<Vec<_>>());
            assert_eq!(found.as_deref().map_err(|_| ()), expect, "{text:.60} in parts of {part}");
        }
    }

    #[test]
    fn lines_end_at_line_ends() {
        let check = |text: &str, expect: &[&str]| check(Splitter::lines, text, Ok(expect));
        check("", &[""]);
        check("a", &["a"]);
        check("a\r\nb c\n\n d \n", &["a", "b c", "", "d", ""]);
        let long = "x".repeat(MAX_ITEM_BYTES);
        check(&format!("{long}\n{long}y\nz"), &[&long, "too long", "z"]);
    }

    #[test]
    fn elements_end_where_json_says() {
        let fine = |text: &str, expect: &[&str]| check(Splitter::array, text, Ok(expect));
        fine("[]", &[]);
        fine(" [ ] \n", &[]);
        fine("[1]", &["1"]);
        fine("[1, [2, 3] , {\"a\": [4, {}]}]", &["1", "[2, 3]", "{\"a\": [4, {}]}"]);
        fine(r#"["a,b]", "\"]", "\\", {"}": "{"}]"#, &[r#""a,b]""#, r#""\"]""#, r#""\\""#, r#"{"}": "{"}"#]);
        // What is no JSON is found where the element is read.
        fine("[1 2,,nul]", &["1 2", "", "nul"]);
        fine("[1,]", &["1", ""]);
        let long = format!("[\"{}\", 1]", "x".repeat(MAX_ITEM_BYTES));
        fine(&long, &["too long", "1"]);
        fine(&format!("[{}1]", " ".repeat(MAX_ITEM_BYTES + 1)), &["1"]);
        for text in ["", "{}", "[", "[1", "[1,", "[\"]", "[\"\\\"]", "[}", "[{]", "[1]]", "[] []", "[1]x"] {
            check(Splitter::array, text, Err(()));
        }
    }
}
