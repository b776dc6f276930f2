//! `naptime delete`.

use clap::Args;

use super::connect::ServerArgs;
use super::output::OutputArgs;
use super::target::TargetsArgs;
use super::told::{shown, told};

#[derive(Args)]
pub(crate) struct DeleteArgs {
    #[command(flatten)]
    targets: TargetsArgs,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    server: ServerArgs,
}

pub(super) async fn delete(args: &DeleteArgs) -> anyhow::Result<()> {
    let client = args.server.client()?;
    for endpoint in args.targets.find(&client).await? {
        client.delete(endpoint.id).await?;
        let (shown, id) = (shown(&endpoint), endpoint.id);
        told(&args.output, &endpoint, format_args!("deleted {shown}; `naptime restore {id}` brings it back"))?;
    }
    Ok(())
}
