//! Who may do what. The OpenAPI document has it, because each refusal in it says whom it leaves out
//! (`chassis::auth::refusals`); this writes it as a table for people.

use std::fmt::{self, Write as _};

use anyhow::{Context as _, anyhow, bail};
use chassis::auth::refusals::{
    ACCESS, ALL_WITH, OWNER_OR, PERMISSION, PERMISSION_FOR_SOME, SIGNED_IN,
};
use gateway::routing::{Table, Target};
use identity_svc::{BUILT_IN_ROLES, Permission};
use serde_json::Value;

const HEAD: &str = "\
<!-- Generated from the code by `make docs` (`easyorder docs docs`). Do not edit. -->

# Who may do what

A token says only who calls. What they may do is decided by the service that is asked, with the permissions of the roles that
they hold at that moment; the gateway only refuses who is not signed in where that is needed. Who is not signed in gets 401, who
lacks a permission 403, and who asks for what is somebody else's 404.

## Operations

*Owner*: whose the thing is. *Own*: what is the caller's. The pages `/docs` and `/console` are open to anyone: what the console
shows it asks for with the token of whoever signs in.

| method | path | service | who |
|---|---|---|---|
";

const ROLES: &str = "
## Roles

What the built-in roles permit, until somebody changes that with `PUT /v1/roles/{name}`. A role of one's own may permit anything of
this.

";

/// Whom an operation serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Access {
    Anyone,
    SignedIn,
    /// Whose the thing is, and who holds the permission.
    Owner {
        or: Permission,
    },
    /// Whoever is signed in, with what is theirs; who holds the permission, with everything.
    Own {
        all_with: Permission,
    },
    /// Who holds the permission; and for a part of what it does, a further one.
    Holder {
        of: Permission,
        for_some: Option<Permission>,
    },
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anyone => f.write_str("anyone"),
            Self::SignedIn => f.write_str("signed in"),
            Self::Owner { or } => write!(f, "owner or `{}`", or.as_str()),
            Self::Own { all_with } => {
                write!(f, "signed in: own; all with `{}`", all_with.as_str())
            }
            Self::Holder { of, for_some: None } => write!(f, "`{}`", of.as_str()),
            Self::Holder {
                of,
                for_some: Some(other),
            } => write!(f, "`{}`; for some `{}`, too", of.as_str(), other.as_str()),
        }
    }
}

/// A call, and whom it serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// In capitals.
    pub method: String,
    /// A template, with the parameters' names in braces.
    pub path: String,
    pub service: String,
    pub access: Access,
}

/// The page, from the OpenAPI document of the whole system.
///
/// # Errors
/// When the document does not tell whom an operation serves.
pub fn page(document: &Value, routes: &Table) -> anyhow::Result<String> {
    let mut page = HEAD.to_owned();
    for operation in operations(document, routes)? {
        let Operation {
            method,
            path,
            service,
            access,
        } = operation;
        writeln!(page, "| {method} | `{path}` | {service} | {access} |")?;
    }
    page.push_str(ROLES);
    let names: String = BUILT_IN_ROLES
        .iter()
        .map(|(name, _)| format!(" `{name}` |"))
        .collect();
    writeln!(page, "| permission | what it opens |{names}")?;
    writeln!(page, "|---|---|{}", "---|".repeat(BUILT_IN_ROLES.len()))?;
    for permission in Permission::ALL {
        let held: String = BUILT_IN_ROLES
            .iter()
            .map(|(_, permits)| {
                if permits.contains(&permission) {
                    " yes |"
                } else {
                    " |"
                }
            })
            .collect();
        let (name, opens) = (permission.as_str(), permission.opens());
        writeln!(page, "| `{name}` | {opens} |{held}")?;
    }
    Ok(page)
}

/// Every operation of the document: first the gateway's own, then in the order of its table.
///
/// # Errors
/// When the document does not tell whom one of them serves.
pub fn operations(document: &Value, routes: &Table) -> anyhow::Result<Vec<Operation>> {
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().into_iter().flatten() {
        for (method, operation) in item.as_object().into_iter().flatten() {
            let method = method.to_uppercase();
            let access = access(operation).with_context(|| format!("{method} {path}"))?;
            let place = place(routes, &method, path);
            let service = match place.map(|(row, _)| &routes.routes[row].target) {
                Some(Target::Upstream(name)) => name.clone(),
                Some(Target::Own(_)) | None => "gateway".to_owned(),
            };
            let operation = Operation {
                service,
                method,
                path: path.clone(),
                access,
            };
            found.push((place, operation));
        }
    }
    found.sort_by_key(|(place, _)| *place);
    Ok(found.into_iter().map(|(_, operation)| operation).collect())
}

/// Which row of the gateway's table an operation stands in, and which of its methods it is; None: in none.
fn place(routes: &Table, method: &str, path: &str) -> Option<(usize, usize)> {
    let (row, route) = routes
        .routes
        .iter()
        .enumerate()
        .find(|(_, route)| route.is(method, path))?;
    let methods = &mut route.methods.iter();
    Some((row, methods.position(|own| own.as_str() == method)?))
}

/// Whom an operation serves, from its refusals.
fn access(operation: &Value) -> anyhow::Result<Access> {
    let told = told(&operation["responses"], &operation[PERMISSION_FOR_SOME])?;
    let secured = operation["security"]
        .as_array()
        .is_some_and(|requirements| !requirements.is_empty());
    match (secured, told) {
        (true, Some(access)) => Ok(access),
        (false, None) => Ok(Access::Anyone),
        (true, None) => bail!(
            "it wants a token, and does not say whom it serves: its `responses(...)` need one of `chassis::auth::refusals`"
        ),
        (false, Some(access)) => {
            bail!("it serves {access}, but wants no token: add `security(...)`")
        }
    }
}

fn told(responses: &Value, for_some: &Value) -> anyhow::Result<Option<Access>> {
    let at = |status: &str, extension: &str| permission(&responses[status][extension]);
    Ok(if let Some(of) = at("403", PERMISSION)? {
        let for_some = permission(for_some)?;
        Some(Access::Holder { of, for_some })
    } else if let Some(or) = at("404", OWNER_OR)? {
        Some(Access::Owner { or })
    } else if let Some(all_with) = at("401", ALL_WITH)? {
        Some(Access::Own { all_with })
    } else {
        (responses["401"][ACCESS] == SIGNED_IN).then_some(Access::SignedIn)
    })
}

/// The permission of this name; None: none is named.
fn permission(name: &Value) -> anyhow::Result<Option<Permission>> {
    let permission = name.as_str().map(Permission::parse).transpose();
    permission.map_err(|_| anyhow!("identity-svc knows no permission {name}"))
}

#[cfg(test)]
mod tests {
    use gateway::routing;
    use serde_json::json;

    use super::*;

    fn document(operation: Value) -> Value {
        json!({"paths": {"/v1/things": {"get": operation}}})
    }

    #[test]
    fn the_gateway_wants_a_token_where_the_operation_does() {
        let document = crate::docs::openapi().unwrap();
        let routes = crate::docs::routes().unwrap();
        let operations = operations(&document, &routes).unwrap();
        for route in &routes.routes {
            let wants_token = route.access == routing::Access::SignedIn;
            for method in &route.methods {
                let told = operations.iter().find(|told| {
                    told.method == method.as_str() && route.is(method.as_str(), &told.path)
                });
                // What stands in no document is a page.
                let access = told.map_or(&Access::Anyone, |told| &told.access);
                assert_eq!(
                    wants_token,
                    *access != Access::Anyone,
                    "{method} {}",
                    route.path
                );
            }
        }
    }

    #[test]
    fn an_operation_that_does_not_say_whom_it_serves_is_named() {
        for (operation, why) in [
            (
                json!({"security": [{"bearer": []}], "responses": {"401": {}}}),
                "does not say whom it serves",
            ),
            (
                json!({"responses": {"403": {"x-permission": "orders:manage"}}}),
                "wants no token",
            ),
            (
                json!({"security": [{"bearer": []}], "responses": {"403": {"x-permission": "order:manage"}}}),
                "no permission \"order:manage\"",
            ),
        ] {
            let routes = crate::docs::routes().unwrap();
            let error = format!("{:#}", page(&document(operation), &routes).unwrap_err());
            assert!(error.starts_with("GET /v1/things: "), "{error}");
            assert!(error.contains(why), "{error}");
        }
    }

    #[test]
    fn whom_an_operation_serves_is_told_by_its_refusals() {
        let secured =
            |responses: Value| json!({"security": [{"bearer": []}], "responses": responses});
        let permission = json!({"x-permission": "catalogue:manage"});
        for (operation, who) in [
            (json!({"responses": {"401": {}}}), "anyone"),
            (
                secured(json!({"401": {"x-access": "signed-in"}})),
                "signed in",
            ),
            (
                secured(
                    json!({"401": {"x-access": "signed-in"}, "404": {"x-owner-or": "orders:manage"}}),
                ),
                "owner or `orders:manage`",
            ),
            (
                secured(json!({"401": {"x-all-with": "orders:manage"}})),
                "signed in: own; all with `orders:manage`",
            ),
            (secured(json!({"403": permission})), "`catalogue:manage`"),
        ] {
            assert_eq!(access(&operation).unwrap().to_string(), who);
        }
        let mut import = secured(json!({"403": permission}));
        import["x-permission-for-some"] = json!("stock:manage");
        let who = "`catalogue:manage`; for some `stock:manage`, too";
        assert_eq!(access(&import).unwrap().to_string(), who);
    }
}
