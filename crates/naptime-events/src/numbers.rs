//! Whole numbers of JSON that are too large to be kept digit for digit. Such a number would be read as a rounded one, and an
//! id in a URL would be another one's.

/// The first whole number of a JSON text that is below -2^63 or above 2^64 - 1. The text must be JSON.
pub(crate) fn too_large(json: &[u8]) -> Option<String> {
    let mut at = 0;
    while let Some(byte) = json.get(at) {
        match byte {
            b'"' => at += length_of_string(json.get(at..).unwrap_or_default()),
            b'-' | b'0'..=b'9' => {
                let number: String = json.iter().skip(at).map_while(|byte| part_of_number(*byte)).collect();
                at += number.len();
                let is_whole = !number.contains(['.', 'e', 'E']);
                if is_whole && number.parse::<i64>().is_err() && number.parse::<u64>().is_err() {
                    return Some(number);
                }
            }
            _ => at += 1,
        }
    }
    None
}

fn part_of_number(byte: u8) -> Option<char> {
    (byte.is_ascii_digit() || b"+-.eE".contains(&byte)).then(|| byte.into())
}

/// The bytes of the string that the text begins with, both quotes included.
fn length_of_string(json: &[u8]) -> usize {
    let mut is_escaped = false;
    let is_end = |byte: &u8| {
        let is_end = *byte == b'"' && !is_escaped;
        is_escaped = *byte == b'\\' && !is_escaped;
        is_end
    };
    // One is the first quote, and one the last.
    json.iter().skip(1).position(is_end).map_or(json.len(), |at| at + 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_numbers_that_would_be_rounded_are_found() {
        for (json, expect) in [
            (r#"{"a": 18446744073709551615, "b": [-9223372036854775808, 1.5e300, -0, 0.1]}"#, None),
            (r#"{"12345678901234567890123": "\\\" 12345678901234567890123"}"#, None),
            (r#"{"a": 18446744073709551616}"#, Some("18446744073709551616")),
            (r#"{"a": "\\", "b": [[-9223372036854775809]]}"#, Some("-9223372036854775809")),
            (r#"{"a":12345678901234567890123}"#, Some("12345678901234567890123")),
            ("12345678901234567890123.0", None),
        ] {
            assert_eq!(too_large(json.as_bytes()).as_deref(), expect, "{json}");
        }
    }
}
