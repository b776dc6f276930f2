//! For the programs that Naptime calls, as extractors for `axum`.
//!
//! [`Signed`] verifies that a call is from your Naptime, [`Call`] reads which occurrence it is for, and a [`Guard`] answers
//! a repeated call without doing the work again. None of the three asks the server, so a target needs no
//! [`Client`](crate::Client).
//!
//! ```
//! use axum::extract::{FromRef, State};
//! use axum::response::Response;
//! use axum::{Router, routing::post};
//! use naptime_client::target::{Guard, Signed, Verifier};
//!
//! #[derive(Clone)]
//! struct App {
//!     verifier: Verifier,
//!     guard: Guard,
//! }
//!
//! impl FromRef<App> for Verifier {
//!     fn from_ref(app: &App) -> Self {
//!         app.verifier.clone()
//!     }
//! }
//!
//! async fn charge(State(app): State<App>, Signed { call, body }: Signed) -> Response {
//!     app.guard.once(&call.key, async move { format!("{} bytes, due at {}", body.len(), call.due) }).await
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // Naptime has the same secret: naptime add https://example.com/charge --sign whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw
//! let verifier = Verifier::new(["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"])?;
//! let app = Router::new().route("/charge", post(charge)).with_state(App { verifier, guard: Guard::default() });
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
//! let url = format!("http://{}/charge", listener.local_addr()?);
//! tokio::spawn(async { axum::serve(listener, app).await });
//!
//! // A call that nobody signed is refused.
//! # rustls::crypto::ring::default_provider().install_default().ok();
//! # let http = reqwest::Client::builder().no_proxy().tls_certs_only(std::iter::empty()).build()?;
//! let answer = http.post(&url).body("{}").send().await?;
//! assert_eq!(answer.status(), 401);
//! # Ok(())
//! # }
//! ```

mod call;
mod guard;
mod refused;
mod signed;
mod verifier;

pub use call::Call;
pub use guard::Guard;
pub use refused::Refused;
pub use signed::Signed;
pub use verifier::{BadSecret, Verifier};
