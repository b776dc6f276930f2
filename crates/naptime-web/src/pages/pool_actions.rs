//! What is done to a whole pool with one button: switch, delete.

use axum::extract::State;
use axum::response::Redirect;
use maud::{Markup, html};
use naptime_core::PoolChange;
use naptime_store::Error;

use super::PageError;
use super::layout::{Layout, Tab};
use super::pool_view::href;
use super::pools::of_pool;
use crate::app::Shared;
use crate::auth::local_path;
use crate::body::FormBody;
use crate::format;
use crate::pool::PagePool;
use crate::query::Query;

/// Asks before it is switched off.
pub(super) async fn confirm(
    State(app): State<Shared>,
    PagePool(pool): PagePool,
    query: Query,
) -> Result<Markup, PageError> {
    let found = app.store.pool(&pool).await.map_err(of_pool)?;
    let back = back(query.get("back"), &pool);
    let body = html! {
        section.confirm {
            h1 { "Switch this pool off?" }
            p.where { span.url { (pool) } }
            p {
                "Nothing of it is called until it is switched on again. It has "
                (format::counted(found.endpoints.total, "endpoint")) ", " (format::count(found.endpoints.active))
                " switched on. Calls under way are finished, and one-off jobs wait."
            }
            form.actions method="post" {
                input type="hidden" name="active" value="false";
                input type="hidden" name="back" value=(back);
                button.danger { "Switch off" }
                a.button href=(back) { "Leave on" }
            }
        }
    };
    Ok(Layout::new(&app, Tab::Pools, "Switch off").page(&body))
}

pub(super) async fn switch(
    State(app): State<Shared>,
    PagePool(pool): PagePool,
    form: FormBody,
) -> Result<Redirect, PageError> {
    // The button says where to, so pressing it twice does no harm, whatever the revision.
    let change = PoolChange { active: Some(form.switch("active")?), ..PoolChange::default() };
    app.store.change_pool(&pool, None, change).await.map_err(of_pool)?;
    Ok(Redirect::to(&back(form.field("back"), &pool)))
}

/// Asks before it is deleted.
pub(super) async fn confirm_delete(State(app): State<Shared>, PagePool(pool): PagePool) -> Result<Markup, PageError> {
    app.store.pool(&pool).await.map_err(of_pool)?;
    let body = html! {
        section.confirm {
            h1 { "Delete this pool?" }
            p.where { span.url { (pool) } }
            p {
                "Its limits, headers and other settings are gone for good. If an endpoint of it is added later, the pool is \
                 there again, with nothing set."
            }
            form.actions method="post" {
                button.danger { "Delete" }
                a.button href=(href(&pool)) { "Keep" }
            }
        }
    };
    Ok(Layout::new(&app, Tab::Pools, "Delete").page(&body))
}

pub(super) async fn delete(State(app): State<Shared>, PagePool(pool): PagePool) -> Result<Redirect, PageError> {
    match app.store.delete_pool(&pool, None).await {
        // Whoever was first, it is as asked.
        Ok(()) | Err(Error::NotFound) => Ok(Redirect::to("/pools")),
        Err(error) => Err(of_pool(error)),
    }
}

/// Where to go on: to the page of the pool, unless another is named.
fn back(named: Option<&str>, pool: &naptime_core::Pool) -> String {
    match named.map(local_path) {
        Some(path) if path != "/" => path.to_owned(),
        _ => href(pool),
    }
}
