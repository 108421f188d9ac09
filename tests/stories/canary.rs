//! A whole life, and nothing of its secrets in a table, a mail, a log line, an answer or a file (KX-5, G3).

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tests::world::{Answered, Authenticator, FakeClock, Owner, PAIR, World, dca, newest_token};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::SubscriberInitExt;

/// Where every log line of this process goes.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);
impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
/// Listens at the finest level that the host lets through: to our own code to the end, to libraries from `info` up. What
/// another story of this process says is heard too, and is searched as well.
fn listen() -> Lines {
    static LINES: OnceLock<Lines> = OnceLock::new();
    let start = || {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = host::log::lines(EnvFilter::new("trace"), move || writer.clone());
        subscriber.try_init().expect("nobody listens yet");
        lines
    };
    LINES.get_or_init(start).clone()
}

/// What must be nowhere, by name.
type Canaries = BTreeMap<String, String>;

/// An owner's life up to the reset. Answers that are meant to show a secret once are kept out of what is searched.
async fn live(world: &World, canaries: &mut Canaries) -> (Owner, Vec<String>) {
    let mut answers = Vec::new();
    let mut keep = |name: &str, value: &Value| {
        canaries.insert(name.to_owned(), value.as_str().expect("a text").to_owned());
    };
    let mut owner = world.owner("owner@example.org").await;
    keep("the first session", &json!(owner.token));
    keep("the password", &json!(owner.password));
    for (nth, code) in owner.adds_a_factor().await.iter().enumerate() {
        keep(&format!("recovery code {nth}"), &json!(code));
    }
    let seed = owner.seed.clone().expect("a seed");
    keep("the TOTP seed", &json!(data_encoding::BASE32_NOPAD.encode(&seed)));
    keep("the TOTP seed in base64", &json!(data_encoding::BASE64.encode(&seed)));
    keep("the TOTP seed in hex", &json!(hex::encode(&seed)));
    owner.signs_in().await;
    keep("the second session", &json!(owner.token));

    world.quiet_minutes(1).await;
    let key = owner.post("/v1/paper/keys", &json!({})).await.ok();
    keep("the api secret", &key["api_secret"]);
    let form = json!({ "exchange": "paper", "label": "story", "api_key": key["api_key"], "api_secret": key["api_secret"], "allowed_pairs": [PAIR] });
    let attached = owner.stepped_up("POST", "/v1/connections", Some(&form)).await.ok();
    owner.connection =
        attached["connection"]["id"].as_str().or_else(|| attached["id"].as_str()).expect("a connection").to_owned();
    answers.push(attached.to_string());
    // A form with a mistake in it is refused without repeating what it held.
    let mut wrong = form.clone();
    wrong["label"] = json!("<b>");
    answers.push(owner.stepped_up("POST", "/v1/connections", Some(&wrong)).await.body.to_string());
    wrong["unknown_field"] = key["api_secret"].clone();
    answers.push(owner.stepped_up("POST", "/v1/connections", Some(&wrong)).await.body.to_string());
    answers.push(
        owner
            .post("/v1/login", &json!({ "email": owner.email, "password": format!("{} ", owner.password) }))
            .await
            .body
            .to_string(),
    );
    let form = dca(&owner.connection);
    owner.starts_a_bot(&form).await;
    world.drain().await;
    for price in ["60000", "59300", "58700"] {
        world.candle(price, price, price).await;
    }
    assert!(!owner.deal().await["fills"].as_array().expect("fills").is_empty(), "a life with trading");
    for path in ["/v1/me", "/v1/connections", "/v1/bots", "/v1/activity", "/v1/sessions"] {
        answers.push(owner.get(path).await.body.to_string());
    }
    answers.push(owner.deal().await.to_string());

    answers.push(owner.resets_the_password(world, "eleven copper kettles whistling").await.to_string());
    keep("the new password", &json!(owner.password));
    keep("the reset link", &json!(newest_token(world, &owner.email, "reset?token=")));
    world.drain().await;
    owner.signs_in().await;
    keep("the third session", &json!(owner.token));
    for path in ["/v1/me", "/v1/connections", "/v1/bots", "/v1/activity"] {
        answers.push(owner.get(path).await.body.to_string());
    }
    world.sweep().await;
    (owner, answers)
}

#[track_caller]
fn is_nowhere_in(canaries: &Canaries, except: &[&str], place: &str, text: &str) {
    for (name, canary) in canaries.iter().filter(|(name, _)| !except.contains(&name.as_str())) {
        assert!(!text.contains(canary.as_str()), "{name} is in {place}");
    }
}
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("the folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push((path.display().to_string(), std::fs::read(&path).expect("a file")));
        }
    }
    found
}
fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[tokio::test]
async fn lg_6_kx_5_no_secret_of_a_whole_life_is_in_a_table_a_mail_a_log_line_an_answer_or_a_file() {
    let lines = listen();
    let folder = tempfile::tempdir().expect("a folder");
    let world = World::in_folder(71, folder.path(), Arc::new(FakeClock::at_noon()));
    let mut canaries = Canaries::new();
    let (owner, answers) = live(&world, &mut canaries).await;
    assert!(canaries.len() >= 17 && canaries.values().all(|canary| canary.len() >= 16), "{:?}", canaries.keys());

    for table in ["identity", "vault", "trading", "market"] {
        is_nowhere_in(&canaries, &[], table, &format!("{:?}", world.dump(table).await));
    }
    // A job holds the link until its mail is sent, and no longer.
    is_nowhere_in(&canaries, &[], "outbox", &format!("{:?}", world.dump("outbox").await));
    let mails = world.mails_to(&owner.email);
    assert!(mails.iter().any(|mail| mail.contains(canaries["the reset link"].as_str())), "a canary can be found");
    for mail in &mails {
        is_nowhere_in(&canaries, &["the reset link"], "a mail", mail);
    }
    for answer in &answers {
        is_nowhere_in(&canaries, &[], "an answer", answer);
    }
    let log = String::from_utf8_lossy(&lines.0.lock().unwrap()).into_owned();
    assert!(log.contains("signed_in"), "the log was listened to");
    is_nowhere_in(&canaries, &[], "the log", &log);
}

#[tokio::test]
async fn g_4_after_the_shred_no_file_holds_the_api_secret_or_the_wrapped_key() {
    let folder = tempfile::tempdir().expect("a folder");
    let world = World::in_folder(72, folder.path(), Arc::new(FakeClock::at_noon()));
    let mut owner = world.owner("owner@example.org").await;
    world.quiet_minutes(1).await;
    let key = owner.post("/v1/paper/keys", &json!({})).await.ok();
    let secret = key["api_secret"].as_str().expect("a secret").to_owned();
    let form = json!({ "exchange": "paper", "label": "story", "api_key": key["api_key"], "api_secret": secret, "allowed_pairs": [PAIR] });
    let attached = owner.stepped_up("POST", "/v1/connections", Some(&form)).await.ok();
    owner.connection =
        attached["connection"]["id"].as_str().or_else(|| attached["id"].as_str()).expect("a connection").to_owned();
    let form = dca(&owner.connection);
    owner.starts_a_bot(&form).await;
    world.drain().await;
    // The paper exchange is an exchange and has to know the secret; its table alone has it, in the file of the tables.
    let elsewhere = |folder: &Path| {
        files(folder)
            .into_iter()
            .filter(|(name, _)| !name.contains("dynamodb"))
            .any(|(_, bytes)| holds(&bytes, &secret))
    };
    assert!(!elsewhere(folder.path()), "Secrets Manager's file has it sealed alone");
    for table in ["identity", "vault", "trading", "market", "outbox"] {
        assert!(!format!("{:?}", world.dump(table).await).contains(&secret), "{table}");
    }
    let wrapped = owner.connection_item(&world).await["wrapped_dk"].as_str().expect("a wrapped key").to_owned();
    let wrapped = wrapped.trim_start_matches(|c: char| !c.is_ascii_alphanumeric()).to_owned();
    assert!(
        files(folder.path()).iter().any(|(_, bytes)| holds(bytes, &wrapped)),
        "it is there while the key lives: {wrapped}"
    );
    owner.resets_the_password(&world, "eleven copper kettles whistling").await;
    world.drain().await;
    for (name, bytes) in files(folder.path()) {
        assert!(!holds(&bytes, &wrapped), "the wrapped key is in {name}");
    }
    assert!(!elsewhere(folder.path()));
    world.no_call_was_refused();
}

/// Headers, or what an answer shows and where.
type Pairs<'a> = &'a [(&'a str, &'a str)];

/// A walk that keeps every secret it was given or has typed, and every answer with the names of what it may show.
struct Walk<'a> {
    world: &'a World,
    canaries: Canaries,
    /// Six digits, which could stand in a longer number by chance.
    codes: Vec<String>,
    answers: Vec<(String, String, Vec<String>)>,
}
impl Walk<'_> {
    fn keep(&mut self, name: &str, value: &str) {
        assert!(value.len() >= 16, "{name} is too short to be looked for");
        self.canaries.insert(name.to_owned(), value.to_owned());
    }
    /// Keeps an answer and what it shows: each name with the pointer where it stands.
    fn heard(&mut self, what: &str, answered: Answered, shows: &[(&str, &str)]) -> Answered {
        let mut may_show = Vec::new();
        for (name, pointer) in shows {
            let value = answered.body.pointer(pointer).and_then(Value::as_str);
            let value = value
                .unwrap_or_else(|| panic!("{what}: no {name} at {pointer}: {} {}", answered.status, answered.body));
            self.keep(name, value);
            may_show.push((*name).to_owned());
        }
        // Cookies are how a browser is given its session and its mark.
        let mut headers = answered.headers.clone();
        for cookie in answered.headers.get_all("set-cookie").iter().filter_map(|value| value.to_str().ok()) {
            if let Some(mark) = cookie.strip_prefix("__Host-device=").and_then(|rest| rest.split(';').next()) {
                self.keep(&format!("device mark {} of {what}", self.answers.len()), mark);
            }
        }
        headers.remove("set-cookie");
        let text = format!("{headers:?} {}", String::from_utf8_lossy(&answered.bytes));
        self.answers.push((what.to_owned(), text, may_show));
        answered
    }
    fn link(&mut self, email: &str, page: &str) -> String {
        let token = newest_token(self.world, email, &format!("{page}?token="));
        self.keep(&format!("link: {page} {}", self.canaries.len()), &token);
        token
    }
    fn code(&mut self, owner: &Owner) -> String {
        let code = owner.fresh_code();
        self.codes.push(code.clone());
        code
    }
    /// Asks for a proof and makes the request with it.
    async fn proven(
        &mut self,
        owner: &Owner,
        method: &str,
        path: &str,
        body: Option<&Value>,
        more: (Pairs<'_>, Pairs<'_>),
    ) -> Answered {
        let (headers, shows) = more;
        let text = body.map(Value::to_string);
        let hash = hex::encode(Sha256::digest(text.clone().unwrap_or_default().as_bytes()));
        let mut form = json!({ "method": method, "path": path, "body_sha256": hash, "password": owner.password });
        form["totp"] = json!(self.code(owner));
        let asked = owner.post("/v1/step-up", &form).await;
        let name = format!("proof {} for {path}", self.answers.len());
        let asked = self.heard("step-up", asked, &[(&name, "/proof")]).ok();
        let proof = asked["proof"].as_str().expect("a proof").to_owned();
        let headers: Vec<(&str, &str)> = headers.iter().copied().chain([("x-step-up", proof.as_str())]).collect();
        let answered = owner.send(method, path, text.as_deref(), &headers).await;
        self.heard(&format!("{method} {path}"), answered, shows)
    }
    /// Signs in with all factors.
    async fn signs_in(&mut self, owner: &mut Owner) {
        self.world.clock.advance(60);
        let nth = self.answers.len();
        let form = json!({ "email": owner.email, "password": owner.password });
        let given = owner.post("/v1/login", &form).await;
        let given = self.heard("login", given, &[(&format!("challenge {nth}"), "/challenge/id")]).ok();
        let form = json!({ "challenge": given["challenge"]["id"], "totp": self.code(owner) });
        let given = owner.post("/v1/login/second-factor", &form).await;
        let given = self.heard("second factor", given, &[(&format!("session {nth}"), "/session/token")]).ok();
        owner.token = Some(given["session"]["token"].as_str().expect("a token").to_owned());
    }
    async fn tell(&mut self, owner: &Owner, path: &str, form: &Value) -> Answered {
        let answered = owner.post(path, form).await;
        self.heard(path, answered, &[])
    }
    /// Works what waits, and looks for everything known so far in everything that is stored.
    async fn settles(&self) {
        self.world.drain().await;
        for table in ["identity", "vault", "trading", "market", "outbox"] {
            let text = format!("{:?}", self.world.dump(table).await);
            is_nowhere_in(&self.canaries, &[], table, &text);
            for (name, canary) in &self.canaries {
                for spelled in [data_encoding::BASE64.encode(canary.as_bytes()), hex::encode(canary)] {
                    assert!(!text.contains(&spelled), "{name} is in {table}, encoded");
                }
            }
        }
    }
}
/// Whether a text holds a code that is not part of a longer word or number.
fn says(text: &str, code: &str) -> bool {
    let part = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    text.match_indices(code)
        .any(|(at, _)| !part(text[..at].chars().next_back()) && !part(text[at + code.len()..].chars().next()))
}

/// Programs, devices, passkeys and repetitions.
async fn lives_with_programs(walk: &mut Walk<'_>, owner: &mut Owner) {
    // The same answer again under its key shows the same secret again, and to nobody else (CV-7).
    let (first, second) = ("canary-key-of-a-paper-key-0001", "canary-key-of-an-api-token-0002");
    walk.keep("the idempotency key of a paper key", first);
    walk.keep("the idempotency key of a token", second);
    let shows: &[(&str, &str)] = &[("the paper secret", "/api_secret")];
    for _ in 0..2 {
        let made = owner.send("POST", "/v1/paper/keys", Some("{}"), &[("idempotency-key", first)]).await;
        walk.heard("a paper key", made, shows).ok();
    }
    let form = json!({ "name": "reader", "scope": "trade", "expires_in_days": 7 });
    let shows: &[(&str, &str)] = &[("the API token", "/secret")];
    for _ in 0..2 {
        let key = [("idempotency-key", second)];
        walk.proven(owner, "POST", "/v1/tokens", Some(&form), (&key, shows)).await.ok();
    }
    let mut program = owner.clone();
    program.token = Some(walk.canaries["the API token"].clone());
    for path in ["/v1/bots", "/v1/connections", "/v1/me"] {
        let answered = program.get(path).await;
        walk.heard("a program", answered, &[]);
    }
    walk.settles().await;

    let begin = "/v1/second-factors/passkeys/begin";
    let device = Authenticator::new(73);
    let shows: &[(&str, &str)] = &[("a passkey ceremony", "/ceremony"), ("a passkey challenge", "/options/challenge")];
    let begun = walk.proven(owner, "POST", begin, Some(&json!({})), (&[], shows)).await.ok();
    let credential = device.creates(&begun["options"]);
    walk.keep("an attestation", credential["response"]["attestationObject"].as_str().expect("one"));
    let form = json!({ "ceremony": begun["ceremony"], "name": "phone", "credential": credential });
    walk.tell(owner, "/v1/second-factors/passkeys/finish", &form).await.ok();
    let stranger = walk.world.stranger(&owner.email);
    let shows: &[(&str, &str)] = &[("a sole ceremony", "/ceremony"), ("a sole challenge", "/options/challenge")];
    let begun = stranger.post("/v1/login/passkey/begin", &json!({})).await;
    let begun = walk.heard("a sole login", begun, shows).ok();
    let credential = device.answers(&begun["options"]);
    walk.keep("an assertion", credential["response"]["signature"].as_str().expect("one"));
    let form = json!({ "ceremony": begun["ceremony"], "credential": credential });
    let given = stranger.post("/v1/login/passkey/finish", &form).await;
    walk.heard("a sole login's end", given, &[("a sole session", "/session/token")]).ok();
    walk.settles().await;
}

/// Everything that changes how the account is entered, each by its link.
async fn changes_every_way_in(walk: &mut Walk<'_>, owner: &mut Owner) {
    // TP-10: ten wrong factors, and the link that opens the login again.
    for _ in 0..10 {
        walk.world.clock.advance(120);
        let given = owner.post("/v1/login", &json!({ "email": owner.email, "password": owner.password })).await;
        let name = format!("challenge {}", walk.answers.len());
        let given = walk.heard("login", given, &[(&name, "/challenge/id")]).ok();
        let form = json!({ "challenge": given["challenge"]["id"], "recovery_code": "AAAAA-BBBBB-CCCCC-DDDDD-EEEEEA" });
        walk.tell(owner, "/v1/login/second-factor", &form).await.refused();
    }
    walk.keep("a wrong recovery code", "AAAAA-BBBBB-CCCCC-DDDDD-EEEEEA");
    walk.settles().await;
    let token = walk.link(&owner.email, "unlock");
    walk.tell(owner, "/v1/login/unlock/confirm", &json!({ "token": token })).await.ok();
    owner.token = None;
    walk.signs_in(owner).await;

    let password = "seven brass lanterns adrift";
    walk.keep("the changed password", password);
    let form = json!({ "password": password });
    let shows: &[(&str, &str)] = &[("the session of a changed password", "/session/token")];
    let given = walk.proven(owner, "POST", "/v1/password", Some(&form), (&[], shows)).await.ok();
    owner.password = password.into();
    owner.token = Some(given["session"]["token"].as_str().expect("a token").to_owned());
    walk.settles().await;

    let old = owner.email.clone();
    walk.proven(owner, "POST", "/v1/email", Some(&json!({ "email": "moved@example.org" })), (&[], &[])).await.ok();
    walk.settles().await;
    walk.link(&old, "email-revoke");
    let confirm = walk.link("moved@example.org", "email-confirm");
    walk.tell(owner, "/v1/email/confirm", &json!({ "token": confirm })).await.ok();
    walk.settles().await;
    let revoke = walk.link(&old, "email-revoke");
    walk.tell(owner, "/v1/email/revoke", &json!({ "token": revoke })).await.ok();
    walk.settles().await;

    walk.world.clock.advance(1_200);
    walk.tell(owner, "/v1/password-reset", &json!({ "email": old })).await.ok();
    walk.settles().await;
    let reset = walk.link(&old, "reset");
    walk.tell(owner, "/v1/recovery", &json!({ "token": reset })).await.ok();
    walk.settles().await;
    let cancel = walk.link(&old, "recovery-cancel");
    walk.tell(owner, "/v1/recovery/cancel", &json!({ "token": cancel })).await.ok();
    walk.settles().await;

    for (nth, password) in
        ["eleven copper kettles whistling", "thirteen tin drums at the harbour"].into_iter().enumerate()
    {
        walk.world.clock.advance(1_200);
        walk.tell(owner, "/v1/password-reset", &json!({ "email": old })).await.ok();
        walk.settles().await;
        walk.keep(&format!("the password of reset {nth}"), password);
        let mut form = json!({ "token": walk.link(&old, "reset"), "password": password });
        form["totp"] = json!(walk.code(owner));
        walk.tell(owner, "/v1/password-reset/complete", &form).await.ok();
        owner.password = password.into();
        walk.settles().await;
        let not_me = walk.link(&old, "not-me");
        // What stands before the dot says which reset it was, by the hash that is stored anyway; the secret is the rest.
        let secret = not_me.split_once('.').expect("two halves").1;
        walk.keep(&format!("the secret of not-me link {nth}"), secret);
        if nth == 0 {
            walk.tell(owner, "/v1/password-reset/not-me", &json!({ "token": not_me })).await.ok();
        }
    }
    owner.token = None;
    walk.signs_in(owner).await;
    walk.settles().await;
}

#[tokio::test]
async fn lg_6_kx_5_no_secret_of_programs_devices_links_and_farewell_is_in_a_table_a_mail_a_log_line_an_answer_or_an_export()
 {
    let lines = listen();
    let world = World::seeded(73);
    let mut owner = world.owner("walker@example.org").await;
    let mut walk = Walk { world: &world, canaries: Canaries::new(), codes: Vec::new(), answers: Vec::new() };
    walk.keep("the first password", &owner.password.clone());
    walk.keep("the first session", &owner.token.clone().expect("a session"));
    walk.link("walker@example.org", "verify");
    for (nth, code) in owner.adds_a_factor().await.iter().enumerate() {
        walk.keep(&format!("recovery code {nth}"), code);
    }
    owner.token = None;
    walk.signs_in(&mut owner).await;
    // A browser that is known is known again by its mark.
    assert!(walk.canaries.keys().any(|name| name.starts_with("device mark")), "{:?}", walk.canaries.keys());
    lives_with_programs(&mut walk, &mut owner).await;
    changes_every_way_in(&mut walk, &mut owner).await;

    let export = owner.get("/v1/account/export?limit=100").await;
    let export = walk.heard("the export", export, &[]).ok();
    assert!(export["items"].as_array().expect("items").len() > 10, "an export with something in it");
    for code in &walk.codes {
        assert!(!says(&export.to_string(), code), "a code is in the export");
    }
    let deleted = walk.proven(&owner, "DELETE", "/v1/account", None, (&[], &[])).await;
    assert_eq!(deleted.status, 202);
    for _ in 0..4 {
        world.clock.advance(300);
        world.sweep().await;
        walk.settles().await;
    }

    let Walk { canaries, codes, answers, .. } = walk;
    assert!(canaries.len() >= 60 && codes.len() >= 8, "{} and {}", canaries.len(), codes.len());
    for (what, text, may_show) in &answers {
        let may_show: Vec<&str> = may_show.iter().map(String::as_str).collect();
        is_nowhere_in(&canaries, &may_show, what, text);
        assert!(!codes.iter().any(|code| says(text, code)), "a code is in an answer of {what}");
    }
    let links: Vec<&str> = canaries.keys().map(String::as_str).filter(|name| name.contains("link")).collect();
    let mails: Vec<String> =
        ["walker@example.org", "moved@example.org"].iter().flat_map(|email| world.mails_to(email)).collect();
    assert!(mails.len() > 12, "{}", mails.len());
    for link in &links {
        let spelled = canaries[*link].replace('.', "%2E");
        let found = mails.iter().any(|mail| mail.contains(&canaries[*link]) || mail.contains(&spelled));
        assert!(found, "a canary can be found: {link}");
    }
    for mail in &mails {
        is_nowhere_in(&canaries, &links, "a mail", mail);
        let shown = links.iter().filter(|name| name.starts_with("link") && mail.contains(&canaries[**name])).count();
        assert!(shown <= 1, "one link of a kind in a mail: {shown}");
    }
    let log = String::from_utf8_lossy(&lines.0.lock().unwrap()).into_owned();
    assert!(log.contains("signed_in") && log.contains("second_factor"), "the log was listened to");
    is_nowhere_in(&canaries, &[], "the log", &log);
    for code in &codes {
        assert!(!says(&log, code), "a code is in the log");
    }
    world.no_call_was_refused();
}

#[test]
fn lg_6_nothing_that_carries_a_secret_prints_it() {
    use account::Secret;
    use account::recovery_code::{RecoveryCode, new_codes};
    use account::token::{Purpose, new_api_token, new_token};
    use store::entity::job::{Erase, Mail, Notice};

    const CANARY: &str = "canary-of-a-link-7f3a91";
    let texts = |token: &str| token.to_owned();
    let at = || "2026-11-25T00:00:00Z".to_owned();
    let notices = [
        Notice::VerifyEmail { token: texts(CANARY) },
        Notice::ResetPassword { token: texts(CANARY) },
        Notice::LoginLocked { at: at(), unlock_token: texts(CANARY) },
        Notice::EmailChangeConfirm { token: texts(CANARY) },
        Notice::EmailChangeStarted { at: at(), new_email: texts(CANARY), revoke_token: texts(CANARY) },
        Notice::EmailChanged { at: at(), new_email: texts(CANARY), frozen_until: at(), revoke_token: texts(CANARY) },
        Notice::RecoveryStarted { at: at(), ready_at: at(), connections_removed: 1, cancel_token: texts(CANARY) },
        Notice::RecoveryCompleted { at: at(), not_me_token: texts(CANARY) },
    ];
    let mut printed: Vec<String> = notices.iter().map(|notice| format!("{notice:?} {notice:#?}")).collect();
    printed.extend(notices.into_iter().map(|notice| format!("{:#?}", Mail { to: texts(CANARY), notice })));
    let user = account::UserId::new(Default::default());
    printed.push(format!("{:?}", Erase { user, to: texts(CANARY) }));
    printed.push(format!("{:?} {:#?}", Secret::new(texts(CANARY)), Some(Secret::new([texts(CANARY)]))));
    assert!(!printed.concat().contains(CANARY), "{printed:?}");

    let mut made = Vec::new();
    for purpose in Purpose::ALL {
        let token = new_token(purpose, [7; 32]);
        // EXPOSE: to look for it.
        token.text.expose(|text| made.push((text.clone(), format!("{token:?}"))));
    }
    let token = new_api_token([8; 32]);
    // EXPOSE: to look for it.
    token.text.expose(|text| made.push((text.clone(), format!("{token:#?}"))));
    for code in new_codes([[9; 16]; 10]) {
        // EXPOSE: to look for it.
        code.text.expose(|text| {
            made.push((text.clone(), format!("{code:?} {:?}", RecoveryCode::parse(text).expect("a code"))));
        });
    }
    let seed = account::totp::new_seed([10; 20]);
    // EXPOSE: to look for it.
    seed.base32().expose(|text| made.push((text.clone(), format!("{seed:?}"))));
    assert_eq!(made.len(), 14 + 1 + 10 + 1);
    for (secret, printed) in made {
        assert!(!printed.contains(&secret) && !printed.contains(&secret.replace('-', "")), "{printed}");
    }
}
