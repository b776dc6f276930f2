//! `naptime restore`: undo a deletion.

use clap::Args;

use super::connect::ServerArgs;
use super::output::OutputArgs;
use super::target::TargetsArgs;
use super::told::{shown, told};

#[derive(Args)]
pub(crate) struct RestoreArgs {
    #[command(flatten)]
    targets: TargetsArgs,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    server: ServerArgs,
}

pub(super) async fn restore(args: &RestoreArgs) -> anyhow::Result<()> {
    let client = args.server.client()?;
    for endpoint in args.targets.find_deleted(&client).await? {
        let restored = client.restore(endpoint.id).await?;
        told(&args.output, &restored, format_args!("restored {}: switched off", shown(&restored)))?;
    }
    Ok(())
}
