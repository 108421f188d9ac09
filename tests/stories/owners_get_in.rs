//! RL-1: no limit lets a stranger lock an owner out.
//!
//! The attacker knows every address and no password, has any number of sources, and asks every public route as often as he
//! likes. At any time the owner at a known browser signs in at once, the owner who has only the mailbox signs in through it,
//! a reset goes through, and the bot trades on.

use std::net::{IpAddr, Ipv4Addr};

use api::{Policy, routes};
use serde_json::{Value, json};
use tests::world::{Answered, Browser, Owner, World};

const REQUESTS_PER_ROUND: usize = 12;
const ROUNDS: usize = 115;
/// The guessers' best pace closes a login within so many rounds of ten seconds; then the mailbox opens it.
const ROUNDS_OUT_MAX: usize = 105;

/// What a stranger sends to a public route who knows an address and nothing else.
fn guess(path: &str, email: &str, n: usize) -> Value {
    let made_up = format!("{n:043}");
    match path {
        "/v1/signup" => json!({ "email": email, "password": "short" }),
        "/v1/login" => json!({ "email": email, "password": format!("guess number {n} of many") }),
        "/v1/login/second-factor" => json!({ "challenge": made_up, "totp": format!("{:06}", n % 1_000_000) }),
        "/v1/signup/resend" | "/v1/password-reset" | "/v1/login/unlock" => json!({ "email": email }),
        "/v1/password-reset/complete" => json!({ "token": made_up, "password": "quiet harbour lights at four" }),
        "/v1/login/passkey/begin" => json!({}),
        _ => json!({ "token": made_up }),
    }
}

/// One round: a guess for every owner, always faster than the owner, and as much of everything else.
async fn attack(world: &World, public: &[&str], round: usize) {
    let owners = ["device@example.org", "mailbox@example.org", "reset@example.org", "nobody@example.org"];
    for nth in 0..REQUESTS_PER_ROUND {
        let n = round * REQUESTS_PER_ROUND + nth;
        let path = match nth % 3 {
            0 => "/v1/login",
            1 => ["/v1/login/unlock", "/v1/password-reset", "/v1/signup/resend"][n / 3 % 3],
            _ => public[n / 3 % public.len()],
        };
        let mut stranger = world.stranger(owners[(n + round) % owners.len()]);
        stranger.source = Some(IpAddr::V4(Ipv4Addr::from(0x0b00_0000 + u32::try_from(n).unwrap())));
        let answered = stranger.post(path, &guess(path, &stranger.email, n)).await;
        assert!(answered.status.as_u16() < 500, "{path}: {} {}", answered.status, answered.body);
        assert!(answered.body.get("session").is_none() && answered.body.get("challenge").is_none());
    }
}

fn cookie(answered: &Answered) -> Option<String> {
    let mut cookies = answered.headers.get_all("set-cookie").iter().filter_map(|value| value.to_str().ok());
    let found = cookies.find(|cookie| cookie.starts_with("__Host-device="))?;
    Some(found.split(';').next()?.to_owned())
}

/// The owner at home, without the session that the bot page holds.
struct Person {
    browser: Browser,
    device: Option<String>,
    /// How often the mailbox opened the login.
    unlocked: usize,
}
impl Person {
    fn of(world: &World, owner: &Owner, last: u8) -> Self {
        let mut browser = world.stranger(&owner.email);
        browser.source = Some(IpAddr::V4(Ipv4Addr::new(192, 0, 2, last)));
        Self { browser, device: None, unlocked: 0 }
    }
    async fn post(&self, path: &str, body: Value) -> Answered {
        let cookie: Vec<_> = self.device.iter().map(|device| ("cookie", device.as_str())).collect();
        self.browser.send("POST", path, Some(&body.to_string()), &cookie).await
    }
    async fn signs_in(&mut self) -> bool {
        let form = json!({ "email": self.browser.email, "password": self.browser.password });
        let answered = self.post("/v1/login", form).await;
        let is_in = answered.status == 200;
        if is_in {
            self.device = cookie(&answered);
        }
        is_in
    }
    /// Asks for the link and uses the newest one in the mailbox, whoever asked for it.
    async fn unlocks(&mut self, world: &World) -> bool {
        self.post("/v1/login/unlock", json!({ "email": self.browser.email })).await.ok();
        world.drain().await;
        let mails = world.mails_to(&self.browser.email);
        let Some(mail) = mails.iter().rev().find(|mail| mail.contains("unlock?token=")) else { return false };
        let link = mail.split("unlock?token=").nth(1).unwrap();
        let token: String = link.chars().take_while(|c| c.is_ascii_alphanumeric() || "-_".contains(*c)).collect();
        let answered = self.post("/v1/login/unlock/confirm", json!({ "token": token })).await;
        self.device = cookie(&answered).or(self.device.take());
        self.unlocked += usize::from(answered.status == 204);
        answered.status == 204
    }
    /// Tries the password, and once a minute the mailbox.
    async fn gets_in(&mut self, world: &World, round: usize) -> bool {
        self.signs_in().await || (round.is_multiple_of(6) && self.unlocks(world).await && self.signs_in().await)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rl_1_strangers_keep_no_owner_out_who_has_a_known_device_or_a_mailbox() {
    let world = World::seeded(4_100);
    let public: Vec<_> = routes::ALL
        .iter()
        .filter(|(_, route)| {
            route.demands() == Policy::Public && route.method() == "POST" && route.path().starts_with("/v1/")
        })
        .map(|(_, route)| route.path())
        .collect();
    let mut trading = world.owner("device@example.org").await;
    trading.trades(&world).await;
    let mailbox = world.owner("mailbox@example.org").await;
    let resetting = world.owner("reset@example.org").await;
    let (mut at_home, mut at_mailbox) = (Person::of(&world, &trading, 1), Person::of(&world, &mailbox, 2));
    let mut forgetful = Person::of(&world, &resetting, 3);
    world.clock.advance(2);
    assert!(at_home.signs_in().await, "before the storm");
    let before = trading.get(&format!("/v1/bots/{}", trading.bot)).await.ok();

    let (mut out, mut entered) = (0, 0);
    for round in 0..ROUNDS {
        world.clock.advance(10);
        attack(&world, &public, round).await;
        assert!(at_home.signs_in().await, "round {round}: the known device gets in at once");
        // Without a device: the password, then the mailbox; once in, the device is forgotten, as by a new machine.
        if at_mailbox.gets_in(&world, round).await {
            (out, entered) = (0, entered + 1);
            at_mailbox.device = None;
        }
        out += 1;
        assert!(out <= ROUNDS_OUT_MAX, "out for {out} rounds");
    }
    assert!(entered > 0 && at_mailbox.unlocked > 0, "through the mailbox, and not by luck");

    // A reset goes through in the middle of it, and its owner gets in afterwards.
    forgetful.post("/v1/password-reset", json!({ "email": resetting.email })).await.ok();
    attack(&world, &public, ROUNDS).await;
    world.drain().await;
    let token = tests::world::newest_token(&world, &resetting.email, "reset?token=");
    let password = "forty copper lanterns adrift";
    forgetful.post("/v1/password-reset/complete", json!({ "token": token, "password": password })).await.ok();
    forgetful.browser.password = password.into();
    let mut round = ROUNDS + 1;
    while !forgetful.gets_in(&world, round).await {
        round += 1;
        assert!(round <= ROUNDS + ROUNDS_OUT_MAX, "still out");
        world.clock.advance(10);
        attack(&world, &public, round).await;
    }

    // Nobody else was touched: the session of before lives, the bot runs as it did.
    let after = trading.get(&format!("/v1/bots/{}", trading.bot)).await.ok();
    assert_eq!(after["state"], before["state"]);
    assert!(at_home.signs_in().await);
    world.no_call_was_refused();
}
