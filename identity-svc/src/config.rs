use std::net::SocketAddr;

use anyhow::{Context as _, bail};
use chassis::{client_address::TrustedProxies, config::Secret};
use clap::value_parser;

use crate::{
    domain::{Email, OwnerWords, Password, PasswordRule, PersonName},
    service::{KeyTimes, RateLimits},
};

/// identity-svc's configuration, all of it from the environment.
#[derive(clap::Parser, Clone, Debug)]
pub struct Config {
    /// Where identity-svc serves REST.
    #[arg(
        long,
        env = "IDENTITY_HTTP_ADDR",
        default_value = "127.0.0.1:8081",
        value_name = "IDENTITY_HTTP_ADDR"
    )]
    pub http_addr: SocketAddr,

    /// Where identity-svc serves gRPC.
    #[arg(
        long,
        env = "IDENTITY_GRPC_ADDR",
        default_value = "127.0.0.1:50051",
        value_name = "IDENTITY_GRPC_ADDR"
    )]
    pub grpc_addr: SocketAddr,

    /// identity-svc's database.
    #[arg(
        long,
        env = "IDENTITY_DATABASE_URL",
        default_value = "postgres://postgres@127.0.0.1:5432/easyorder_identity",
        hide_env_values = true,
        value_name = "IDENTITY_DATABASE_URL"
    )]
    pub database_url: Secret,

    /// Connections to the database at most.
    #[arg(
        long,
        env = "IDENTITY_DATABASE_POOL",
        default_value = "8",
        value_parser = value_parser!(u32).range(1..=1_000),
        value_name = "IDENTITY_DATABASE_POOL"
    )]
    pub database_pool: u32,

    /// Life of an access token, in seconds.
    #[arg(
        long,
        env = "IDENTITY_ACCESS_TOKEN_SECONDS",
        default_value = "900",
        value_parser = value_parser!(i64).range(1..=86_400),
        value_name = "IDENTITY_ACCESS_TOKEN_SECONDS"
    )]
    pub access_token_seconds: i64,

    /// Seconds until a new signing key signs; whoever keeps the published keys is told to ask for them again before that.
    #[arg(
        long,
        env = "IDENTITY_KEY_LEAD_SECONDS",
        default_value = "300",
        value_parser = value_parser!(i64).range(0..=86_400),
        value_name = "IDENTITY_KEY_LEAD_SECONDS"
    )]
    pub key_lead_seconds: i64,

    /// Passwords hashed at once; each takes a core and 19 MiB.
    #[arg(
        long,
        env = "IDENTITY_HASH_CONCURRENCY",
        default_value = "2",
        value_parser = value_parser!(u16).range(1..=256),
        value_name = "IDENTITY_HASH_CONCURRENCY"
    )]
    pub hash_concurrency: u16,

    /// Proxies whose X-Forwarded-For tells where a request comes from (the gateway): networks or addresses, separated by
    /// commas.
    #[arg(
        long,
        env = "TRUSTED_PROXIES",
        default_value = "127.0.0.1,::1",
        value_name = "TRUSTED_PROXIES"
    )]
    pub trusted_proxies: TrustedProxies,

    /// `off`: addresses of the network are not throttled, for load tests. Accounts always are.
    #[arg(
        long,
        env = "RATE_LIMITS",
        default_value = "on",
        value_enum,
        value_name = "RATE_LIMITS"
    )]
    pub rate_limits: RateLimits,

    /// Address of the administrator made at the first start; together with ADMIN_PASSWORD.
    #[arg(long, env = "ADMIN_EMAIL", value_name = "ADMIN_EMAIL")]
    pub admin_email: Option<String>,

    /// Password of the administrator made at the first start, 15 to 128 characters that nobody guesses.
    #[arg(
        long,
        env = "ADMIN_PASSWORD",
        hide_env_values = true,
        value_name = "ADMIN_PASSWORD"
    )]
    pub admin_password: Option<Secret>,

    #[command(flatten)]
    pub secrets: chassis::auth::secrets::Config,

    #[command(flatten)]
    pub tls: chassis::tls::Config,

    #[command(flatten)]
    pub amqp: chassis::amqp::Config,
}

impl Config {
    pub(crate) fn key_times(&self) -> KeyTimes {
        KeyTimes {
            lead: self.key_lead_seconds,
            token: self.access_token_seconds,
        }
    }

    /// The administrator to be made, if one is named. An empty variable counts as none.
    ///
    /// # Errors
    /// When only one of the two variables is set, or a value is not acceptable; names the variable, never its value.
    pub fn administrator(&self) -> anyhow::Result<Option<(Email, Password)>> {
        let email = self
            .admin_email
            .as_deref()
            .filter(|email| !email.is_empty());
        let password = self
            .admin_password
            .as_ref()
            .map(Secret::expose)
            .filter(|password| !password.is_empty());
        match (email, password) {
            (None, None) => Ok(None),
            (Some(email), Some(password)) => {
                let email = Email::parse(email).context("bad configuration: ADMIN_EMAIL")?;
                let owner = OwnerWords::of(email.as_str(), PersonName::administrator().as_str());
                let password = Password::parse(password, PasswordRule::Alone)
                    .and_then(|password| password.resists_guessing(&owner).map(|()| password))
                    .context("bad configuration: ADMIN_PASSWORD")?;
                Ok(Some((email, password)))
            }
            (Some(_), None) => {
                bail!("bad configuration: ADMIN_EMAIL is set, but ADMIN_PASSWORD is not")
            }
            (None, Some(_)) => {
                bail!("bad configuration: ADMIN_PASSWORD is set, but ADMIN_EMAIL is not")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    fn config(email: Option<&str>, password: Option<&str>) -> Config {
        Config {
            admin_email: email.map(ToOwned::to_owned),
            admin_password: password.map(Secret::from),
            ..Config::parse_from(["identity-svc"])
        }
    }

    #[test]
    fn an_administrator_needs_an_address_and_a_password() {
        let good = Some("correct horse battery");
        assert!(config(None, None).administrator().unwrap().is_none());
        assert!(
            config(Some(""), Some(""))
                .administrator()
                .unwrap()
                .is_none()
        );
        assert!(
            config(Some("a@example.com"), good)
                .administrator()
                .unwrap()
                .is_some()
        );
        for (email, password, variable) in [
            (Some("a@example.com"), None, "ADMIN_PASSWORD"),
            (None, good, "ADMIN_EMAIL"),
            (Some("nobody"), good, "ADMIN_EMAIL"),
            (Some("a@example.com"), Some("hunter2"), "ADMIN_PASSWORD"),
            (
                Some("a@example.com"),
                Some("administrator12"),
                "ADMIN_PASSWORD",
            ),
        ] {
            let error = format!("{:#}", config(email, password).administrator().unwrap_err());
            assert!(error.contains(variable), "{error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn no_output_shows_the_secrets() {
        let config = config(Some("a@example.com"), Some("correct horse battery"));
        assert!(!format!("{config:?}").contains("horse"));
    }
}
