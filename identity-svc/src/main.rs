use std::{io::Write as _, process::ExitCode};

#[derive(clap::Subcommand)]
enum Command {
    /// Make a new key for signing access tokens
    RotateKeys(identity_svc::RotateKeys),
}

fn main() -> ExitCode {
    chassis::run_with(
        "identity-svc",
        identity_svc::migrate,
        identity_svc::start,
        async |command, config| match command {
            Command::RotateKeys(options) => {
                let told = identity_svc::rotate_keys(&config, options).await?;
                writeln!(std::io::stdout(), "{told}")?;
                Ok(())
            }
        },
    )
}
