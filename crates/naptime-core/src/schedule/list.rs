//! Lists of ranges as people write them: `mon-fri, sun`, `9:00 to 12:00 and 14:00 – 17:00`.

/// The hyphen, and the dashes and the minus that phones and word processors put in its place.
const DASHES: [char; 8] = ['-', '\u{2010}', '\u{2011}', '\u{2012}', '\u{2013}', '\u{2014}', '\u{2015}', '\u{2212}'];

/// The items between commas and the word `and`. In each, any dash and the word `to` has become `-` without blanks around
/// it, and all other blanks have become one.
pub(super) fn items(text: &str) -> Vec<String> {
    let spaced = text.replace(DASHES, " - ").replace(',', " , ");
    let mut items = Vec::new();
    let mut item = String::new();
    for word in spaced.split_whitespace() {
        let is = |known: &[&str]| known.iter().any(|known| known.eq_ignore_ascii_case(word));
        if is(&[",", "and"]) {
            items.push(std::mem::take(&mut item));
        } else if is(&["-", "to"]) {
            item.push('-');
        } else {
            if !item.is_empty() && !item.ends_with('-') {
                item.push(' ');
            }
            item.push_str(word);
        }
    }
    items.push(item);
    items.retain(|item| !item.is_empty());
    items
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: &[&str]) {
        assert_eq!(items(text), expect, "{text:?}");
    }

    #[test]
    fn items_are_between_commas_and_ands() {
        check("", &[]);
        check(" , and ,", &[]);
        check("mon", &["mon"]);
        check("Mon - Fri,sun", &["Mon-Fri", "sun"]);
        check("9 am TO 5  pm And 20:00\u{2013}22:00", &["9 am-5 pm", "20:00-22:00"]);
        check("9\u{a0}\u{2014}\u{a0}17", &["9-17"]);
        check("1\u{2212}5", &["1-5"]);
        check("mon tue", &["mon tue"]);
        check("- mon -", &["-mon-"]);
        check("tomato, sand", &["tomato", "sand"]);
    }
}
