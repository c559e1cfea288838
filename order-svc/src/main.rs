use std::process::ExitCode;

fn main() -> ExitCode {
    chassis::run("order-svc", order_svc::migrate, order_svc::start)
}
