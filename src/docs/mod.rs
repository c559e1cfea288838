//! Documents that are generated from the code, and stand in the repository for those who only read.

pub mod permissions;

use std::{fs, path::Path};

use anyhow::Context as _;
use gateway::routes::Upstream;
use serde_json::Value;

use crate::say_error;

/// Writes them.
///
/// # Errors
/// When the directory cannot be written to.
pub fn write(directory: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(directory)?;
    for (name, text) in documents()? {
        let path = directory.join(name);
        fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
    }
    Ok(())
}

/// Whether those in the directory are up to date; says which are not.
///
/// # Errors
/// When a document cannot be generated.
pub fn check(directory: &Path) -> anyhow::Result<bool> {
    let mut up_to_date = true;
    for (name, text) in documents()? {
        let path = directory.join(name);
        if fs::read_to_string(&path).ok().as_ref() != Some(&text) {
            say_error(format_args!(
                "{} is out of date; run `make docs` and commit it",
                path.display()
            ));
            up_to_date = false;
        }
    }
    Ok(up_to_date)
}

/// The OpenAPI document of the whole system.
///
/// # Errors
/// When a part cannot be written as JSON.
pub fn openapi() -> anyhow::Result<Value> {
    let services = [
        (Upstream::Identity, identity_svc::openapi()),
        (Upstream::Inventory, inventory_svc::openapi()),
        (Upstream::Order, order_svc::openapi()),
        (Upstream::Worker, worker::openapi()),
    ];
    Ok(gateway::merged_openapi(services)?)
}

fn documents() -> anyhow::Result<Vec<(&'static str, String)>> {
    let openapi = openapi()?;
    Ok(vec![
        (
            "asyncapi.json",
            serde_json::to_string_pretty(&gateway::asyncapi()?)? + "\n",
        ),
        (
            "openapi.json",
            serde_json::to_string_pretty(&openapi)? + "\n",
        ),
        ("permissions.md", permissions::page(&openapi)?),
    ])
}

#[cfg(test)]
#[path = "openapi_tests.rs"]
mod tests;
