use serde::{Deserialize, Serialize};

/// What has become of a job. The SQL function `job_state` derives it from what apalis keeps.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    sqlx::Type,
    utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum JobState {
    /// Not tried yet; it runs at `run_at`.
    Scheduled,
    Running,
    /// Tried in vain; it is tried again at `run_at`.
    Retrying,
    Succeeded,
    /// Given up. An operator may retry it.
    Failed,
}

impl JobState {
    pub const ALL: [Self; 5] = [
        Self::Scheduled,
        Self::Running,
        Self::Retrying,
        Self::Succeeded,
        Self::Failed,
    ];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::Running => "running",
            Self::Retrying => "retrying",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
        }
    }
}
