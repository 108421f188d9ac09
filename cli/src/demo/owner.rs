//! The owner: signs up, trades on candles, resets the password, and sees the bot cut off.

use account::WallTime;
use local_stack::Up;
use serde_json::{Value, json};

use super::browser::{Browser, dca};
use super::report::{Report, Stopped};

/// How long a story waits for the market, in real time.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(40);

/// Tells it.
pub async fn tell(up: &Up, report: &mut Report) -> Result<(), Stopped> {
    let pair = first_candle(up).await?;
    let mut owner = Browser::new(up, "owner@example.org", "a lighthouse keeps no secrets at noon");
    owner.joins(up).await?;
    report.step("signed up, opened the mailed link, signed in");
    let enrolled = owner.post_stepped_up(up, "/v1/second-factors/totp", &json!({})).await?.or_stop("enrolling")?;
    owner.keep_seed(enrolled["secret"].as_str().unwrap_or(""));
    let code = owner.code(up)?;
    let confirmed = owner
        .post("/v1/second-factors/totp/confirm", &json!({ "code": code }))
        .await?
        .or_stop("confirming the factor")?;
    let codes = confirmed["recovery_codes"].as_array().map_or(0, Vec::len);
    report.step(&format!("added an authenticator app; {codes} recovery codes were shown once"));
    let again = owner.post("/v1/login", &json!({ "email": owner.email, "password": owner.password })).await?;
    report.promise(
        again.body["session"].is_null() && again.body["challenge"]["id"].is_string(),
        "the password alone gives no session any more",
        "POST /v1/login answers a challenge (LG-2)",
    );
    refused_keys(&owner, up, report, &pair).await?;
    let connection = owner.attaches_a_paper_key(up, &pair).await?;
    let shown = owner.get(&format!("/v1/connections/{connection}")).await?.or_stop("the connection")?;
    let text = shown.to_string();
    report.promise(
        !text.contains("api_secret") && !text.contains("wrapped"),
        "the key can be used and never be read again",
        "GET /v1/connections/{id} shows no secret (KX-5)",
    );
    let preview = owner.post("/v1/bots/preview", &dca(&connection, &pair)).await?.or_stop("the preview")?;
    let orders = preview["orders"].as_array().map_or(0, Vec::len);
    report.step(&format!(
        "previewed the bot: {orders} orders, {} {} needed, worst case loss {}",
        preview["funds"]["quote"].as_str().unwrap_or("?"),
        pair.rsplit('-').next().unwrap_or(""),
        preview["worst_case_loss"].as_str().unwrap_or("?")
    ));
    let bot = owner.starts_a_bot(&connection, &pair).await?;
    let fills = wait_for_fills(&owner, up, &bot).await?;
    report.promise(
        fills > 0,
        "the bot trades on the candles",
        &format!("GET /v1/bots/{{id}}/deals shows {fills} fills"),
    );
    reset(&mut owner, up, report, &connection, &bot).await
}

async fn refused_keys(owner: &Browser, up: &Up, report: &mut Report, pair: &str) -> Result<(), Stopped> {
    for (wish, code) in [
        (json!({ "permissions": { "withdraw": true } }), "key_too_powerful"),
        (json!({ "ip_restrict": false }), "key_not_ip_restricted"),
    ] {
        let key = owner.post("/v1/paper/keys", &wish).await?.or_stop("a key to be refused")?;
        let form = json!({ "exchange": "paper", "label": "too much", "api_key": key["api_key"], "api_secret": key["api_secret"], "allowed_pairs": [pair] });
        let answer = owner.post_stepped_up(up, "/v1/connections", &form).await?;
        report.promise(
            answer.code() == code,
            &format!("a key that is {} is not accepted", code.trim_start_matches("key_").replace('_', " ")),
            &format!("POST /v1/connections answers {} (KX-1)", answer.status),
        );
    }
    Ok(())
}

async fn reset(owner: &mut Browser, up: &Up, report: &mut Report, connection: &str, bot: &str) -> Result<(), Stopped> {
    let arn = secret_arn(up, connection).await?;
    let here = describe(up, &arn).await;
    report.promise(here, "before the reset the sealed key is in Secrets Manager", "DescribeSecret on its ARN");
    // What must die: a session, a pending challenge, a step-up proof.
    up.clock().advance(2).map_err(|e| Stopped(e.to_string()))?;
    let challenge =
        owner.post("/v1/login", &json!({ "email": owner.email, "password": owner.password })).await?.body["challenge"]
            ["id"]
            .clone();
    let proof_body = json!({});
    let proof = owner.step_up(up, "/v1/second-factors/recovery-codes", &proof_body).await?;
    let (old_password, old_token) = (owner.password.clone(), owner.token.clone());
    owner.post("/v1/password-reset", &json!({ "email": owner.email })).await?.or_stop("asking for a reset")?;
    let token = owner.token_from_mail(up, "reset?token=").await?;
    let alone = owner
        .post("/v1/password-reset/complete", &json!({ "token": token, "password": "seven grey herons over the weir" }))
        .await?;
    report.promise(
        !alone.status.is_success(),
        "the mailed link alone does not reset an account with a second factor",
        &format!("POST /v1/password-reset/complete without a code answers {} (PR-9)", alone.status),
    );
    up.clock().advance(60).map_err(|e| Stopped(e.to_string()))?;
    let code = owner.code(up)?;
    let done = owner
        .post(
            "/v1/password-reset/complete",
            &json!({ "token": token, "password": "seven grey herons over the weir", "totp": code }),
        )
        .await?
        .or_stop("the reset")?;
    let fence = up.machine().now();
    report.step(&format!(
        "reset the password: {} connection removed, {} orders left open",
        done["connections_removed"],
        done["orders_left_open"].as_array().map_or(0, Vec::len)
    ));
    let me = owner.get("/v1/me").await?;
    report.promise(me.status == 401, "the old session is dead on the next request", "GET /v1/me answers 401 (PR-11)");
    let spent = owner.post_with("/v1/second-factors/recovery-codes", &proof_body, &proof).await?;
    report.promise(
        !spent.status.is_success(),
        "a step-up proof from before is refused",
        &format!("answers {} (RF-18)", spent.status),
    );
    let late =
        owner.post("/v1/login/second-factor", &json!({ "challenge": challenge, "totp": owner.code(up)? })).await?;
    report.promise(
        late.code() == "challenge_refused",
        "a pending sign-in from before is refused",
        "POST /v1/login/second-factor answers 401 (LG-2)",
    );
    up.clock().advance(10).map_err(|e| Stopped(e.to_string()))?;
    let old = owner.post("/v1/login", &json!({ "email": owner.email, "password": old_password })).await?;
    report.promise(old.code() == "sign_in_refused", "the old password is refused", "POST /v1/login answers 401");
    cut_off(owner, up, report, Fence { connection, bot, arn: &arn, at: fence, old_token }).await
}

struct Fence<'a> {
    connection: &'a str,
    bot: &'a str,
    arn: &'a str,
    at: WallTime,
    old_token: Option<String>,
}

async fn cut_off(owner: &mut Browser, up: &Up, report: &mut Report, fence: Fence<'_>) -> Result<(), Stopped> {
    let gone = eventually(|| async { !describe(up, fence.arn).await }).await;
    report.promise(
        gone,
        "the stored key is gone from Secrets Manager",
        "DescribeSecret on its ARN says ResourceNotFoundException (G4)",
    );
    let wrapped = wrapped_key(up, fence.connection).await?;
    report.promise(
        !wrapped,
        "the connection holds no wrapped key",
        "GetItem on the vault table shows no wrapped_dk (G3)",
    );
    up.clock().advance(10).map_err(|e| Stopped(e.to_string()))?;
    owner.password = "seven grey herons over the weir".into();
    owner.signs_in(up).await?;
    report.promise(
        owner.token != fence.old_token,
        "the owner signs in with the new password and the authenticator",
        "POST /v1/login, /v1/login/second-factor",
    );
    let bot = owner.get(&format!("/v1/bots/{}", fence.bot)).await?.or_stop("the bot")?;
    report.promise(
        bot.to_string().contains("password reset"),
        "the bot says why it is paused",
        &format!("GET /v1/bots/{{id}}: {}", paused(&bot)),
    );
    let start = owner.post(&format!("/v1/bots/{}/start", fence.bot), &json!({})).await?;
    report.promise(
        !start.status.is_success(),
        "the bot cannot be started without a new key",
        &format!("answers {} {}", start.status, start.code()),
    );
    let after = accepted_after(up, fence.at.plus_ms(4_000)).await?;
    report.promise(
        after == 0,
        "no order was accepted after the fence plus 4 s",
        "the paper exchange's own log of accepted orders (G1, G2)",
    );
    Ok(())
}

fn paused(bot: &Value) -> String {
    let bot = if bot["bot"].is_object() { &bot["bot"] } else { bot };
    bot["status"].as_str().map_or_else(|| bot["status"].to_string(), str::to_owned)
}

/// The first pair that has a candle.
async fn first_candle(up: &Up) -> Result<String, Stopped> {
    let mut market = up.progress();
    let seen = tokio::time::timeout(PATIENCE, market.wait_for(|progress| progress.close.is_some()))
        .await
        .is_ok_and(|seen| seen.is_ok());
    if !seen {
        return Err(Stopped("no candle came".into()));
    }
    let pairs = up.machine().host("tick").and_then(|h| h.environment.optional("MARKET_PAIRS")).unwrap_or_default();
    pairs.split(',').next().map(str::to_owned).ok_or_else(|| Stopped("no pair".into()))
}

async fn wait_for_fills(owner: &Browser, _up: &Up, bot: &str) -> Result<usize, Stopped> {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let deals = owner.get(&format!("/v1/bots/{bot}/deals")).await?.or_stop("the deals")?;
        let mut fills = 0;
        for deal in deals["items"].as_array().into_iter().flatten() {
            let id = deal["id"].as_str().unwrap_or("");
            let deal = owner.get(&format!("/v1/deals/{id}")).await?.or_stop("the deal")?;
            let deal = if deal["deal"].is_object() { deal["deal"].clone() } else { deal };
            fills += deal["fills"].as_array().map_or(0, Vec::len);
        }
        if fills > 0 || tokio::time::Instant::now() > deadline {
            return Ok(fills);
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
}

/// Looks for up to ten seconds.
pub async fn eventually<F: Future<Output = bool>>(look: impl Fn() -> F) -> bool {
    for _ in 0..100 {
        if look().await {
            return true;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    false
}

fn auditor(up: &Up) -> aws_sdk_secretsmanager::Client {
    aws_sdk_secretsmanager::Client::new(&up.machine().emulators().sdk_config(emulators::Caller::owner("auditor")))
}
async fn describe(up: &Up, arn: &str) -> bool {
    auditor(up).describe_secret().secret_id(arn).send().await.is_ok()
}

async fn connection_item(
    up: &Up,
    connection: &str,
) -> Result<std::collections::HashMap<String, aws_sdk_dynamodb::types::AttributeValue>, Stopped> {
    let dynamodb =
        aws_sdk_dynamodb::Client::new(&up.machine().emulators().sdk_config(emulators::Caller::owner("auditor")));
    let table = up.endpoints().tables.get("vault").cloned().unwrap_or_default();
    let found = dynamodb.scan().table_name(table).send().await.map_err(|e| Stopped(format!("the vault table: {e}")))?;
    let sk = format!("CONN#{connection}");
    found
        .items
        .unwrap_or_default()
        .into_iter()
        .find(|i| i.get("sk").and_then(|v| v.as_s().ok()) == Some(&sk))
        .ok_or_else(|| Stopped("the connection is not in the vault table".into()))
}
async fn secret_arn(up: &Up, connection: &str) -> Result<String, Stopped> {
    let item = connection_item(up, connection).await?;
    item.get("secret_arn").and_then(|v| v.as_s().ok()).cloned().ok_or_else(|| Stopped("no ARN".into()))
}
async fn wrapped_key(up: &Up, connection: &str) -> Result<bool, Stopped> {
    Ok(connection_item(up, connection).await?.contains_key("wrapped_dk"))
}

/// How many orders the paper exchange accepted at or after a moment.
pub async fn accepted_after(up: &Up, at: WallTime) -> Result<usize, Stopped> {
    function_paper_exchange::orders_accepted(up.machine().paper(), at)
        .await
        .map(|o| o.len())
        .map_err(|e| Stopped(e.to_string()))
}
