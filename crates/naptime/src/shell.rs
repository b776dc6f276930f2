//! What shells and `man` are told of the commands.

use std::io::Write;

use clap::CommandFactory;
use clap_complete::Shell;

use crate::cli::Cli;

/// `naptime completions`.
pub(crate) fn completions(shell: Shell) -> anyhow::Result<()> {
    // Written at once, as the generator takes no error.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "naptime", &mut script);
    Ok(std::io::stdout().lock().write_all(&script)?)
}

/// `naptime man`: the page of the program, followed by those of its commands.
pub(crate) fn man() -> anyhow::Result<()> {
    let mut page = Vec::new();
    let mut cli = Cli::command();
    cli.build();
    clap_mangen::Man::new(cli.clone()).render(&mut page)?;
    for command in cli.get_subcommands().filter(|command| !command.is_hide_set() && command.get_name() != "help") {
        let name = format!("naptime-{}", command.get_name());
        clap_mangen::Man::new(command.clone()).title(name).render(&mut page)?;
    }
    Ok(std::io::stdout().lock().write_all(&page)?)
}
