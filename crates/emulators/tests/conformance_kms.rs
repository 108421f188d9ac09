//! What the embedded KMS must do like AWS, through the unchanged SDK.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test file: its helpers stand outside the test functions"
)]

mod local;

use aws_sdk_kms::Client;
use aws_sdk_kms::operation::decrypt::DecryptError;
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::{DataKeySpec, MacAlgorithmSpec};
use emulators::MasterKeySpec;
use local::Local;

const VAULT: &str = "alias/vault";

fn client(local: &Local) -> Client {
    local.emulators.ensure_key(VAULT, MasterKeySpec::Symmetric).unwrap();
    Client::new(&local.config("anyone"))
}

async fn wrapped(client: &Client) -> (Blob, Blob) {
    let made = client.generate_data_key().key_id(VAULT).key_spec(DataKeySpec::Aes256).encryption_context("u", "1");
    let made = made.encryption_context("c", "2").send().await.unwrap();
    (made.plaintext.unwrap(), made.ciphertext_blob.unwrap())
}

async fn refused(client: &Client, blob: Blob, context: &[(&str, &str)]) -> DecryptError {
    let mut decrypt = client.decrypt().ciphertext_blob(blob);
    for (name, value) in context {
        decrypt = decrypt.encryption_context(*name, *value);
    }
    decrypt.send().await.unwrap_err().into_service_error()
}

#[tokio::test]
async fn a_data_key_opens_with_its_context_alone() {
    let local = Local::memory();
    let client = client(&local);
    let (plain, blob) = wrapped(&client).await;
    assert_eq!(plain.as_ref().len(), 32);
    let opened =
        client.decrypt().ciphertext_blob(blob.clone()).encryption_context("c", "2").encryption_context("u", "1");
    assert_eq!(opened.send().await.unwrap().plaintext.unwrap(), plain);
    for context in [&[][..], &[("u", "1")], &[("u", "1"), ("c", "3")], &[("u", "1"), ("c", "2"), ("x", "")]] {
        assert!(refused(&client, blob.clone(), context).await.is_invalid_ciphertext_exception(), "{context:?}");
    }
}

#[tokio::test]
async fn a_changed_ciphertext_is_refused_at_every_byte() {
    let local = Local::memory();
    let client = client(&local);
    let (_, blob) = wrapped(&client).await;
    for at in 0..blob.as_ref().len() {
        let mut bytes = blob.as_ref().to_vec();
        bytes[at] ^= 1;
        let error = refused(&client, Blob::new(bytes), &[("u", "1"), ("c", "2")]).await;
        assert!(error.is_invalid_ciphertext_exception(), "byte {at}: {error:?}");
    }
    assert!(refused(&client, Blob::new(b"junk"), &[]).await.is_invalid_ciphertext_exception());
}

#[tokio::test]
async fn another_key_opens_nothing() {
    let local = Local::memory();
    let client = client(&local);
    let other = local.emulators.ensure_key("alias/other", MasterKeySpec::Symmetric).unwrap();
    let (_, blob) = wrapped(&client).await;
    let decrypt = client.decrypt().ciphertext_blob(blob.clone()).key_id(&other);
    let decrypt = decrypt.encryption_context("u", "1").encryption_context("c", "2");
    assert!(decrypt.send().await.unwrap_err().into_service_error().is_incorrect_key_exception());
    // The blob says which key made it; saying another one does not make that key open it.
    let mut bytes = blob.as_ref().to_vec();
    bytes[4..40].copy_from_slice(other.as_bytes());
    let error = refused(&client, Blob::new(bytes), &[("u", "1"), ("c", "2")]).await;
    assert!(error.is_invalid_ciphertext_exception());
}

#[tokio::test]
async fn a_disabled_key_does_nothing_until_it_is_enabled() {
    let local = Local::memory();
    let client = client(&local);
    let (_, blob) = wrapped(&client).await;
    client.disable_key().key_id(VAULT).send().await.unwrap();
    assert!(refused(&client, blob.clone(), &[("u", "1"), ("c", "2")]).await.is_disabled_exception());
    let made = client.generate_data_key().key_id(VAULT).key_spec(DataKeySpec::Aes256).send().await;
    assert!(made.unwrap_err().into_service_error().is_disabled_exception());
    let described = client.describe_key().key_id(VAULT).send().await.unwrap().key_metadata.unwrap();
    assert!(!described.enabled());
    client.enable_key().key_id(VAULT).send().await.unwrap();
    let opened = client.decrypt().ciphertext_blob(blob).encryption_context("u", "1").encryption_context("c", "2");
    opened.send().await.unwrap();
}

#[tokio::test]
async fn four_kilobytes_are_encrypted_and_not_one_more() {
    let local = Local::memory();
    let client = client(&local);
    let encrypt = |bytes: usize| client.encrypt().key_id(VAULT).plaintext(Blob::new(vec![7; bytes])).send();
    let blob = encrypt(4096).await.unwrap().ciphertext_blob.unwrap();
    let opened = client.decrypt().ciphertext_blob(blob).send().await.unwrap();
    assert_eq!(opened.plaintext.unwrap().as_ref(), [7; 4096]);
    let error = encrypt(4097).await.unwrap_err().into_service_error();
    assert_eq!(error.meta().code(), Some("ValidationException"));
}

#[tokio::test]
async fn a_mac_verifies_its_own_message_alone() {
    let local = Local::memory();
    let client = client(&local);
    local.emulators.ensure_key("alias/pepper", MasterKeySpec::Hmac256).unwrap();
    let algorithm = MacAlgorithmSpec::HmacSha256;
    let message = Blob::new(b"message");
    let make = client.generate_mac().key_id("alias/pepper").mac_algorithm(algorithm.clone()).message(message.clone());
    let mac = make.send().await.unwrap().mac.unwrap();
    assert_eq!(mac.as_ref().len(), 32);
    let verify = |message: Blob, mac: Blob| {
        let verify = client.verify_mac().key_id("alias/pepper").mac_algorithm(algorithm.clone());
        verify.message(message).mac(mac).send()
    };
    assert!(verify(message.clone(), mac.clone()).await.unwrap().mac_valid());
    for (message, mac) in [(Blob::new(b"other"), mac.clone()), (message, Blob::new([0; 32]))] {
        assert!(verify(message, mac).await.unwrap_err().into_service_error().is_kms_invalid_mac_exception());
    }
    let wrong_use = client.encrypt().key_id("alias/pepper").plaintext(Blob::new(b"x")).send().await.unwrap_err();
    assert!(wrong_use.into_service_error().is_invalid_key_usage_exception());
    let wrong_use = client.generate_mac().key_id(VAULT).mac_algorithm(algorithm.clone()).message(Blob::new(b"x"));
    assert!(wrong_use.send().await.unwrap_err().into_service_error().is_invalid_key_usage_exception());
}

#[tokio::test]
async fn keys_survive_a_restart_and_an_unknown_one_is_not_found() {
    let folder = tempfile::tempdir().unwrap();
    let local = Local::folder(folder.path());
    let id = local.emulators.ensure_key(VAULT, MasterKeySpec::Symmetric).unwrap();
    let (_, blob) = wrapped(&client(&local)).await;
    let local = local.reopen(folder.path());
    let client = client(&local);
    assert_eq!(local.emulators.ensure_key(VAULT, MasterKeySpec::Symmetric).unwrap(), id);
    assert!(local.emulators.ensure_key(VAULT, MasterKeySpec::Hmac256).is_err());
    let opened = client.decrypt().ciphertext_blob(blob).encryption_context("u", "1").encryption_context("c", "2");
    opened.send().await.unwrap();
    let error = client.describe_key().key_id("alias/none").send().await.unwrap_err();
    assert!(error.into_service_error().is_not_found_exception());
}
