//! Permissions asked of identity-svc. An answer is kept until identity-svc says that it has changed, but not for long when
//! that could not be heard.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use async_trait::async_trait;
use moka::{Expiry, future, sync};
use proto::identity::v1::{CheckPermissionRequest, identity_service_client::IdentityServiceClient};
use tonic::Status;
use uuid::Uuid;

use super::{CALL_DEADLINE, Permissions};
use crate::{
    Error, Result,
    grpc::{self, Channel},
};

/// An answer of which every change would be heard is kept so long. A change ends it at once; this is for the change of which
/// identity-svc cannot tell, since it alone has lost RabbitMQ or may not publish for a while.
const KEPT_HEARING: Duration = Duration::from_secs(10);
/// An answer whose change might go unheard is kept so long: what must work within a second is then asked once a second.
const KEPT_DEAF: Duration = Duration::from_secs(1);
/// Users and answers in memory, at most.
const CAPACITY: u64 = 100_000;

pub(super) struct RemotePermissions {
    client: IdentityServiceClient<Channel>,
    answers: Answers,
}

impl RemotePermissions {
    /// Who tells it of changes has it ask less often.
    pub(super) fn new(channel: Channel) -> Self {
        Self {
            client: IdentityServiceClient::new(channel),
            answers: Answers::new(KEPT_HEARING, KEPT_DEAF),
        }
    }
}

#[async_trait]
impl Permissions for RemotePermissions {
    async fn check(&self, user: Uuid, permission: &str) -> Result<bool> {
        let ask = async {
            let request = CheckPermissionRequest {
                user_id: user.to_string(),
                permission: permission.to_owned(),
            };
            self.client
                .clone()
                .check_permission(grpc::request(request, CALL_DEADLINE))
                .await
                .map(|response| response.into_inner().allowed)
        };
        self.answers
            .get(user, permission, ask)
            .await
            .map_err(|status| {
                Error::unavailable(anyhow::anyhow!(
                    "identity-svc was asked for a permission and answered {:?}",
                    status.code()
                ))
            })
    }
}

impl RemotePermissions {
    pub(super) fn set_hearing(&self, hearing: bool) {
        self.answers.set_hearing(hearing);
    }

    /// What this user may do has changed.
    pub(super) fn user_changed(&self, user: Uuid) {
        self.answers.forget(user);
    }

    /// What a role permits has changed. Who holds it is not known here.
    pub(super) fn role_changed(&self) {
        self.answers.forget_all();
    }
}

/// The answers that are kept. Those about one user belong to the user's era. Whatever ends the era ends them, and also
/// those still on their way: nobody who asks from then on gets an answer to what was asked before.
struct Answers {
    eras: sync::Cache<Uuid, u64>,
    next_era: AtomicU64,
    kept: future::Cache<(u64, String), bool>,
    hearing: Arc<AtomicBool>,
}

impl Answers {
    fn new(hearing_for: Duration, deaf_for: Duration) -> Self {
        let hearing = Arc::new(AtomicBool::new(false));
        Self {
            eras: sync::Cache::builder()
                .max_capacity(CAPACITY)
                .time_to_idle(hearing_for)
                .build(),
            next_era: AtomicU64::new(0),
            kept: future::Cache::builder()
                .max_capacity(CAPACITY)
                .expire_after(Life {
                    hearing: hearing.clone(),
                    hearing_for,
                    deaf_for,
                })
                .build(),
            hearing,
        }
    }

    /// The answer that is kept, or else what `ask` brings. Who asks while another does waits for the other's answer.
    async fn get(
        &self,
        user: Uuid,
        permission: &str,
        ask: impl Future<Output = Result<bool, Status>>,
    ) -> Result<bool, Arc<Status>> {
        let era = self
            .eras
            .get_with(user, || self.next_era.fetch_add(1, Ordering::Relaxed));
        let key = (era, permission.to_owned());
        let answer = self.kept.entry(key).or_try_insert_with(ask).await;
        let outcome = match &answer {
            Ok(entry) if entry.is_fresh() => "asked",
            Ok(_) => "kept",
            Err(_) => "failed",
        };
        metrics::counter!("permission_checks_total", "outcome" => outcome).increment(1);
        answer.map(moka::Entry::into_value)
    }

    fn forget(&self, user: Uuid) {
        self.eras.invalidate(&user);
    }

    fn forget_all(&self) {
        self.eras.invalidate_all();
    }

    fn set_hearing(&self, hearing: bool) {
        // In this order: an answer of an era that begins after this lives as long as it should from now on.
        self.hearing.store(hearing, Ordering::SeqCst);
        self.forget_all();
    }
}

/// How long an answer that comes now is kept.
struct Life {
    hearing: Arc<AtomicBool>,
    hearing_for: Duration,
    deaf_for: Duration,
}

impl Expiry<(u64, String), bool> for Life {
    fn expire_after_create(&self, _: &(u64, String), _: &bool, _: Instant) -> Option<Duration> {
        if self.hearing.load(Ordering::SeqCst) {
            Some(self.hearing_for)
        } else {
            Some(self.deaf_for)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use tokio::{
        sync::oneshot,
        time::{sleep, timeout},
    };

    use super::*;

    const LONG: Duration = Duration::from_secs(60);
    const SHORT: Duration = Duration::from_millis(100);

    fn hearing() -> Answers {
        let answers = Answers::new(LONG, SHORT);
        answers.set_hearing(true);
        answers
    }

    /// identity-svc, which counts who asks.
    #[derive(Default)]
    struct Asked(AtomicUsize);

    impl Asked {
        async fn answer(&self, answer: bool) -> Result<bool, Status> {
            self.0.fetch_add(1, Ordering::Relaxed);
            Ok(answer)
        }

        fn times(&self) -> usize {
            self.0.load(Ordering::Relaxed)
        }
    }

    #[tokio::test]
    async fn an_answer_is_kept_until_its_user_changes() {
        let (answers, asked) = (hearing(), Asked::default());
        let (ann, bob) = (Uuid::now_v7(), Uuid::now_v7());
        for _ in 0..100 {
            for user in [ann, bob] {
                for (permission, answer) in [("a:read", true), ("b:read", false)] {
                    let ask = asked.answer(answer);
                    assert_eq!(answers.get(user, permission, ask).await.unwrap(), answer);
                }
            }
        }
        assert_eq!(asked.times(), 4);

        answers.forget(ann);
        // What was refused is granted, and the other way round.
        for (permission, answer) in [("a:read", false), ("b:read", true)] {
            let ask = asked.answer(answer);
            assert_eq!(answers.get(ann, permission, ask).await.unwrap(), answer);
        }
        assert_eq!(asked.times(), 6);
        assert!(
            answers
                .get(bob, "a:read", asked.answer(false))
                .await
                .unwrap()
        );
        assert_eq!(asked.times(), 6, "who has not changed is not asked for");
    }

    #[tokio::test]
    async fn an_answer_on_its_way_while_its_user_changes_is_for_nobody_who_asks_later() {
        for change in [Answers::forget_all, |answers: &Answers| {
            answers.set_hearing(false);
            answers.set_hearing(true);
        }] {
            change_on_the_way(|answers, _| change(answers)).await;
        }
        change_on_the_way(Answers::forget).await;
    }

    async fn change_on_the_way(change: impl Fn(&Answers, Uuid)) {
        let (answers, user) = (Arc::new(hearing()), Uuid::now_v7());
        let (begin, begun) = oneshot::channel();
        let (reply, replied) = oneshot::channel();
        let early = tokio::spawn({
            let answers = answers.clone();
            async move {
                let ask = async {
                    begin.send(()).unwrap();
                    Ok(replied.await.unwrap())
                };
                answers.get(user, "a:read", ask).await.unwrap()
            }
        });
        begun.await.unwrap();
        change(&answers, user);

        // It does not wait for the answer to what was asked before the change.
        let asked = Asked::default();
        let late = answers.get(user, "a:read", asked.answer(false));
        assert!(!timeout(LONG, late).await.unwrap().unwrap());
        reply.send(true).unwrap();
        assert!(early.await.unwrap(), "it was so when it was asked");
        let later = answers.get(user, "a:read", asked.answer(false)).await;
        assert!(!later.unwrap());
        assert_eq!(asked.times(), 1);
    }

    #[tokio::test]
    async fn an_answer_is_kept_for_long_only_while_its_change_would_be_heard() {
        let (answers, asked) = (Answers::new(LONG, SHORT), Asked::default());
        let user = Uuid::now_v7();
        let get = async || {
            let answer = answers.get(user, "a:read", asked.answer(true)).await;
            answer.unwrap();
            asked.times()
        };
        assert_eq!(get().await, 1);
        sleep(SHORT * 2).await;
        assert_eq!(get().await, 2, "deaf to begin with");

        answers.set_hearing(true);
        assert_eq!(get().await, 3, "events may have been missed");
        sleep(SHORT * 2).await;
        assert_eq!(get().await, 3);

        answers.set_hearing(false);
        assert_eq!(get().await, 4, "what was kept for long is gone");
        sleep(SHORT * 2).await;
        assert_eq!(get().await, 5);
    }

    #[tokio::test]
    async fn a_failure_is_no_answer() {
        let (answers, user) = (hearing(), Uuid::now_v7());
        let away = async { Err(Status::unavailable("away")) };
        answers.get(user, "a:read", away).await.unwrap_err();
        let asked = Asked::default();
        assert!(
            answers
                .get(user, "a:read", asked.answer(true))
                .await
                .unwrap()
        );
        assert_eq!(asked.times(), 1);
    }
}
