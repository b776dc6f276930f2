//! What every handler shares.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::extract::ConnectInfo;
use http::{Extensions, HeaderMap};
use naptime_core::{
    Breach, Change, Edit, Endpoint, Invalid, Job, JobId, Limits, NewJob, Pool, PoolSettings, Rev, Time, input, worker,
};
use naptime_store::{Error, JobQuery, JobSummary, PageRef, TimeoutLimits, WebStore};
use serde_json::Value;

use crate::Settings;
use crate::http::client;
use crate::http::rate::Rate;
use crate::http::throttle::Throttle;
use crate::login::Login;
use crate::ops::Health;
use crate::plan::Planner;
use crate::problems::Watcher;
use crate::sla::Recent;
use crate::stream::Tail;

/// The most other endpoints of a URL that are named.
const MOST_OTHERS: usize = 5;
/// The most wrong tokens of one address within a minute. They are counted apart from wrong passwords: a program that has
/// an old token locks nobody out of the login.
const MAX_WRONG_TOKENS: usize = 10;

/// What every handler gets.
pub(crate) type Shared = Arc<App>;

/// The web's state. All that lasts is in the store.
pub(crate) struct App {
    /// The store.
    pub(crate) store: Arc<dyn WebStore>,
    /// What it was told.
    pub(crate) settings: Settings,
    /// The login, if there is a password.
    pub(crate) login: Option<Login>,
    /// How often the API token may be guessed.
    pub(crate) token_throttle: Throttle,
    /// How fast the API token may be used.
    pub(crate) token_rate: Rate,
    /// Whether it was said that clients cannot be told apart.
    is_warned: AtomicBool,
    /// How the SLAs stand.
    pub(crate) recent: Recent,
    /// The work that is due.
    pub(crate) planner: Planner,
    /// What needs somebody.
    pub(crate) watcher: Watcher,
    /// Whether the store takes writes.
    pub(crate) health: Health,
    /// What is new, for who follows it.
    pub(crate) tail: Tail,
}

/// What was read, or all its faults.
type Read<T> = Result<T, Vec<Invalid>>;

/// What became of asking for a call now.
pub(crate) enum CallNow {
    /// It was asked for.
    Asked(Box<Job>),
    /// It was not: this pool is switched off.
    PoolOff(Pool),
}

impl App {
    pub(crate) async fn new(store: Arc<dyn WebStore>, mut settings: Settings) -> Result<Self, Error> {
        // An empty password in the environment must not let everybody in with an empty password.
        settings.password = settings.password.filter(|password| !password.is_empty());
        settings.api_token = settings.api_token.filter(|token| !token.is_empty());
        let login = match &settings.password {
            Some(password) => Some(Login::new(store.clone(), password).await?),
            None => None,
        };
        Ok(Self {
            store,
            settings,
            login,
            token_throttle: Throttle::new(MAX_WRONG_TOKENS),
            token_rate: Rate::new(),
            is_warned: AtomicBool::new(false),
            recent: Recent::default(),
            planner: Planner::default(),
            watcher: Watcher::default(),
            health: Health::default(),
            tail: Tail::default(),
        })
    }

    /// The address of who sent a request; none if nothing is known of it.
    pub(crate) fn client(&self, headers: &HeaderMap, extensions: &Extensions) -> Option<IpAddr> {
        let trusted = self.settings.trusted_proxies;
        if trusted == 0 && client::is_forwarded_for(headers) && !self.is_warned.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                "a request has an X-Forwarded-For, but NAPTIME_TRUST_PROXY is not set: if there is a proxy in front, \
                 wrong passwords of one client keep all clients from logging in"
            );
        }
        let peer = extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip());
        client::address(headers, peer, trusted)
    }

    /// Whether a request carries a session.
    pub(crate) async fn is_logged_in(&self, headers: &HeaderMap) -> Result<bool, Error> {
        match &self.login {
            Some(login) => login.is_entered(headers).await,
            None => Ok(false),
        }
    }

    /// The store's time.
    pub(crate) fn now(&self) -> Time {
        self.store.now()
    }

    /// Some of the other endpoints of the same URL: it may be called in several ways, but is so by mistake as well.
    pub(crate) async fn of_url(&self, url: &Endpoint, except: JobId) -> naptime_store::Result<Vec<JobSummary>> {
        let query = JobQuery { url: Some(url.clone()), ..JobQuery::default() };
        let mut found = self.store.list(&query, &PageRef::first(MOST_OTHERS + 1)).await?.items;
        found.retain(|job| job.id != except);
        found.truncate(MOST_OTHERS);
        Ok(found)
    }

    /// The endpoint of this id. A one-off job is none.
    pub(crate) async fn endpoint(&self, id: JobId) -> Result<Job, Error> {
        self.store.get(id).await.and_then(|job| if job.stage().is_none() { Ok(job) } else { Err(Error::NotFound) })
    }

    /// Edits an endpoint. What recurs does not become a one-off job, so nothing comes between the look and the edit.
    pub(crate) async fn edit_endpoint(&self, id: JobId, expect: Option<Rev>, edit: Edit) -> Result<Job, Error> {
        self.endpoint(id).await?;
        self.store.edit(id, expect, edit).await
    }

    /// Asks for a call of an endpoint now, unless its pool is switched off: the call would come only when that is on again.
    pub(crate) async fn call_now(&self, id: JobId, expect: Option<Rev>) -> Result<CallNow, Error> {
        let job = self.endpoint(id).await?;
        let pool = job.spec.endpoint.pool();
        let off = self.store.pool_settings(std::slice::from_ref(pool)).await?.iter().any(|settings| !settings.active);
        if off && job.deleted_at.is_none() {
            return Ok(CallNow::PoolOff(pool.clone()));
        }
        Ok(CallNow::Asked(Box::new(self.store.edit(id, expect, Edit::CallNow).await?)))
    }

    /// The settings of the pools of these endpoints.
    pub(crate) async fn pools_of(&self, jobs: &[JobSummary]) -> Result<HashMap<Pool, PoolSettings>, Error> {
        let pools: HashSet<&Pool> = jobs.iter().map(|job| job.endpoint.pool()).collect();
        let pools: Vec<Pool> = pools.into_iter().cloned().collect();
        let found = self.store.pool_settings(&pools).await?;
        Ok(found.into_iter().map(|settings| (settings.pool.clone(), settings)).collect())
    }

    /// The one-off job of this id.
    pub(crate) async fn one_off(&self, id: JobId) -> Result<Job, Error> {
        self.store.get(id).await.and_then(|job| if job.stage().is_some() { Ok(job) } else { Err(Error::NotFound) })
    }

    /// The breach of this endpoint's SLA that lasts.
    pub(crate) async fn lasting_breach(&self, job: &Job) -> Result<Option<Breach>, Error> {
        if job.breach(self.now(), None).is_none() {
            return Ok(None);
        }
        let pool = [job.spec.endpoint.pool().clone()];
        let (workers, pool) = tokio::try_join!(self.store.workers(), self.store.pool_settings(&pool))?;
        let now = self.now();
        let off_at = pool.iter().any(|settings| !settings.active).then_some(now);
        let breach = job.breach(now, worker::present_since(&workers, now));
        Ok(breach.map(|breach| breach.in_pool_off_at(off_at)))
    }

    /// Reads a new endpoint as it was sent.
    pub(crate) async fn read_new(
        &self,
        sent: Value,
        id: JobId,
        limits: &mut TimeoutLimits,
    ) -> Result<Read<NewJob>, Error> {
        self.held_to_pools(input::read_new(sent, self.limits(), id), limits).await
    }

    /// A new job as it was read, if its timeout is not longer than its pool allows.
    pub(crate) async fn held_to_pools(
        &self,
        read: Read<NewJob>,
        limits: &mut TimeoutLimits,
    ) -> Result<Read<NewJob>, Error> {
        let Ok(new) = read else { return Ok(read) };
        let fault = limits.fault(self.store.as_ref(), new.spec.endpoint.pool(), new.spec.request.timeout).await?;
        Ok(fault.map_or(Ok(new), |fault| Err(vec![fault])))
    }

    /// Reads a change of an endpoint as it was sent.
    pub(crate) async fn read_change(&self, sent: Value, old: &Job) -> Result<Read<Change>, Error> {
        self.change_held_to_pools(input::read_change(sent, self.limits(), old), old).await
    }

    /// Reads the configuration that takes the place of that of an endpoint, as it was sent.
    pub(crate) async fn read_replacement(&self, sent: Value, old: &Job) -> Result<Read<Change>, Error> {
        self.change_held_to_pools(input::read_replacement(sent, self.limits(), old), old).await
    }

    async fn change_held_to_pools(&self, read: Read<Change>, old: &Job) -> Result<Read<Change>, Error> {
        let Ok(change) = read else { return Ok(read) };
        let fault = match change.retimed(&old.spec) {
            Some((pool, timeout)) => TimeoutLimits::default().fault(self.store.as_ref(), pool, timeout).await?,
            None => None,
        };
        Ok(fault.map_or(Ok(change), |fault| Err(vec![fault])))
    }

    /// What the settings say of input.
    pub(crate) fn limits(&self) -> Limits<'_> {
        Limits { networks: &self.settings.networks, min_period: self.settings.min_period, now: self.now() }
    }
}
