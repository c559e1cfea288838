use std::process::ExitCode;

fn main() -> ExitCode {
    chassis::run(
        "gateway",
        async |config: gateway::Config| gateway::migrate(&config).await,
        gateway::start,
    )
}
