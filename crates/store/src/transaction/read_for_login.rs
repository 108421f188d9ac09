//! Everything that a sign-in or a step-up looks at, in one consistent call: budgets, credentials, user state, and what the
//! request shows of a device and of an older session. As many keys are asked for, and as many calls made, whether or not any
//! of it is there.

use account::budget::{FactorBudget, LoginBudget};
use account::token::TokenHash;
use account::{UserId, WallTime};

use crate::attribute::Row;
use crate::entity::budget::{self, Bucket, Kind, Stored, Whose};
use crate::entity::credential::{self, Credential};
use crate::entity::device::{self, Device, DeviceName};
use crate::entity::recovery::{self, StoredRecovery};
use crate::entity::session::{self, Session};
use crate::entity::user::{self, User};
use crate::transaction::end_session::Replaced;
use crate::{Key, Store, StoreError, Table};

/// What was found.
#[derive(Debug)]
pub struct ForLogin {
    pub login: Stored<LoginBudget>,
    pub factor: Stored<FactorBudget>,
    pub step_up: Stored<LoginBudget>,
    pub credential: Option<Credential>,
    pub user: Option<User>,
    /// PR-14: a sign-in with a second factor ends it.
    pub recovery: Option<StoredRecovery>,
    /// The device that was shown, when this account knows it (RL-2).
    pub device: Option<KnownDevice>,
    /// LG-3: the session that was shown.
    pub replaced: Option<Replaced>,
}

/// A known device with its own bucket, which is not used up.
#[derive(Debug)]
pub struct KnownDevice {
    pub device: Device,
    pub login: Stored<LoginBudget>,
}

/// What a request shows beside the form, as hashes.
#[derive(Debug, Default, Clone, Copy)]
pub struct ShownBeside<'a> {
    pub device: Option<&'a TokenHash>,
    pub session: Option<&'a TokenHash>,
}

impl Store {
    /// Reads what a step-up needs.
    pub async fn find_for_login(&self, whose: &Whose, user: UserId) -> Result<ForLogin, StoreError> {
        self.find_for_sign_in(whose, user, ShownBeside::default(), WallTime::from_ms(0)).await
    }
    /// Reads all of it; for an unknown address the same keys of nobody (LG-1).
    pub async fn find_for_sign_in(
        &self,
        whose: &Whose,
        user: UserId,
        shown: ShownBeside<'_>,
        now: WallTime,
    ) -> Result<ForLogin, StoreError> {
        let mut keys = vec![
            budget::key(whose, Kind::Login),
            budget::key(whose, Kind::Factor),
            budget::key(whose, Kind::StepUp),
            credential::key(user),
            user::key(user),
            recovery::key(user),
        ];
        let at_device = shown
            .device
            .map(DeviceName::of)
            .map(|name| (device::key(user, &name), budget::bucket_key(whose, &Bucket::Device(name))));
        keys.extend(at_device.iter().flat_map(|(at, bucket)| [at.clone(), bucket.clone()]));
        keys.extend(shown.session.map(session::key));
        let rows = self.read_many(Table::Identity, &keys).await?;
        let find = |key: &Key| {
            rows.iter().find(|row| row.text_if("pk") == Some(&key.pk) && row.text_if("sk") == Some(&key.sk))
        };
        let login = |row: Option<&Row>| match row {
            Some(row) => Ok(Stored { state: row.json("state")?, version: row.number("version")? }),
            None => Ok::<_, StoreError>(Stored { state: LoginBudget::FRESH, version: 0 }),
        };
        let found_user = find(&keys[4]).map(User::from_row).transpose()?;
        let device = match (&at_device, &found_user) {
            (Some((at, bucket)), Some(user)) => {
                let device = find(at).map(Device::from_row).transpose()?.filter(|device| device.is_known(user, now));
                let login = login(find(bucket))?;
                // Used up, it is a stranger's: whoever stole the cookie has made it worthless, and nothing else.
                device.filter(|_| !login.state.is_closed()).map(|device| KnownDevice { device, login })
            }
            (None, _) | (Some(_), None) => None,
        };
        let replaced = match shown.session {
            Some(hash) => find(&session::key(hash))
                .map(Session::from_row)
                .transpose()?
                .map(|session| Replaced::of(hash, &session)),
            None => None,
        };
        let factor = match find(&keys[1]) {
            Some(row) => Stored { state: row.json("state")?, version: row.number("version")? },
            None => Stored { state: FactorBudget::FRESH, version: 0 },
        };
        Ok(ForLogin {
            login: login(find(&keys[0]))?,
            factor,
            step_up: login(find(&keys[2]))?,
            credential: find(&keys[3]).map(Credential::from_row).transpose()?,
            user: found_user,
            recovery: find(&keys[5]).map(StoredRecovery::from_row).transpose()?,
            device,
            replaced,
        })
    }
}
