//! What `docs/permissions.md` says, compared with what is specified and what is so.

use std::collections::BTreeMap;

use easyorder::docs::{self, permissions::Access as Documented};
use identity_svc::{BUILT_IN_ROLES, Permission};
use serde_json::Value;

use crate::{
    common::Shop,
    permissions::{Access, table, template},
};

/// The built-in roles that permit it.
fn holders(permission: Permission) -> Vec<&'static str> {
    BUILT_IN_ROLES
        .iter()
        .filter(|(_, permits)| permits.contains(&permission))
        .map(|(role, _)| *role)
        .collect()
}

/// The same in the words of the specification, which speaks of people.
fn specified(documented: &Documented) -> Access {
    let staffed = |permission| match holders(permission)[..] {
        ["admin"] => Access::Admin,
        ["staff", "admin"] => Access::Staff,
        ref others => panic!("no row can say {others:?}"),
    };
    match documented {
        Documented::Anyone => Access::Anyone,
        Documented::SignedIn | Documented::Own { .. } => Access::SignedIn,
        Documented::Owner { or } => {
            assert_eq!(staffed(*or), Access::Staff);
            Access::Owner
        }
        Documented::Holder { of, for_some } => {
            let access = staffed(*of);
            assert!(for_some.is_none_or(|other| staffed(other) == access));
            access
        }
    }
}

#[test]
fn the_document_says_whom_each_operation_serves() {
    let document = docs::openapi().expect("a document");
    let documented: BTreeMap<String, Documented> =
        docs::permissions::operations(&document, &docs::routes().expect("the gateway's own file"))
            .expect("operations that say whom they serve")
            .into_iter()
            .map(|operation| {
                let call = format!("{} {}", operation.method, template(&operation.path));
                (call, operation.access)
            })
            .collect();
    let mut wrong = Vec::new();
    for row in table() {
        match documented.get(&format!("{} {}", row.method, template(row.path))) {
            Some(access) if specified(access) == row.access => {}
            Some(access) => wrong.push(format!("{row}: {access}, not {:?}", row.access)),
            None => wrong.push(format!("{row} is missing")),
        }
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_built_in_roles_permit_what_the_document_says() {
    let shop = Shop::open().await;
    let roles = shop.admin().await.get("/v1/roles").await.expect(200);
    let mut told: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for role in roles["items"].as_array().expect("roles") {
        let permissions = role["permissions"].as_array().expect("permissions");
        let permissions = permissions.iter().filter_map(Value::as_str).collect();
        told.insert(role["name"].as_str().expect("a name"), permissions);
    }
    let documented: BTreeMap<&str, Vec<&str>> = BUILT_IN_ROLES
        .iter()
        .map(|(name, permits)| {
            let mut permits: Vec<_> = permits.iter().map(|permits| permits.as_str()).collect();
            permits.sort_unstable();
            (*name, permits)
        })
        .collect();
    assert_eq!(told, documented);
    shop.close().await;
}
