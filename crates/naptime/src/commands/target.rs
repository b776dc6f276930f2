//! Finds the endpoint that somebody means.

use std::fmt::Write;

use clap::Args;
use futures::TryStreamExt;
use naptime_client::{Client, Endpoint, Filter, Item, Uuid};

/// The fewest characters that are taken for the beginning of an id.
const SHORTEST_ID: usize = 4;
/// How many are shown of those that may be meant.
const MAX_SHOWN: usize = 5;

#[derive(Args)]
pub(crate) struct TargetsArgs {
    /// Which: by id or the beginning of one, by name, key or URL; several are taken one after the other
    #[arg(value_name = "ENDPOINT", required = true)]
    endpoints: Vec<String>,
}

impl TargetsArgs {
    /// All of them. Nothing is done to one of them before each is found.
    pub(super) async fn find(&self, client: &Client) -> anyhow::Result<Vec<Item<Endpoint>>> {
        self.find_among(client, &Filter::new()).await
    }

    /// The same among deleted ones.
    pub(super) async fn find_deleted(&self, client: &Client) -> anyhow::Result<Vec<Item<Endpoint>>> {
        let found = self.find_among(client, &Filter::new().with("deleted", true)).await;
        found.map_err(|error| match error.downcast() {
            Ok(NotFound::None(said)) => NotFound::NoneDeleted(said).into(),
            Ok(other) => other.into(),
            Err(error) => error,
        })
    }

    async fn find_among(&self, client: &Client, filter: &Filter) -> anyhow::Result<Vec<Item<Endpoint>>> {
        let mut found = Vec::new();
        for said in &self.endpoints {
            found.push(find(client, said, filter).await?);
        }
        Ok(found)
    }
}

/// No endpoint is meant, or more than one may be.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotFound {
    #[error("no endpoint has the id, name, key or URL `{0}`")]
    None(String),
    #[error("no deleted endpoint has the id, name, key or URL `{0}`")]
    NoneDeleted(String),
    #[error("`{said}` may be several endpoints; say which by its id:{candidates}")]
    Several { said: String, candidates: String },
}

/// The endpoint that is meant.
pub(super) async fn find(client: &Client, said: &str, filter: &Filter) -> anyhow::Result<Item<Endpoint>> {
    if let Ok(id) = Uuid::try_parse(said) {
        return match client.endpoint(id).await {
            Err(error) if error.is_not_found() => Err(NotFound::None(said.to_owned()).into()),
            found => Ok(found?),
        };
    }
    let named = matching(client, filter.clone().with("q", said), |it| {
        it.name == said || it.url == said || it.key.as_deref() == Some(said)
    });
    let mut found = named.await?;
    if found.is_empty() {
        // The API's search knows no ids and no keys.
        let begins_id = said.len() >= SHORTEST_ID && said.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
        let begin = said.to_ascii_lowercase();
        let is_meant =
            |it: &Endpoint| it.key.as_deref() == Some(said) || (begins_id && it.id.to_string().starts_with(&begin));
        found = matching(client, filter.clone(), is_meant).await?;
    }
    match found.len() {
        0 => Err(NotFound::None(said.to_owned()).into()),
        1 => Ok(found.remove(0)),
        _ => Err(NotFound::Several { said: said.to_owned(), candidates: candidates(&found) }.into()),
    }
}

/// Those of a list that match, up to one more than are shown.
async fn matching(
    client: &Client,
    filter: Filter,
    is_meant: impl Fn(&Endpoint) -> bool,
) -> naptime_client::Result<Vec<Item<Endpoint>>> {
    let mut items = client.endpoints(filter).items();
    let mut found = Vec::new();
    while let Some(item) = items.try_next().await? {
        if is_meant(&item) {
            found.push(item);
        }
        if found.len() > MAX_SHOWN {
            break;
        }
    }
    Ok(found)
}

fn candidates(found: &[Item<Endpoint>]) -> String {
    let mut text = String::new();
    for it in found.iter().take(MAX_SHOWN) {
        // Writing to a text cannot fail.
        let _ = write!(text, "\n  {}  {}", it.id, super::told::shown(it));
    }
    if found.len() > MAX_SHOWN {
        text.push_str("\n  ...");
    }
    text
}
