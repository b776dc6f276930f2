//! Header values that look like credentials are write-only: they are taken, sent and kept, but never shown again.

use naptime_core::Headers;

use crate::fault::Fault;

/// What is shown in place of a value. It is no value that could be sent, so it is never mistaken for one.
pub(crate) const MASK: &str = "••••";

/// Whether the values of this header are hidden.
pub(crate) fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let words = ["auth", "cookie", "token", "key", "secret", "password", "credential", "signature"];
    words.iter().any(|word| name.contains(word))
}

/// The headers as they are shown.
pub(crate) fn masked(headers: &Headers) -> Vec<(&str, &str)> {
    headers.iter().map(|(name, value)| (name, if is_secret(name) { MASK } else { value })).collect()
}

/// Puts the stored values back where the mask was sent: the first mask of a name stands for its first value, and so on.
pub(crate) fn unmask(sent: &mut [(String, String)], stored: Option<&Headers>) -> Result<(), Fault> {
    for index in 0..sent.len() {
        let (name, value) = &sent[index];
        if value != MASK {
            continue;
        }
        let same = |other: &str| other.eq_ignore_ascii_case(name);
        let nth = sent[..index].iter().filter(|(other, _)| same(other)).count();
        let kept = stored.and_then(|stored| stored.iter().filter(|(other, _)| same(other)).nth(nth));
        let Some((_, kept)) = kept else {
            let shown = crate::format::excerpt(name, 60);
            return Err(Fault::new("headers", "masked", format!("no value of {shown} is stored; write it out")));
        };
        sent[index].1 = kept.to_owned();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
        list.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
    }

    #[test]
    fn credentials_are_hidden_and_the_rest_is_not() {
        for name in ["Authorization", "cookie", "X-Api-Key", "X-Auth-Token", "Client-Secret", "Proxy-Authorization"] {
            assert!(is_secret(name), "{name}");
        }
        for name in ["Accept", "Content-Type", "X-Trace"] {
            assert!(!is_secret(name), "{name}");
        }
    }

    #[test]
    fn the_mask_stands_for_what_is_stored() {
        let stored = Headers::new(pairs(&[("Cookie", "a"), ("X-A", "1"), ("cookie", "b")])).unwrap();
        let mut sent = pairs(&[("COOKIE", MASK), ("X-A", "2"), ("Cookie", MASK)]);
        unmask(&mut sent, Some(&stored)).unwrap();
        assert_eq!(sent, pairs(&[("COOKIE", "a"), ("X-A", "2"), ("Cookie", "b")]));
        assert_eq!(unmask(&mut pairs(&[("Authorization", MASK)]), Some(&stored)).unwrap_err().code, "masked");
        assert_eq!(unmask(&mut pairs(&[("Cookie", MASK)]), None).unwrap_err().code, "masked");
    }
}
