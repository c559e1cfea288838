//! `easyorder serve`: the whole system on one machine.

use std::{pin::pin, time::Duration};

use chassis::service::stop_requested;

use crate::{
    LOCAL_ADMIN_PASSWORD, admin,
    client::Account,
    demo, say, say_error,
    system::{Configs, System, url},
};

/// A first start migrates four databases and declares all queues.
const READY: Duration = Duration::from_secs(120);

/// Runs all services until the process is asked to stop.
///
/// # Errors
/// When they cannot be started.
pub async fn serve(with_demo: bool) -> anyhow::Result<()> {
    let mut configs = Configs::from_env()?;
    let admin = admin::complete(&mut configs.identity);
    let mut stop = pin!(stop_requested());
    let system = tokio::select! {
        // First, so that it listens for signals from the beginning.
        biased;
        stopped = &mut stop => return stopped,
        system = start(&configs) => system?,
    };
    let demo_by = with_demo.then_some(&admin);
    let outcome = tokio::select! {
        biased;
        stopped = &mut stop => stopped,
        shown = show(&system, &configs, demo_by) => match shown {
            Ok(()) => stop.await,
            Err(error) => Err(error),
        },
    };
    say(format_args!("\nStopping."));
    system.stop().await;
    outcome
}

async fn start(configs: &Configs) -> anyhow::Result<System> {
    configs.create_databases().await?;
    System::start(configs.clone()).await
}

async fn show(system: &System, configs: &Configs, demo_by: Option<&Account>) -> anyhow::Result<()> {
    system.ready(READY).await?;
    if let Some(admin) = demo_by
        && let Err(error) = demo::run(&system.gateway_url, admin, &configs.order.amqp).await
    {
        // The services run all the same.
        say_error(format_args!("The demonstration did not succeed: {error:#}"));
    }
    say_where(&system.gateway_url, configs);
    Ok(())
}

fn say_where(gateway: &str, configs: &Configs) {
    let admin = configs.identity.admin_email.as_deref().unwrap_or_default();
    let password = match &configs.identity.admin_password {
        Some(password) if password.expose() == LOCAL_ADMIN_PASSWORD => LOCAL_ADMIN_PASSWORD,
        _ => "(the value of ADMIN_PASSWORD)",
    };
    let mails = match &configs.worker.mail.mail_smtp_url {
        Some(_) => "to the mail server of MAIL_SMTP_URL".to_owned(),
        None => {
            let folder = &configs.worker.mail.mail_dir;
            let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.clone());
            format!("in {}", folder.display())
        }
    };
    say(format_args!("\nEasyOrder is ready at {gateway}"));
    say(format_args!("  try it        {gateway}/docs"));
    say(format_args!("  operators     {gateway}/console"));
    say(format_args!("  administrator {admin}, password {password}"));
    say(format_args!("  mails         {mails}"));
    for (service, addr) in [
        ("identity-svc", configs.identity.http_addr),
        ("inventory-svc", configs.inventory.http_addr),
        ("order-svc", configs.order.http_addr),
        ("worker", configs.worker.http_addr),
    ] {
        say(format_args!("  {service:<13} {}/docs", url(addr)));
    }
    say(format_args!("Ctrl-C stops it."));
}
