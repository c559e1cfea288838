use std::process::ExitCode;

fn main() -> ExitCode {
    chassis::run("worker", worker::migrate, worker::start)
}
