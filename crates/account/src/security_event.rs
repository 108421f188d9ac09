//! What happens to an account that touches who may act for it, and what each such event brings with it (reset-fence B.4).
//!
//! Never does any of it: the store's transactions read `consequences` and write them in one commit (PR-8).

const HOUR: i64 = 3_600;

/// One row of the event table each, and the end of destructive recovery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SecurityEvent {
    /// The password was reset by mail, with or without a second factor.
    PasswordReset,
    /// Destructive recovery was started (PR-14).
    RecoveryStarted,
    /// Destructive recovery came to its end: new password, no second factor, all sessions end (PR-14).
    RecoveryCompleted,
    /// A recovery code replaced the second factor at a login (RC-5).
    RecoveryCodeUsed,
    /// The password was changed with password and second factor.
    PasswordChanged,
    /// A second factor was added.
    FactorAdded,
    /// A second factor was removed; only without a real key (LG-5).
    FactorRemoved,
    /// The address was changed (EV-5).
    EmailChanged,
    /// The owner said "this was not me" of a reset.
    ResetDisowned,
    /// The account was deleted.
    AccountDeleted,
    /// An administrator suspended the account.
    Suspended,
}

/// Which sessions end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sessions {
    /// Every one; the session generation rises.
    AllEnd,
    /// Every one but the acting one, which is made anew under the raised generation.
    OthersEnd,
    /// None by itself; the owner is offered to end the others (SS-4).
    OthersOffered,
    /// None.
    Stay,
}

/// What happens to trading with the keys attached so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fence {
    /// The trade epoch rises and every connection loses its wrapped key: nothing is authorised any more (G1).
    Raised,
    /// Entries are refused; exits, cancels and queries go on while the key exists.
    Freeze,
    /// Nothing.
    Untouched,
}

/// What happens to the stored exchange secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Secrets {
    /// Erased by jobs of the same transaction (G4).
    Deleted,
    /// Kept, and the owner is offered their deletion: password and code were proven.
    DeletionOffered,
    /// Kept.
    Kept,
}

/// How long it takes until everything is allowed again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CoolingOff {
    /// This many seconds.
    Seconds(i64),
    /// Until a new second factor is enrolled, and this many seconds more.
    SecondsAfterNewFactor(i64),
    /// Only what loosens a limit waits (ST-3).
    LooseningOnly,
    /// The account is held: no time ends it.
    Held,
    /// Until the administrator clears it.
    UntilAdministrator,
    /// None.
    Nothing,
}

/// What an event brings with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Consequences {
    /// Which sessions end.
    pub sessions: Sessions,
    /// What happens to trading.
    pub fence: Fence,
    /// What happens to the exchange secrets.
    pub secrets: Secrets,
    /// How long it takes until everything is allowed again.
    pub cooling_off: CoolingOff,
    /// The credential version rises: mailed tokens and challenges made before are dead (EV-2, LG-2, PR-4).
    pub new_credential_version: bool,
    /// The password's hash is removed, so that nothing but a reset lets anyone in again.
    pub removes_password: bool,
}

impl Consequences {
    /// Whether the exchange secrets are deleted.
    pub const fn delete_secrets(&self) -> bool {
        matches!(self.secrets, Secrets::Deleted)
    }
    /// Whether the session generation rises.
    pub const fn ends_sessions(&self) -> bool {
        matches!(self.sessions, Sessions::AllEnd | Sessions::OthersEnd)
    }
}

/// The event table as one total match: a new event does not compile until its row is written.
pub const fn consequences(event: SecurityEvent) -> Consequences {
    match event {
        SecurityEvent::PasswordReset => {
            row(Sessions::AllEnd, Fence::Raised, Secrets::Deleted, CoolingOff::Seconds(24 * HOUR))
        }
        // The keys go at the start: the wait is only safe once there is nothing left to steal. Whoever is signed in stays
        // so, to be able to cancel; the password is unchanged, and the link that completes it stays good.
        SecurityEvent::RecoveryStarted => Consequences {
            new_credential_version: false,
            ..row(Sessions::Stay, Fence::Raised, Secrets::Deleted, CoolingOff::Seconds((72 + 24) * HOUR))
        },
        SecurityEvent::RecoveryCompleted => {
            row(Sessions::AllEnd, Fence::Raised, Secrets::Deleted, CoolingOff::Seconds(24 * HOUR))
        }
        SecurityEvent::RecoveryCodeUsed => row(
            Sessions::OthersEnd,
            Fence::Freeze,
            Secrets::DeletionOffered,
            CoolingOff::SecondsAfterNewFactor(24 * HOUR),
        ),
        SecurityEvent::PasswordChanged => {
            row(Sessions::OthersEnd, Fence::Untouched, Secrets::Kept, CoolingOff::LooseningOnly)
        }
        SecurityEvent::FactorAdded => {
            row(Sessions::OthersOffered, Fence::Untouched, Secrets::Kept, CoolingOff::Nothing)
        }
        SecurityEvent::FactorRemoved => {
            row(Sessions::OthersEnd, Fence::Untouched, Secrets::Kept, CoolingOff::Seconds(24 * HOUR))
        }
        SecurityEvent::EmailChanged => {
            row(Sessions::OthersEnd, Fence::Freeze, Secrets::Kept, CoolingOff::Seconds(72 * HOUR))
        }
        SecurityEvent::ResetDisowned => Consequences {
            removes_password: true,
            ..row(Sessions::AllEnd, Fence::Raised, Secrets::Deleted, CoolingOff::Held)
        },
        SecurityEvent::AccountDeleted => row(Sessions::AllEnd, Fence::Raised, Secrets::Deleted, CoolingOff::Nothing),
        SecurityEvent::Suspended => row(Sessions::AllEnd, Fence::Freeze, Secrets::Kept, CoolingOff::UntilAdministrator),
    }
}

const fn row(sessions: Sessions, fence: Fence, secrets: Secrets, cooling_off: CoolingOff) -> Consequences {
    Consequences { sessions, fence, secrets, cooling_off, new_credential_version: true, removes_password: false }
}

impl SecurityEvent {
    /// Every event, for tables and tests.
    pub const ALL: [SecurityEvent; 11] = [
        SecurityEvent::PasswordReset,
        SecurityEvent::RecoveryStarted,
        SecurityEvent::RecoveryCompleted,
        SecurityEvent::RecoveryCodeUsed,
        SecurityEvent::PasswordChanged,
        SecurityEvent::FactorAdded,
        SecurityEvent::FactorRemoved,
        SecurityEvent::EmailChanged,
        SecurityEvent::ResetDisowned,
        SecurityEvent::AccountDeleted,
        SecurityEvent::Suspended,
    ];
    /// The name of the audit row and of the notice's text file.
    pub const fn name(self) -> &'static str {
        match self {
            SecurityEvent::PasswordReset => "password_reset",
            SecurityEvent::RecoveryStarted => "recovery_started",
            SecurityEvent::RecoveryCompleted => "recovery_completed",
            SecurityEvent::RecoveryCodeUsed => "recovery_code_used",
            SecurityEvent::PasswordChanged => "password_changed",
            SecurityEvent::FactorAdded => "factor_added",
            SecurityEvent::FactorRemoved => "factor_removed",
            SecurityEvent::EmailChanged => "email_changed",
            SecurityEvent::ResetDisowned => "reset_disowned",
            SecurityEvent::AccountDeleted => "account_deleted",
            SecurityEvent::Suspended => "suspended",
        }
    }
    /// The event of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|event| event.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The event table of the fence's specification, word for word.
    const TABLE: &str = "\
| reset by mail (with or without MFA) | all end | yes | yes | 24 h |
| destructive recovery (PR-14), at start | none (all end at completion) | yes | yes | 72 h + 24 h |
| recovery code used | others end | freeze | no (password + code proven), offer | until new factor + 24 h |
| password change with password + MFA | others end | no | no | loosening only |
| MFA added | others offered | no | no | – |
| MFA removed (allowed only without a real key) | others end | – | – | 24 h |
| e-mail changed | others end | freeze | no | 72 h; a reset in this time deletes |
| \"this was not me\" link | all end, password hash removed | yes | yes | HELD |
| account deleted | all end | yes | yes | – |
| admin suspends | all end | freeze | no | – |";

    #[test]
    fn every_row_of_the_event_table_holds() {
        let events = [
            SecurityEvent::PasswordReset,
            SecurityEvent::RecoveryStarted,
            SecurityEvent::RecoveryCodeUsed,
            SecurityEvent::PasswordChanged,
            SecurityEvent::FactorAdded,
            SecurityEvent::FactorRemoved,
            SecurityEvent::EmailChanged,
            SecurityEvent::ResetDisowned,
            SecurityEvent::AccountDeleted,
            SecurityEvent::Suspended,
        ];
        assert_eq!(TABLE.lines().count(), events.len());
        for (row, event) in TABLE.lines().zip(events) {
            check(row, event);
        }
    }

    #[test]
    fn pr_14_the_end_of_destructive_recovery_is_a_reset() {
        assert_eq!(consequences(SecurityEvent::RecoveryCompleted), consequences(SecurityEvent::PasswordReset));
    }

    #[test]
    fn ev_2_only_the_start_of_a_recovery_leaves_mailed_tokens_good() {
        for event in SecurityEvent::ALL {
            assert_eq!(
                !consequences(event).new_credential_version,
                event == SecurityEvent::RecoveryStarted,
                "{event:?}"
            );
        }
    }

    #[test]
    fn names_are_distinct_and_lead_back() {
        for event in SecurityEvent::ALL {
            assert_eq!(SecurityEvent::from_name(event.name()), Some(event));
        }
        assert_eq!(SecurityEvent::from_name("unknown"), None);
    }

    fn check(row: &str, event: SecurityEvent) {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [_, sessions, fence, secrets, cooling_off] = cells[..] else { panic!("five cells: {row}") };
        let found = consequences(event);
        let expected_sessions = match sessions {
            "all end" | "all end, password hash removed" => Sessions::AllEnd,
            "others end" => Sessions::OthersEnd,
            "others offered" => Sessions::OthersOffered,
            "none (all end at completion)" => Sessions::Stay,
            other => panic!("{other}"),
        };
        let expected_fence = match fence {
            "yes" => Fence::Raised,
            "freeze" => Fence::Freeze,
            "no" | "–" => Fence::Untouched,
            other => panic!("{other}"),
        };
        let expected_secrets = match secrets {
            "yes" => Secrets::Deleted,
            "no" | "–" => Secrets::Kept,
            "no (password + code proven), offer" => Secrets::DeletionOffered,
            other => panic!("{other}"),
        };
        let expected_cooling_off = match cooling_off {
            "24 h" => CoolingOff::Seconds(86_400),
            "72 h; a reset in this time deletes" => CoolingOff::Seconds(3 * 86_400),
            "72 h + 24 h" => CoolingOff::Seconds(4 * 86_400),
            "until new factor + 24 h" => CoolingOff::SecondsAfterNewFactor(86_400),
            "loosening only" => CoolingOff::LooseningOnly,
            "HELD" => CoolingOff::Held,
            // The text beside the table: a suspension's freeze is the administrator's to clear.
            "–" if event == SecurityEvent::Suspended => CoolingOff::UntilAdministrator,
            "–" => CoolingOff::Nothing,
            other => panic!("{other}"),
        };
        assert_eq!(found.sessions, expected_sessions, "{row}");
        assert_eq!(found.fence, expected_fence, "{row}");
        assert_eq!(found.secrets, expected_secrets, "{row}");
        assert_eq!(found.cooling_off, expected_cooling_off, "{row}");
        assert_eq!(found.removes_password, sessions.contains("password hash removed"), "{row}");
        assert_eq!(found.ends_sessions(), sessions == "others end" || sessions.starts_with("all end"), "{row}");
        // "Deletes stored exchange secrets" never comes without the fence, nor the fence without it.
        assert_eq!(found.delete_secrets(), found.fence == Fence::Raised, "{row}");
    }
}
