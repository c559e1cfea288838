//! Who may do what: operators alone see what this interface has.

use chassis::auth::{NotPermitted, Permission, Permitted};

/// Seeing, retrying and deleting jobs; seeing what was logged at ERROR.
pub struct JobsManage;

impl Permission for JobsManage {
    const NAME: &'static str = "jobs:manage";
}

/// A caller who may do that.
pub type Operator = Permitted<JobsManage>;
pub type NotOperator = NotPermitted<JobsManage>;
