//! The transaction that gives the key its power.

use account::id::JobId;
use api::Problem;
use store::entity::connection::NewConnection;
use store::entity::job::{Mail, Notice};
use store::transaction::attach_connection::Attaching;
use store::transaction::spend_step_up::StepUpProof;
use vault::Sealed;

use super::form::Limits;
use super::{Attach, refused};
use crate::config::Deps;

pub(super) async fn make_live(
    deps: &Deps,
    attach: &Attach,
    proof: &StepUpProof,
    sealed: Sealed,
    fingerprint: String,
    limits: Limits,
) -> Result<(), Problem> {
    let now = deps.host.clock.now();
    let exchange = sealed.exchange.to_string();
    let to = deps.store.find_address(attach.user).await?.to_string();
    let mail = Mail {
        to,
        notice: Notice::KeyAttached { at: now.to_string(), exchange: exchange.clone(), label: limits.label.clone() },
    };
    let connection = NewConnection {
        id: attach.id,
        exchange,
        label: limits.label,
        secret_arn: sealed.secret_arn,
        wrapped_dk: sealed.wrapped_dk,
        fingerprint,
        allowed_pairs: limits.allowed_pairs,
        order_quote_max: limits.order_quote_max,
    };
    let mail_job = JobId::new(deps.host.entropy.ulid(now));
    let attaching =
        Attaching { proof, connection: &connection, secret_name: &attach.secret_name, mail_job, mail: &mail };
    deps.store.attach_connection(attaching, now).await.map_err(refused)
}
