//! Before the first sale: the customers have accounts, the goods are in the catalogue and on the shelf.

use std::collections::BTreeMap;

use anyhow::Context as _;
use chassis::config::Secret;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use hmac::{Hmac, KeyInit as _, Mac as _};
use indicatif::ProgressBar;
use reqwest::StatusCode;
use serde_json::json;
use sha2::Sha256;

use super::plan::{Customer, Item, Plan};
use crate::client::{Account, Answer, Api, encode};

/// `.example` is reserved: no mail to it reaches anybody.
const DOMAIN: &str = "online-retail.example";

/// Characters of a product's name.
const MAX_NAME: usize = 200;

pub type Accounts = BTreeMap<Customer, Account>;

/// An account for each customer of the plan, the same ones in every run with the same administrator's password.
///
/// # Errors
/// Never in practice: a key of any length is one for an HMAC.
pub fn accounts(plan: &Plan, admin_password: &Secret) -> anyhow::Result<Accounts> {
    let mut accounts = Accounts::new();
    for order in &plan.orders {
        if accounts.contains_key(&order.customer) {
            continue;
        }
        let email = format!("{}@{DOMAIN}", order.customer);
        let mut mac = Hmac::<Sha256>::new_from_slice(admin_password.expose().as_bytes())?;
        mac.update(b"easyorder replay: password of ");
        mac.update(email.as_bytes());
        let digest = mac.finalize().into_bytes();
        let password: String = digest[..16]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let name = match order.customer {
            Customer::Guest => "Guest".to_owned(),
            Customer::Number(number) => format!("Customer {number}"),
        };
        accounts.insert(order.customer, Account::new(email, name, password.into()));
    }
    Ok(accounts)
}

/// Registers those who are not, and signs everybody in.
///
/// # Errors
/// When somebody cannot be registered or cannot sign in.
pub async fn register(
    api: &Api,
    admin: &Account,
    accounts: &Accounts,
    concurrency: usize,
    progress: &ProgressBar,
) -> anyhow::Result<()> {
    stream::iter(accounts.values())
        .map(|account| async move {
            // An address that is registered again gets a mail each time: so ask first.
            if !account.is_registered(api, admin).await? {
                account.register(api).await?;
            }
            account.sign_in(api).await?;
            progress.inc(1);
            anyhow::Ok(())
        })
        .buffer_unordered(concurrency)
        .try_collect()
        .await
}

/// Puts the items into the catalogue and what the whole file sells of them on the shelf, once per file.
/// Returns what the shop would not have, by SKU.
///
/// # Errors
/// When the administrator may not do this.
pub async fn stock(
    api: &Api,
    admin: &Account,
    items: &[Item],
    sha256: &str,
    concurrency: usize,
    progress: &ProgressBar,
) -> anyhow::Result<BTreeMap<String, String>> {
    stream::iter(items)
        .map(|item| async move {
            let refusal = add(api, admin, item, sha256)
                .await
                .with_context(|| format!("putting {} into the catalogue", item.sku))?;
            progress.inc(1);
            anyhow::Ok(refusal.map(|answer| (item.sku.clone(), answer.to_string())))
        })
        .buffer_unordered(concurrency)
        .try_filter_map(async |refusal| Ok(refusal))
        .try_collect()
        .await
}

async fn add(
    api: &Api,
    admin: &Account,
    item: &Item,
    sha256: &str,
) -> anyhow::Result<Option<Answer>> {
    let name: String = item
        .name
        .chars()
        .filter(|c| !c.is_control())
        .take(MAX_NAME)
        .collect();
    let body = json!({
        "sku": item.sku,
        "name": name,
        "price": {"amount": item.price, "currency": super::CURRENCY},
    });
    let answer = api.post("/v1/products", body).by(admin).send().await?;
    match answer.status {
        StatusCode::UNPROCESSABLE_ENTITY => return Ok(Some(answer)),
        // It is there from an earlier run; or this is a retry, and the first answer was lost.
        StatusCode::CONFLICT => {}
        _ => answer.expect(StatusCode::CREATED, "adding it")?,
    }
    let path = format!("/v1/products/{}/stock-movements", encode(&item.sku));
    let body = json!({"kind": "receipt", "quantity": item.sold, "reason": "replay of past sales"});
    // The file and the item: each file is delivered once, however often it is played and wherever a run broke off.
    let key = format!("replay-{}-{}", &sha256[..16], encode(&item.sku));
    let answer = api.post(path, body).by(admin).key(key).send().await?;
    match answer.status {
        StatusCode::UNPROCESSABLE_ENTITY => Ok(Some(answer)),
        _ => answer
            .expect(StatusCode::CREATED, "booking its receipt")
            .map(|()| None),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::{super::rows, *};

    fn accounts_of(password: &str) -> Accounts {
        let sales = rows::parse(
            b"InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n\
              1,8,X,6,2010-12-01 08:26,2.55,17850,UK\n\
              2,8,X,6,2010-12-01 08:26,2.55,,UK\n\
              3,8,X,6,2010-12-01 08:26,2.55,17850.0,UK\n",
        )
        .unwrap();
        let plan = super::super::plan::plan(&sales.rows, None);
        accounts(&plan, &password.into()).unwrap()
    }

    #[test]
    fn a_second_run_knows_the_passwords() {
        let first = accounts_of("one");
        let emails: Vec<_> = first.values().map(|a| a.email.as_str()).collect();
        assert_eq!(
            emails,
            [
                "guest@online-retail.example",
                "customer-17850@online-retail.example"
            ]
        );
        for (customer, account) in &accounts_of("one") {
            assert_eq!(account.password, first[customer].password);
            assert_eq!(account.password.expose().len(), 32);
        }
    }

    #[test]
    fn passwords_differ_by_customer_and_by_administrator() {
        let one = accounts_of("one");
        let passwords: HashSet<_> = [&one, &accounts_of("two")]
            .into_iter()
            .flat_map(|accounts| accounts.values().map(|a| a.password.expose().to_owned()))
            .collect();
        assert_eq!(passwords.len(), 4);
    }
}
