//! A pool as people and programs name and change it.

use axum::extract::{FromRequestParts, RawPathParams};
use http::request::Parts;
use naptime_core::pem::{self, ClientCert};
use naptime_core::{Headers, Invalid, Pool, PoolChange, PoolSettings, RawHeaders, Transport, pool};

use crate::format::excerpt;
use crate::mask::{self, MASK};
use crate::pages::PageError;
use crate::problem::Problem;

/// Where a pool is found under `/pools` and `/api/pools`: `https/foobar.net:8443`. There is no `//` in it, which proxies
/// like to mend.
pub(crate) fn path(pool: &Pool) -> String {
    pool.as_str().replacen("://", "/", 1).replace('[', "%5B").replace(']', "%5D")
}

/// Reads a pool as a path has it. The pool itself will do as well, as it is or percent-encoded.
fn from_path(text: &str) -> Result<Pool, Invalid> {
    let (scheme, host) = text.split_once('/').unwrap_or((text, ""));
    Pool::parse(&format!("{}://{}", scheme.trim_end_matches(':'), host.trim_start_matches('/')))
}

async fn of_parts<S: Send + Sync>(parts: &mut Parts, state: &S) -> Result<Pool, Invalid> {
    let params = RawPathParams::from_request_parts(parts, state).await.ok();
    let params: Vec<&str> = params.iter().flatten().map(|(_, value)| value).collect();
    from_path(&params.join("/"))
}

/// The pool in the path of an API request.
pub(crate) struct ApiPool(pub(crate) Pool);

impl<S: Send + Sync> FromRequestParts<S> for ApiPool {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        Ok(Self(of_parts(parts, state).await?))
    }
}

/// The pool in the path of a page.
pub(crate) struct PagePool(pub(crate) Pool);

impl<S: Send + Sync> FromRequestParts<S> for PagePool {
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, PageError> {
        of_parts(parts, state).await.map(Self).map_err(|_| PageError::no_pool())
    }
}

/// A change of a pool, as texts: what is `None` stays; blank or `None` within: it is to be cleared.
#[derive(Clone, Default)]
pub(crate) struct PoolDraft {
    pub(crate) active: Option<bool>,
    pub(crate) headers: Option<RawHeaders>,
    pub(crate) max_in_flight: Option<Option<String>>,
    pub(crate) max_per_second: Option<Option<String>>,
    pub(crate) max_timeout: Option<Option<String>>,
    pub(crate) http1_only: Option<bool>,
    /// Certificates, as PEM.
    pub(crate) extra_ca: Option<Option<String>>,
    pub(crate) client_cert: Option<Option<String>>,
    /// The private key of `client_cert`; the mask keeps the one that is stored.
    pub(crate) client_key: Option<Option<String>>,
    /// What was wrong before it was read.
    pub(crate) faults: Vec<Invalid>,
}

impl PoolDraft {
    /// Reads the change of a pool that is as `stored`.
    ///
    /// # Errors
    /// All faults, of which there is at least one.
    pub(crate) fn change(mut self, stored: &PoolSettings) -> Result<PoolChange, Vec<Invalid>> {
        let faults = &mut self.faults;
        let headers = self.headers.map(|headers| read_headers(headers, &stored.headers));
        let max_in_flight = self.max_in_flight.map(|text| limit("max_in_flight", text, PoolSettings::check_in_flight));
        let max_per_second =
            self.max_per_second.map(|text| limit("max_per_second", text, PoolSettings::check_per_second));
        let max_timeout =
            self.max_timeout.map(|text| filled(text).map(|text| pool::read_max_timeout(&text)).transpose());
        let extra_ca = self.extra_ca.map(|pem| pem::read_authorities(pem.as_deref().unwrap_or_default()));
        let before = &stored.transport;
        let client_cert = read_client_cert(self.client_cert, self.client_key, before.client_cert.as_deref());
        let change = PoolChange {
            active: self.active,
            headers: keep(headers, faults),
            max_in_flight: keep(max_in_flight, faults),
            max_per_second: keep(max_per_second, faults),
            max_timeout: keep(max_timeout, faults),
            transport: Some(Transport {
                http1_only: self.http1_only.unwrap_or(before.http1_only),
                extra_ca: keep(extra_ca, faults).unwrap_or_else(|| before.extra_ca.clone()),
                client_cert: keep(client_cert, faults).unwrap_or_else(|| before.client_cert.clone()),
            })
            .filter(|after| after != before),
        };
        if faults.is_empty() { Ok(change) } else { Err(self.faults) }
    }
}

/// What was read well; what was not is a fault.
fn keep<T>(read: Option<Result<T, Invalid>>, faults: &mut Vec<Invalid>) -> Option<T> {
    read?.map_err(|fault| faults.push(fault)).ok()
}

fn read_headers(sent: RawHeaders, stored: &Headers) -> Result<Headers, Invalid> {
    let mut pairs = sent.pairs()?;
    let stored: Vec<_> = stored.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    mask::unmask_pairs(&mut pairs, &stored)?;
    Headers::new(pairs)
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

fn limit(
    field: &'static str,
    text: Option<String>,
    check: impl Fn(i64) -> Result<u32, Invalid>,
) -> Result<Option<u32>, Invalid> {
    let Some(text) = text else { return Ok(None) };
    match text.trim() {
        "" => Ok(None),
        number => match number.parse() {
            Ok(number) => check(number).map(Some),
            Err(_) => {
                let detail = format!("`{}` is not a whole number from 1 to 1,000", excerpt(number, 40));
                Err(Invalid::new(field, "not_a_number", detail))
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use naptime_core::Time;

    use super::*;

    #[test]
    fn a_pool_is_found_by_its_path() {
        for text in ["https://foobar.net", "http://foobar.net:8080", "http://127.0.0.1:8080", "http://a.b.c.example"] {
            let pool = Pool::parse(text).unwrap();
            assert_eq!(from_path(&path(&pool)).unwrap(), pool);
            assert_eq!(from_path(text).unwrap(), pool);
            assert_eq!(from_path(&text.replace("//", "/")).unwrap(), pool, "as a proxy mends it");
        }
        assert_eq!(path(&Pool::parse("http://[::1]:80").unwrap()), "http/%5B::1%5D");
        for text in ["", "https", "https/", "ftp/foobar.net", "https/foobar.net/x", "foobar.net", "https/a@b.net"] {
            assert_eq!(from_path(text).unwrap_err().field, "pool", "{text}");
        }
    }

    #[test]
    fn all_faults_are_told_at_once() {
        let stored = PoolSettings::new(Pool::parse("https://foobar.net").unwrap(), Time::from_millis(0));
        let some = |text: &str| Some(Some(text.to_owned()));
        let draft = PoolDraft {
            headers: Some(RawHeaders::Lines("Authorization: ••••".into())),
            max_in_flight: some("0"),
            max_per_second: some("1.5"),
            ..PoolDraft::default()
        };
        let faults = draft.change(&stored).unwrap_err();
        let faults: Vec<_> = faults.iter().map(|fault| (fault.field.as_ref(), fault.code)).collect();
        let expected = [("headers", "masked"), ("max_in_flight", "out_of_range"), ("max_per_second", "not_a_number")];
        assert_eq!(faults, expected);
        let draft = PoolDraft {
            max_timeout: some("2h"),
            extra_ca: some("hello"),
            client_key: some("hello"),
            ..PoolDraft::default()
        };
        let faults = draft.change(&stored).unwrap_err();
        let faults: Vec<_> = faults.iter().map(|fault| (fault.field.as_ref(), fault.code)).collect();
        let expected = [("max_timeout", "out_of_range"), ("extra_ca", "not_a_certificate"), ("client_cert", "missing")];
        assert_eq!(faults, expected);
        let draft = PoolDraft { max_in_flight: some(" 5 "), max_per_second: some(" "), ..PoolDraft::default() };
        let expected = PoolChange { max_in_flight: Some(Some(5)), max_per_second: Some(None), ..PoolChange::default() };
        assert_eq!(draft.change(&stored).unwrap(), expected);
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
