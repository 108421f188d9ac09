//! An owner: an account with what a story needs.

use std::ops::{Deref, DerefMut};

use serde_json::{Value, json};

use super::{Authenticator, Browser, PAIR, World};

/// A verified, signed-in account.
#[derive(Clone)]
pub struct Owner {
    browser: Browser,
    pub connection: String,
    pub bot: String,
}

impl Deref for Owner {
    type Target = Browser;
    fn deref(&self) -> &Browser {
        &self.browser
    }
}
impl DerefMut for Owner {
    fn deref_mut(&mut self) -> &mut Browser {
        &mut self.browser
    }
}

/// A DCA bot that opens at market.
pub fn dca(connection: &str) -> Value {
    json!({
        "kind": "dca", "name": "story", "connection": connection, "pair": PAIR, "direction": "long",
        "base_order": { "amount": "100", "unit": "quote", "type": "market" },
        "averaging": { "amount": "100", "unit": "quote", "count": 3, "active": 2, "deviation_pct": "1", "step_scale": "1", "volume_scale": "1", "reference": "base" },
        "reference_price": "fill_with_fee",
        "take_profit": { "pct": "1", "of": "total", "trailing_pct": null, "steps": [] },
        "stop_loss": { "pct": "10", "reference": "base", "then": "keep_running", "timeout_s": null, "trailing": false },
        "start": { "when": "immediately" }, "limits": { "deals": 1, "cooldown_s": 0, "stop_after_deals": null }
    })
}

impl Owner {
    pub(super) async fn join(world: &World, email: &str) -> Self {
        let mut browser = world.stranger(email);
        browser.post("/v1/signup", &json!({ "email": email, "password": browser.password })).await.ok();
        world.drain().await;
        let token = newest_token(world, email, "verify?token=");
        assert!(browser.post("/v1/signup/verify", &json!({ "token": token })).await.status.is_success());
        browser.signs_in().await;
        Self { browser, connection: String::new(), bot: String::new() }
    }
    /// Adds an authenticator; the recovery codes.
    pub async fn adds_a_factor(&mut self) -> Vec<String> {
        let enrolled = self.stepped_up("POST", "/v1/second-factors/totp", Some(&json!({}))).await.ok();
        let secret = enrolled["secret"].as_str().unwrap();
        let seed = totp_rs_base32(secret);
        self.seed = Some(seed);
        let confirmed = self.post("/v1/second-factors/totp/confirm", &json!({ "code": self.fresh_code() })).await.ok();
        confirmed["recovery_codes"].as_array().unwrap().iter().map(|c| c.as_str().unwrap().to_owned()).collect()
    }
    /// Registers a passkey; the whole answer.
    pub async fn adds_a_passkey(&mut self, device: &Authenticator) -> Value {
        let begun = self.stepped_up("POST", "/v1/second-factors/passkeys/begin", Some(&json!({}))).await.ok();
        let form =
            json!({ "ceremony": begun["ceremony"], "name": "phone", "credential": device.creates(&begun["options"]) });
        let finished = self.post("/v1/second-factors/passkeys/finish", &form).await.ok();
        self.passkey = Some(device.clone());
        finished
    }
    /// Attaches a paper key.
    pub async fn attaches_a_key(&mut self) {
        let key = self.post("/v1/paper/keys", &json!({})).await.ok();
        let form = json!({ "exchange": "paper", "label": "story", "api_key": key["api_key"], "api_secret": key["api_secret"], "allowed_pairs": [PAIR] });
        let attached = self.stepped_up("POST", "/v1/connections", Some(&form)).await.ok();
        self.connection = id_in(&attached, "connection");
    }
    /// Creates and starts a bot; the market must have a candle.
    pub async fn starts_a_bot(&mut self, form: &Value) {
        let made = self.post("/v1/bots", form).await.ok();
        self.bot = id_in(&made, "bot");
        self.post(&format!("/v1/bots/{}/start", self.bot), &json!({})).await.ok();
    }
    /// All of it: a market with a candle, a key, a running bot whose first decision was taken.
    pub async fn trades(&mut self, world: &World) {
        world.quiet_minutes(1).await;
        self.attaches_a_key().await;
        let form = dca(&self.connection);
        self.starts_a_bot(&form).await;
        world.drain().await;
    }
    /// Resets the password through the mailbox.
    pub async fn resets_the_password(&mut self, world: &World, password: &str) -> Value {
        let answered = self.tries_to_reset(world, password).await;
        self.password = password.into();
        answered.ok()
    }
    /// Tries to.
    pub async fn tries_to_reset(&self, world: &World, password: &str) -> super::Answered {
        self.post("/v1/password-reset", &json!({ "email": self.email })).await.ok();
        self.deliver_mail(world).await;
        let token = newest_token(world, &self.email, "reset?token=");
        let mut form = json!({ "token": token, "password": password });
        if self.seed.is_some() {
            form["totp"] = json!(self.fresh_code());
        }
        self.post("/v1/password-reset/complete", &form).await
    }
    /// Everything that completes a reset, made before anything is paused: the link from the mail and a code.
    pub async fn prepares_a_reset(&self, world: &World, password: &str) -> Value {
        self.post("/v1/password-reset", &json!({ "email": self.email })).await.ok();
        world.drain().await;
        let mut form = json!({ "token": newest_token(world, &self.email, "reset?token="), "password": password });
        if self.seed.is_some() {
            form["totp"] = json!(self.fresh_code());
        }
        form
    }
    /// Completes a prepared reset; no time passes.
    pub async fn completes(&mut self, form: &Value) -> Value {
        let answered = self.post("/v1/password-reset/complete", form).await.ok();
        self.password = form["password"].as_str().unwrap().into();
        answered
    }
    /// Works the mailer alone would be enough; stories that hold the lanes elsewhere call the mailbox later.
    async fn deliver_mail(&self, world: &World) {
        world.drain().await;
    }
    /// The ARN and the item of the connection, as an auditor sees them.
    pub async fn connection_item(&self, world: &World) -> std::collections::BTreeMap<String, Value> {
        let sk = format!("CONN#{}", self.connection);
        world.dump("vault").await.into_iter().find(|item| item["sk"] == sk.as_str()).expect("the connection")
    }
    /// The one deal of the bot, in full.
    pub async fn deal(&self) -> Value {
        let deals = self.get(&format!("/v1/bots/{}/deals", self.bot)).await.ok();
        let id = deals["items"][0]["id"].as_str().expect("a deal").to_owned();
        let deal = self.get(&format!("/v1/deals/{id}")).await.ok();
        if deal["deal"].is_object() { deal["deal"].clone() } else { deal }
    }
}

/// The token in the newest mail with such a link.
pub fn newest_token(world: &World, email: &str, link: &str) -> String {
    let mails = world.machine.emulators().mailbox().expect("the mailbox");
    let text = mails
        .iter()
        .rev()
        .filter(|m| m.to.iter().any(|to| to == email))
        .filter_map(|m| m.text.as_deref())
        .find(|text| text.contains(link))
        .unwrap_or_else(|| panic!("no mail with {link} for {email}"));
    text.split(link)
        .nth(1)
        .unwrap()
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '%'))
        .collect::<String>()
        // As the page's address is read.
        .replace("%2E", ".")
}

fn id_in(answer: &Value, name: &str) -> String {
    answer[name]["id"]
        .as_str()
        .or_else(|| answer["id"].as_str())
        .unwrap_or_else(|| panic!("no id in {answer}"))
        .to_owned()
}

fn totp_rs_base32(text: &str) -> Vec<u8> {
    data_encoding::BASE32_NOPAD.decode(text.as_bytes()).expect("base32")
}
