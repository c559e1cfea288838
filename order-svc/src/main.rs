use std::{io::Write as _, process::ExitCode};

use order_svc::View;

#[derive(clap::Subcommand)]
enum Command {
    /// Build a read model anew, while orders go on, and put it in the place of the old one
    Rebuild {
        /// Which: each is built with what belongs to it
        #[arg(value_parser = View::parser())]
        view: View,
    },
}

fn main() -> ExitCode {
    chassis::run_with(
        "order-svc",
        order_svc::migrate,
        order_svc::start,
        async |command, config| match command {
            Command::Rebuild { view } => {
                let rebuilt = order_svc::rebuild(&config, view).await?;
                writeln!(std::io::stdout(), "{rebuilt}")?;
                Ok(())
            }
        },
    )
}
