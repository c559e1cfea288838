use super::Invalid;

/// Something that a service asks about before it acts. A role can only grant what some service knows, so that a typo
/// is an error and not a right that nobody has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Permission {
    name: &'static str,
    opens: &'static str,
}

impl Permission {
    pub const CATALOGUE_MANAGE: Self = Self::new(
        "catalogue:manage",
        "Adding, changing, importing and removing products",
    );
    pub const STOCK_MANAGE: Self = Self::new("stock:manage", "Seeing and booking stock");
    pub const INCENTIVES_MANAGE: Self = Self::new(
        "incentives:manage",
        "Seeing and changing discount codes; seeing and correcting everybody's points",
    );
    pub const ORDERS_MANAGE: Self = Self::new(
        "orders:manage",
        "Seeing and changing everybody's orders; shipping, delivering, and taking back what was ordered",
    );
    pub const REPORTS_READ: Self = Self::new("reports:read", "Seeing what all orders add up to");
    pub const USERS_MANAGE: Self = Self::new(
        "users:manage",
        "Seeing and changing users, the roles that they hold, and what these permit",
    );
    pub const JOBS_MANAGE: Self = Self::new(
        "jobs:manage",
        "Seeing, retrying and deleting background jobs; seeing what the services logged at ERROR",
    );
    pub const AUDIT_READ: Self = Self::new("audit:read", "Reading the audit log");
    pub const INTERNAL_CALL: Self = Self::new(
        chassis::auth::INTERNAL_CALL,
        "Calling the services' gRPC interfaces, as they call each other",
    );

    pub const ALL: [Self; 9] = [
        Self::CATALOGUE_MANAGE,
        Self::STOCK_MANAGE,
        Self::INCENTIVES_MANAGE,
        Self::ORDERS_MANAGE,
        Self::REPORTS_READ,
        Self::USERS_MANAGE,
        Self::JOBS_MANAGE,
        Self::AUDIT_READ,
        Self::INTERNAL_CALL,
    ];

    const fn new(name: &'static str, opens: &'static str) -> Self {
        Self { name, opens }
    }

    /// # Errors
    /// When no service knows it.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        Self::ALL
            .into_iter()
            .find(|permission| permission.name == text)
            .ok_or_else(|| {
                let known = Self::ALL.map(Self::as_str).join(", ");
                Invalid::new(format!("no such permission; there are: {known}"))
            })
    }

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.name
    }

    /// What one may do with it, for people.
    #[must_use]
    pub const fn opens(self) -> &'static str {
        self.opens
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
