//! The commit of a sign-in with a passkey. What an authenticator signs is tried in the stories.

use account::id::{PasskeyId, SessionId};
use account::token::{Purpose, new_token};
use store::entity::ceremony::{Ceremony, Use};
use store::entity::device::{DeviceName, Knowing};
use store::entity::passkey::{Passkey, PasskeyUse};
use store::entity::session::Session;
use store::transaction::sign_in_with_passkey::SigningIn;
use store::transaction::start_session::{Arrival, StartRefused};

use crate::world::{EMAIL, World};

const ULID: &str = "01ARZ3NDEKTSV4RRFFQ69G5FAV";

/// The password and the versions are read in one call, but not at one moment: an account that was held in between has its
/// new versions and, to the reader, still its password.
#[tokio::test]
async fn lg_4_no_passkey_signs_in_to_an_account_whose_password_was_taken_away() {
    for closed in [false, true] {
        let world = World::new();
        let (owner, now) = (world.account(EMAIL).await, world.now());
        let passkey = Passkey {
            id: PasskeyId::new(ULID.parse().unwrap()),
            user: owner,
            credential_id: "AQID".into(),
            name: "phone".into(),
            key: "{}".into(),
            counter: 7,
            created_at: now,
            last_used_at: None,
        };
        let (ceremony, token) = (new_token(Purpose::PasskeyCeremony, [1; 32]), new_token(Purpose::Session, [2; 32]));
        let mut writes = Vec::from(passkey.puts());
        writes.push(Ceremony::beginning(Use::SignIn, "1", None, "{}".into(), now).put(&ceremony.hash));
        world.store.transact("passkey", &writes).await.unwrap();
        if closed {
            world.unset(&format!("CRED#{owner}"), "CRED", "hash").await;
        }
        let user = world.store.find_user(owner).await.unwrap().unwrap();
        let used = PasskeyUse {
            user: owner,
            passkey: passkey.id,
            counter_before: 7,
            counter_after: 8,
            ceremony: ceremony.hash.clone(),
            ceremony_id: "1".into(),
        };
        let session = Session::starting(SessionId::new(ULID.parse().unwrap()), owner, user.session_gen, true, now);
        let name = DeviceName::of(&new_token(Purpose::KnownDevice, [3; 32]).hash);
        let device = Knowing { name: &name, made_at: now, signed_in: true, first_here: true, among: None };
        let signing = SigningIn {
            user: &user,
            used: &used,
            session: &session,
            token: &token.hash,
            replaced: None,
            recovery: None,
            arrival: &Arrival { device, bucket: None, notice: None },
            id: ULID.parse().unwrap(),
            source: None,
            now,
        };
        let signed_in = world.store.sign_in_with_passkey(&signing).await;
        if closed {
            assert!(matches!(signed_in, Err(StartRefused::ChangedMeanwhile)), "{signed_in:?}");
        } else {
            signed_in.unwrap();
        }
        assert_eq!(world.sessions(owner).await, usize::from(!closed));
    }
}
