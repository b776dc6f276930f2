//! The products that are measured.

use std::str::FromStr;

/// A product, or Naptime as it is, was, and began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Product {
    Naptime,
    Before,
    Original,
    BullMq,
    PgBoss,
    GraphileWorker,
}

impl Product {
    pub(crate) const ALL: [Self; 6] =
        [Self::Naptime, Self::Before, Self::Original, Self::BullMq, Self::PgBoss, Self::GraphileWorker];

    /// The products that run on Node.js.
    pub(crate) const PEERS: [Self; 3] = [Self::BullMq, Self::PgBoss, Self::GraphileWorker];

    /// The name that `--only` takes. A peer's is also the name of its npm package and of its driver (`node/bullmq.mjs`).
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Naptime => "naptime",
            Self::Before => "before",
            Self::Original => "original",
            Self::BullMq => "bullmq",
            Self::PgBoss => "pg-boss",
            Self::GraphileWorker => "graphile-worker",
        }
    }

    /// The name in the table.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Naptime => "Naptime on MongoDB",
            Self::Before => "Naptime before",
            Self::Original => "the original's algorithm",
            Self::BullMq => "BullMQ on Redis",
            Self::PgBoss => "pg-boss on PostgreSQL",
            Self::GraphileWorker => "graphile-worker on PostgreSQL",
        }
    }
}

impl FromStr for Product {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|product| product.name() == name).ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            format!("no such product: {name}; there are {names}")
        })
    }
}
