//! What `--help` says of the environment.

use std::collections::BTreeMap;

use chassis::config::{self, Variable, describe};

use crate::{LOCAL_ADMIN_EMAIL, LOCAL_ADMIN_PASSWORD};

/// Every variable that one of the services reads, by name.
#[must_use]
pub fn environment() -> String {
    let mut variables: BTreeMap<String, Variable> = [
        describe::<identity_svc::Config>(),
        describe::<inventory_svc::Config>(),
        describe::<order_svc::Config>(),
        describe::<worker::Config>(),
        describe::<gateway::Config>(),
        vec![
            variable("LOG_FORMAT", "text", "`json`: one JSON object per line"),
            variable(
                "RUST_LOG",
                "info",
                "What is logged, for example `info,order_svc=debug`",
            ),
        ],
    ]
    .into_iter()
    .flatten()
    .map(|variable| (variable.name.clone(), variable))
    .collect();
    for (name, default) in [
        ("ADMIN_EMAIL", LOCAL_ADMIN_EMAIL),
        ("ADMIN_PASSWORD", LOCAL_ADMIN_PASSWORD),
    ] {
        if let Some(variable) = variables.get_mut(name) {
            variable.default = Some(format!("{default}, but only with `easyorder serve`"));
        }
    }
    let variables: Vec<Variable> = variables.into_values().collect();
    let mut text = config::help(&variables);
    text.push_str(
        "With all services in one process, each *_URL of a service follows from its *_ADDR.\n",
    );
    text
}

fn variable(name: &str, default: &str, help: &str) -> Variable {
    Variable {
        name: name.to_owned(),
        default: Some(default.to_owned()),
        help: help.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_variable_is_listed_once() {
        let text = environment();
        for name in [
            "ORDER_DATABASE_URL",
            "AMQP_URL",
            "GATEWAY_HTTP_ADDR",
            "ADMIN_EMAIL",
            "RUST_LOG",
        ] {
            assert_eq!(
                text.matches(&format!("  {name} [")).count(),
                1,
                "{name} in {text}"
            );
        }
    }
}
