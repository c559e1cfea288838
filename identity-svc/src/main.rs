use std::{io::Write as _, process::ExitCode};

#[derive(clap::Subcommand)]
enum Command {
    /// Make a new key for signing access tokens
    RotateKeys(identity_svc::RotateKeys),
    /// Print the secret by which a service proves who it is, for its SERVICE_SECRET
    ServiceSecret {
        /// gateway, order-svc, inventory-svc, worker, or easyorder for the command line
        name: String,
    },
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
            Command::ServiceSecret { name } => {
                let secret = identity_svc::service_secret(&config, &name)?;
                writeln!(std::io::stdout(), "{}", secret.expose())?;
                Ok(())
            }
        },
    )
}
