//! Addresses of pages.

use url::form_urlencoded;

/// A path with these parameters.
pub(crate) fn address<N: AsRef<str>, V: AsRef<str>>(
    path: &str,
    parameters: impl IntoIterator<Item = (N, V)>,
) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(parameters);
    match query.finish() {
        query if query.is_empty() => path.to_owned(),
        query => format!("{path}?{query}"),
    }
}

/// The page of a list after a cursor; the first one without.
pub(crate) fn after(path: &str, cursor: Option<&str>) -> String {
    address(path, cursor.map(|cursor| ("cursor", cursor)))
}
