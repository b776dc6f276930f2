//! What is done to a whole pool with one button: switch, delete.

use axum::extract::State;
use axum::response::Redirect;
use maud::{Markup, html};
use naptime_core::PoolChange;
use naptime_store::Error;

use super::list::of_pool;
use super::name::PagePool;
use super::view::href;
use crate::app::Shared;
use crate::http::auth::local_path;
use crate::http::body::FormBody;
use crate::http::query::Query;
use crate::kit::confirm::Question;
use crate::kit::layout::{Layout, Tab};
use crate::kit::{PageError, format};

/// Asks before it is switched off.
pub(super) async fn confirm(
    State(app): State<Shared>,
    PagePool(pool): PagePool,
    query: Query,
) -> Result<Markup, PageError> {
    let found = app.store.pool(&pool).await.map_err(of_pool)?;
    let back = back(query.get("back"), &pool);
    let question = Question {
        heading: "Switch this pool off?",
        about: html! {
            p.where { span.url { (pool) } }
            p {
                "Nothing of it is called until it is switched on again. It has "
                (format::counted(found.endpoints.total, "endpoint")) ", " (format::count(found.endpoints.active))
                " switched on. Calls under way are finished, and one-off jobs wait."
            }
        },
        action: None,
        fields: html! {
            input type="hidden" name="active" value="false";
            input type="hidden" name="back" value=(back);
        },
        yes: "Switch off",
        danger: true,
        no: "Leave on",
        back: &back,
    };
    Ok(Layout::new(&app, Tab::Pools, "Switch off").page(&question.ask()))
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
    let about = html! {
        p.where { span.url { (pool) } }
        p {
            "Its limits, headers and other settings are gone for good. If an endpoint of it is added later, the pool is \
             there again, with nothing set."
        }
    };
    let question = Question::delete("Delete this pool?", about, &href(&pool)).ask();
    Ok(Layout::new(&app, Tab::Pools, "Delete").page(&question))
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
