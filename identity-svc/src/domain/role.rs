use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Invalid, Permission, Refusal};

/// Everybody who registers.
pub const CUSTOMER: &str = "customer";
/// Whoever holds it is an administrator.
pub const ADMIN: &str = "admin";

/// What the roles permit that every system has, until somebody changes it; as the migrations say it.
pub const BUILT_IN: [(&str, &[Permission]); 3] = [
    (CUSTOMER, &[]),
    (
        "staff",
        &[
            Permission::CATALOGUE_MANAGE,
            Permission::STOCK_MANAGE,
            Permission::INCENTIVES_MANAGE,
            Permission::ORDERS_MANAGE,
            Permission::REPORTS_READ,
        ],
    ),
    (ADMIN, &Permission::ALL),
];

const MAX_BYTES: usize = 50;

/// The name of a role: a lower-case letter, then up to 49 lower-case letters, digits, `_` or `-`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RoleName(String);

impl RoleName {
    /// # Errors
    /// When it has another form.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let well_formed = text.len() <= MAX_BYTES
            && text.starts_with(|first: char| first.is_ascii_lowercase())
            && text
                .bytes()
                .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-'));
        if well_formed {
            Ok(Self(text.to_owned()))
        } else {
            Err(Invalid::new(
                "must be a lower-case letter, then up to 49 lower-case letters, digits, `_` or `-`",
            ))
        }
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A role, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Role {
    pub name: String,
    /// In alphabetical order.
    pub permissions: Vec<String>,
}

/// A role, as somebody wants it to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleDefinition {
    name: RoleName,
    permissions: BTreeSet<Permission>,
}

impl RoleDefinition {
    /// # Errors
    /// When `admin` would lose `users:manage`: nobody could give it back.
    pub fn new(name: RoleName, permissions: BTreeSet<Permission>) -> Result<Self, Refusal> {
        if name.as_str() == ADMIN && !permissions.contains(&Permission::USERS_MANAGE) {
            return Err(Refusal::AdminManagesUsers);
        }
        Ok(Self { name, permissions })
    }
}

impl From<RoleDefinition> for Role {
    fn from(definition: RoleDefinition) -> Self {
        Self {
            name: definition.name.0,
            permissions: definition
                .permissions
                .into_iter()
                .map(|permission| permission.as_str().to_owned())
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_fits_a_path() {
        for name in ["a", "admin", "night-shift_2", &"a".repeat(50)] {
            assert!(RoleName::parse(name).is_ok(), "{name}");
        }
        for name in ["", "Admin", "2nd", "a b", "a/b", "é", "-a", &"a".repeat(51)] {
            assert!(RoleName::parse(name).is_err(), "{name}");
        }
    }

    #[test]
    fn admin_keeps_users_manage() {
        let admin = RoleName::parse(ADMIN).unwrap();
        let staff = RoleName::parse("staff").unwrap();
        let users = BTreeSet::from([Permission::USERS_MANAGE]);
        assert!(RoleDefinition::new(admin.clone(), users).is_ok());
        assert!(RoleDefinition::new(staff, BTreeSet::new()).is_ok());
        assert_eq!(
            RoleDefinition::new(admin, BTreeSet::new()),
            Err(Refusal::AdminManagesUsers)
        );
    }
}
