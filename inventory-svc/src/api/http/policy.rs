//! Who may do what: the permissions that open this interface. The catalogue is open to all, and one's own points are to who
//! is signed in.

use chassis::auth::Permission;

/// Adding, changing, importing and removing products.
pub(super) struct CatalogueManage;

impl Permission for CatalogueManage {
    const NAME: &'static str = "catalogue:manage";
}

/// Seeing and booking stock; an import that says what was counted books it.
pub(super) struct StockManage;

impl Permission for StockManage {
    const NAME: &'static str = "stock:manage";
}

/// Seeing and changing discount codes and batches of them; seeing and correcting everybody's points.
pub(super) struct IncentivesManage;

impl Permission for IncentivesManage {
    const NAME: &'static str = "incentives:manage";
}
