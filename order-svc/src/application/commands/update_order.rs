use std::sync::Arc;

use chassis::{Result, idempotency::Answer};

use crate::{
    application::{
        OrderView,
        changing::{Changing, Holding, Loaded, Needs, Target},
        now,
        ports::Inventory,
    },
    domain::{Held, IllegalTransition, Order, Pieces},
};

/// Changes what is ordered. What is more is held first; what is less goes back when inventory-svc hears of it.
pub struct UpdateOrder {
    pub target: Target,
    /// All that is wanted of the order; a SKU that is missing here is taken out.
    pub wanted: Pieces,
}

/// What an update would make of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preview {
    pub order: OrderView,
    /// What is to be paid for the order now, in minor units.
    pub total_before: i64,
}

pub struct UpdateOrderHandler {
    changing: Changing,
    holding: Holding,
    inventory: Arc<dyn Inventory>,
}

impl UpdateOrderHandler {
    pub(crate) fn new(changing: Changing, holding: Holding, inventory: Arc<dyn Inventory>) -> Self {
        Self {
            changing,
            holding,
            inventory,
        }
    }

    /// # Errors
    /// `not-found`, `version-mismatch`, `illegal-transition` once the goods have left, `insufficient-stock`, `validation`
    /// naming a line.
    #[tracing::instrument(name = "update_order", skip_all, fields(order.id = %command.target.order_id))]
    pub async fn handle(&self, command: UpdateOrder) -> Result<Answer<OrderView>> {
        let UpdateOrder { target, wanted } = command;
        self.holding
            .make(
                &target,
                |order| Ok(needs(order, &wanted)?),
                |order, held| Ok(order.update(&wanted, held, now())?),
            )
            .await
    }

    /// What the update would do, without doing it.
    ///
    /// # Errors
    /// Those of the update.
    #[tracing::instrument(name = "preview_update", skip_all, fields(order.id = %command.target.order_id))]
    pub async fn preview(&self, command: UpdateOrder) -> Result<Preview> {
        let UpdateOrder { target, wanted } = command;
        let mut order = match self.changing.load(&target).await? {
            Loaded::Order(order) => order,
            Loaded::Answered(order) => {
                return Ok(Preview {
                    total_before: order.total,
                    order: *order,
                });
            }
        };
        let total_before = order.total();
        let needs = needs(&order, &wanted)?;
        let held = if needs.is_nothing() {
            None
        } else {
            let priced = self.inventory.price(&needs.of(&order)).await;
            Some(Held {
                // Kept by nobody.
                hold_no: 0,
                pricing: priced.map_err(|error| needs.as_asked(error))?,
            })
        };
        order.update(&wanted, held, now())?;
        Ok(Preview {
            order: OrderView::from(&*order),
            total_before,
        })
    }
}

fn needs(order: &Order, wanted: &Pieces) -> Result<Needs, IllegalTransition> {
    let lines = order.missing_for(wanted)?;
    Ok(Needs {
        places: lines
            .iter()
            .map(|line| wanted.place_of(&line.sku))
            .collect(),
        lines,
        incentive: None,
    })
}
