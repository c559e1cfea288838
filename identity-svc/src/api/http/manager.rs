use chassis::auth::{NotPermitted, Permitted};

use crate::domain::Permission;

/// Managing users and roles.
pub struct UsersManage;

impl chassis::auth::Permission for UsersManage {
    const NAME: &'static str = Permission::USERS_MANAGE.as_str();
}

/// A caller who may manage users and roles.
pub type Manager = Permitted<UsersManage>;
pub type NotManager = NotPermitted<UsersManage>;
