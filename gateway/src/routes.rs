//! Which call goes to which service, and who may make it. Nothing else in the gateway knows a path of a service.

use axum::routing::MethodFilter;
use http::Method;

/// A service behind the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Upstream {
    Identity,
    Inventory,
    Order,
    Worker,
}

impl Upstream {
    pub const ALL: [Self; 4] = [Self::Identity, Self::Inventory, Self::Order, Self::Worker];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity-svc",
            Self::Inventory => "inventory-svc",
            Self::Order => "order-svc",
            Self::Worker => "worker",
        }
    }

    /// As the beginning of a type's name.
    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Identity => "Identity",
            Self::Inventory => "Inventory",
            Self::Order => "Order",
            Self::Worker => "Worker",
        }
    }
}

/// Whom the gateway lets through; what a user may do is for the service to decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anybody; but a bad token is refused, so that its owner learns of it at once.
    Anyone,
    /// Anybody; the call brings credentials of its own, and an expired token beside them is no matter.
    SigningIn,
    SignedIn,
}

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub struct Route {
    pub methods: &'static [Method],
    /// A template in axum's syntax.
    pub path: &'static str,
    pub upstream: Upstream,
    pub access: Access,
    /// The longest request body that is passed on, in bytes; None: as configured for all.
    pub body_limit: Option<usize>,
}

const GET: Method = Method::GET;
const POST: Method = Method::POST;
const PUT: Method = Method::PUT;
const PATCH: Method = Method::PATCH;
const DELETE: Method = Method::DELETE;

const fn route(
    methods: &'static [Method],
    path: &'static str,
    upstream: Upstream,
    access: Access,
) -> Route {
    Route {
        methods,
        path,
        upstream,
        access,
        body_limit: None,
    }
}

/// The longest file of products, in bytes; inventory-svc reads as much.
const IMPORT_LIMIT: usize = 10 * 1024 * 1024;

/// Every call that the gateway passes on.
pub static ROUTES: &[Route] = {
    use Access::{Anyone, SignedIn, SigningIn};
    use Upstream::{Identity, Inventory, Order, Worker};
    &[
        route(&[POST], "/v1/auth/register", Identity, SigningIn),
        route(&[POST], "/v1/auth/login", Identity, SigningIn),
        route(&[POST], "/v1/auth/refresh", Identity, SigningIn),
        route(&[POST], "/v1/auth/logout", Identity, SigningIn),
        route(&[POST], "/v1/auth/verify-email", Identity, SigningIn),
        route(&[POST], "/v1/auth/password-reset", Identity, SigningIn),
        route(
            &[POST],
            "/v1/auth/password-reset/confirm",
            Identity,
            SigningIn,
        ),
        route(&[POST], "/v1/auth/token", Identity, SigningIn),
        route(&[GET], "/.well-known/jwks.json", Identity, Anyone),
        route(&[GET], "/v1/me", Identity, SignedIn),
        route(&[GET, DELETE], "/v1/me/sessions", Identity, SignedIn),
        route(&[DELETE], "/v1/me/sessions/{id}", Identity, SignedIn),
        route(&[PUT], "/v1/me/password", Identity, SignedIn),
        route(&[POST], "/v1/me/email-verification", Identity, SignedIn),
        route(&[GET, POST], "/v1/me/second-factor", Identity, SignedIn),
        route(&[POST], "/v1/me/second-factor/confirm", Identity, SignedIn),
        route(
            &[POST],
            "/v1/me/second-factor/recovery-codes",
            Identity,
            SignedIn,
        ),
        route(&[POST], "/v1/me/second-factor/disable", Identity, SignedIn),
        route(&[GET], "/v1/users", Identity, SignedIn),
        route(&[GET], "/v1/users/{id}", Identity, SignedIn),
        route(&[PUT], "/v1/users/{id}/roles", Identity, SignedIn),
        route(&[POST], "/v1/users/{id}/disable", Identity, SignedIn),
        route(&[POST], "/v1/users/{id}/enable", Identity, SignedIn),
        route(
            &[DELETE],
            "/v1/users/{id}/second-factor",
            Identity,
            SignedIn,
        ),
        route(
            &[GET, DELETE],
            "/v1/users/{id}/sessions",
            Identity,
            SignedIn,
        ),
        route(&[GET, POST], "/v1/me/api-keys", Identity, SignedIn),
        route(&[DELETE], "/v1/me/api-keys/{id}", Identity, SignedIn),
        route(&[GET], "/v1/users/{id}/api-keys", Identity, SignedIn),
        route(
            &[DELETE],
            "/v1/users/{id}/api-keys/{key_id}",
            Identity,
            SignedIn,
        ),
        route(&[GET, POST], "/v1/service-accounts", Identity, SignedIn),
        route(
            &[GET, DELETE],
            "/v1/service-accounts/{id}",
            Identity,
            SignedIn,
        ),
        route(
            &[PUT],
            "/v1/service-accounts/{id}/roles",
            Identity,
            SignedIn,
        ),
        route(
            &[POST],
            "/v1/service-accounts/{id}/secrets",
            Identity,
            SignedIn,
        ),
        route(
            &[DELETE],
            "/v1/service-accounts/{id}/secrets/{secret_id}",
            Identity,
            SignedIn,
        ),
        route(&[GET, POST], "/v1/roles", Identity, SignedIn),
        route(&[PUT, DELETE], "/v1/roles/{name}", Identity, SignedIn),
        route(&[GET], "/v1/audit", Identity, SignedIn),
        route(&[GET], "/v1/products", Inventory, Anyone),
        route(&[POST], "/v1/products", Inventory, SignedIn),
        route(&[POST], "/v1/products/import", Inventory, SignedIn).with_body_of(IMPORT_LIMIT),
        route(&[GET], "/v1/products/{sku}", Inventory, Anyone),
        route(&[PATCH, DELETE], "/v1/products/{sku}", Inventory, SignedIn),
        route(&[GET], "/v1/products/{sku}/stock", Inventory, SignedIn),
        route(
            &[POST],
            "/v1/products/{sku}/stock-movements",
            Inventory,
            SignedIn,
        ),
        route(&[GET, POST], "/v1/discount-codes", Inventory, SignedIn),
        route(
            &[GET, PATCH, DELETE],
            "/v1/discount-codes/{code}",
            Inventory,
            SignedIn,
        ),
        route(
            &[GET, POST],
            "/v1/discount-code-batches",
            Inventory,
            SignedIn,
        ),
        route(
            &[GET],
            "/v1/discount-code-batches/{id}",
            Inventory,
            SignedIn,
        ),
        route(
            &[GET],
            "/v1/discount-code-batches/{id}/codes",
            Inventory,
            SignedIn,
        ),
        route(&[GET], "/v1/loyalty", Inventory, SignedIn),
        route(&[GET], "/v1/loyalty/{customer_id}", Inventory, SignedIn),
        route(
            &[POST],
            "/v1/loyalty/{customer_id}/adjustments",
            Inventory,
            SignedIn,
        ),
        route(&[GET, POST], "/v1/orders", Order, SignedIn),
        route(&[POST], "/v1/orders/quote", Order, SignedIn),
        route(&[GET, PATCH], "/v1/orders/{id}", Order, SignedIn),
        route(&[GET], "/v1/orders/{id}/history", Order, SignedIn),
        route(&[POST], "/v1/orders/{id}/incentive", Order, SignedIn),
        route(&[POST], "/v1/orders/{id}/cancel", Order, SignedIn),
        route(&[POST], "/v1/orders/{id}/ship", Order, SignedIn),
        route(&[POST], "/v1/orders/{id}/deliver", Order, SignedIn),
        route(&[POST], "/v1/orders/{id}/returns", Order, SignedIn),
        route(&[GET], "/v1/reports/orders", Order, SignedIn),
        route(&[GET], "/v1/reports/incentive-usage", Order, SignedIn),
        route(&[GET], "/v1/reports/customers", Order, SignedIn),
        route(&[GET], "/v1/reports/customers/{id}", Order, SignedIn),
        route(&[GET], "/v1/jobs", Worker, SignedIn),
        route(&[GET], "/v1/jobs/summary", Worker, SignedIn),
        route(&[GET, DELETE], "/v1/jobs/{id}", Worker, SignedIn),
        route(&[POST], "/v1/jobs/{id}/retry", Worker, SignedIn),
        route(&[GET], "/v1/errors", Worker, SignedIn),
        // Where the links in mails lead.
        route(&[GET], "/account/{*rest}", Identity, Anyone),
        // A browser sends no token with a page: the console asks for it itself.
        route(&[GET, POST], "/console", Worker, Anyone),
        route(&[GET, POST], "/console/", Worker, Anyone),
        route(&[GET, POST], "/console/{*rest}", Worker, Anyone),
    ]
};

impl Route {
    const fn with_body_of(self, bytes: usize) -> Self {
        Self {
            body_limit: Some(bytes),
            ..self
        }
    }

    /// The methods as axum's router wants them; `GET` answers `HEAD`, too.
    pub(crate) fn filter(&self) -> Option<MethodFilter> {
        self.methods
            .iter()
            .filter_map(|method| MethodFilter::try_from(method.clone()).ok())
            .reduce(MethodFilter::or)
    }

    /// Whether a document means this route by `method` and `template`; the names of parameters may differ.
    #[must_use]
    pub fn is(&self, method: &str, template: &str) -> bool {
        let parameter = |segment: &str| segment.starts_with('{') && segment.ends_with('}');
        let (mut ours, mut theirs) = (self.path.split('/'), template.split('/'));
        self.methods
            .iter()
            .any(|own| own.as_str().eq_ignore_ascii_case(method))
            && loop {
                match (ours.next(), theirs.next()) {
                    (None, None) => break true,
                    (Some(a), Some(b)) if a == b || parameter(a) && parameter(b) => {}
                    _ => break false,
                }
            }
    }
}

/// Whether the gateway passes `method` on `template` to `upstream`.
#[must_use]
pub fn routed(upstream: Upstream, method: &str, template: &str) -> bool {
    ROUTES
        .iter()
        .any(|route| route.upstream == upstream && route.is(method, template))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_belongs_to_one_row() {
        let mut calls: Vec<_> = ROUTES
            .iter()
            .flat_map(|route| {
                route
                    .methods
                    .iter()
                    .map(move |method| (route.path, method.as_str()))
            })
            .collect();
        let count = calls.len();
        calls.sort_unstable();
        calls.dedup();
        assert_eq!(calls.len(), count);
    }

    #[test]
    fn a_documented_call_is_found_whatever_its_parameters_are_called() {
        assert!(routed(Upstream::Order, "get", "/v1/orders/{order_id}"));
        assert!(!routed(Upstream::Order, "delete", "/v1/orders/{order_id}"));
        assert!(!routed(Upstream::Order, "get", "/v1/orders/mine"));
        assert!(!routed(Upstream::Order, "get", "/v1/orders/{id}/lines"));
        assert!(!routed(Upstream::Order, "get", "/health/live"));
        assert!(!routed(Upstream::Worker, "get", "/v1/orders/{id}"));
    }
}
