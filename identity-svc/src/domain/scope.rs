use std::{collections::BTreeSet, fmt};

use super::{Invalid, Permission};

/// What a token is narrowed to: of the permissions that its subject holds, it gives no others. May be none at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope(BTreeSet<Permission>);

impl Scope {
    #[must_use]
    pub fn new(permissions: BTreeSet<Permission>) -> Self {
        Self(permissions)
    }

    /// Reads permissions that are separated by spaces (RFC 6749, 3.3).
    ///
    /// # Errors
    /// When one does not exist.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let words = text.split(' ').filter(|word| !word.is_empty());
        words
            .map(Permission::parse)
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Reads what [`names`](Self::names) wrote. What is no permission any more gives nothing.
    #[must_use]
    pub fn stored(names: &[String]) -> Self {
        let known = names.iter().filter_map(|name| Permission::parse(name).ok());
        Self(known.collect())
    }

    /// In alphabetical order.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.0.iter().map(|one| one.as_str().to_owned()).collect()
    }

    /// Whether it gives no more than the other.
    #[must_use]
    pub fn is_within(&self, other: &Self) -> bool {
        self.0.is_subset(&other.0)
    }
}

/// As a token carries it.
impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.names().join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_is_a_set_of_permissions() {
        let scope = Scope::parse("stock:manage orders:manage stock:manage").unwrap();
        assert_eq!(scope.to_string(), "orders:manage stock:manage");
        assert_eq!(Scope::stored(&scope.names()), scope);
        assert_eq!(Scope::parse("").unwrap().to_string(), "");
        assert!(Scope::parse("orders:manage,stock:manage").is_err());
        let narrower = Scope::parse("stock:manage").unwrap();
        assert!(narrower.is_within(&scope) && !scope.is_within(&narrower));
        let gone = ["orders:manage".to_owned(), "paper:burn".to_owned()];
        assert_eq!(Scope::stored(&gone).to_string(), "orders:manage");
    }
}
