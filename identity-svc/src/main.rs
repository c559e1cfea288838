use std::process::ExitCode;

fn main() -> ExitCode {
    chassis::run("identity-svc", identity_svc::migrate, identity_svc::start)
}
