//! One line for every request: method, path, status, time. No query, no headers: they may hold what is nobody's
//! business.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use http::Method;
use tokio::time::Instant;

/// Logs requests. What is asked for all the time and went well is of interest to few.
pub(crate) async fn requests(request: Request, next: Next) -> Response {
    let (method, path, began) = (request.method().clone(), request.uri().path().to_owned(), Instant::now());
    let response = next.run(request).await;
    let (status, ms) = (response.status().as_u16(), began.elapsed().as_millis());
    let reading = method == Method::GET || method == Method::HEAD;
    match status {
        500.. => tracing::warn!(%method, path, status, ms, "{method} {path}: {status}"),
        ..400 if reading => tracing::debug!(%method, path, status, ms, "{method} {path}: {status}"),
        _ => tracing::info!(%method, path, status, ms, "{method} {path}: {status}"),
    }
    response
}
