//! Lists, page by page.

use std::marker::PhantomData;

use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use reqwest::Method;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::client::{Client, Request};
use crate::error::{Error, Result};
use crate::filter::Filter;
use crate::item::Item;

/// How many are asked for at a time, the most that the API gives.
const PAGE: usize = 500;

/// A list that has not been asked for yet.
#[derive(Clone, Debug)]
pub struct List<T> {
    client: Client,
    path: Vec<String>,
    filter: Filter,
    of: PhantomData<fn() -> T>,
}

/// A page of a list.
#[derive(Clone, Debug, Deserialize)]
#[serde(bound = "T: DeserializeOwned")]
#[non_exhaustive]
pub struct Page<T> {
    /// What is on it.
    pub items: Vec<Item<T>>,
    /// What to ask for the next page with; none if this is the last one.
    #[serde(default)]
    pub next_cursor: Option<String>,
    /// What the server's version cannot read, because a later one wrote it.
    #[serde(default)]
    pub unreadable: Vec<Unreadable>,
}

/// A row that the server cannot read.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct Unreadable {
    /// Its id, or its name.
    pub id: String,
    /// Why it cannot be read.
    pub detail: String,
}

/// Where a list goes on.
enum At {
    Start,
    Cursor(String),
    End,
}

impl<T: DeserializeOwned + Send + 'static> List<T> {
    pub(crate) fn new(client: &Client, path: &[&str], filter: Filter) -> Self {
        let filter = if filter.has("limit") { filter } else { filter.with("limit", PAGE) };
        let path = path.iter().map(|&segment| segment.to_owned()).collect();
        Self { client: client.clone(), path, filter, of: PhantomData }
    }

    /// One page: the first, or the one that `next_cursor` of another leads to. Its length is the parameter `limit`, 500
    /// unless the filter has one.
    ///
    /// # Errors
    /// See [`Error`](crate::Error).
    pub async fn page(&self, cursor: Option<&str>) -> Result<Page<T>> {
        let filter = self.filter.clone().maybe("cursor", cursor);
        let path: Vec<&str> = self.path.iter().map(String::as_str).collect();
        self.client.ask(Request::new(Method::GET, &path).filtered(&filter)).await
    }

    /// All pages. The stream ends with the first error.
    pub fn pages(self) -> BoxStream<'static, Result<Page<T>>> {
        stream::try_unfold((self, At::Start), |(list, at)| next(list, at)).boxed()
    }

    /// All items of all pages. The stream ends with the first error.
    pub fn items(self) -> BoxStream<'static, Result<Item<T>>> {
        self.pages().map_ok(|page| stream::iter(page.items.into_iter().map(Ok::<_, Error>))).try_flatten().boxed()
    }
}

/// The page at a place of a list, and the list with the place of the page after it.
async fn next<T: DeserializeOwned + Send + 'static>(list: List<T>, at: At) -> Result<Option<(Page<T>, (List<T>, At))>> {
    let cursor = match at {
        At::Start => None,
        At::Cursor(cursor) => Some(cursor),
        At::End => return Ok(None),
    };
    let page = list.page(cursor.as_deref()).await?;
    let at = page.next_cursor.clone().map_or(At::End, At::Cursor);
    Ok(Some((page, (list, at))))
}
