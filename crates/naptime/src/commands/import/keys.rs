//! The keys of imported endpoints. They follow from names and URLs, so that the same file gives the same ones again.

use std::collections::HashSet;

use super::found::Taken;

/// The most characters of a key, before the number that tells it from another one.
const MAX_KEY: usize = 100;

/// Gives each endpoint a key of its own: made of its name or, without one, of its host and path. The second of a key has
/// a `-2` behind it.
pub(super) fn assign(taken: &mut [Taken]) {
    let mut used = HashSet::new();
    for taken in taken {
        let named = slug(taken.text("name"));
        let key = if named.is_empty() { of_url(taken.text("url")) } else { named };
        let numbered = (2..).map(|number: u32| format!("{key}-{number}"));
        // There are more numbers than endpoints.
        taken.key = [key.clone()].into_iter().chain(numbered).find(|key| !used.contains(key)).unwrap_or_default();
        used.insert(taken.key.clone());
    }
}

fn of_url(url: &str) -> String {
    let address = url.split_once("://").map_or(url, |(_, address)| address);
    let key = slug(address.split(['?', '#']).next().unwrap_or_default());
    if key.is_empty() { "endpoint".to_owned() } else { key }
}

/// The letters and digits of a text, with `-` for what is between them.
fn slug(text: &str) -> String {
    let lower = text.to_lowercase();
    let words: Vec<&str> = lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    words.join("-").chars().take(MAX_KEY).collect()
}

#[cfg(test)]
mod tests {
    use super::super::call::Call;
    use super::super::found::Place;
    use super::*;

    #[test]
    fn each_has_a_key_that_follows_from_its_name_or_url() {
        let taken = |name: &str, url: &str| Taken::new(Place::Line(1), name, Call::get(url), serde_json::Map::new());
        let mut all = [
            taken("Nightly report!", "https://a.test"),
            taken("", "https://a.test/jobs/run?x=1"),
            taken("nightly – report", "https://a.test"),
            taken("Nightly Report 2", "https://a.test"),
            taken("Übersicht", "https://a.test"),
            taken("...", "https://"),
        ];
        assign(&mut all);
        let keys = all.each_ref().map(|taken| taken.key.as_str());
        let expect =
            ["nightly-report", "a-test-jobs-run", "nightly-report-2", "nightly-report-2-2", "übersicht", "endpoint"];
        assert_eq!(keys, expect);
    }
}
