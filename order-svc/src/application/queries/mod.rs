//! What only looks: at the read models alone, but for [`GetHistory`], which looks at the log of events, the audit's
//! [`ListKeeping`], which looks at the orders, and [`QuoteOrder`], which asks inventory-svc. [`GetOrder`] also looks which
//! version was written. One file each.

mod get_history;
mod get_order;
mod list_keeping;
mod list_orders;
mod quote_order;
mod report_customer;
mod report_customers;
mod report_incentive_usage;
mod report_sales;

pub use get_history::{GetHistory, GetHistoryHandler};
pub use get_order::{GetOrder, GetOrderHandler};
pub use list_keeping::{ListKeeping, ListKeepingHandler};
pub use list_orders::{ListOrders, ListOrdersHandler};
pub use quote_order::{QuoteOrder, QuoteOrderHandler};
pub use report_customer::{ReportCustomer, ReportCustomerHandler};
pub use report_customers::{ReportCustomers, ReportCustomersHandler};
pub use report_incentive_usage::{ReportIncentiveUsage, ReportIncentiveUsageHandler};
pub use report_sales::{ReportSales, ReportSalesHandler};
