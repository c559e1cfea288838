use chassis::auth::{NotPermitted, Permission, Permitted};

/// Seeing and managing jobs.
pub struct JobsManage;

impl Permission for JobsManage {
    const NAME: &'static str = "jobs:manage";
}

/// A caller who may see and manage jobs.
pub type Operator = Permitted<JobsManage>;
pub type NotOperator = NotPermitted<JobsManage>;
