//! The thief has the victim's mailbox and nothing else; the victim has no second factor, as most victims of 2023.

use local_stack::Up;
use serde_json::json;

use super::browser::Browser;
use super::owner::{accepted_after, eventually};
use super::report::{Report, Stopped};

/// Tells it.
pub async fn tell(up: &Up, report: &mut Report) -> Result<(), Stopped> {
    let pairs = up.machine().host("tick").and_then(|h| h.environment.optional("MARKET_PAIRS")).unwrap_or_default();
    let pair = pairs.split(',').next().unwrap_or("BTC-USDT").to_owned();
    let mut victim = Browser::new(up, "victim@example.org", "an orchard of quiet bicycles");
    victim.joins(up).await?;
    let connection = victim.attaches_a_paper_key(up, &pair).await?;
    let bot = victim.starts_a_bot(&connection, &pair).await?;
    report.step("the victim has a running bot, a key, and no second factor");
    let before = up.machine().now();
    let traded = eventually(|| async { accepted_after(up, before).await.is_ok_and(|n| n > 0) }).await;
    report.promise(traded, "the victim's bot was trading", "the paper exchange's log of accepted orders");

    let mut thief = Browser::new(up, "victim@example.org", "nobody expects the third umbrella");
    thief.post("/v1/password-reset", &json!({ "email": thief.email })).await?.or_stop("the thief asks for a reset")?;
    let token = thief.token_from_mail(up, "reset?token=").await?;
    let done = thief
        .post("/v1/password-reset/complete", &json!({ "token": token, "password": thief.password }))
        .await?
        .or_stop("the thief's reset")?;
    let fence = up.machine().now();
    report.step(&format!(
        "the thief reset the password with the mailed link; {} connection was removed in the same transaction",
        done["connections_removed"]
    ));
    thief.signs_in(up).await?;
    report.step("the thief signed in");
    let connections = thief.get("/v1/connections").await?.or_stop("the connections")?.to_string().to_lowercase();
    report.promise(
        !connections.contains("\"live\""),
        "the thief finds no live key",
        "GET /v1/connections shows revoked ones alone (G1)",
    );
    let start = thief.post(&format!("/v1/bots/{bot}/start"), &json!({})).await?;
    report.promise(
        !start.status.is_success(),
        "the thief cannot start the victim's bot",
        &format!("answers {} {}", start.status, start.code()),
    );
    let made = thief.post("/v1/bots", &super::browser::dca(&connection, &pair)).await?;
    // Writing a bot down is no trading; starting it is.
    let (started, how) = match made.body["bot"]["id"].as_str().or_else(|| made.body["id"].as_str()) {
        Some(id) => {
            let start = thief.post(&format!("/v1/bots/{id}/start"), &json!({})).await?;
            let how = format!("POST /v1/bots/{{id}}/start answers {} {}", start.status, start.code());
            (start.status.is_success(), how)
        }
        None => (false, format!("POST /v1/bots answers {} {}", made.status, made.code())),
    };
    report.promise(!started, "the thief cannot start a bot of his own on the victim's connection", &how);
    // Ten more seconds of wall clock and as much market as passes meanwhile.
    up.clock().advance(10).map_err(|e| Stopped(e.to_string()))?;
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    let after = accepted_after(up, fence.plus_ms(4_000)).await?;
    report.promise(
        after == 0,
        "not one order was accepted after the fence plus 4 s",
        "the paper exchange's own log (G1, G2)",
    );
    let notice = victim.token_from_mail(up, "not-me?token=").await;
    report.promise(
        notice.is_ok(),
        "the victim was told, with a link that holds the account",
        "the mailbox holds the notice (PR-13)",
    );
    Ok(())
}
