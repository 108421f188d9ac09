//! A whole life, and nothing of its secrets in a table, a mail, a log line, an answer or a file (KX-5, G3).

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tests::world::{FakeClock, Owner, PAIR, World, dca, newest_token};

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
/// Listens at the finest level to our own code; of the SDK as much as `host::log` ever lets through.
fn listen() -> Lines {
    let lines = Lines::default();
    let writer = lines.clone();
    let filter = tracing_subscriber::EnvFilter::new("trace,aws=warn,hyper=warn,h2=warn");
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(move || writer.clone()).init();
    lines
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
