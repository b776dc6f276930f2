//! What every handler shares.

use std::sync::Arc;

use naptime_core::Time;
use naptime_store::WebStore;

use crate::draft::Rules;
use crate::session::Sessions;
use crate::throttle::Throttle;
use crate::{Secret, Settings};

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
}

/// What a login needs.
pub(crate) struct Login {
    /// What to know.
    pub(crate) password: Secret,
    /// Who is logged in.
    pub(crate) sessions: Sessions,
    /// How often it may be tried.
    pub(crate) throttle: Throttle,
}

impl App {
    pub(crate) fn new(store: Arc<dyn WebStore>, mut settings: Settings) -> Self {
        // An empty password in the environment must not let everybody in with an empty password.
        settings.password = settings.password.filter(|password| !password.is_empty());
        settings.api_token = settings.api_token.filter(|token| !token.is_empty());
        let login = settings.password.clone().map(|password| Login {
            sessions: Sessions::new(&password),
            throttle: Throttle::default(),
            password,
        });
        Self { store, settings, login }
    }

    /// The store's time.
    pub(crate) fn now(&self) -> Time {
        self.store.now()
    }

    /// The rules that a draft is read by.
    pub(crate) fn rules(&self) -> Rules<'_> {
        Rules { networks: &self.settings.networks, min_period: self.settings.min_period }
    }
}
