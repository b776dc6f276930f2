//! A database that isn't there yet when a process starts is waited for, as one that goes away later is.

use std::time::Duration;

use naptime_embed::store::{self, CannotOpen, Opened, StoreSettings};
use tokio::net::TcpListener;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::holding_page::HoldingPage;

/// The pause between two attempts. Each takes a few seconds itself while nobody answers.
const PAUSE: Duration = Duration::from_secs(1);
/// How often it is said that the database is still away.
const SAY_EVERY: Duration = Duration::from_secs(60);

/// Opens the store as soon as it is there; none if `stop` comes first. Meanwhile `listener` answers that it waits.
///
/// # Errors
/// If waiting does not help.
pub(crate) async fn open(
    settings: &StoreSettings,
    work: bool,
    listener: Option<&TcpListener>,
    stop: &CancellationToken,
) -> Result<Option<Opened>, CannotOpen> {
    let mut page = None;
    let away = |error: &CannotOpen| {
        tracing::warn!("{error}; waiting for it");
        page = page.take().or_else(|| listener.and_then(HoldingPage::serve));
    };
    let opening = until_there(async || store::open(settings, work).await, CannotOpen::may_pass, away);
    tokio::select! {
        biased;
        () = stop.cancelled() => Ok(None),
        opened = opening => opened.map(Some),
    }
}

/// Tries until it succeeds, or fails with an error that doesn't pass. `away` is told of the first error and then of one
/// a minute.
async fn until_there<T, E>(
    mut attempt: impl AsyncFnMut() -> Result<T, E>,
    may_pass: impl Fn(&E) -> bool,
    mut away: impl FnMut(&E),
) -> Result<T, E> {
    let mut since: Option<Instant> = None;
    let mut said: Option<Instant> = None;
    loop {
        match attempt().await {
            Err(error) if may_pass(&error) => {
                since.get_or_insert_with(Instant::now);
                if said.is_none_or(|said| said.elapsed() >= SAY_EVERY) {
                    said = Some(Instant::now());
                    away(&error);
                }
            }
            done => {
                if let (Ok(_), Some(since)) = (&done, since) {
                    tracing::info!(seconds = since.elapsed().as_secs(), "the store is there");
                }
                return done;
            }
        }
        sleep(PAUSE).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_is_away_is_told_at_first_and_then_once_a_minute() {
        let begun = Instant::now();
        let mut told = Vec::new();
        let attempt = async || {
            sleep(Duration::from_secs(3)).await;
            if begun.elapsed() < Duration::from_secs(150) { Err("away") } else { Ok(()) }
        };
        let there = until_there(attempt, |_| true, |_| told.push(begun.elapsed().as_secs())).await;
        assert_eq!((there, told), (Ok(()), vec![3, 63, 123]));
    }

    #[tokio::test(start_paused = true)]
    async fn what_does_not_pass_ends_it_at_once() {
        let mut told = 0;
        let there = until_there(async || Err::<(), _>("wrong"), |_| false, |_| told += 1).await;
        assert_eq!((there, told), (Err("wrong"), 0));
    }
}
