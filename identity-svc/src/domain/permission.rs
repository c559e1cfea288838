use super::Invalid;

/// Something that a service asks about before it acts. A role can only grant what some service knows, so that a typo
/// is an error and not a right that nobody has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Permission(&'static str);

impl Permission {
    pub const USERS_MANAGE: Self = Self("users:manage");

    pub const ALL: [Self; 9] = [
        Self("catalogue:manage"),
        Self("stock:manage"),
        Self("incentives:manage"),
        Self("orders:manage"),
        Self("reports:read"),
        Self::USERS_MANAGE,
        Self("jobs:manage"),
        Self("audit:read"),
        Self(chassis::auth::INTERNAL_CALL),
    ];

    /// # Errors
    /// When no service knows it.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        Self::ALL
            .into_iter()
            .find(|permission| permission.0 == text)
            .ok_or_else(|| {
                let known = Self::ALL.map(Self::as_str).join(", ");
                Invalid::new(format!("no such permission; there are: {known}"))
            })
    }

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typo_is_no_permission() {
        assert_eq!(
            Permission::parse("users:manage"),
            Ok(Permission::USERS_MANAGE)
        );
        let error = Permission::parse("user:manage").unwrap_err();
        assert!(error.0.contains("users:manage"));
    }
}
