//! Lists as the API sends them.

use naptime_store::{Page, Unreadable};
use serde::Serialize;
use utoipa::ToSchema;

/// A page of a list.
#[derive(Serialize, ToSchema)]
pub(crate) struct Items<T> {
    items: Vec<T>,
    next_cursor: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unreadable: Vec<UnreadableView>,
}

/// A row that this version cannot read.
#[derive(Serialize, ToSchema)]
pub(crate) struct UnreadableView {
    id: String,
    detail: String,
}

impl From<Unreadable> for UnreadableView {
    fn from(Unreadable { id, why }: Unreadable) -> Self {
        Self { id, detail: why }
    }
}

impl<T> From<Page<T>> for Items<T> {
    fn from(page: Page<T>) -> Self {
        let unreadable = page.unreadable.into_iter().map(UnreadableView::from).collect();
        Self { items: page.items, next_cursor: page.next, unreadable }
    }
}

impl<T> Items<T> {
    pub(crate) fn of<U>(page: Page<U>, view: impl Fn(&U) -> T) -> Self {
        page.map(|item| view(&item)).into()
    }

    pub(crate) fn all(items: Vec<T>) -> Self {
        Self { items, next_cursor: None, unreadable: Vec::new() }
    }
}
