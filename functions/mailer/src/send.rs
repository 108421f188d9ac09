//! One mail: take the job, say it, mark it done. Each step is safe to repeat.

use account::EmailAddress;
use account::id::JobId;
use aws_sdk_sesv2::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sesv2::primitives::Blob;
use aws_sdk_sesv2::types::{Destination, EmailContent, RawMessage};
use store::StoreError;
use store::entity::job::{Job, Mail, Work};

use crate::config::Deps;
use crate::message::mime;
use crate::render::render;

/// What became of a job.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Worked {
    /// Sent (or there was nothing to say) and recorded.
    Done,
    /// It was done before.
    NothingToDo(&'static str),
    /// It waits for its moment: the sweep brings it back.
    NotDue,
    /// Another worker has it, or may have sent it: the sweep looks again.
    Later(&'static str),
    /// A call failed and nothing was sent.
    Retry(String),
    /// It can never be sent as it stands.
    GiveUp(String),
}

/// How a send ended that did not succeed. Names the code alone: requests and answers hold the mail.
enum NotSent {
    Certainly { code: String, for_ever: bool },
    Perhaps,
}

pub(crate) async fn work(deps: &Deps, id: JobId) -> Worked {
    done_or_not(deps, id).await.unwrap_or_else(|ended| ended)
}

async fn done_or_not(deps: &Deps, id: JobId) -> Result<Worked, Worked> {
    let Some(job) = deps.store.find_open_job(id).await.map_err(failed)? else {
        return Ok(Worked::NothingToDo("the job is done"));
    };
    let Job { work: Work::Mail(mail), not_before, .. } = job else {
        return Ok(Worked::NothingToDo("the job is no mail"));
    };
    // PR-14: a mail that waits is left as it is; the sweep brings it back when it is due.
    if not_before.is_some_and(|due| deps.clock.now() < due) {
        return Ok(Worked::NotDue);
    }
    // PR-1: "nothing" costs what a mail costs up to here, and ends without one.
    let Some(message) = render(&mail.notice, &deps.links) else { return finish(deps, id).await };
    let to = EmailAddress::parse(&mail.to).map_err(|_| Worked::GiveUp("the address is none".into()))?;
    // RF-28: two workers at once send one mail.
    if !deps.store.claim_mail(id, deps.clock.now()).await.map_err(failed)? {
        return Ok(Worked::Later("another worker has it"));
    }
    let bytes = mime(id, &to, message, &deps.sender, deps.clock.now());
    match send(deps, &to, &mail, bytes).await {
        Ok(()) => finish(deps, id).await,
        Err(NotSent::Certainly { code, for_ever }) => {
            // Nobody got it, so the next try need not wait for the lease to end. Should this fail, it waits.
            let released = deps.store.release_mail(id).await;
            if let Err(error) = released {
                tracing::warn!(job = %id, cause = %error, "the lease of a mail was not given back");
            }
            Err(if for_ever { Worked::GiveUp(code) } else { Worked::Retry(code) })
        }
        Err(NotSent::Perhaps) => Err(Worked::Later("it may have been sent")),
    }
}

async fn send(deps: &Deps, to: &EmailAddress, mail: &Mail, bytes: Vec<u8>) -> Result<(), NotSent> {
    let certainly = |code: &str, for_ever| NotSent::Certainly {
        code: format!("{}: SendEmail: {code}", mail.notice.name()),
        for_ever,
    };
    let raw = RawMessage::builder().data(Blob::new(bytes)).build().map_err(|_| certainly("no message", true))?;
    let sent = deps
        .ses
        .send_email()
        .from_email_address(&deps.mail_from)
        .destination(Destination::builder().to_addresses(to.key()).build())
        .content(EmailContent::builder().raw(raw).build())
        .set_configuration_set_name(deps.configuration_set.clone())
        .send()
        .await;
    let Err(error) = sent else { return Ok(()) };
    match &error {
        SdkError::ConstructionFailure(_) => Err(certainly("not sent", false)),
        SdkError::ServiceError(service) => {
            let code = service.err().code().unwrap_or("unknown");
            match code {
                "InternalServiceErrorException" | "InternalServerError" | "ServiceUnavailable" => Err(NotSent::Perhaps),
                "MessageRejected" | "BadRequestException" => Err(certainly(code, true)),
                _ => Err(certainly(code, false)),
            }
        }
        // Timeout, broken connection, unreadable answer.
        _ => Err(NotSent::Perhaps),
    }
}

async fn finish(deps: &Deps, job: JobId) -> Result<Worked, Worked> {
    match deps.store.finish_job(job, deps.clock.now()).await.map_err(failed)? {
        true => Ok(Worked::Done),
        false => Ok(Worked::NothingToDo("another worker recorded it")),
    }
}

fn failed(error: StoreError) -> Worked {
    match error {
        StoreError::Corrupt { .. } => Worked::GiveUp(error.to_string()),
        StoreError::Unavailable { .. } | StoreError::OutcomeUnknown { .. } | StoreError::NotGranted { .. } => {
            Worked::Retry(error.to_string())
        }
    }
}
