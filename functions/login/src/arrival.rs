//! What a sign-in with all factors leaves beside its session: a browser that is known from now on (RL-2), and what the
//! owner is told (LG-7).
//!
//! Known is not trusted: a device has a bucket of its own for passwords, and no answer and no step is another for it.

use account::email::EmailAddress;
use account::id::JobId;
use account::token::{Purpose, new_token};
use account::{Secret, WallTime};
use api::{Problem, Request};
use store::entity::budget::Bucket;
use store::entity::device::{DeviceName, Devices, Knowing};
use store::entity::job::{Mail, Notice};
use store::entity::user::User;
use store::transaction::read_for_login::{KnownDevice, ShownBeside};
use store::transaction::start_session::Arrival;

use crate::Deps;

/// LG-7: from so many refused tries on a success is news; below it lie the owner's own slips.
pub(crate) const FAILURES_TOLD_MIN: u32 = 3;

/// What comes with a request beside its form, as hashes.
pub(crate) fn shown_beside(request: &Request) -> ShownBeside<'_> {
    ShownBeside { device: request.shown_device().map(|device| &device.hash), session: request.shown_session() }
}

/// Whose sign-in it is, and what was before it.
pub(crate) struct Arrived<'a> {
    pub(crate) user: &'a User,
    pub(crate) email: &'a EmailAddress,
    pub(crate) known: Option<&'a KnownDevice>,
    /// How many tries were refused since the last success.
    pub(crate) failures: u32,
    pub(crate) now: WallTime,
}

/// The parts of an [`Arrival`], and the cookie that goes with it.
pub(crate) struct Arriving {
    name: DeviceName,
    text: Secret<String>,
    made_at: WallTime,
    first_here: bool,
    among: Option<Devices>,
    notice: Option<(JobId, Mail)>,
}

impl Arriving {
    /// One call more where the browser is not known.
    pub(crate) async fn of(deps: &Deps, request: &Request, arrived: Arrived<'_>) -> Result<Self, Problem> {
        let Arrived { user, email, known, failures, now } = arrived;
        let at_hand = known.map(|known| &known.device).zip(request.shown_device());
        let (name, text, made_at, first_here, among) = match at_hand {
            Some((device, shown)) => {
                // EXPOSE: the same mark is handed to the browser that showed it, with a new end.
                let text = Secret::new(shown.text.expose(String::clone));
                (device.name.clone(), text, device.made_at, !device.signed_in, None)
            }
            None => {
                let made = new_token(Purpose::KnownDevice, deps.host.entropy.bytes());
                let devices = deps.store.find_devices(user.id).await?;
                (DeviceName::of(&made.hash), made.text, now, true, Some(devices))
            }
        };
        // The very first sign-in is from a new browser too, and no news.
        let is_new = first_here && among.as_ref().is_none_or(|devices| devices.signed_in_before);
        let (at, source) = (now.to_string(), request.source().map(|source| source.to_string()));
        // One mail for one sign-in: what says more.
        let notice = if failures >= FAILURES_TOLD_MIN {
            Some(Notice::SignedInAfterFailures { at, source, failures })
        } else {
            is_new.then_some(Notice::SignedInFromNewDevice { at, source })
        };
        let notice =
            notice.map(|notice| (JobId::new(deps.host.entropy.ulid(now)), Mail { to: email.to_string(), notice }));
        Ok(Self { name, text, made_at, first_here, among, notice })
    }

    /// For the transaction that starts the session.
    pub(crate) fn arrival<'a>(&'a self, bucket: Option<&'a Bucket>) -> Arrival<'a> {
        let device = Knowing {
            name: &self.name,
            made_at: self.made_at,
            signed_in: true,
            first_here: self.first_here,
            among: self.among.as_ref(),
        };
        Arrival { device, bucket, notice: self.notice.as_ref().map(|(job, mail)| (*job, mail)) }
    }

    /// The mark of the device.
    pub(crate) const fn cookie(&self) -> &Secret<String> {
        &self.text
    }
}
