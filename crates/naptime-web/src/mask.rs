//! Header values that look like credentials are write-only: they are taken, sent and kept, but never shown again.

use naptime_core::{Draft, Headers, Invalid, RawHeaders};

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

/// The draft with the `stored` values where it has the mask. A mask that stands for nothing is a fault of the draft.
pub(crate) fn unmasked(draft: Draft, stored: Option<&Headers>) -> Draft {
    // What is wrong with lines is found when the draft is read.
    let Some(Ok(mut pairs)) = draft.headers.clone().map(RawHeaders::pairs) else { return draft };
    let mut draft = Draft { headers: None, ..draft };
    let stored: Vec<(&str, &str)> = stored.iter().flat_map(|stored| stored.iter()).collect();
    match unmask(&mut pairs, &stored) {
        Ok(()) => draft.headers = Some(RawHeaders::Pairs(pairs)),
        Err(fault) => draft.faults.push(fault),
    }
    draft
}

/// The same for pairs that are no headers yet.
pub(crate) fn unmask_pairs(sent: &mut [(String, String)], stored: &[(String, String)]) -> Result<(), Invalid> {
    let stored: Vec<(&str, &str)> = stored.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    unmask(sent, &stored)
}

/// Puts the stored values back where the mask was sent: the first mask of a name stands for its first value, and so on.
fn unmask(sent: &mut [(String, String)], stored: &[(&str, &str)]) -> Result<(), Invalid> {
    for index in 0..sent.len() {
        let (name, value) = &sent[index];
        if value != MASK {
            continue;
        }
        let same = |other: &str| other.eq_ignore_ascii_case(name);
        let nth = sent[..index].iter().filter(|(other, _)| same(other)).count();
        let Some((_, kept)) = stored.iter().filter(|(other, _)| same(other)).nth(nth) else {
            let shown = crate::format::excerpt(name, 60);
            return Err(Invalid::new("headers", "masked", format!("no value of {shown} is stored; write it out")));
        };
        sent[index].1 = (*kept).to_owned();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use naptime_core::{AllowedNetworks, Rules, Time};

    use super::*;

    fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
        list.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
    }

    #[test]
    fn a_mask_keeps_what_is_stored() {
        let networks = AllowedNetworks::public_only();
        let rules = Rules { networks: &networks, min_period: Duration::from_secs(1) };
        let lines = |text: &str| Draft {
            url: Some("https://example.com/".into()),
            every: Some("5m".into()),
            headers: Some(RawHeaders::Lines(text.into())),
            ..Draft::default()
        };
        let new = lines("Authorization: Bearer x\nX-A: 1").create(rules, uuid::Uuid::from_u128(7).into()).unwrap();
        let old = new.into_job(Time::from_millis(0));
        let changed = unmasked(lines("Authorization: ••••\nX-A: 2"), Some(&old.spec.request.headers));
        let new = changed.change(rules, &old).unwrap().request.unwrap();
        assert_eq!(new.headers.iter().collect::<Vec<_>>(), [("Authorization", "Bearer x"), ("X-A", "2")]);

        let faults = unmasked(lines("Cookie: ••••"), None).create(rules, old.id).unwrap_err();
        let faults: Vec<_> = faults.iter().map(|fault| (fault.field.as_ref(), fault.code)).collect();
        assert_eq!(faults, [("headers", "masked")]);
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
        let stored: Vec<(&str, &str)> = stored.iter().collect();
        unmask(&mut sent, &stored).unwrap();
        assert_eq!(sent, pairs(&[("COOKIE", "a"), ("X-A", "2"), ("Cookie", "b")]));
        assert_eq!(unmask(&mut pairs(&[("Authorization", MASK)]), &stored).unwrap_err().code, "masked");
        assert_eq!(unmask(&mut pairs(&[("Cookie", MASK)]), &[]).unwrap_err().code, "masked");
    }
}
