//! The character U+0000, which PostgreSQL cannot store in a text: no input may hold it.

use axum::extract::Query;
use http::Uri;
use serde_json::Value;

use crate::{Error, Result};

const DETAIL: &str = "must not hold the character U+0000";

/// What is not JSON is for others to refuse.
///
/// # Errors
/// `validation`, naming the field.
pub fn refuse_json(body: &[u8]) -> Result<()> {
    // As it is, the character is not JSON.
    if !body.windows(6).any(|text| text == br"\u0000") {
        return Ok(());
    }
    match serde_json::from_slice(body).ok().as_ref().and_then(find) {
        Some(field) if field.is_empty() => Err(Error::invalid_field("body", DETAIL)),
        Some(field) => Err(Error::invalid_field(field.trim_start_matches('.'), DETAIL)),
        None => Ok(()),
    }
}

/// # Errors
/// `validation`, naming the parameter.
pub fn refuse_query(uri: &Uri) -> Result<()> {
    if !uri.query().is_some_and(|query| query.contains("%00")) {
        return Ok(());
    }
    let pairs = Query::<Vec<(String, String)>>::try_from_uri(uri);
    let pair = pairs.ok().and_then(|Query(pairs)| {
        let mut pairs = pairs.into_iter();
        pairs.find(|(_, value)| value.contains('\0'))
    });
    pair.map_or(Ok(()), |(name, _)| Err(Error::invalid_field(name, DETAIL)))
}

/// # Errors
/// `not-found`: nothing has such a name.
pub fn refuse_path(uri: &Uri) -> Result<()> {
    if uri.path().contains("%00") {
        return Err(Error::not_found("nothing has this address"));
    }
    Ok(())
}

/// Path of the first text that holds it, as in `.lines[0].sku`.
fn find(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => text.contains('\0').then(String::new),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .find_map(|(index, item)| Some(format!("[{index}]{}", find(item)?))),
        Value::Object(members) => members
            .iter()
            .find_map(|(name, member)| Some(format!(".{name}{}", find(member)?))),
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(refused: Result<()>) -> Option<String> {
        let error = refused.err()?;
        Some(error.fields()[0].field.clone())
    }

    #[test]
    fn a_body_with_the_character_names_its_field() {
        for (body, expected) in [
            (
                r#"{"lines": [{"sku": "a"}, {"sku": "a\u0000"}]}"#,
                "lines[1].sku",
            ),
            (r#""\u0000""#, "body"),
        ] {
            assert_eq!(
                field(refuse_json(body.as_bytes())).as_deref(),
                Some(expected)
            );
        }
        // A backslash, then four digits.
        for fine in [r#"{"name": "\\u0000"}"#, r#"{"name": "\u0001"}"#] {
            refuse_json(fine.as_bytes()).unwrap();
        }
    }

    #[test]
    fn a_query_with_the_character_names_its_parameter() {
        let refused = refuse_query(&Uri::from_static("/v1/products?limit=3&q=a%00b"));
        assert_eq!(field(refused).as_deref(), Some("q"));
        refuse_query(&Uri::from_static("/v1/products?q=%2500")).unwrap();
    }

    #[test]
    fn nothing_has_the_character_in_its_address() {
        assert!(refuse_path(&Uri::from_static("/v1/products/a%00")).is_err());
        refuse_path(&Uri::from_static("/v1/products/a%2500")).unwrap();
    }
}
