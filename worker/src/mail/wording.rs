use proto::events::identity::MailKind;

/// Where an address is verified.
const VERIFY_EMAIL: &str = "/account/verify-email";
/// Where a new password is set, and the mail for it asked for.
const RESET_PASSWORD: &str = "/account/reset-password";

/// What a mail about an account says.
pub struct Wording {
    pub subject: &'static str,
    pub before: &'static str,
    /// What the link says, and where it leads.
    pub label: &'static str,
    pub page: &'static str,
    pub after: &'static str,
}

impl Wording {
    #[must_use]
    pub const fn of(kind: MailKind) -> Self {
        match kind {
            MailKind::EmailVerification => Self {
                subject: "Verify your e-mail address",
                before: "an account at EasyOrder was made with this address. If it was you, please show that its mail reaches you.",
                label: "Verify this address",
                page: VERIFY_EMAIL,
                after: "If it was not you, you need to do nothing.",
            },
            MailKind::PasswordReset => Self {
                subject: "Set a new password",
                before: "somebody asked for a new password for your account at EasyOrder. If it was you, choose one; whoever is signed in to the account is signed out by that.",
                label: "Set a new password",
                page: RESET_PASSWORD,
                after: "If it was not you, you need to do nothing: your password stays as it is.",
            },
            MailKind::AlreadyRegistered => Self {
                subject: "You have an account already",
                before: "somebody tried to register at EasyOrder with this address. It has an account already, which stays as it is. If it was you and you do not know the password any more, set a new one.",
                label: "Set a new password",
                page: RESET_PASSWORD,
                after: "If it was not you, you need to do nothing.",
            },
            MailKind::PasswordChanged => Self {
                subject: "Your password was changed",
                before: "the password of your account at EasyOrder was changed, and whoever else was signed in to it was signed out. If it was not you, set a new one at once.",
                label: "Set a new password",
                page: RESET_PASSWORD,
                after: "",
            },
            MailKind::SecondFactorEnabled => Self {
                subject: "A second factor guards your account",
                before: "from now on, signing in to your account at EasyOrder takes a code beside the password. If it was not you who asked for that, set a new password at once.",
                label: "Set a new password",
                page: RESET_PASSWORD,
                after: "",
            },
            MailKind::SecondFactorDisabled => Self {
                subject: "No second factor guards your account any more",
                before: "from now on, signing in to your account at EasyOrder takes the password alone. If it was not you who asked for that, set a new password at once.",
                label: "Set a new password",
                page: RESET_PASSWORD,
                after: "",
            },
            MailKind::RecoveryCodeUsed => Self {
                subject: "A recovery code was used",
                before: "somebody signed in to your account at EasyOrder with one of your recovery codes, which is spent by that. If it was not you, set a new password at once.",
                label: "Set a new password",
                page: RESET_PASSWORD,
                after: "",
            },
        }
    }
}
