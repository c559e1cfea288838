use super::*;

fn schema(document: &Value, path: &str) -> Value {
    document["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
        .clone()
}

fn get(schema: &str) -> Value {
    json!({ "get": {
        "operationId": "list",
        "tags": ["things"],
        "responses": { "200": { "content": { "application/json": { "schema": { "$ref": schema } } } } },
    } })
}

fn part(path: &str, schemas: Value) -> Value {
    json!({ "paths": { path: get("#/components/schemas/List") }, "components": { "schemas": schemas } })
}

fn list() -> Value {
    json!({ "type": "array", "items": { "$ref": "#/components/schemas/Item" } })
}

fn merge_two(a: &Value, b: &Value) -> Value {
    let parts = [
        Part {
            service: "order-svc",
            document: a,
        },
        Part {
            service: "inventory-svc",
            document: b,
        },
    ];
    merge(
        &json!({ "info": { "title": "EasyOrder", "version": "1" } }),
        &parts,
        |_, _, _| true,
    )
}

fn schemas(document: &Value) -> Vec<&str> {
    document["components"]["schemas"]
        .as_object()
        .map(|schemas| schemas.keys().map(String::as_str).collect())
        .unwrap_or_default()
}

/// Every reference leads to a component.
fn assert_whole(document: &Value) {
    let all = components(document);
    for reference in references(document) {
        assert!(all.contains_key(&reference), "{reference:?} leads nowhere");
    }
}

#[test]
fn no_parts_give_a_valid_document() {
    let document = merge(
        &json!({ "info": { "title": "EasyOrder", "version": "1" } }),
        &[],
        |_, _, _| true,
    );
    assert_eq!(
        document,
        json!({
            "openapi": "3.1.0", "info": { "title": "EasyOrder", "version": "1" }, "servers": [{ "url": "/" }],
            "paths": {}, "components": {}, "tags": [],
        })
    );
}

#[test]
fn what_means_the_same_is_there_once() {
    let item = json!({ "type": "object" });
    let a = part("/a", json!({ "List": list(), "Item": item }));
    let b = part("/b", json!({ "List": list(), "Item": item }));
    let document = merge_two(&a, &b);
    assert_eq!(schemas(&document), ["Item", "List"]);
    assert_eq!(schema(&document, "/b")["$ref"], "#/components/schemas/List");
    assert_whole(&document);
}

#[test]
fn what_differs_is_renamed_with_all_that_refer_to_it() {
    let a = part(
        "/a",
        json!({ "List": list(), "Item": { "type": "object" } }),
    );
    let b = part(
        "/b",
        json!({ "List": list(), "Item": { "type": "string" } }),
    );
    let document = merge_two(&a, &b);
    // The lists read the same, and yet they are not: their items differ.
    assert_eq!(
        schemas(&document),
        ["InventoryItem", "InventoryList", "Item", "List"]
    );
    assert_eq!(schema(&document, "/a")["$ref"], "#/components/schemas/List");
    assert_eq!(
        schema(&document, "/b")["$ref"],
        "#/components/schemas/InventoryList"
    );
    let list = &document["components"]["schemas"]["InventoryList"];
    assert_eq!(list["items"]["$ref"], "#/components/schemas/InventoryItem");
    assert_eq!(
        document["components"]["schemas"]["InventoryItem"]["type"],
        "string"
    );
    assert_whole(&document);
}

#[test]
fn a_new_name_takes_no_other_ones_place() {
    let a = part(
        "/a",
        json!({ "List": { "type": "array" }, "InventoryList": { "type": "null" } }),
    );
    let a = {
        let mut a = a;
        a["paths"]["/a2"] = get("#/components/schemas/InventoryList");
        a
    };
    let b = part("/b", json!({ "List": { "type": "string" } }));
    let document = merge_two(&a, &b);
    assert_eq!(
        schemas(&document),
        ["InventoryList", "InventoryList_", "List"]
    );
    assert_eq!(
        schema(&document, "/b")["$ref"],
        "#/components/schemas/InventoryList_"
    );
    assert_eq!(
        document["components"]["schemas"]["InventoryList"]["type"],
        "null"
    );
}

#[test]
fn a_type_that_refers_to_itself_is_merged_and_renamed_like_any_other() {
    let node =
        |kind: &str| json!({ "type": kind, "items": { "$ref": "#/components/schemas/List" } });
    let same = merge_two(
        &part("/a", json!({ "List": node("array") })),
        &part("/b", json!({ "List": node("array") })),
    );
    assert_eq!(schemas(&same), ["List"]);

    let other = merge_two(
        &part("/a", json!({ "List": node("array") })),
        &part("/b", json!({ "List": node("object") })),
    );
    let renamed = &other["components"]["schemas"]["InventoryList"];
    assert_eq!(
        renamed["items"]["$ref"],
        "#/components/schemas/InventoryList"
    );
}

#[test]
fn a_discriminator_follows_its_schemas() {
    let union = json!({
        "oneOf": [{ "$ref": "#/components/schemas/Item" }],
        "discriminator": { "propertyName": "kind", "mapping": { "item": "#/components/schemas/Item" } },
    });
    let a = part(
        "/a",
        json!({ "List": { "$ref": "#/components/schemas/Item/properties/x" }, "Item": { "type": "object" } }),
    );
    let b = part("/b", json!({ "List": union, "Item": { "type": "string" } }));
    let document = merge_two(&a, &b);
    let list = &document["components"]["schemas"]["InventoryList"];
    assert_eq!(
        list["discriminator"]["mapping"]["item"],
        "#/components/schemas/InventoryItem"
    );
    assert_eq!(
        document["components"]["schemas"]["List"]["$ref"],
        "#/components/schemas/Item/properties/x"
    );
}

#[test]
fn only_routed_operations_are_taken_and_only_what_they_need() {
    let mut a = part(
        "/a",
        json!({ "List": list(), "Item": {}, "Unused": {}, "Probe": {} }),
    );
    a["paths"]["/a"]["delete"] = json!({ "responses": {} });
    a["paths"]["/a"]["parameters"] = json!([]);
    a["paths"]["/health/live"] = get("#/components/schemas/Probe");
    let part = Part {
        service: "order-svc",
        document: &a,
    };
    let document = merge(&json!({}), &[part], |service, method, path| {
        assert_eq!(service, "order-svc");
        (method, path) == ("get", "/a")
    });
    let paths: Vec<_> = document["paths"].as_object().unwrap().keys().collect();
    assert_eq!(paths, ["/a"]);
    let item: Vec<_> = document["paths"]["/a"]
        .as_object()
        .unwrap()
        .keys()
        .collect();
    assert_eq!(item.len(), 2, "{item:?}");
    assert_eq!(schemas(&document), ["Item", "List"]);
}

#[test]
fn security_stays_with_its_operations() {
    let secured = |path: &str, scheme: &str| {
        json!({
            "paths": { path: { "get": {}, "post": { "security": [{ "Token": ["write"] }] }, "put": { "security": [] } } },
            "components": { "securitySchemes": { "Token": { "type": "http", "scheme": scheme } } },
            "security": [{ "Token": [] }],
        })
    };
    let same = merge_two(&secured("/a", "bearer"), &secured("/b", "bearer"));
    assert_eq!(
        same["components"]["securitySchemes"],
        json!({ "Token": { "type": "http", "scheme": "bearer" } })
    );
    assert_eq!(
        same["paths"]["/b"]["get"]["security"],
        json!([{ "Token": [] }])
    );
    assert_eq!(same["paths"]["/b"]["put"]["security"], json!([]));

    let other = merge_two(&secured("/a", "bearer"), &secured("/b", "basic"));
    assert_eq!(
        other["paths"]["/a"]["get"]["security"],
        json!([{ "Token": [] }])
    );
    assert_eq!(
        other["paths"]["/b"]["post"]["security"],
        json!([{ "InventoryToken": ["write"] }])
    );
    assert_eq!(
        other["components"]["securitySchemes"]["InventoryToken"]["scheme"],
        "basic"
    );
}

#[test]
fn operation_ids_stay_unique_and_tags_are_joined() {
    let mut a = part("/a", json!({ "List": {} }));
    let mut b = part("/b", json!({ "List": {} }));
    a["tags"] = json!([{ "name": "things", "description": "first" }, { "name": "unused" }]);
    b["tags"] = json!([{ "name": "things", "description": "second" }]);
    let document = merge_two(&a, &b);
    assert_eq!(document["paths"]["/a"]["get"]["operationId"], "list");
    assert_eq!(
        document["paths"]["/b"]["get"]["operationId"],
        "inventory_list"
    );
    assert_eq!(
        document["tags"],
        json!([{ "name": "things", "description": "first" }])
    );
}

#[test]
fn two_services_may_share_a_path() {
    let a = json!({ "paths": { "/a": { "get": { "summary": "a" } } } });
    let b = json!({ "paths": { "/a": { "get": { "summary": "b" }, "post": { "summary": "b" } } } });
    let document = merge_two(&a, &b);
    assert_eq!(
        document["paths"]["/a"],
        json!({ "get": { "summary": "a" }, "post": { "summary": "b" } })
    );
}

#[test]
fn a_document_that_is_none_does_no_harm() {
    for bad in [
        json!(null),
        json!([]),
        json!("x"),
        json!({ "paths": 3, "components": { "schemas": [] } }),
        json!({ "paths": { "/a": 3, "/b": { "get": 4 } } }),
    ] {
        let good = part("/a", json!({ "List": {} }));
        let document = merge_two(&bad, &good);
        assert_eq!(schemas(&document), ["List"], "{bad}");
    }
}
