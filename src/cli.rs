//! The command line.

use std::{path::PathBuf, process::ExitCode};

use crate::{audit, bench, certs, docs, generate, launch, replay, say, say_error, system::Configs};

/// EasyOrder: orders, inventory, incentives and identities, with all services in one process
#[derive(Debug, clap::Parser)]
#[command(name = "easyorder", version)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Run all services in this process, for one machine (the default)
    ///
    /// Creates databases that are missing. Without ADMIN_EMAIL and ADMIN_PASSWORD there is an administrator
    /// admin@easyorder.local with the password easyorder-local-admin.
    Serve {
        /// Make a few products, place one order and show what becomes of it
        #[arg(long)]
        demo: bool,
    },
    /// Create databases that are missing, bring all of them up to date, and end
    Migrate,
    /// Play a history of real sales against a running system, and account for every row
    Replay(replay::Options),
    /// Add orders as a shop has them after years, by the thousand or the million, for trials
    ///
    /// Fills the databases of order-svc and inventory-svc, which are created if they are missing, with products, orders and
    /// all that belongs to them, as if customers had placed the orders within the last two years; then builds the read
    /// models anew. No event is published. Customers are only ids: nobody can sign in as one. A second run adds more.
    Generate(generate::Options),
    /// Check everything that must hold, in and between order-svc and inventory-svc
    ///
    /// Prints each invariant with the rows that were looked at, then each row that breaks one. The exit status is 0 when
    /// all is well or was made so, 1 when violations remain, 2 when a service could not be asked.
    Audit(audit::Options),
    /// Build a read model of order-svc anew, while orders go on, and put it in the place of the old one
    Rebuild {
        /// Which: each is built with what belongs to it
        #[arg(value_parser = order_svc::View::parser())]
        view: order_svc::View,
    },
    /// Make certificates for mutual TLS between the services, or renew them
    ///
    /// The first run makes an authority, ca.pem and ca.key, and a certificate of it for each service, and for all of them
    /// in one process. Later runs keep the authority and renew the certificates; services that run take the new ones by
    /// themselves. They name the services, localhost, 127.0.0.1 and ::1, and are good for a year.
    Certs {
        /// The directory
        directory: PathBuf,
    },
    /// Make a new key for signing access tokens, while all goes on
    RotateKeys(identity_svc::RotateKeys),
    /// Measure how much the system carries
    #[command(subcommand)]
    Bench(bench::Command),
    /// Write the documents that are generated from the code
    Docs {
        /// The directory
        directory: PathBuf,
        /// Write nothing; fail if a document is out of date
        #[arg(long)]
        check: bool,
    },
}

impl Cli {
    /// Does what was asked for; the exit status tells whether it went well.
    #[must_use]
    pub fn run(self) -> ExitCode {
        match self.try_run() {
            Ok(status) => status,
            Err(error) => {
                say_error(format_args!("easyorder: {error:#}"));
                ExitCode::FAILURE
            }
        }
    }

    fn try_run(self) -> anyhow::Result<ExitCode> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()?;
        let well = match self.command.unwrap_or(Command::Serve { demo: false }) {
            Command::Serve { demo } => {
                chassis::telemetry::init_without_access_log();
                runtime.block_on(launch::serve(demo))?;
                true
            }
            Command::Migrate => {
                chassis::telemetry::init();
                runtime.block_on(async {
                    let configs = Configs::from_env()?;
                    configs.create_databases().await?;
                    configs.migrate().await
                })?;
                true
            }
            Command::Replay(options) => runtime.block_on(replay::run(options))?,
            Command::Generate(options) => {
                runtime.block_on(generate::run(options))?;
                true
            }
            Command::Audit(options) => return Ok(runtime.block_on(audit::run(options))),
            Command::Rebuild { view } => {
                let rebuilt = runtime.block_on(async {
                    let config = chassis::config::from_env()?;
                    order_svc::rebuild(&config, view).await
                })?;
                say(format_args!("{rebuilt}"));
                true
            }
            Command::Certs { directory } => certs::run(&directory).map(|()| true)?,
            Command::RotateKeys(options) => {
                let told = runtime.block_on(async {
                    let config = chassis::config::from_env()?;
                    identity_svc::rotate_keys(&config, options).await
                })?;
                say(format_args!("{told}"));
                true
            }
            Command::Bench(command) => runtime.block_on(bench::run(command))?,
            Command::Docs {
                directory,
                check: false,
            } => docs::write(&directory).map(|()| true)?,
            Command::Docs {
                directory,
                check: true,
            } => docs::check(&directory)?,
        };
        Ok(if well {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }
}
