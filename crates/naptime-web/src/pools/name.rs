//! A pool as people and programs name it.

use axum::extract::{FromRequestParts, RawPathParams};
use http::request::Parts;
use naptime_core::{Invalid, Pool};

use crate::http::problem::Problem;
use crate::kit::PageError;

/// Where a pool is found under `/pools` and `/api/pools`: `https/foobar.net:8443`. There is no `//` in it, which proxies
/// like to mend.
pub(super) fn path(pool: &Pool) -> String {
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
pub(super) struct ApiPool(pub(super) Pool);

impl<S: Send + Sync> FromRequestParts<S> for ApiPool {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        Ok(Self(of_parts(parts, state).await?))
    }
}

/// The pool in the path of a page.
pub(super) struct PagePool(pub(super) Pool);

impl<S: Send + Sync> FromRequestParts<S> for PagePool {
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, PageError> {
        of_parts(parts, state).await.map(Self).map_err(|_| PageError::no_pool())
    }
}

#[cfg(test)]
mod tests {
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
}
