//! What an HTML page says first: its title, or else its first text. Error pages of proxies and frameworks begin with
//! lines of markup that say nothing.
//!
//! The scanner takes any text: pages come cut off, broken, and from whoever was called.

use std::iter::Peekable;

/// Elements whose content is no text of the page.
const UNSEEN: [&str; 3] = ["script", "style", "template"];
/// Elements within a line of text.
const INLINE: [&str; 14] =
    ["a", "abbr", "b", "big", "code", "em", "font", "i", "kbd", "mark", "small", "span", "strong", "u"];

/// Whether a body is HTML: it has markup and its type says so, or it has no type and begins as pages do. Programs that
/// never name a type often have that of HTML for plain text.
pub(super) fn is_html(content_type: Option<&str>, body: &str) -> bool {
    match content_type {
        Some(kind) => {
            let kind = kind.split(';').next().unwrap_or_default().trim();
            (kind.eq_ignore_ascii_case("text/html") || kind.eq_ignore_ascii_case("application/xhtml+xml"))
                && body.match_indices('<').any(|(at, _)| opens_markup(&body[at..]))
        }
        None => {
            let body = body.trim_start_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
            ["<!doctype html", "<html"].iter().any(|start| starts_with(body, start))
        }
    }
}

/// The title of a page, on one line, or else its first lines of text, at most `lines`. Empty if it has neither.
pub(super) fn first_text(page: &str, lines: usize) -> String {
    let mut texts = Texts { rest: page, in_title: false }.peekable();
    let (mut found, mut line) = (Vec::new(), String::new());
    while let Some(piece) = texts.next() {
        match piece {
            Piece::Text { text, in_title } => {
                if in_title {
                    let title = flat(&title(text, &mut texts));
                    if !title.is_empty() {
                        return title;
                    }
                } else {
                    line.push_str(text);
                }
            }
            Piece::Break => end_line(&mut line, &mut found),
        }
    }
    end_line(&mut line, &mut found);
    found.truncate(lines);
    found.join("\n")
}

enum Piece<'a> {
    Text {
        text: &'a str,
        in_title: bool,
    },
    /// The end of a line, or of a title.
    Break,
}

/// The texts of a page, without its markup.
struct Texts<'a> {
    rest: &'a str,
    in_title: bool,
}

impl<'a> Iterator for Texts<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        while !self.rest.is_empty() {
            if !opens_markup(self.rest) {
                // The first sign is text, be it a `<` that opens nothing.
                let first = self.rest.chars().next().map_or(0, char::len_utf8);
                let end = self.rest[first..].find('<').map_or(self.rest.len(), |at| first + at);
                let (text, rest) = self.rest.split_at(end);
                self.rest = rest;
                return Some(Piece::Text { text, in_title: self.in_title });
            }
            if let Some(comment) = self.rest.strip_prefix("<!--") {
                self.rest = comment.split_once("-->").map_or("", |(_, rest)| rest);
                continue;
            }
            let (tag, rest) = split_tag(self.rest);
            self.rest = rest;
            let (name, closes) = name_of(tag);
            if name.eq_ignore_ascii_case("title") {
                // A second one, as in a drawing, is none.
                self.in_title = !closes;
                return Some(Piece::Break);
            }
            if !closes && UNSEEN.iter().any(|unseen| name.eq_ignore_ascii_case(unseen)) {
                self.rest = after_element(self.rest, name);
            }
            if !INLINE.iter().any(|inline| name.eq_ignore_ascii_case(inline)) {
                return Some(Piece::Break);
            }
        }
        None
    }
}

/// The whole text of a title that begins with `start`.
fn title<'a>(start: &str, texts: &mut Peekable<Texts<'a>>) -> String {
    let mut title = start.to_owned();
    while let Some(Piece::Text { text, .. }) = texts.next_if(|piece| matches!(piece, Piece::Text { .. })) {
        title.push_str(text);
    }
    title
}

fn end_line(line: &mut String, found: &mut Vec<String>) {
    let text = flat(line);
    line.clear();
    if !text.is_empty() {
        found.push(text);
    }
}

/// A text as it is shown: entities decoded, white space drawn together.
fn flat(text: &str) -> String {
    let decoded = html_escape::decode_html_entities(text);
    let words: Vec<&str> = decoded.split(|c: char| c.is_whitespace() || c == '\u{feff}').collect();
    words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Whether a tag or a comment begins here, rather than a `<` that means "less than".
fn opens_markup(text: &str) -> bool {
    let mut signs = text.chars();
    signs.next() == Some('<') && signs.next().is_some_and(|c| c.is_ascii_alphabetic() || matches!(c, '/' | '!' | '?'))
}

/// What is between `<` and `>`, and what follows. A `>` within quotes ends nothing.
fn split_tag(text: &str) -> (&str, &str) {
    let mut quote = None;
    // `"` and `'` mean something in the values of attributes only.
    let mut after_equals = false;
    for (at, c) in text.char_indices() {
        match quote {
            Some(open) if c == open => quote = None,
            Some(_) => {}
            None if after_equals && matches!(c, '"' | '\'') => quote = Some(c),
            None if c == '>' => return (&text[1..at], &text[at + 1..]),
            None => {}
        }
        if !c.is_whitespace() {
            after_equals = c == '=';
        }
    }
    (text.get(1..).unwrap_or_default(), "")
}

/// The name of a tag, and whether it closes an element.
fn name_of(tag: &str) -> (&str, bool) {
    let (name, closes) = tag.strip_prefix('/').map_or((tag, false), |name| (name, true));
    (name.split(|c: char| c.is_whitespace() || c == '/').next().unwrap_or_default(), closes)
}

/// What follows the end tag of an element; nothing, if it never ends.
fn after_element<'a>(text: &'a str, name: &str) -> &'a str {
    let mut rest = text;
    while let Some(at) = rest.find("</") {
        rest = &rest[at + 2..];
        if starts_with(rest, name) {
            return rest.split_once('>').map_or("", |(_, rest)| rest);
        }
    }
    ""
}

fn starts_with(text: &str, start: &str) -> bool {
    text.get(..start.len()).is_some_and(|head| head.eq_ignore_ascii_case(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_told_by_type_or_by_their_beginning() {
        let check = |kind: Option<&str>, body: &str, expect: bool| assert_eq!(is_html(kind, body), expect, "{body}");
        check(Some("text/html"), "<p>x", true);
        check(Some("Text/HTML; charset=utf-8"), "x</p>", true);
        check(Some("application/xhtml+xml"), "<?xml", true);
        check(Some("text/html"), "1 < 2\n2 > 1", false);
        check(Some("text/plain"), "<html>", false);
        check(Some("application/json"), "{}", false);
        check(None, "\u{feff}\r\n<!DOCTYPE HTML PUBLIC>", true);
        check(None, "<html lang=en>", true);
        check(None, "plain", false);
        check(None, "", false);
    }

    #[test]
    fn the_title_is_what_a_page_says() {
        let check = |page: &str, expect: &str| assert_eq!(first_text(page, 2), expect, "{page}");
        // As nginx, Apache and Express write theirs.
        check(
            "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1>\
             </center>\r\n<hr><center>nginx/1.26.3</center>\r\n</body>\r\n</html>\r\n",
            "502 Bad Gateway",
        );
        check(
            "<!DOCTYPE HTML PUBLIC \"-//IETF//DTD HTML 2.0//EN\">\n<html><head>\n<title>503 Service\n Unavailable\
             </title>\n</head><body>\n<h1>Service Unavailable</h1>",
            "503 Service Unavailable",
        );
        check("<!doctype html><style>p > b { content: '<title>no</title>' }</style><TITLE\n>Yes</TITLE>", "Yes");
        check("<title>Fish &amp; chips &#8211; 5&nbsp;&lt; 6 &#x1F41F;</title>", "Fish & chips – 5 < 6 🐟");
        check("<title>cut off by the li", "cut off by the li");
        check("<title>a < b</title>", "a < b");
        check("<title>\n</title><p>text", "text");
        check("<script>if (a</title>b) '<title>no</title>'</script ><title>yes</title>", "yes");
    }

    #[test]
    fn without_a_title_the_first_text_is() {
        let check = |page: &str, expect: &str| assert_eq!(first_text(page, 2), expect, "{page}");
        check(
            "<html><body><h1>Oops!</h1><p>Something <b>went</b> wrong.</p><p>more</p>",
            "Oops!\nSomething went wrong.",
        );
        check("<!-- <p>no --><p title='a > b'>yes</p>", "yes");
        check("<pre>Cannot GET /x</pre>", "Cannot GET /x");
        check("no markup at all", "no markup at all");
        check("1 < 2 <3 &unknown; &amp", "1 < 2 <3 &unknown; &amp");
        check("<html><head><style>body{}", "");
        check("<p>it's</p><p>so", "it's\nso");
        for nothing in ["", "<", "<!", "<!--", "</", "<a", "<a href='", "<p></p>", "<script>x"] {
            assert!(first_text(nothing, 2).trim_matches('<').is_empty(), "{nothing}");
        }
    }

    #[test]
    fn no_page_takes_more_than_one_look_at_each_sign_or_panics() {
        for piece in ["<", "<a ", "</", "<!--", "ä<ß", "<title>", "<script>", "&#", "<a b='", "\u{feff}<"] {
            first_text(&piece.repeat(4_096 / piece.len()), 2);
        }
    }
}
