use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _};
use easyorder::{cli::Cli, help};

fn main() -> ExitCode {
    let matches = Cli::command().after_help(help::environment()).get_matches();
    match Cli::from_arg_matches(&matches) {
        Ok(cli) => cli.run(),
        Err(error) => error.exit(),
    }
}
