use sha2::{Digest as _, Sha256};
use uuid::{Builder, Uuid};

/// The id of the order that this customer's request with this key makes: the same for every retry, whichever replica
/// gets it (UUIDv8, [RFC 9562](https://www.rfc-editor.org/rfc/rfc9562#name-uuid-version-8)).
#[must_use]
pub fn order_id(customer_id: Uuid, idempotency_key: &str) -> Uuid {
    let mut hash = Sha256::new();
    hash.update(customer_id.as_bytes());
    hash.update(idempotency_key);
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash.finalize()[..16]);
    Builder::from_custom_bytes(bytes).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_retry_speaks_of_the_same_order_and_nobody_else_does() {
        let (ann, bob) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let id = order_id(ann, "536365");
        assert_eq!(id, order_id(ann, "536365"));
        assert_ne!(id, order_id(bob, "536365"));
        assert_ne!(id, order_id(ann, "536366"));
        assert_eq!(id.get_version_num(), 8);
    }
}
