//! A pool as people and programs name and change it.

use axum::extract::{FromRequestParts, RawPathParams};
use http::request::Parts;
use naptime_core::{Headers, Invalid, Pool, PoolChange, PoolSettings, RawHeaders};

use crate::format::excerpt;
use crate::mask;
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

/// A change of a pool, as texts: what is `None` stays.
#[derive(Clone, Debug, Default)]
pub(crate) struct PoolDraft {
    pub(crate) active: Option<bool>,
    pub(crate) headers: Option<RawHeaders>,
    /// Blank or `None` within: no limit.
    pub(crate) max_in_flight: Option<Option<String>>,
    pub(crate) max_per_second: Option<Option<String>>,
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
        let change = PoolChange {
            active: self.active,
            headers: keep(headers, faults),
            max_in_flight: keep(max_in_flight, faults),
            max_per_second: keep(max_per_second, faults),
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
        let draft = PoolDraft { max_in_flight: some(" 5 "), max_per_second: some(" "), ..PoolDraft::default() };
        let expected = PoolChange { max_in_flight: Some(Some(5)), max_per_second: Some(None), ..PoolChange::default() };
        assert_eq!(draft.change(&stored).unwrap(), expected);
    }
}
