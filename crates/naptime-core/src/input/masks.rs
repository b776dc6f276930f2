//! Credentials in what is sent: the mask in place of a value keeps the value that is stored, but only for the host it was
//! written for. Whoever may edit a URL could otherwise have its credentials sent to a host of their own.

use serde_json::{Map, Value};

use super::pairs_of_headers;
use crate::request::excerpt;
use crate::secret::{self, MASK};
use crate::{Endpoint, Invalid, Spec};

/// The most characters of a name that are told.
const MAX_SHOWN: usize = 60;

/// Puts the values of `stored` where an endpoint that is sent has the mask. A mask that stands for nothing is a fault.
///
/// So is everything that would be kept without being shown, if the endpoint leads to another host by now. And what is
/// secret is not brought to light by saying that it is not.
pub(super) fn unmask(sent: &mut Map<String, Value>, stored: Option<&Spec>) -> Vec<Invalid> {
    let mut faults = Vec::new();
    let Some(stored) = stored else {
        unmask_headers(sent, &mut faults, |pairs| unmask_pairs(pairs, &[]));
        check_body(sent, &mut faults);
        return faults;
    };
    let url = sent.get("url").and_then(Value::as_str);
    let restored = url.map(|url| secret::unmask_url(url, &stored.endpoint.to_string(), stored.request.secret));
    let target = restored.as_deref().and_then(|url| Endpoint::parse(url).ok());
    let kept: Vec<(&str, &str)> = stored.request.headers.iter().collect();
    let headers = match sent.get("headers") {
        Some(Value::Null) => Some(Vec::new()),
        headers => headers.cloned().and_then(|headers| pairs_of_headers(headers).ok()),
    };
    let moved = target.is_some_and(|target| target.pool() != stored.endpoint.pool())
        || headers.as_deref().is_some_and(|headers| host(headers) != host(&kept));
    let was_secret = stored.request.secret;
    let revealed = was_secret && matches!(sent.get("secret"), Some(Value::Bool(false) | Value::Null));
    if moved && !sent.contains_key("headers") {
        let credentials = kept.iter().filter(|(name, value)| secret::is_secret(name, value)).map(|(name, _)| *name);
        faults.extend(check_moved(credentials).err());
    }
    unmask_headers(sent, &mut faults, |pairs| if moved { check_none_kept(pairs) } else { unmask_pairs(pairs, &kept) });
    let shows_query = stored.endpoint.masked(true) == stored.endpoint.masked(false);
    match restored {
        // A mask that is left in the URL is found when that is read.
        Some(restored) if !moved && !revealed => {
            sent.insert("url".to_owned(), restored.into());
        }
        None if moved && stored.shown_endpoint() != stored.endpoint => {
            let detail = "it leads to another `Host` than before, so write the URL with its credentials again";
            faults.push(Invalid::new("url", "masked", detail));
        }
        None if revealed && !shows_query => {
            let detail = "write the URL anew if its query is to be shown: what is secret now is not brought to light";
            faults.push(Invalid::new("secret", "masked", detail));
        }
        _ => {}
    }
    match sent.get("body") {
        Some(Value::String(body)) if body == MASK && was_secret && !moved && !revealed => {
            sent.insert("body".to_owned(), stored.request.body.clone().into());
        }
        None if stored.request.body.is_some() && was_secret && (moved || revealed) => faults.push(no_body()),
        _ => check_body(sent, &mut faults),
    }
    faults
}

/// Reads headers of which some may be masked, where there are the `stored` ones.
///
/// # Errors
/// At `headers`, if they are none, or a mask stands for nothing.
pub(super) fn unmasked_headers(value: Value, stored: &[(&str, &str)]) -> Result<Vec<(String, String)>, Invalid> {
    let mut pairs = pairs_of_headers(value)?;
    if host(&pairs) != host(stored) {
        check_none_kept(&pairs)?;
    }
    unmask_pairs(&mut pairs, stored)?;
    Ok(pairs)
}

/// Replaces the headers by what `unmask` makes of them. What is wrong with them besides is found when they are read.
fn unmask_headers(
    sent: &mut Map<String, Value>,
    faults: &mut Vec<Invalid>,
    unmask: impl FnOnce(&mut [(String, String)]) -> Result<(), Invalid>,
) {
    let Some(value) = sent.get_mut("headers") else { return };
    let Ok(mut pairs) = pairs_of_headers(value.clone()) else { return };
    match unmask(&mut pairs) {
        Ok(()) => *value = pairs.into_iter().map(|(name, value)| Value::from(vec![name, value])).collect(),
        Err(fault) => {
            faults.push(fault);
            sent.shift_remove("headers");
        }
    }
}

fn check_body(sent: &mut Map<String, Value>, faults: &mut Vec<Invalid>) {
    if sent.get("body").and_then(Value::as_str) == Some(MASK) {
        faults.push(no_body());
        sent.shift_remove("body");
    }
}

/// The fault of a body that would have to be kept, and may not.
pub(super) fn no_body() -> Invalid {
    let detail = "the body that is stored is not kept by this, so write it out or clear it";
    Invalid::new("body", "masked", detail)
}

/// The `Host` that these headers name: of several sites behind one address, it is the one that reads the request.
pub(super) fn host<N: AsRef<str>, V: AsRef<str>>(headers: &[(N, V)]) -> Option<&str> {
    let named = headers.iter().find(|(name, _)| name.as_ref().eq_ignore_ascii_case("host"));
    named.map(|(_, value)| value.as_ref())
}

/// Checks that no value is kept by its mask, where the URL leads to another host than before.
pub(super) fn check_none_kept(sent: &[(String, String)]) -> Result<(), Invalid> {
    check_moved(sent.iter().filter(|(_, value)| value == MASK).map(|(name, _)| name.as_str()))
}

fn check_moved<'a>(kept: impl Iterator<Item = &'a str>) -> Result<(), Invalid> {
    let names: Vec<String> = kept.map(|name| excerpt(name, MAX_SHOWN)).collect();
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
fn unmask_pairs(sent: &mut [(String, String)], stored: &[(&str, &str)]) -> Result<(), Invalid> {
    for index in 0..sent.len() {
        let (name, value) = &sent[index];
        if !value.contains(MASK) {
            continue;
        }
        if value != MASK {
            let shown = excerpt(name, MAX_SHOWN);
            let detail = format!("the value of {shown} holds ••••, which stands for a whole value; write it out");
            return Err(Invalid::new("headers", "masked", detail));
        }
        let same = |other: &str| other.eq_ignore_ascii_case(name);
        let nth = sent[..index].iter().filter(|(other, _)| same(other)).count();
        let Some((_, kept)) = stored.iter().filter(|(other, _)| same(other)).nth(nth) else {
            let shown = excerpt(name, MAX_SHOWN);
            return Err(Invalid::new("headers", "masked", format!("no value of {shown} is stored; write it out")));
        };
        sent[index].1 = (*kept).to_owned();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::duration::MIN_PERIOD;
    use crate::input::{Limits, read_change, read_new, read_replacement};
    use crate::{AllowedNetworks, Headers, Job, Time};

    use super::*;

    fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
        list.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
    }

    fn job(fields: Value) -> Job {
        let networks = AllowedNetworks::public_only();
        let limits = Limits { networks: &networks, min_period: MIN_PERIOD, now: Time::from_millis(0) };
        read_new(fields, limits, uuid::Uuid::from_u128(7).into()).unwrap().into_job(Time::from_millis(0))
    }

    /// The configuration of `old` after a change, or the faults.
    fn change(old: &Job, fields: Value) -> Result<Spec, Vec<Invalid>> {
        let networks = AllowedNetworks::public_only();
        let limits = Limits { networks: &networks, min_period: MIN_PERIOD, now: Time::from_millis(0) };
        read_change(fields, limits, old).map(|change| change.applied(Spec::clone(&old.spec)))
    }

    /// The configuration that takes the place of that of `old`.
    fn replaced(old: &Job, fields: Value) -> Spec {
        let networks = AllowedNetworks::public_only();
        let limits = Limits { networks: &networks, min_period: MIN_PERIOD, now: Time::from_millis(0) };
        read_replacement(fields, limits, old).unwrap().applied(Spec::clone(&old.spec))
    }

    fn faults(old: &Job, fields: Value) -> Vec<(String, &'static str)> {
        let found = change(old, fields).unwrap_err();
        found.into_iter().map(|fault| (fault.field.into_owned(), fault.code)).collect()
    }

    #[test]
    fn a_mask_keeps_what_is_stored() {
        let old =
            job(json!({"url": "https://example.com/", "every": "5m", "headers": "Authorization: Bearer x\nX-A: 1"}));
        for headers in [
            json!("Authorization: ••••\nX-A: 2"),
            json!({"authorization": "••••", "X-A": "2"}),
            json!([["Authorization", "••••"], ["X-A", "2"]]),
        ] {
            let new = change(&old, json!({"headers": headers})).unwrap();
            let values: Vec<&str> = new.request.headers.iter().map(|(_, value)| value).collect();
            assert_eq!(values, ["Bearer x", "2"], "{headers}");
        }
        assert_eq!(faults(&old, json!({"headers": {"Cookie": "••••"}})), [("headers".to_owned(), "masked")]);
        let networks = AllowedNetworks::public_only();
        let limits = Limits { networks: &networks, min_period: MIN_PERIOD, now: Time::from_millis(0) };
        let new = json!({"url": "https://example.com/", "every": "5m", "headers": {"Cookie": "••••"}, "body": "••••"});
        let found = read_new(new, limits, old.id).unwrap_err();
        assert_eq!(found.iter().map(|fault| &*fault.field).collect::<Vec<_>>(), ["headers", "body"]);
    }

    #[test]
    fn no_credential_goes_to_another_host_unwritten() {
        let headers = "Authorization: Bearer x\nX-A: 1\nX-B: ghp_0123456789abcdef";
        let old = job(json!({"url": "https://example.com/a?token=t-1&b=2", "every": "5m", "headers": headers}));
        let found = |fields: Value| change(&old, fields).unwrap_err().remove(0);
        // Of the sites behind one address, another one is another host too.
        let same_url = "https://example.com/a?token=t-1&b=2";
        let fault = found(json!({"url": same_url, "headers": "Authorization: ••••\nHost: evil.test"}));
        assert_eq!((&*fault.field, fault.code), ("headers", "masked"));
        let written = json!({"url": "https://example.com/", "headers": "Authorization: Bearer y\nHost: other.test"});
        assert!(change(&old, written).is_ok());
        // To the same pool, all of it stays.
        let same = change(&old, json!({"url": "https://example.com/b?c=3&token=••••"})).unwrap();
        assert_eq!(same.endpoint.to_string(), "https://example.com/b?c=3&token=t-1");
        assert!(change(&old, json!({"url": "https://EXAMPLE.com:443/", "headers": "Authorization: ••••"})).is_ok());
        let host_alone = found(json!({"headers": {"Host": "evil.test"}}));
        assert_eq!((&*host_alone.field, host_alone.code), ("url", "masked"));
        let partly = found(json!({"headers": {"Authorization": "Bearer ••••"}}));
        assert_eq!((&*partly.field, partly.code), ("headers", "masked"));
        for url in
            ["https://evil.test/", "http://example.com/", "https://example.com:8443/", "https://example.com.evil.test/"]
        {
            let fault = found(json!({"url": url}));
            assert_eq!((&*fault.field, fault.code), ("headers", "masked"), "{url}");
            assert!(fault.detail.contains("Authorization, X-B") && !fault.detail.contains("X-A"), "{fault}");
            assert_eq!(found(json!({"url": url, "headers": "Authorization: ••••\nX-A: 1"})).code, "masked", "{url}");
            assert!(change(&old, json!({"url": url, "headers": "X-A: 1"})).is_ok(), "{url}");
            assert!(change(&old, json!({"url": url, "headers": null})).is_ok(), "{url}");
            assert!(change(&old, json!({"url": url, "headers": "Authorization: Bearer y"})).is_ok(), "{url}");
            let masked = found(json!({"url": format!("{url}?token=••••"), "headers": ""}));
            assert_eq!((&*masked.field, masked.code), ("url", "masked"), "{url}");
        }
    }

    #[test]
    fn what_is_secret_stays_so() {
        let secret =
            json!({"url": "https://example.com/a?code=1&x=2", "every": "5m", "body": "s3cret", "secret": true});
        let old = job(secret);
        let shown = old.spec.shown_endpoint().to_string();
        assert_eq!(shown, "https://example.com/a?code=••••&x=••••");
        let back = json!({"url": shown, "every": "5m", "body": MASK, "secret": true});
        assert_eq!(change(&old, back.clone()).unwrap(), *old.spec);
        assert_eq!(replaced(&old, back), *old.spec);
        let fault = |field: &str| vec![(field.to_owned(), "masked")];
        assert_eq!(faults(&old, json!({"url": "https://evil.test/"})), fault("body"));
        assert_eq!(faults(&old, json!({"url": "https://evil.test/", "body": MASK})), fault("body"));
        assert!(change(&old, json!({"url": "https://evil.test/", "body": null})).is_ok());
        for reveal in [json!(false), Value::Null] {
            let found = faults(&old, json!({"secret": reveal}));
            assert_eq!(found, [fault("secret"), fault("body")].concat());
            assert_eq!(faults(&old, json!({"secret": reveal, "body": "new", "url": shown})), fault("url"));
            let masked_body = json!({"secret": reveal, "body": MASK, "url": "https://example.com/a"});
            assert_eq!(faults(&old, masked_body), fault("body"));
            let anew = json!({"secret": reveal, "body": "new", "url": "https://example.com/a?code=1"});
            assert!(change(&old, anew).is_ok());
        }
    }

    #[test]
    fn the_mask_stands_for_what_is_stored() {
        let stored = Headers::new(pairs(&[("Cookie", "a"), ("X-A", "1"), ("cookie", "b")])).unwrap();
        let mut sent = pairs(&[("COOKIE", MASK), ("X-A", "2"), ("Cookie", MASK)]);
        let stored: Vec<(&str, &str)> = stored.iter().collect();
        unmask_pairs(&mut sent, &stored).unwrap();
        assert_eq!(sent, pairs(&[("COOKIE", "a"), ("X-A", "2"), ("Cookie", "b")]));
        assert_eq!(unmask_pairs(&mut pairs(&[("Authorization", MASK)]), &stored).unwrap_err().code, "masked");
        assert_eq!(unmask_pairs(&mut pairs(&[("Cookie", MASK)]), &[]).unwrap_err().code, "masked");
    }
}
