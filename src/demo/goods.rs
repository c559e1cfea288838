//! A catalogue to look at.

use reqwest::StatusCode;
use serde_json::json;

use crate::client::{Account, Api};

pub struct Good {
    pub sku: &'static str,
    name: &'static str,
    /// In pence.
    price: i64,
}

pub const GOODS: [Good; 5] = [
    Good {
        sku: "DEMO-MUG",
        name: "Mug, white",
        price: 650,
    },
    Good {
        sku: "DEMO-TEA",
        name: "Breakfast tea, 80 bags",
        price: 495,
    },
    Good {
        sku: "DEMO-TEAPOT",
        name: "Teapot, one litre",
        price: 2_250,
    },
    Good {
        sku: "DEMO-SPOON",
        name: "Teaspoon",
        price: 175,
    },
    Good {
        sku: "DEMO-TIN",
        name: "Tea tin, red",
        price: 899,
    },
];

/// Pieces of each that come in, once.
const RECEIPT: i64 = 1_000;

/// Puts the goods into the catalogue and on the shelf, unless that was done.
pub async fn stock(api: &Api, admin: &Account) -> anyhow::Result<()> {
    for Good { sku, name, price } in GOODS {
        let body = json!({"sku": sku, "name": name, "price": {"amount": price, "currency": "GBP"}});
        let answer = api.post("/v1/products", body).by(admin).send().await?;
        if answer.status != StatusCode::CONFLICT {
            answer.expect(StatusCode::CREATED, "adding a product")?;
        }
        let path = format!("/v1/products/{sku}/stock-movements");
        let body = json!({"kind": "receipt", "quantity": RECEIPT, "reason": "demonstration"});
        let receipt = api
            .post(path, body)
            .by(admin)
            .key(format!("demo-receipt-{sku}"));
        receipt
            .send()
            .await?
            .expect(StatusCode::CREATED, "booking a receipt")?;
    }
    Ok(())
}
