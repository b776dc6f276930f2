//! Style sheet, script and icon, held in the binary. Their addresses carry a hash of their content, so browsers may keep
//! them for good.

use std::sync::LazyLock;

use axum::extract::{Path, RawQuery};
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use sha2::{Digest, Sha256};

/// A file.
pub(crate) struct Asset {
    name: &'static str,
    kind: &'static str,
    content: &'static str,
    hash: LazyLock<String>,
}

macro_rules! asset {
    ($name:literal, $kind:literal) => {
        Asset {
            name: $name,
            kind: $kind,
            content: include_str!(concat!("../../assets/", $name)),
            hash: LazyLock::new(|| hash(include_str!(concat!("../../assets/", $name)))),
        }
    };
}

pub(crate) static STYLE: Asset = asset!("style.css", "text/css; charset=utf-8");
/// The scripts, in the order in which they need each other.
pub(crate) static SCRIPTS: [Asset; 3] = [
    asset!("times.js", "text/javascript; charset=utf-8"),
    asset!("charts.js", "text/javascript; charset=utf-8"),
    asset!("live.js", "text/javascript; charset=utf-8"),
];
pub(crate) static ICON: Asset = asset!("favicon.svg", "image/svg+xml");
/// The icon while something does not happen that should.
pub(crate) static ICON_BAD: Asset = asset!("favicon-bad.svg", "image/svg+xml");

impl Asset {
    /// Where it is.
    pub(crate) fn url(&self) -> String {
        format!("/assets/{}?v={}", self.name, *self.hash)
    }
}

fn hash(content: &str) -> String {
    Sha256::digest(content).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) async fn get(Path(name): Path<String>, RawQuery(query): RawQuery) -> Response {
    let all = [&STYLE, &ICON, &ICON_BAD].into_iter().chain(&SCRIPTS);
    let Some(asset) = all.into_iter().find(|asset| asset.name == name) else {
        return (StatusCode::NOT_FOUND, "there is no such file").into_response();
    };
    // Under another hash it is another version's file, which must not be kept under that address.
    let asked = query.as_deref().and_then(|query| query.strip_prefix("v="));
    let keep = if asked == Some(asset.hash.as_str()) { "public, max-age=31536000, immutable" } else { "no-cache" };
    ([(header::CONTENT_TYPE, asset.kind), (header::CACHE_CONTROL, keep)], asset.content).into_response()
}
