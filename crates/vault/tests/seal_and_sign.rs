//! A key from its form to a signed request and to nothing, over the real SDK.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::allow_attributes, reason = "a test file")]

mod world;

use account::id::JobId;
use account::{ConnectionId, Epoch, Secret};
use emulators::{Act, Fault, Service, When};
use exchange::{ExchangeTimeMs, Outgoing, Question, ReceiveWindowMs, Venue};
use store::entity::connection::{NewConnection, SealedKey};
use store::entity::intent::{Ask, ConnectionSubject, Intent, IntentState, connection_query_key};
use store::entity::job::{Mail, Notice};
use store::transaction::attach_connection::Attaching;
use store::transaction::authorise_query::QueryGrant;
use store::{Table, Write};
use vault::{CallFailed, EraseFailed, Eraser, KeyForm, SealContext, SealFailed, Sealed, Sealer, SignRefused, Signer};
use world::{Owner, World};

const KEY: &str = "canary-key-3f9a";
const SECRET: &str = "canary-secret-77c1";
const AT: ExchangeTimeMs = ExchangeTimeMs::from_ms(1_764_000_000_000);

struct Attached {
    owner: Owner,
    id: ConnectionId,
    sealed: Sealed,
    context: SealContext,
}

fn form() -> KeyForm {
    KeyForm { api_key: Secret::new(KEY.into()), api_secret: Secret::new(SECRET.into()), passphrase: None }
}
async fn seal(world: &World) -> Attached {
    let owner = world.owner().await;
    let sealer = Sealer::of(&world.host("connections")).unwrap();
    let id = ConnectionId::new(world.ulid());
    let context = SealContext { user: owner.user, connection: id, epoch: Epoch::FIRST, exchange: Venue::Paper };
    let name = format!("ex/{}/{id}/{}", owner.user, world.ulid());
    let candidate = sealer.candidate(Venue::Paper, form()).unwrap();
    world.store.open_ledger(&name, owner.user, id, world.now()).await.unwrap();
    let sealed = sealer.seal(candidate, context, &name).await.unwrap();
    let connection = NewConnection {
        id,
        exchange: "paper".into(),
        label: "main".into(),
        secret_arn: sealed.secret_arn.clone(),
        wrapped_dk: sealed.wrapped_dk.clone(),
        fingerprint: id.to_string(),
        allowed_pairs: vec!["ETH-USDT".parse().unwrap()],
        order_quote_max: strategy::money::Amount::parse("100").unwrap(),
    };
    let mail = Mail { to: "owner@example.com".into(), notice: Notice::Nothing };
    let proof = world.proof(&owner).await;
    let attaching = Attaching {
        proof: &proof,
        connection: &connection,
        secret_name: &name,
        mail_job: JobId::new(world.ulid()),
        mail: &mail,
    };
    world.store.attach_connection(attaching, world.now()).await.unwrap();
    Attached { owner, id, sealed, context }
}
async fn grant(world: &World, attached: &Attached) -> QueryGrant {
    world.clock.advance_s(60);
    let (user, now) = (attached.owner.user, world.now());
    let intent = Intent {
        key: connection_query_key(user, attached.id, ConnectionSubject::Permissions, now),
        ask: Ask::QueryConnection(ConnectionSubject::Permissions),
        state: IntentState::Proposed,
        user,
        connection: attached.id,
        exchange: "paper".into(),
        bot: None,
        deal: None,
        pair: None,
        run: 0,
        epoch: Epoch::FIRST,
        proposed_at: now,
        authorised_at: None,
        why: None,
    };
    world
        .store
        .write_one(Write::put(Table::Trading, intent.key.clone(), intent.to_row().unwrap()))
        .await
        .unwrap()
        .unwrap();
    world.store.authorise_query(&intent, now, &world.host("signer")).await.unwrap()
}
async fn sealed_key(world: &World, attached: &Attached) -> SealedKey {
    world.store.find_sealed_key(attached.owner.user, attached.id).await.unwrap().expect("a sealed key")
}
async fn sign(world: &World, grant: &QueryGrant, key: &SealedKey) -> Result<vault::SignedRequest, SignRefused> {
    let signer = Signer::of(&world.host("signer")).unwrap();
    signer.sign_query(grant, key, &Question::Account, AT, ReceiveWindowMs::MAX).await
}

#[tokio::test]
async fn what_was_sealed_signs() {
    let world = World::new();
    let attached = seal(&world).await;
    let signed = sign(&world, &grant(&world, &attached).await, &sealed_key(&world, &attached).await).await.unwrap();
    let parts = signed.into_parts();
    let query = parts.query.expose(String::clone);
    let (bytes, signature) = query.rsplit_once("&signature=").unwrap();
    assert_eq!(bytes, "omitZeroBalances=true&recvWindow=3000&timestamp=1764000000000");
    use hmac::{KeyInit, Mac};
    let mac = hmac::Hmac::<sha2::Sha256>::new_from_slice(SECRET.as_bytes())
        .unwrap()
        .chain_update(bytes.as_bytes())
        .finalize();
    assert_eq!(signature, hex::encode(mac.into_bytes()));
    assert!(parts.headers.iter().any(|(name, value)| *name == "x-mbx-apikey" && value.expose(|v| v == KEY)));
    // Each handle calls what its role allows and nothing else.
    assert_eq!(world.operations("connections", Service::SecretsManager), ["CreateSecret"]);
    assert_eq!(world.operations("connections", Service::Kms), ["GenerateDataKey"]);
    assert_eq!(world.operations("signer", Service::SecretsManager), ["GetSecretValue"]);
    assert_eq!(world.operations("signer", Service::Kms), ["Decrypt"]);
}

// P2, KX-5: what lies in either store is no key, and no printed form shows one.
#[tokio::test]
async fn kx_5_the_canary_is_in_no_store_and_in_no_printed_form() {
    let world = World::new();
    let sealer = Sealer::of(&world.host("connections")).unwrap();
    let candidate = sealer.candidate(Venue::Paper, form()).unwrap();
    let asked = sealer.sign_permission_check(&candidate, AT).unwrap();
    let mut seen = format!("{candidate:?} {candidate:#?} {asked:?} {sealer:?} {:?}", form());
    seen.push_str(&format!("{:?}", asked.into_parts()));
    let attached = seal(&world).await;
    let key = sealed_key(&world, &attached).await;
    let signed = sign(&world, &grant(&world, &attached).await, &key).await.unwrap();
    seen.push_str(&format!("{:?} {key:?} {signed:?}", attached.sealed));
    let client = aws_sdk_secretsmanager::Client::new(&world.host("thief").aws);
    let stored =
        client.get_secret_value().secret_id(&attached.sealed.secret_arn).send().await.unwrap().secret_string.unwrap();
    let decoded = aws_smithy_types::base64::decode(&stored).unwrap();
    for canary in [KEY, SECRET] {
        assert!(!seen.contains(canary) && !stored.contains(canary));
        assert!(!decoded.windows(canary.len()).any(|w| w == canary.as_bytes()));
    }
    assert!(!seen.contains(&attached.sealed.wrapped_dk));
}

#[tokio::test]
async fn rf_6_a_key_of_another_scope_is_not_used() {
    let world = World::new();
    let (one, other) = (seal(&world).await, seal(&world).await);
    let refused = sign(&world, &grant(&world, &one).await, &sealed_key(&world, &other).await).await;
    assert_eq!(refused.err(), Some(SignRefused::OtherKey));
}

// A tampered connection item: ciphertext and wrapped key of one connection under the ids of another.
#[tokio::test]
async fn a_key_that_was_moved_does_not_open() {
    let world = World::new();
    let (one, other) = (seal(&world).await, seal(&world).await);
    let set = |expression: &'static str| {
        Write::update(Table::Vault, store::entity::connection::key(one.owner.user, one.id), expression)
    };
    let s = store::attribute::s;
    let moved = set("SET #secret_arn = :arn").value(":arn", s(&other.sealed.secret_arn));
    world.store.write_one(moved).await.unwrap().unwrap();
    let grant = grant(&world, &one).await;
    // The other ciphertext alone: the data key opens, the ciphertext does not.
    assert_eq!(sign(&world, &grant, &sealed_key(&world, &one).await).await.err(), Some(SignRefused::DoesNotOpen));
    // The other wrapped key too: KMS refuses the context.
    let moved = set("SET #wrapped_dk = :dk").value(":dk", s(&other.sealed.wrapped_dk));
    world.store.write_one(moved).await.unwrap().unwrap();
    assert_eq!(sign(&world, &grant, &sealed_key(&world, &one).await).await.err(), Some(SignRefused::DoesNotOpen));
}

#[tokio::test]
async fn g_3_an_erased_secret_signs_nothing() {
    let world = World::new();
    let attached = seal(&world).await;
    let (grant, key) = (grant(&world, &attached).await, sealed_key(&world, &attached).await);
    let eraser = Eraser::of(&world.host("shredder"));
    world.emulators.delay_secret_deletion(30);
    eraser.delete(&attached.sealed.secret_arn).await.unwrap();
    // Ordered is not gone (RF-25); and unreadable it is at once.
    assert_eq!(eraser.is_gone(&attached.sealed.secret_arn).await, Ok(false));
    assert_eq!(sign(&world, &grant, &key).await.err(), Some(SignRefused::SecretGone));
    world.clock.advance_s(31);
    assert_eq!(eraser.is_gone(&attached.sealed.secret_arn).await, Ok(true));
    assert_eq!(sign(&world, &grant, &key).await.err(), Some(SignRefused::SecretGone));
    // Again is no error.
    eraser.delete(&attached.sealed.secret_arn).await.unwrap();
    assert_eq!(eraser.is_gone("ex/name").await, Err(EraseFailed::NotAFullArn));
    assert_eq!(world.operations("shredder", Service::SecretsManager), ["DeleteSecret", "DescribeSecret"]);
}

// RF-31: KMS down during an order: no order.
#[tokio::test]
async fn rf_31_without_the_key_service_nothing_is_signed_or_sealed() {
    let world = World::new();
    let attached = seal(&world).await;
    let (grant, key) = (grant(&world, &attached).await, sealed_key(&world, &attached).await);
    world.script.once(When::calls("signer", "Decrypt"), Act::Fault(Fault::Status(503)));
    assert!(matches!(sign(&world, &grant, &key).await, Err(SignRefused::Call(_))));
    let sealer = Sealer::of(&world.host("connections")).unwrap();
    world.script.once(When::any("GenerateDataKey"), Act::Fault(Fault::Throttle));
    let candidate = sealer.candidate(Venue::Paper, form()).unwrap();
    let failed = sealer.seal(candidate, attached.context, "ex/u/c/1").await.unwrap_err();
    assert!(matches!(failed, SealFailed::NoDataKey(CallFailed::Unavailable { .. })), "{failed:?}");
}

#[tokio::test]
async fn a_creation_whose_answer_is_lost_makes_one_secret() {
    let world = World::new();
    world.script.times(When::any("CreateSecret"), 0, 2, Act::Fault(Fault::LoseAnswer));
    let attached = seal(&world).await;
    assert!(sign(&world, &grant(&world, &attached).await, &sealed_key(&world, &attached).await).await.is_ok());
}

// KX-4.
#[tokio::test]
async fn kx_4_a_fingerprint_names_the_key_and_nothing_else() {
    let world = World::new();
    let sealer = Sealer::of(&world.host("connections")).unwrap();
    let fingerprint = async |key: &str, secret: &str| {
        let form =
            KeyForm { api_key: Secret::new(key.into()), api_secret: Secret::new(secret.into()), passphrase: None };
        sealer.fingerprint(&sealer.candidate(Venue::Paper, form).unwrap()).await.unwrap()
    };
    let one = fingerprint(KEY, SECRET).await;
    assert_eq!(one.len(), 64);
    assert!(!one.contains(KEY));
    assert_eq!(one, fingerprint(KEY, "another-secret").await);
    assert_ne!(one, fingerprint("another-key", SECRET).await);
}
