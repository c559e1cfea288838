use std::process::ExitCode;

fn main() -> ExitCode {
    chassis::run(
        "identity-svc",
        async |config: identity_svc::Config| identity_svc::migrate(&config).await,
        identity_svc::start,
    )
}
