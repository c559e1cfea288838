//! Who may do what: the permissions that open this interface, and whose orders one may see.

use chassis::{
    Code, Result,
    auth::{Caller, NotOwner, NotPermitted, Permission, Permitted, SeesOwn},
};
use uuid::Uuid;

/// Seeing and changing everybody's orders; shipping, delivering, and taking back what was ordered.
pub(super) struct OrdersManage;

impl Permission for OrdersManage {
    const NAME: &'static str = "orders:manage";
}

/// A caller who may do that.
pub(super) type OrdersManager = Permitted<OrdersManage>;
pub(super) type NotOrdersManager = NotPermitted<OrdersManage>;
/// An order is its customer's: to others there is none of its id.
pub(super) type NotOrderOwner = NotOwner<OrdersManage>;
/// A list of orders is of the caller's own.
pub(super) type SeesOwnOrders = SeesOwn<OrdersManage>;

/// Seeing what all orders add up to.
pub(super) struct ReportsRead;

impl Permission for ReportsRead {
    const NAME: &'static str = "reports:read";
}

/// A caller who may do that.
pub(super) type ReportsReader = Permitted<ReportsRead>;
pub(super) type NotReportsReader = NotPermitted<ReportsRead>;

/// Whose orders the caller may see; None: everybody's.
pub(super) async fn sees_orders_of(caller: &Caller) -> Result<Option<Uuid>> {
    Ok((!caller.may(OrdersManage::NAME).await?).then_some(caller.id))
}

/// Does something with an order, which must be the owner's that it is told, or for None may be anybody's. First as the
/// owner: only who asks for another's order costs the question whether they may.
pub(super) async fn as_owner_or_manager<T, F: Future<Output = Result<T>>>(
    caller: &Caller,
    act: impl Fn(Option<Uuid>) -> F,
) -> Result<T> {
    match act(Some(caller.id)).await {
        Err(error) if error.code() == Code::NotFound && caller.may(OrdersManage::NAME).await? => {
            act(None).await
        }
        outcome => outcome,
    }
}
