//! A change of a pool's settings.

use serde_json::Value;

use super::fields::Fields;
use super::masks;
use super::shape::Kind;
use crate::pem::{self, ClientCert};
use crate::pool::MAX_LIMIT;
use crate::request::{MAX_POOL_TIMEOUT, MAX_TIMEOUT};
use crate::secret::MASK;
use crate::{Headers, Invalid, PoolChange, PoolSettings, Transport};

/// Reads a change of a pool that is as `stored`: a field that is not there stays as it is, one that is `null` has its
/// default again.
///
/// # Errors
/// All faults, of which there is at least one.
pub fn read_pool(value: Value, stored: &PoolSettings) -> Result<PoolChange, Vec<Invalid>> {
    let mut fields = Fields::of_value(value, "a pool", MAX_TIMEOUT)?;
    let change = change(&mut fields, stored);
    fields.finish("a pool that can be changed", Some(change))
}

pub(super) fn change(fields: &mut Fields, stored: &PoolSettings) -> PoolChange {
    let active = fields.switch("active");
    let kept: Vec<(&str, &str)> = stored.headers.iter().collect();
    let headers =
        fields.read("headers", Kind::Headers, |value| masks::unmasked_headers(value, &kept).and_then(Headers::new));
    let max_in_flight = fields.number("max_in_flight", 1, MAX_LIMIT);
    let max_per_second = fields.number("max_per_second", 1, MAX_LIMIT);
    let max_timeout = fields.duration("max_timeout", MAX_TIMEOUT, MAX_POOL_TIMEOUT);
    let probe = fields.flag("probe").change();
    let before = &stored.transport;
    let http1_only = fields.flag("http1_only").or(before.http1_only, false);
    let extra_ca = fields.parsed("extra_ca", pem::read_authorities).or(before.extra_ca.clone(), None);
    let (chain, key) = (fields.text("client_cert"), fields.text("client_key"));
    let client_cert = read_client_cert(chain.change(), key.change(), before.client_cert.as_deref());
    let client_cert = client_cert.map_or_else(|| Some(before.client_cert.clone()), |read| fields.note(read));
    let transport = Transport { http1_only, extra_ca, client_cert: client_cert.unwrap_or_default() };
    PoolChange {
        active,
        headers: headers.change().map(Option::unwrap_or_default),
        max_in_flight: max_in_flight.change(),
        max_per_second: max_per_second.change(),
        max_timeout: max_timeout.change(),
        transport: Some(transport).filter(|after| after != before),
        probe: probe.map(|said| said.unwrap_or(true)),
    }
}

/// The certificate with its key as it is to be stored; `None` if nothing was said of them. What was said of one alone
/// leaves the other as it is `stored`.
fn read_client_cert(
    chain: Option<Option<String>>,
    key: Option<Option<String>>,
    stored: Option<&str>,
) -> Option<Result<Option<String>, Invalid>> {
    if chain.is_none() && key.is_none() {
        return None;
    }
    if chain.is_none() && key == Some(None) && stored.is_some() {
        let detail = "the key goes with its certificate; take that away instead (`client_cert`)";
        return Some(Err(Invalid::new("client_key", "missing", detail)));
    }
    let stored = stored.map(ClientCert::split);
    let new_key = key.and_then(filled).filter(|key| key.trim() != MASK);
    let Some(chain) = chain.map_or_else(|| stored.map(|stored| stored.chain.to_owned()), filled) else {
        // The mask is left where the certificate was taken away.
        return Some(match new_key {
            None => Ok(None),
            Some(_) => Err(Invalid::new(
                "client_cert",
                "missing",
                "the certificate that the private key belongs to is missing",
            )),
        });
    };
    // One text may hold both, as many programs write them.
    let key =
        new_key.as_deref().or(if ClientCert::split(&chain).key.is_empty() { stored.map(|it| it.key) } else { None });
    Some(pem::read_client_cert(&chain, key).map(Some))
}

/// A text, unless it is blank.
fn filled(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::{Pool, Time};

    use super::*;

    fn stored() -> PoolSettings {
        PoolSettings::new(Pool::parse("https://foobar.net").unwrap(), Time::from_millis(0))
    }

    #[test]
    fn all_faults_are_told_at_once() {
        let check = |fields: Value, expect: &[(&str, &str)]| {
            let faults = read_pool(fields, &stored()).unwrap_err();
            let faults: Vec<_> = faults.iter().map(|fault| (fault.field.as_ref(), fault.code)).collect();
            assert_eq!(faults, expect);
        };
        check(
            json!({"headers": "Authorization: ••••", "max_in_flight": "0", "max_per_second": 1.5, "colour": 1}),
            &[
                ("headers", "masked"),
                ("max_in_flight", "out_of_range"),
                ("max_per_second", "not_a_number"),
                ("colour", "unknown_field"),
            ],
        );
        check(
            json!({"max_timeout": "2h", "extra_ca": "hello", "client_key": "hello"}),
            &[("max_timeout", "out_of_range"), ("extra_ca", "not_a_certificate"), ("client_cert", "missing")],
        );
        check(json!({"max_timeout": true, "active": 1}), &[("active", "wrong_type"), ("max_timeout", "wrong_type")]);
        let said = json!({"max_in_flight": " 5 ", "max_per_second": null, "active": false, "probe": null});
        let change = read_pool(said, &stored());
        let expect = PoolChange {
            active: Some(false),
            max_in_flight: Some(Some(5)),
            max_per_second: Some(None),
            probe: Some(true),
            ..PoolChange::default()
        };
        assert_eq!(change, Ok(expect));
    }

    #[test]
    fn limits_have_bounds() {
        let read = |fields: Value| {
            let read = read_pool(fields, &stored());
            read.map_err(|faults| (faults[0].field.clone().into_owned(), faults[0].code))
        };
        for field in ["max_in_flight", "max_per_second"] {
            assert!(read(json!({field: 1})).is_ok() && read(json!({field: 1000})).is_ok());
            for wrong in [json!(0), json!(-1), json!(1001), json!(u64::MAX)] {
                assert_eq!(read(json!({field: wrong})), Err((field.to_owned(), "out_of_range")));
            }
        }
        let timeout = |text: &str| read(json!({"max_timeout": text})).map(|change| change.max_timeout.flatten());
        assert_eq!(timeout("1h"), Ok(Some(MAX_POOL_TIMEOUT)));
        for (wrong, code) in [("4m", "out_of_range"), ("61m", "out_of_range"), ("soon", "not_a_duration")] {
            assert_eq!(timeout(wrong), Err(("max_timeout".to_owned(), code)));
        }
    }

    #[test]
    fn a_key_is_kept_until_another_is_sent() {
        let certificate =
            |content: &str| format!("-----BEGIN CERTIFICATE-----\n{content}\n-----END CERTIFICATE-----\n");
        let key = |content: &str| format!("-----BEGIN PRIVATE KEY-----\n{content}\n-----END PRIVATE KEY-----\n");
        let [one, two] = ["MAMCAQE=", "MAMCAQI="];
        let (old, new) = (certificate(one), certificate(two));
        let stored = old.clone() + &key(one);
        let check = |chain: Option<Option<&str>>, key: Option<Option<&str>>, stored: Option<&str>, expect| {
            let owned = |text: Option<Option<&str>>| text.map(|text| text.map(str::to_owned));
            let read = read_client_cert(owned(chain), owned(key), stored);
            let read = read.map(|read| read.map_err(|fault| (fault.field.into_owned(), fault.code)));
            assert_eq!(read, expect, "{chain:?}, {key:?}");
        };
        let stored_now = Some(stored.as_str());
        let as_it_was = Some(Ok(Some(stored.clone())));
        let with = |chain: &str, key: &str| Some(Ok(Some(format!("{chain}{key}"))));
        check(None, None, stored_now, None);
        // As a form sends what it showed.
        check(Some(Some(&old)), Some(Some(MASK)), stored_now, as_it_was.clone());
        check(None, Some(Some(MASK)), stored_now, as_it_was.clone());
        check(Some(Some(&new)), Some(Some(MASK)), stored_now, with(&new, &key(one)));
        check(Some(Some(&new)), None, stored_now, with(&new, &key(one)));
        check(None, Some(Some(&key(two))), stored_now, with(&old, &key(two)));
        check(Some(Some(&format!("{new}{}", key(two)))), Some(Some(MASK)), stored_now, with(&new, &key(two)));
        check(Some(Some(&format!("{}{new}", key(two)))), None, None, with(&new, &key(two)));
        check(Some(None), Some(Some(MASK)), stored_now, Some(Ok(None)));
        check(Some(Some(" ")), None, stored_now, Some(Ok(None)));
        let missing = |field: &str, code| Some(Err((field.to_owned(), code)));
        check(Some(Some(&new)), Some(Some(MASK)), None, missing("client_key", "not_a_key"));
        check(Some(None), Some(Some(&key(two))), stored_now, missing("client_cert", "missing"));
        check(None, Some(Some(&key(two))), None, missing("client_cert", "missing"));
    }
}
