//! Who may do what: the permissions that open this interface. What is one's own is open to who is signed in.

use chassis::auth::{NotPermitted, Permitted};

use crate::domain::Permission;

/// Seeing and changing users, and the roles that they hold.
pub struct UsersManage;

impl chassis::auth::Permission for UsersManage {
    const NAME: &'static str = Permission::USERS_MANAGE.as_str();
}

/// A caller who may do that.
pub type Manager = Permitted<UsersManage>;
pub type NotManager = NotPermitted<UsersManage>;

/// Reading the audit log.
pub struct AuditRead;

impl chassis::auth::Permission for AuditRead {
    const NAME: &'static str = Permission::AUDIT_READ.as_str();
}

/// A caller who may do that.
pub type Auditor = Permitted<AuditRead>;
pub type NotAuditor = NotPermitted<AuditRead>;
