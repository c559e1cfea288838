use std::process::ExitCode;

fn main() -> ExitCode {
    chassis::run(
        "inventory-svc",
        inventory_svc::migrate,
        inventory_svc::start,
    )
}
