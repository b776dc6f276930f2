//! The login of people: the password, who knows it by a session, and how often it may be guessed.

mod door;
mod page;
mod password;
mod session;

use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};
use axum_extra::extract::CookieJar;
use http::HeaderMap;
use naptime_store::{Result, WebStore};
use tokio::time::Instant;

use crate::Secret;
use crate::app::Shared;
use crate::http::throttle::{Attempt, Throttle};
use password::Password;

pub(crate) use door::let_in;

/// The pages that are there for everybody.
pub(crate) fn pages() -> Router<Shared> {
    Router::new().route("/login", get(page::show).post(page::enter)).route("/logout", post(page::leave))
}

/// The most wrong passwords of one address within a minute.
const MAX_WRONG_PASSWORDS: usize = 5;

/// Lets people in and out.
pub(crate) struct Login {
    store: Arc<dyn WebStore>,
    password: Password,
    throttle: Throttle,
}

impl Login {
    /// A login by this password. Its salt is the store's, and made here if there is none yet.
    pub(crate) async fn new(store: Arc<dyn WebStore>, password: &Secret) -> Result<Self> {
        let salt = store.salt(rand::random()).await?;
        let password = Password::new(password, salt).await;
        Ok(Self { store, password, throttle: Throttle::new(MAX_WRONG_PASSWORDS) })
    }

    /// Tries a password.
    pub(crate) async fn attempt(&self, client: Option<IpAddr>, guess: &str) -> Attempt {
        let guess = guess.as_bytes();
        let attempt = self.throttle.attempt(client, Instant::now(), || self.password.may_be(guess));
        if attempt == Attempt::Right && !self.password.is(guess).await {
            self.throttle.failed(client, Instant::now());
            return Attempt::Wrong;
        }
        attempt
    }

    /// Begins a session in place of the one that these headers carry, if any.
    pub(crate) async fn enter(&self, headers: &HeaderMap) -> Result<CookieJar> {
        self.end_sessions(headers).await?;
        let (id, cookie) = session::begin(self.password.key(), headers);
        self.store.begin_session(id).await?;
        Ok(cookie)
    }

    /// Whether these headers carry a session.
    pub(crate) async fn is_entered(&self, headers: &HeaderMap) -> Result<bool> {
        for id in session::ids(self.password.key(), headers) {
            if self.store.has_session(id).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Ends the session that these headers carry, for everybody who has a copy of its cookie.
    pub(crate) async fn leave(&self, headers: &HeaderMap) -> Result<CookieJar> {
        self.end_sessions(headers).await?;
        Ok(session::forget(headers))
    }

    async fn end_sessions(&self, headers: &HeaderMap) -> Result<()> {
        for id in session::ids(self.password.key(), headers) {
            self.store.end_session(id).await?;
        }
        Ok(())
    }
}
