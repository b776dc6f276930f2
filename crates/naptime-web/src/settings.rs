//! What the web is told.

use std::time::Duration;

use naptime_alerts::Place;
use naptime_core::{AllowedNetworks, duration};
use naptime_store::Shut;
use tokio::sync::watch;

use crate::Secret;

/// The settings of the web.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `NAPTIME_PASSWORD`: what people log in with. Without one there is no login, and only requests to a loopback
    /// name (`localhost`, `127.0.0.1`, `[::1]`) that came through no proxy are answered. An empty one counts as none.
    pub password: Option<Secret>,
    /// Whether somebody before the router has let in whoever comes: the login of the app that it is a part of. Without a
    /// password, nothing is asked then, under whatever name and through whatever proxy a request comes.
    pub is_guarded: bool,
    /// `NAPTIME_API_TOKEN`: what programs send as a bearer token. An empty one counts as none. With a token and no
    /// password, the pages are shut.
    pub api_token: Option<Secret>,
    /// `NAPTIME_TRUST_PROXY`: how many proxies in a row add to `X-Forwarded-For` the address of who called them. The
    /// client's address, by which wrong passwords and tokens are counted, is the one that the outermost added.
    pub trusted_proxies: usize,
    /// `NAPTIME_ALLOW_NETWORKS`: the networks that may be called beside the public internet. URLs that plainly lead
    /// elsewhere are refused when they are typed; the worker checks every call again.
    pub networks: AllowedNetworks,
    /// `NAPTIME_MIN_PERIOD`: the shortest period accepted; 1 s by default.
    pub min_period: Duration,
    /// `NAPTIME_RETENTION`: how long the store keeps runs, for saying so on the pages; 7 days by default.
    pub retention: Duration,
    /// `NAPTIME_URL` and the server of `SMTP_URL`, for tests of receivers.
    pub place: Place,
    /// Why the store is shut, while everything is moved out of it or into it.
    pub shut: watch::Receiver<Option<Shut>>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            password: None,
            is_guarded: false,
            api_token: None,
            trusted_proxies: 0,
            networks: AllowedNetworks::public_only(),
            min_period: duration::MIN_PERIOD,
            retention: Duration::from_secs(7 * 24 * 3600),
            place: Place::default(),
            shut: watch::channel(None).1,
        }
    }
}
