//! Texts of one line that people read: names, tags and keys.

use crate::Invalid;

/// Checks a text of one line that people read: at most `max` characters, none of which can't be seen.
///
/// # Errors
/// At `field`, naming the character.
pub fn check_line(field: &'static str, text: &str, max: usize) -> Result<(), Invalid> {
    if text.chars().count() > max {
        return Err(Invalid::new(field, "too_long", format!("longer than {max} characters")));
    }
    if let Some(c) = text.chars().find(|c| c.is_control()) {
        let detail = format!("holds the control character U+{:04X}", c as u32);
        return Err(Invalid::new(field, "bad_character", detail));
    }
    match find_unseen(text) {
        None => Ok(()),
        Some(c) => {
            let detail =
                format!("holds U+{:04X}, which can't be seen or changes how the text around it is read", c as u32);
            Err(Invalid::new(field, "bad_character", detail))
        }
    }
}

/// The first character that shows nothing, or turns the direction of the text around it. Two names that differ in one
/// look the same, and a name may look like another.
///
/// Joiners are no such characters between two others than those of ASCII, where writing systems and emoji need them.
fn find_unseen(text: &str) -> Option<char> {
    let mut before = None;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let joins = |c: char| !c.is_ascii() && !is_unseen(c);
        let needed = match c {
            '\u{200c}' | '\u{200d}' => before.is_some_and(joins) && chars.peek().is_some_and(|&c| joins(c)),
            // "Show it as an emoji", also behind the digits of a keycap.
            '\u{fe0f}' => before.is_some_and(|c| joins(c) || matches!(c, '0'..='9' | '#' | '*')),
            _ => !is_unseen(c),
        };
        if !needed {
            return Some(c);
        }
        // What comes behind "as an emoji" stands behind the emoji.
        if c != '\u{fe0f}' {
            before = Some(c);
        }
    }
    None
}

/// Unicode's default ignorable code points, its separators of lines, and what else is blank without being a space.
fn is_unseen(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_seen_is_refused_by_its_code_point() {
        for (text, point) in [
            ("pay\u{200b}roll", "U+200B"),
            ("\u{202e}lortnoc", "U+202E"),
            ("a\u{2066}b\u{2069}", "U+2066"),
            ("\u{feff}a", "U+FEFF"),
            ("soft\u{ad}hyphen", "U+00AD"),
            ("tag\u{e0041}", "U+E0041"),
            ("\u{3164}", "U+3164"),
            ("a\u{200d}b", "U+200D"),
            ("\u{200c}ن", "U+200C"),
            ("a\u{fe0f}", "U+FE0F"),
            ("a\u{fe01}", "U+FE01"),
            ("\u{200f}א", "U+200F"),
            ("a\u{2028}b", "U+2028"),
            ("👩\u{200d}\u{200d}👩", "U+200D"),
        ] {
            let fault = check_line("name", text, 100).expect_err(text);
            assert!(fault.code == "bad_character" && fault.detail.contains(point), "{point}: {fault}");
        }
        assert_eq!(check_line("name", "a\nb", 100).expect_err("a line break").code, "bad_character");
        assert_eq!(check_line("name", "aaa", 2).expect_err("three").code, "too_long");
    }

    #[test]
    fn what_people_write_is_taken() {
        for text in [
            "",
            "Größe 1 €",
            "می\u{200c}خواهم",
            "👨\u{200d}👩\u{200d}👧",
            "❤\u{fe0f}\u{200d}🔥",
            "1\u{fe0f}\u{20e3}",
            "שלום",
            "日本語",
            "क\u{94d}\u{200d}ष",
        ] {
            assert_eq!(check_line("name", text, 100), Ok(()), "{text}");
        }
    }
}
