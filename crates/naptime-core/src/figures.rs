//! Figures as people read them.

use std::fmt::Display;

/// A whole number with its thousands apart: `86,400`.
pub fn count(number: impl Display) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number of things: `1 call`, `2 calls`.
pub fn counted(number: impl Display, thing: &str) -> String {
    let number = count(number);
    let s = if number == "1" { "" } else { "s" };
    format!("{number} {thing}{s}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_apart_and_one_is_one() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
        let things = [counted(0, "call"), counted(1, "call"), counted(2_000, "call")];
        assert_eq!(things, ["0 calls", "1 call", "2,000 calls"]);
    }
}
