//! Connection strings with another database in them.

/// The same with `name` in place of the database it names, or added. Who logs in is still known to the database that
/// knew it, `source`: without `authSource` that may be the one named.
pub(super) fn named(uri: &str, name: &str, source: Option<&str>) -> String {
    let (scheme, rest) = uri.split_once("://").unwrap_or(("mongodb", uri));
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (hosts, _) = rest.split_once('/').unwrap_or((rest, ""));
    let has = |option: &str| {
        query.split('&').any(|it| it.split('=').next().is_some_and(|it| it.eq_ignore_ascii_case(option)))
    };
    let mut query = query.to_owned();
    if let Some(source) = source.filter(|_| !has("authSource")) {
        let and = if query.is_empty() { "" } else { "&" };
        query = format!("{query}{and}authSource={}", source.replace('%', "%25").replace('&', "%26"));
    }
    let query = if query.is_empty() { query } else { format!("?{query}") };
    format!("{scheme}://{hosts}/{name}{query}")
}

#[cfg(test)]
mod tests {
    use mongodb::options::ClientOptions;

    use super::named;

    async fn source(uri: &str) -> Option<String> {
        ClientOptions::parse(uri).await.unwrap().credential?.source
    }

    #[tokio::test]
    async fn the_database_is_another_and_the_user_the_same() {
        for (uri, expected) in [
            ("mongodb://a,b:27018", "mongodb://a,b:27018/own"),
            ("mongodb://a/real?replicaSet=r", "mongodb://a/own?replicaSet=r"),
            ("mongodb://a?replicaSet=r", "mongodb://a/own?replicaSet=r"),
            ("mongodb://u:p%2F@a/real", "mongodb://u:p%2F@a/own?authSource=real"),
            ("mongodb://u:p@a/r%26l", "mongodb://u:p@a/own?authSource=r%26l"),
            ("mongodb://u:p@a/?tls=true", "mongodb://u:p@a/own?tls=true&authSource=admin"),
            ("mongodb://u:p@a/real?authsource=x", "mongodb://u:p@a/own?authsource=x"),
            (
                "mongodb://u:p@a/real?authMechanism=SCRAM-SHA-256",
                "mongodb://u:p@a/own?authMechanism=SCRAM-SHA-256&authSource=real",
            ),
        ] {
            let known = source(uri).await;
            let own = named(uri, "own", known.as_deref());
            assert_eq!(own, expected);
            assert_eq!(source(&own).await, known);
        }
        // Of such an address the name server knows the source.
        let own = named("mongodb+srv://u:p@a/real?tls=true", "own", Some("admin"));
        assert_eq!(own, "mongodb+srv://u:p@a/own?tls=true&authSource=admin");
    }
}
