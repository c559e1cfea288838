//! Configuration comes from environment variables alone, read by a `clap` parser per service.

use std::{convert::Infallible, ffi::OsString, fmt, str::FromStr};

use anyhow::bail;

/// A value that no log, error or debug output shows.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The value, for the one place that needs it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Secret {
    fn from(value: &str) -> Self {
        Self(value.to_owned())
    }
}

impl From<String> for Secret {
    fn from(value: String) -> Self {
        Self(value)
    }
}

impl FromStr for Secret {
    type Err = Infallible;

    fn from_str(value: &str) -> Result<Self, Infallible> {
        Ok(value.into())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Reads a configuration from the environment.
///
/// # Errors
/// When a variable is missing or has a bad value; the error names it.
pub fn from_env<C: clap::Parser>() -> anyhow::Result<C> {
    // No arguments: `value_name` makes clap's message name the variable.
    match C::try_parse_from([OsString::from("configuration")]) {
        Ok(config) => Ok(config),
        Err(error) => {
            let message = error.render().to_string();
            let reason = message.lines().next().unwrap_or_default();
            bail!(
                "bad configuration: {}",
                reason.trim_start_matches("error: ")
            )
        }
    }
}

/// One environment variable.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Variable {
    pub name: String,
    pub default: Option<String>,
    pub help: String,
}

/// The variables that a configuration reads.
#[must_use]
pub fn describe<C: clap::CommandFactory>() -> Vec<Variable> {
    C::command()
        .get_arguments()
        .filter_map(|argument| {
            Some(Variable {
                name: argument.get_env()?.to_string_lossy().into_owned(),
                default: argument
                    .get_default_values()
                    .first()
                    .map(|value| value.to_string_lossy().into_owned()),
                help: argument
                    .get_help()
                    .map(ToString::to_string)
                    .unwrap_or_default(),
            })
        })
        .collect()
}

/// The text by which a `--help` lists variables.
#[must_use]
pub fn help(variables: &[Variable]) -> String {
    let mut text = String::from("Environment variables:\n");
    for variable in variables {
        text.push_str("  ");
        text.push_str(&variable.name);
        if let Some(default) = &variable.default {
            text.push_str(&format!(" [default: {default}]"));
        }
        text.push_str("\n      ");
        text.push_str(&variable.help);
        text.push('\n');
    }
    text
}
