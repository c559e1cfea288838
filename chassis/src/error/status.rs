//! How an error travels between services.

use std::{borrow::Cow, collections::HashMap, error::Error as _};

use tonic_types::{ErrorDetails, StatusExt as _};

use super::{Code, Error, FieldError, Inner};

/// The domain of our `google.rpc.ErrorInfo`.
const DOMAIN: &str = "easyorder";
/// Metadata keys of ours, apart from the extensions, which keep their names.
const HTTP_STATUS: &str = "@status";

impl From<Error> for tonic::Status {
    fn from(error: Error) -> Self {
        error.log();
        let Inner {
            code,
            kind,
            detail,
            fields,
            extensions,
            retry_after,
            // Between services there is no challenge.
            invalid_token: _,
            source: _,
        } = *error.0;
        let mut metadata: HashMap<String, String> = extensions
            .into_iter()
            .map(|(name, value)| (name, value.to_string()))
            .collect();
        metadata.insert(HTTP_STATUS.to_owned(), code.http().as_u16().to_string());
        let mut details = ErrorDetails::with_error_info(kind, DOMAIN, metadata);
        for field in fields {
            details.add_bad_request_violation(field.field, field.detail);
        }
        if retry_after.is_some() {
            details.set_retry_info(retry_after);
        }
        Self::with_error_details(code.grpc(), detail, details)
    }
}

impl From<tonic::Status> for Error {
    fn from(status: tonic::Status) -> Self {
        let details = status.get_error_details();
        let Some(info) = details.error_info().filter(|info| info.domain == DOMAIN) else {
            let code = Code::from_grpc(status.code());
            return match code {
                // No status that came over the line: the line broke in the middle of the call.
                _ if status.source().is_some() => Self::unavailable(status),
                // A peer that is away answers nothing of ours.
                Code::Unavailable | Code::DeadlineExceeded => Self::unavailable(status),
                Code::Internal => Self::internal(status),
                _ => Self::new(code, "refused", status.message()),
            };
        };
        let code = info
            .metadata
            .get(HTTP_STATUS)
            .and_then(|status| Code::from_http(status.parse().ok()?))
            .unwrap_or_else(|| Code::from_grpc(status.code()));
        let extensions = info
            .metadata
            .iter()
            .filter(|(name, _)| *name != HTTP_STATUS)
            .filter_map(|(name, value)| Some((name.clone(), serde_json::from_str(value).ok()?)))
            .collect();
        let fields = details.bad_request().map_or_else(Vec::new, |bad| {
            bad.field_violations
                .iter()
                .map(|violation| FieldError {
                    field: violation.field.clone(),
                    detail: violation.description.clone(),
                })
                .collect()
        });
        Self(Box::new(Inner {
            code,
            kind: Cow::Owned(info.reason.clone()),
            detail: status.message().to_owned(),
            fields,
            extensions,
            retry_after: details.retry_info().and_then(|retry| retry.retry_delay),
            invalid_token: false,
            source: None,
        }))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn an_error_survives_the_way_through_grpc() {
        for code in Code::ALL {
            let field = FieldError {
                field: "lines[0].sku".to_owned(),
                detail: "unknown SKU".to_owned(),
            };
            let sent = Error::new(code, "some-kind", "what to read")
                .with_fields(vec![field])
                .with_extension("items", serde_json::json!([{"sku": "A", "available": 3}]))
                .with_retry_after(Duration::from_secs(2));
            let expected = (sent.0.fields.clone(), sent.0.extensions.clone());

            let received = Error::from(tonic::Status::from(sent));

            assert_eq!(received.code(), code);
            assert_eq!(received.kind(), "some-kind");
            assert_eq!(received.detail(), "what to read");
            assert_eq!((received.0.fields, received.0.extensions), expected);
            assert_eq!(received.0.retry_after, Some(Duration::from_secs(2)));
        }
    }

    #[test]
    fn a_call_whose_line_broke_may_be_made_again() {
        let broken = tonic::Status::from_error("transport error".into());
        assert_eq!(Error::from(broken).code(), Code::Unavailable);
        let refused = tonic::Status::unknown("what the peer said");
        assert_eq!(Error::from(refused).code(), Code::Internal);
    }

    #[test]
    fn the_source_of_an_error_never_leaves() {
        let status = tonic::Status::from(Error::internal(anyhow::anyhow!("password=hunter2")));
        assert!(!format!("{status:?}").contains("hunter2"));
    }
}
