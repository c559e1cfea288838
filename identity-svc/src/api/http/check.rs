use chassis::{Error, FieldError, Result};

use crate::domain::Invalid;

/// Collects what is wrong with a request's fields, so that the caller hears all of it at once.
#[derive(Default)]
pub struct Check(Vec<FieldError>);

impl Check {
    /// The parsed value of a field, or a note of why there is none.
    pub fn field<T>(&mut self, name: impl Into<String>, parsed: Result<T, Invalid>) -> Option<T> {
        parsed
            .map_err(|Invalid(detail)| {
                self.0.push(FieldError {
                    field: name.into(),
                    detail,
                });
            })
            .ok()
    }

    /// The parsed values of a list of texts.
    pub fn each<T>(
        &mut self,
        name: &str,
        texts: &[String],
        parse: impl Fn(&str) -> Result<T, Invalid>,
    ) -> Vec<T> {
        texts
            .iter()
            .enumerate()
            .filter_map(|(i, text)| self.field(format!("{name}[{i}]"), parse(text)))
            .collect()
    }

    /// # Errors
    /// `validation`, with each field that was not acceptable.
    pub fn done<T>(self, value: Option<T>) -> Result<T> {
        match value {
            Some(value) if self.0.is_empty() => Ok(value),
            _ => Err(Error::invalid(self.0)),
        }
    }
}

/// Says that the value of `field` is not acceptable.
pub fn invalid(field: &str) -> impl FnOnce(Invalid) -> Error {
    move |Invalid(detail)| Error::invalid_field(field, detail)
}
