use std::process::ExitCode;

fn main() -> ExitCode {
    chassis::run(
        "worker",
        async |config: worker::Config| worker::migrate(&config).await,
        worker::start,
    )
}
