//! What each role must not do is refused where it matters: at the services, whatever the function's code says (B.1, P2).

use aws_sdk_dynamodb::types::AttributeValue;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use tests::world::{Owner, World};

/// Functions that a template declares.
const EVERYBODY: [&str; 12] = [
    "signup",
    "login",
    "second-factor",
    "password-reset",
    "connections",
    "bots",
    "tick",
    "trader",
    "signer",
    "shredder",
    "mailer",
    "paper-exchange",
];

/// How a call ended for a role.
#[derive(Debug, PartialEq, Eq)]
enum Ended {
    Done,
    Denied,
    Otherwise(String),
}

fn ended<T, E: ProvideErrorMetadata + std::fmt::Debug, R: std::fmt::Debug>(result: Result<T, SdkError<E, R>>) -> Ended {
    match result {
        Ok(_) => Ended::Done,
        Err(error) => match error.code() {
            Some("AccessDeniedException" | "AccessDenied") => Ended::Denied,
            code => Ended::Otherwise(format!("{code:?} {error:?}")),
        },
    }
}

/// A role's own clients, and the owner's key that it is tried on.
struct Role<'a> {
    name: &'a str,
    host: host::Host,
    key: &'a TheKey,
}
/// Everything that belongs to one attached key.
struct TheKey {
    user: String,
    connection: String,
    arn: String,
    wrapped_dk: Vec<u8>,
    vault_key: String,
    identity_key: String,
    context: Vec<(String, String)>,
}

async fn the_key(world: &World) -> (Owner, TheKey) {
    let mut owner = world.owner("owner@example.org").await;
    owner.adds_a_factor().await;
    owner.trades(world).await;
    world.candle("59990", "60010", "60000").await;
    let item = owner.connection_item(world).await;
    let text = |name: &str| item[name].as_str().unwrap_or_default().to_owned();
    let wrapped_dk = data_encoding::BASE64
        .decode(text("wrapped_dk").as_bytes())
        .or_else(|_| data_encoding::BASE64URL_NOPAD.decode(text("wrapped_dk").as_bytes()))
        .expect("base64");
    let alias = |purpose: &str| {
        let functions = &world.machine.template().functions;
        let found = functions
            .values()
            .flat_map(|function| function.environment.iter())
            .find(|(name, _)| name.as_str() == purpose);
        found.unwrap_or_else(|| panic!("{purpose} in an environment")).1.clone()
    };
    let user = text("pk").trim_start_matches("USER#").to_owned();
    let context = [
        ("user", user.clone()),
        ("connection", owner.connection.clone()),
        ("epoch", item["epoch"].to_string()),
        ("exchange", text("exchange")),
    ];
    let key = TheKey {
        user,
        connection: owner.connection.clone(),
        arn: text("secret_arn"),
        wrapped_dk,
        vault_key: alias("KEY_VAULT"),
        identity_key: alias("KEY_IDENTITY"),
        context: context.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
    };
    (owner, key)
}

impl<'a> Role<'a> {
    fn of(world: &World, name: &'a str, key: &'a TheKey) -> Self {
        Self { name, host: world.machine.host(name).unwrap_or_else(|| panic!("{name}")).clone(), key }
    }
    fn secrets(&self) -> aws_sdk_secretsmanager::Client {
        aws_sdk_secretsmanager::Client::new(&self.host.aws)
    }
    fn kms(&self) -> aws_sdk_kms::Client {
        aws_sdk_kms::Client::new(&self.host.aws)
    }
    fn tables(&self) -> aws_sdk_dynamodb::Client {
        aws_sdk_dynamodb::Client::new(&self.host.aws)
    }

    /// `GetSecretValue` of the owner's secret.
    async fn reads_the_secret(&self) -> Ended {
        ended(self.secrets().get_secret_value().secret_id(&self.key.arn).send().await)
    }
    async fn describes_the_secret(&self) -> Ended {
        ended(self.secrets().describe_secret().secret_id(&self.key.arn).send().await)
    }
    async fn makes_a_secret(&self) -> Ended {
        ended(self.secrets().create_secret().name(format!("ex/thief/{}", self.name)).secret_string("x").send().await)
    }
    async fn deletes_the_secret(&self) -> Ended {
        ended(self.secrets().delete_secret().secret_id(&self.key.arn).force_delete_without_recovery(true).send().await)
    }
    async fn changes_the_secret(&self) -> Vec<Ended> {
        let (client, arn) = (self.secrets(), &self.key.arn);
        vec![
            ended(client.put_secret_value().secret_id(arn).secret_string("x").send().await),
            ended(client.update_secret().secret_id(arn).secret_string("x").send().await),
            ended(client.restore_secret().secret_id(arn).send().await),
            ended(client.put_resource_policy().secret_id(arn).resource_policy("{}").send().await),
            ended(
                client
                    .replicate_secret_to_regions()
                    .secret_id(arn)
                    .add_replica_regions(
                        aws_sdk_secretsmanager::types::ReplicaRegionType::builder().region("eu-west-1").build(),
                    )
                    .send()
                    .await,
            ),
        ]
    }
    /// `Decrypt` of the owner's data key, with the right context.
    async fn unwraps_the_data_key(&self) -> Ended {
        let mut call = self
            .kms()
            .decrypt()
            .key_id(&self.key.vault_key)
            .ciphertext_blob(aws_sdk_kms::primitives::Blob::new(self.key.wrapped_dk.clone()));
        for (name, value) in &self.key.context {
            call = call.encryption_context(name, value);
        }
        ended(call.send().await)
    }
    async fn makes_a_data_key(&self) -> Ended {
        ended(
            self.kms()
                .generate_data_key()
                .key_id(&self.key.vault_key)
                .key_spec(aws_sdk_kms::types::DataKeySpec::Aes256)
                .send()
                .await,
        )
    }
    async fn uses_the_identity_key(&self) -> Ended {
        ended(
            self.kms()
                .encrypt()
                .key_id(&self.key.identity_key)
                .plaintext(aws_sdk_kms::primitives::Blob::new("x"))
                .encryption_context("purpose", "totp")
                .encryption_context("user", &self.key.user)
                .send()
                .await,
        )
    }
    async fn grants_keys(&self) -> Vec<Ended> {
        let (client, key) = (self.kms(), &self.key.vault_key);
        vec![
            ended(
                client
                    .create_grant()
                    .key_id(key)
                    .grantee_principal("arn:aws:iam::000000000000:role/thief")
                    .operations(aws_sdk_kms::types::GrantOperation::Decrypt)
                    .send()
                    .await,
            ),
            ended(client.put_key_policy().key_id(key).policy("{}").send().await),
        ]
    }
    async fn gets(&self, table: &str, pk: &str, sk: &str) -> Ended {
        ended(
            self.tables()
                .get_item()
                .table_name(format!("shearpin-{table}"))
                .consistent_read(true)
                .key("pk", AttributeValue::S(pk.into()))
                .key("sk", AttributeValue::S(sk.into()))
                .send()
                .await,
        )
    }
    fn connection(&self) -> (String, String) {
        (format!("USER#{}", self.key.user), format!("CONN#{}", self.key.connection))
    }
    /// The connection with its key share: whole, by projection, and by query.
    async fn reads_the_key_share(&self) -> Vec<Ended> {
        let ((pk, sk), client) = (self.connection(), self.tables());
        let projected = client
            .get_item()
            .table_name("shearpin-vault")
            .key("pk", AttributeValue::S(pk.clone()))
            .key("sk", AttributeValue::S(sk.clone()))
            .projection_expression("wrapped_dk");
        let renamed = client
            .get_item()
            .table_name("shearpin-vault")
            .key("pk", AttributeValue::S(pk.clone()))
            .key("sk", AttributeValue::S(sk.clone()))
            .projection_expression("#x")
            .expression_attribute_names("#x", "wrapped_dk");
        let queried = client
            .query()
            .table_name("shearpin-vault")
            .key_condition_expression("pk = :pk")
            .expression_attribute_values(":pk", AttributeValue::S(pk.clone()));
        vec![
            self.gets("vault", &pk, &sk).await,
            ended(projected.send().await),
            ended(renamed.send().await),
            ended(queried.send().await),
            ended(client.scan().table_name("shearpin-vault").send().await),
        ]
    }
    async fn writes(&self, table: &str, pk: &str, sk: &str) -> Vec<Ended> {
        let (client, table) = (self.tables(), format!("shearpin-{table}"));
        let (pk, sk) = (AttributeValue::S(pk.into()), AttributeValue::S(sk.into()));
        vec![
            ended(client.put_item().table_name(&table).item("pk", pk.clone()).item("sk", sk.clone()).send().await),
            ended(
                client
                    .update_item()
                    .table_name(&table)
                    .key("pk", pk.clone())
                    .key("sk", sk.clone())
                    .update_expression("SET trade_epoch = :one")
                    .expression_attribute_values(":one", AttributeValue::N("1".into()))
                    .send()
                    .await,
            ),
            ended(client.delete_item().table_name(&table).key("pk", pk).key("sk", sk).send().await),
        ]
    }
}

#[track_caller]
fn denied(ended: impl IntoIterator<Item = Ended>, what: &str) {
    for (nth, ended) in ended.into_iter().enumerate() {
        assert_eq!(ended, Ended::Denied, "{what}, call {nth}");
    }
}

#[tokio::test]
async fn p2_only_the_signer_opens_both_halves_of_a_key() {
    let world = World::seeded(901);
    let (_owner, key) = the_key(&world).await;
    world.no_call_was_refused();
    for name in EVERYBODY {
        let role = Role::of(&world, name, &key);
        if name == "signer" {
            assert_eq!(role.reads_the_secret().await, Ended::Done);
            assert_eq!(role.unwraps_the_data_key().await, Ended::Done);
            continue;
        }
        denied([role.reads_the_secret().await, role.unwraps_the_data_key().await], name);
    }
}

#[tokio::test]
async fn nobody_restores_a_secret_changes_one_shares_one_or_grants_a_key() {
    let world = World::seeded(902);
    let (_owner, key) = the_key(&world).await;
    for name in EVERYBODY {
        let role = Role::of(&world, name, &key);
        denied(role.changes_the_secret().await, name);
        denied(role.grants_keys().await, name);
    }
}

#[tokio::test]
async fn secrets_are_made_by_connections_alone_and_deleted_by_the_shredder_alone() {
    let world = World::seeded(903);
    let (_owner, key) = the_key(&world).await;
    for name in EVERYBODY {
        let role = Role::of(&world, name, &key);
        if name != "connections" {
            denied([role.makes_a_secret().await, role.makes_a_data_key().await], name);
        }
        if name != "shredder" {
            denied([role.deletes_the_secret().await], name);
        }
        if !["shredder", "tick"].contains(&name) {
            denied([role.describes_the_secret().await], name);
        }
    }
    assert_eq!(Role::of(&world, "tick", &key).describes_the_secret().await, Ended::Done);
    assert_eq!(Role::of(&world, "shredder", &key).describes_the_secret().await, Ended::Done);
    assert_eq!(Role::of(&world, "shredder", &key).deletes_the_secret().await, Ended::Done);
}

#[tokio::test]
async fn the_key_share_is_hidden_from_everybody_who_only_needs_the_status() {
    let world = World::seeded(904);
    let (_owner, key) = the_key(&world).await;
    // Who puts a share into its connection and who removes it in a reset see the item; a share alone opens nothing (P2).
    for name in EVERYBODY.iter().filter(|name| !["signer", "connections", "password-reset"].contains(name)) {
        denied(Role::of(&world, name, &key).reads_the_key_share().await, name);
    }
    let (pk, sk) = Role::of(&world, "signer", &key).connection();
    assert_eq!(Role::of(&world, "signer", &key).gets("vault", &pk, &sk).await, Ended::Done);
}

#[tokio::test]
async fn tp_3_the_identity_key_and_credentials_belong_to_the_four_account_functions() {
    let world = World::seeded(905);
    let (_owner, key) = the_key(&world).await;
    let account = ["signup", "login", "second-factor", "password-reset"];
    for name in EVERYBODY.iter().filter(|name| !account.contains(name)) {
        let role = Role::of(&world, name, &key);
        denied(
            [role.uses_the_identity_key().await, role.gets("identity", &format!("CRED#{}", key.user), "CRED").await],
            name,
        );
    }
}

#[tokio::test]
async fn user_state_is_written_by_account_functions_and_the_attach_alone_and_by_the_signer_never() {
    let world = World::seeded(906);
    let (_owner, key) = the_key(&world).await;
    let pk = format!("USER#{}", key.user);
    for name in ["bots", "tick", "trader", "signer", "mailer", "paper-exchange"] {
        denied(Role::of(&world, name, &key).writes("identity", &pk, "STATE").await, name);
    }
    // Whoever erases deleted accounts may remove a state, which opens nothing, and never make or change one.
    let erasing = Role::of(&world, "shredder", &key).writes("identity", &pk, "STATE").await;
    denied(erasing.into_iter().take(2), "shredder");
    // Nobody who trades or decides touches connections; who works the outbox does not either.
    for name in ["signup", "login", "bots", "tick", "trader", "mailer", "paper-exchange"] {
        let role = Role::of(&world, name, &key);
        let (pk, sk) = role.connection();
        denied(role.writes("vault", &pk, &sk).await, name);
    }
    // The signer counts and judges a connection, and neither makes nor removes one.
    let signer = Role::of(&world, "signer", &key);
    let (pk, sk) = signer.connection();
    let [put, _update, delete] = <[Ended; 3]>::try_from(signer.writes("vault", &pk, &sk).await).expect("three");
    denied([put, delete], "signer");
}

#[tokio::test]
async fn the_mailer_and_the_paper_exchange_see_their_own_tables_alone() {
    let world = World::seeded(907);
    let (owner, key) = the_key(&world).await;
    let (user, bot) = (format!("USER#{}", key.user), format!("BOT#{}", owner.bot));
    let places = [
        ("identity", user.as_str(), "STATE"),
        ("vault", user.as_str(), "CONN#x"),
        ("trading", bot.as_str(), "BOT"),
        ("market", "paper#BTC-USDT", "STATE"),
        ("paper", "x", "x"),
    ];
    for (table, pk, sk) in places {
        denied([Role::of(&world, "mailer", &key).gets(table, pk, sk).await], &format!("mailer {table}"));
        if !["identity", "paper"].contains(&table) {
            denied(
                [Role::of(&world, "paper-exchange", &key).gets(table, pk, sk).await],
                &format!("paper-exchange {table}"),
            );
        }
        if table == "paper" {
            for name in EVERYBODY.iter().filter(|name| **name != "paper-exchange") {
                denied([Role::of(&world, name, &key).gets(table, pk, sk).await], &format!("{name} {table}"));
            }
        }
    }
}

#[tokio::test]
async fn what_a_role_tried_in_vain_is_on_record() {
    let world = World::seeded(908);
    let (_owner, key) = the_key(&world).await;
    world.no_call_was_refused();
    denied([Role::of(&world, "trader", &key).reads_the_secret().await], "trader");
    let refused = world.machine.emulators().refused_calls();
    assert_eq!(refused.len(), 1);
    assert_eq!(
        (refused[0].caller.as_str(), refused[0].action.as_str()),
        ("trader", "secretsmanager:GetSecretValue"),
        "{refused:?}"
    );
    // An auditor with all rights sees that the secret is still there: it was the role that said no.
    assert!(world.secret_exists(&key.arn).await);
}
