//! Pruning, and how far the outbox is behind.

use std::time::Duration;

use chassis::ops::{Ops, Pruned, prune};
use proto::{
    events::order,
    ops::v1::{GetOutboxRequest, PruneRequest, ops_service_server::OpsService as _},
    topology::ORDER_VIEWS,
};
use tonic::Request;

use crate::support::{Recorder, System, event, events, until};

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn pruning_takes_what_is_old_and_published_and_never_what_is_not() {
    let system = System::new().await;
    system.append(&events(order::CREATED, 4)).await;
    // More than one chunk.
    sqlx::raw_sql(
        "update outbox set created_at = now() - interval '2 days';
         update outbox set published_at = now() - interval '1 day' where seq = 1;
         update outbox set published_at = now() where seq = 2;
         insert into outbox (id, kind, payload, published_at)
             select gen_random_uuid(), 'k', '', now() - interval '1 day' from generate_series(1, 12000);
         insert into inbox (consumer, event_id, received_at)
             select 'c', gen_random_uuid(), now() - interval '1 day' from generate_series(1, 6000);
         insert into inbox (consumer, event_id) values ('c', gen_random_uuid())",
    )
    .execute(&system.pool)
    .await
    .unwrap();

    let pruned = prune(&system.pool, HOUR, HOUR).await.unwrap();
    assert_eq!(
        pruned,
        Pruned {
            outbox: 12_001,
            inbox: 6_000
        }
    );
    let left: Vec<i64> = sqlx::query_scalar("select seq from outbox order by seq")
        .fetch_all(&system.pool)
        .await
        .unwrap();
    assert_eq!(left, [2, 3, 4]);

    let ops = Ops {
        pool: system.pool.clone(),
    };
    let everything = PruneRequest {
        outbox_older_than_seconds: 0,
        inbox_older_than_seconds: i64::MAX,
    };
    let pruned = ops
        .prune(Request::new(everything))
        .await
        .unwrap()
        .into_inner();
    assert_eq!((pruned.outbox_deleted, pruned.inbox_deleted), (1, 0));
    let negative = PruneRequest {
        outbox_older_than_seconds: -1,
        inbox_older_than_seconds: 0,
    };
    let status = ops.prune(Request::new(negative)).await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::InvalidArgument);

    let backlog = ops
        .get_outbox(Request::new(GetOutboxRequest {}))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(backlog.unpublished, 2);
    assert!((172_800..172_900).contains(&backlog.oldest_unpublished_seconds));
    system.end().await;
}

#[tokio::test]
async fn an_old_event_is_harmless_to_prune_after_it_went_all_the_way() {
    let system = System::new().await;
    system.consume(ORDER_VIEWS, Recorder::content());
    system.relay();
    let sent = event(order::CREATED);
    system.append(std::slice::from_ref(&sent)).await;
    system
        .assert_applied_once(std::slice::from_ref(&sent))
        .await;
    until("it is taken out", async || system.is_published(&sent).await).await;

    let pruned = prune(&system.pool, Duration::ZERO, Duration::ZERO)
        .await
        .unwrap();
    assert_eq!(
        pruned,
        Pruned {
            outbox: 0,
            inbox: 1
        }
    );
    let backlog = Ops {
        pool: system.pool.clone(),
    };
    let backlog = backlog
        .get_outbox(Request::new(GetOutboxRequest {}))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        (backlog.unpublished, backlog.oldest_unpublished_seconds),
        (0, 0)
    );
    system.end().await;
}
