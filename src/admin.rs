//! The administrator of a system on this machine.

use chassis::config::{self, Secret};

use crate::client::Account;

/// Whom the local launcher makes. No other way of starting a service knows a default password.
pub const LOCAL_ADMIN_EMAIL: &str = "admin@easyorder.local";
pub const LOCAL_ADMIN_PASSWORD: &str = "easyorder-local-admin";

#[derive(clap::Parser, Debug)]
struct Admin {
    #[arg(long, env = "ADMIN_EMAIL", value_name = "ADMIN_EMAIL")]
    email: Option<String>,
    #[arg(
        long,
        env = "ADMIN_PASSWORD",
        value_name = "ADMIN_PASSWORD",
        hide_env_values = true
    )]
    password: Option<Secret>,
}

/// The administrator whom the environment names, else the local launcher's.
///
/// # Errors
/// When a variable is no text.
pub fn from_env() -> anyhow::Result<Account> {
    let admin: Admin = config::from_env()?;
    Ok(account(admin.email, admin.password))
}

/// The same, from a configuration of identity-svc, which is completed by it.
pub fn complete(identity: &mut identity_svc::Config) -> Account {
    let admin = account(identity.admin_email.take(), identity.admin_password.take());
    identity.admin_email = Some(admin.email.clone());
    identity.admin_password = Some(admin.password.clone());
    admin
}

/// An empty value counts as none.
fn account(email: Option<String>, password: Option<Secret>) -> Account {
    Account::new(
        email
            .filter(|email| !email.is_empty())
            .unwrap_or_else(|| LOCAL_ADMIN_EMAIL.to_owned()),
        "Administrator".to_owned(),
        password
            .filter(|password| !password.expose().is_empty())
            .unwrap_or_else(|| LOCAL_ADMIN_PASSWORD.into()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_variable_is_none() {
        let default = account(Some(String::new()), Some("".into()));
        assert_eq!(default.email, LOCAL_ADMIN_EMAIL);
        assert_eq!(default.password.expose(), LOCAL_ADMIN_PASSWORD);
        let given = account(
            Some("a@b.example".into()),
            Some("correct horse battery".into()),
        );
        assert_eq!(given.email, "a@b.example");
        assert_eq!(given.password.expose(), "correct horse battery");
    }
}
