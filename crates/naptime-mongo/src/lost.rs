//! Claims that were never settled.

use std::collections::HashMap;

use futures::TryStreamExt;
use mongodb::bson::{Document, doc};
use naptime_core::{Claim, Outcome, Run};
use naptime_store::{Clock, Result};

use crate::document::{from_run, run_id, to_run};
use crate::{MongoStore, command};

impl MongoStore {
    /// For jobs that were claimed before and never settled: records those claims as lost. Where a run is there already,
    /// the call was recorded and only its settle is missing; the claim takes that run over.
    ///
    /// If this fails, nothing is lost: the memory of the lost claims is in the locks.
    pub(crate) async fn record_lost(&self, mut claims: Vec<Claim>) -> Result<Vec<Claim>> {
        let runs: Vec<Run> = claims.iter().flat_map(|claim| claim.lost_runs(self.now())).collect();
        if runs.is_empty() {
            return Ok(claims);
        }
        let ids: Vec<Document> = runs.iter().map(|run| run_id(run.token, run.job)).collect();
        let documents = runs.iter().map(from_run).collect::<Result<Vec<_>>>()?;
        if command::insert_new(&self.runs, documents).await? {
            return Ok(claims);
        }
        let filter = doc! {"_id": {"$in": ids}, "outcome": {"$ne": Outcome::Lost.as_str()}};
        let runs = self.runs.clone();
        let recorded: Vec<Document> =
            command::bounded(async move { runs.find(filter).await?.try_collect().await }).await?;
        let recorded = recorded.into_iter().map(to_run).collect::<Result<Vec<_>>>()?;
        let mut by_job: HashMap<_, &mut Claim> = claims.iter_mut().map(|claim| (claim.job.id, claim)).collect();
        for run in recorded {
            if let Some(claim) = by_job.get_mut(&run.job) {
                claim.take_over(run);
            }
        }
        Ok(claims)
    }
}
