//! Credentials in what is sent here: the mask in place of a value keeps the value that is stored, but only for the host
//! it was written for.

use naptime_core::secret;
pub(crate) use naptime_core::secret::MASK;
use naptime_core::{Draft, Endpoint, Headers, Invalid, RawHeaders, Request, Spec};

/// The headers as they are shown.
pub(crate) fn masked(headers: &Headers) -> Vec<(&str, &str)> {
    headers.iter().map(|(name, value)| (name, if secret::is_secret(name, value) { MASK } else { value })).collect()
}

/// The body as it is shown.
pub(crate) fn body(request: &Request) -> Option<&str> {
    request.body.as_deref().map(|body| if request.secret { MASK } else { body })
}

/// A URL that was typed where the one of `stored` was shown.
pub(crate) fn unmasked_url(sent: &str, stored: &Spec) -> String {
    secret::unmask_url(sent, &stored.endpoint.to_string(), stored.request.secret)
}

/// The draft with the `stored` values where it has the mask. A mask that stands for nothing is a fault of the draft.
///
/// So is everything that would be kept without being shown, if the draft leads to another pool: whoever may edit a URL
/// could otherwise have its credentials sent to a host of their own. And what is secret is not brought to light by
/// saying that it is not.
pub(crate) fn unmasked(mut draft: Draft, stored: Option<&Spec>) -> Draft {
    let Some(stored) = stored else {
        draft = with_headers(draft, |pairs| unmask(pairs, &[]));
        return without_mask_as_body(draft);
    };
    let restored = draft.url.as_deref().map(|url| unmasked_url(url, stored));
    let moved = restored.as_deref().and_then(|url| Endpoint::parse(url).ok());
    let secret = stored.request.secret;
    let revealed = secret && draft.secret == Some(false);
    let headers: Vec<(&str, &str)> = stored.request.headers.iter().collect();
    let names_another = |sent: RawHeaders| sent.pairs().is_ok_and(|sent| host(&sent) != host(&headers));
    let moved = moved.is_some_and(|new| new.pool() != stored.endpoint.pool())
        || draft.headers.clone().is_some_and(names_another);
    if moved && draft.headers.is_none() {
        let kept = headers.iter().filter(|(name, value)| secret::is_secret(name, value)).map(|(name, _)| *name);
        draft.faults.extend(check_moved(kept).err());
    }
    draft = with_headers(draft, |pairs| if moved { check_none_kept(pairs) } else { unmask(pairs, &headers) });
    // A mask that is left in the URL is found when that is read.
    if !moved && !revealed {
        draft.url = restored;
    }
    let shows_query = || stored.endpoint.masked(true) == stored.endpoint.masked(false);
    if revealed && draft.url.is_none() && !shows_query() {
        let detail = "write the URL anew if its query is to be shown: what is secret now is not brought to light";
        draft.faults.push(Invalid::new("secret", "masked", detail));
    }
    match &draft.body {
        Some(Some(body)) if body == MASK && secret && !moved && !revealed => draft.body = None,
        None if stored.request.body.is_some() && secret && (moved || revealed) => draft.faults.push(no_body()),
        _ => draft = without_mask_as_body(draft),
    }
    draft
}

/// The draft with what `read` makes of its headers, or with a fault.
fn with_headers(mut draft: Draft, read: impl FnOnce(&mut [(String, String)]) -> Result<(), Invalid>) -> Draft {
    // What is wrong with lines is found when the draft is read.
    let Some(Ok(mut pairs)) = draft.headers.clone().map(RawHeaders::pairs) else { return draft };
    draft.headers = None;
    match read(&mut pairs) {
        Ok(()) => draft.headers = Some(RawHeaders::Pairs(pairs)),
        Err(fault) => draft.faults.push(fault),
    }
    draft
}

fn without_mask_as_body(mut draft: Draft) -> Draft {
    if matches!(&draft.body, Some(Some(body)) if body == MASK) {
        draft.faults.push(no_body());
    }
    draft
}

/// The fault of a body that would have to be kept, and may not.
pub(crate) fn no_body() -> Invalid {
    Invalid::new(
        "body",
        "masked",
        "the body that is stored is not kept by this, so write it out, or leave it out by null",
    )
}

/// The same for headers by themselves: what is kept goes to the `Host` it was written for.
pub(crate) fn unmask_pairs(sent: &mut [(String, String)], stored: &[(String, String)]) -> Result<(), Invalid> {
    let stored: Vec<(&str, &str)> = stored.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    if host(sent) != host(&stored) {
        check_none_kept(sent)?;
    }
    unmask(sent, &stored)
}

/// The `Host` that these headers name: of several sites behind one address, it is the one that reads the request.
fn host<N: AsRef<str>, V: AsRef<str>>(headers: &[(N, V)]) -> Option<&str> {
    let named = headers.iter().find(|(name, _)| name.as_ref().eq_ignore_ascii_case("host"));
    named.map(|(_, value)| value.as_ref())
}

/// Checks that no value is kept by its mask, where the URL leads to another host than before.
pub(crate) fn check_none_kept(sent: &[(String, String)]) -> Result<(), Invalid> {
    check_moved(sent.iter().filter(|(_, value)| value == MASK).map(|(name, _)| name.as_str()))
}

fn check_moved<'a>(kept: impl Iterator<Item = &'a str>) -> Result<(), Invalid> {
    let names: Vec<String> = kept.map(|name| crate::format::excerpt(name, 60)).collect();
    if names.is_empty() {
        return Ok(());
    }
    let names = names.join(", ");
    let detail = format!(
        "it leads to another host than before, so write the value of {names} again, or leave it out of the headers"
    );
    Err(Invalid::new("headers", "masked", detail))
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

    use naptime_core::{AllowedNetworks, Invalid, Rules, Time};

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
        let changed = unmasked(lines("Authorization: ••••\nX-A: 2"), Some(&old.spec));
        let new = changed.change(rules, &old).unwrap().request.unwrap();
        assert_eq!(new.headers.iter().collect::<Vec<_>>(), [("Authorization", "Bearer x"), ("X-A", "2")]);

        let faults = unmasked(lines("Cookie: ••••"), None).create(rules, old.id).unwrap_err();
        let faults: Vec<_> = faults.iter().map(|fault| (fault.field.as_ref(), fault.code)).collect();
        assert_eq!(faults, [("headers", "masked")]);
    }

    #[test]
    fn no_credential_goes_to_another_host_unwritten() {
        let networks = AllowedNetworks::public_only();
        let rules = Rules { networks: &networks, min_period: Duration::from_secs(1) };
        let old = Draft {
            url: Some("https://example.com/a?token=t-1&b=2".into()),
            every: Some("5m".into()),
            headers: Some(RawHeaders::Lines("Authorization: Bearer x\nX-A: 1\nX-B: ghp_0123456789abcdef".into())),
            ..Draft::default()
        };
        let old = old.create(rules, uuid::Uuid::from_u128(7).into()).unwrap().into_job(Time::from_millis(0));
        let change = |url: &str, headers: Option<&str>| {
            let headers = headers.map(|text| RawHeaders::Lines(text.into()));
            let draft = Draft { url: Some(url.into()), headers, ..Draft::default() };
            unmasked(draft, Some(&old.spec)).change(rules, &old)
        };
        let faults = |read: Result<_, Vec<Invalid>>| {
            let faults: Vec<Invalid> = read.map(drop::<naptime_core::Change>).unwrap_err();
            faults.into_iter().map(|fault| (fault.field.into_owned(), fault.code, fault.detail)).collect::<Vec<_>>()
        };
        // Of the sites behind one address, another one is another host too.
        let found = faults(change("https://example.com/a?token=t-1&b=2", Some("Authorization: ••••\nHost: evil.test")));
        assert!(found[0].0 == "headers" && found[0].1 == "masked", "{found:?}");
        assert!(change("https://example.com/", Some("Authorization: Bearer y\nHost: other.test")).is_ok());
        // To the same pool, all of it stays.
        let same = change("https://example.com/b?c=3&token=••••", None).unwrap();
        assert_eq!(same.endpoint.unwrap().to_string(), "https://example.com/b?c=3&token=t-1");
        assert!(change("https://EXAMPLE.com:443/", Some("Authorization: ••••")).is_ok());
        for url in
            ["https://evil.test/", "http://example.com/", "https://example.com:8443/", "https://example.com.evil.test/"]
        {
            let found = faults(change(url, None));
            assert!(found[0].0 == "headers" && found[0].1 == "masked", "{url}: {found:?}");
            assert!(found[0].2.contains("Authorization, X-B") && !found[0].2.contains("X-A"), "{found:?}");
            assert_eq!(faults(change(url, Some("Authorization: ••••\nX-A: 1")))[0].1, "masked", "{url}");
            assert!(change(url, Some("X-A: 1")).is_ok(), "{url}");
            assert!(change(url, Some("Authorization: Bearer y")).is_ok(), "{url}");
            let masked = faults(change(&format!("{url}?token=••••"), Some("")));
            assert_eq!((&*masked[0].0, masked[0].1), ("url", "masked"), "{url}");
        }
    }

    #[test]
    fn what_is_secret_stays_so() {
        let networks = AllowedNetworks::public_only();
        let rules = Rules { networks: &networks, min_period: Duration::from_secs(1) };
        let old = Draft {
            url: Some("https://example.com/a?code=1&x=2".into()),
            every: Some("5m".into()),
            body: Some(Some("s3cret".into())),
            secret: Some(true),
            ..Draft::default()
        };
        let old = old.create(rules, uuid::Uuid::from_u128(7).into()).unwrap().into_job(Time::from_millis(0));
        let shown = old.spec.shown_endpoint().to_string();
        assert_eq!((&*shown, body(&old.spec.request)), ("https://example.com/a?code=••••&x=••••", Some(MASK)));
        let change = |draft: Draft| {
            let read = unmasked(draft, Some(&old.spec)).change(rules, &old);
            read.map_err(|faults| {
                faults.into_iter().map(|fault| (fault.field.into_owned(), fault.code)).collect::<Vec<_>>()
            })
        };
        let url = |url: &str| Draft { url: Some(url.to_owned()), ..Draft::default() };
        let some = |text: &str| Some(Some(text.to_owned()));
        let back = change(Draft { body: some(MASK), secret: Some(true), ..url(&shown) }).unwrap();
        assert!(back.request.is_none() && back.endpoint.as_ref() == Some(&old.spec.endpoint), "{back:?}");
        let fault = |field: &str| Err(vec![(field.to_owned(), "masked")]);
        assert_eq!(change(url("https://evil.test/")), fault("body"));
        assert_eq!(change(Draft { body: some(MASK), ..url("https://evil.test/") }), fault("body"));
        assert!(change(Draft { body: Some(None), ..url("https://evil.test/") }).is_ok());
        let reveal = |draft: Draft| change(Draft { secret: Some(false), ..draft });
        let faults = reveal(Draft::default()).unwrap_err();
        assert_eq!(faults, [("secret".to_owned(), "masked"), ("body".to_owned(), "masked")]);
        assert_eq!(reveal(Draft { body: some("new"), ..url(&shown) }), fault("url"));
        assert_eq!(reveal(Draft { body: some(MASK), ..url("https://example.com/a") }), fault("body"));
        assert!(reveal(Draft { body: some("new"), ..url("https://example.com/a?code=1") }).is_ok());
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
