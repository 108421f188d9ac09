//! A passkey authenticator and its browser, in software: keys of P-256, answers as WebAuthn writes them. What a thief's tool
//! would do differently can be told to it: another site, no look at its user, a counter that goes back.

use std::sync::{Arc, Mutex};

use data_encoding::BASE64URL_NOPAD;
use p256::ecdsa::signature::Signer;
use p256::ecdsa::{Signature, SigningKey};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const USER_PRESENT: u8 = 0x01;
const USER_VERIFIED: u8 = 0x04;
const ATTESTED_DATA: u8 = 0x40;

#[derive(Clone)]
struct Key {
    id: Vec<u8>,
    secret: [u8; 32],
    user: Vec<u8>,
    counter: u32,
}

/// Clones share the keys: a clone at another site is the same device.
#[derive(Clone)]
pub struct Authenticator {
    seed: u64,
    origin: String,
    rp_id: String,
    verifies_its_user: bool,
    counts: bool,
    hides_its_user: bool,
    keys: Arc<Mutex<Vec<Key>>>,
}

impl Authenticator {
    /// A device at the site of the stories.
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            origin: "http://localhost:8080".into(),
            rp_id: "localhost".into(),
            verifies_its_user: true,
            counts: true,
            hides_its_user: false,
            keys: Arc::default(),
        }
    }
    /// The same device on a page of another origin.
    pub fn at(&self, origin: &str) -> Self {
        Self { origin: origin.into(), ..self.clone() }
    }
    /// The same device that signs for another relying party.
    pub fn for_party(&self, rp_id: &str) -> Self {
        Self { rp_id: rp_id.into(), ..self.clone() }
    }
    /// The same device that does not ask who holds it.
    pub fn without_a_look(&self) -> Self {
        Self { verifies_its_user: false, ..self.clone() }
    }
    /// A device that does not count, as those that synchronise their keys.
    pub fn that_does_not_count(&self) -> Self {
        Self { counts: false, ..self.clone() }
    }
    /// The same device that does not say whose key it used.
    pub fn that_names_nobody(&self) -> Self {
        Self { hides_its_user: true, ..self.clone() }
    }
    /// A copy of the device as it is now: from here on both count for themselves (PK-1).
    pub fn copied(&self) -> Self {
        Self { keys: Arc::new(Mutex::new(self.keys.lock().unwrap().clone())), ..self.clone() }
    }

    /// What `navigator.credentials.create` gives for these options.
    pub fn creates(&self, options: &Value) -> Value {
        let mut keys = self.keys.lock().unwrap();
        let drawn = Sha256::digest(format!("{}|{}", self.seed, keys.len()).as_bytes());
        let user = decoded(&options["user"]["id"]);
        let counter = u32::from(self.counts);
        let key = Key { id: drawn[..20].to_vec(), secret: drawn.into(), user, counter };
        let point = SigningKey::from_slice(&key.secret).unwrap().verifying_key().to_sec1_point(false);
        let mut data = self.authenticator_data(ATTESTED_DATA, counter);
        data.extend([0; 16]);
        data.extend(u16::try_from(key.id.len()).unwrap().to_be_bytes());
        data.extend(&key.id);
        // A COSE key in CBOR: {1: 2 (EC2), 3: -7 (ES256), -1: 1 (P-256), -2: x, -3: y}.
        data.extend([0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20]);
        data.extend(point.x().unwrap().iter());
        data.extend([0x22, 0x58, 0x20]);
        data.extend(point.y().unwrap().iter());
        // {"fmt": "none", "attStmt": {}, "authData": data}
        let mut object = b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x59".to_vec();
        object.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
        object.extend(data);
        let id = encoded(&key.id);
        keys.push(key);
        json!({
            "id": id, "rawId": id, "type": "public-key", "authenticatorAttachment": "platform", "clientExtensionResults": {},
            "response": {
                "attestationObject": encoded(&object),
                "clientDataJSON": encoded(&self.client_data("webauthn.create", options)),
                "transports": ["internal"],
            },
        })
    }

    /// What `navigator.credentials.get` gives for these options, with the newest key that they allow.
    pub fn answers(&self, options: &Value) -> Value {
        let allowed: Vec<_> =
            options["allowCredentials"].as_array().unwrap().iter().map(|c| decoded(&c["id"])).collect();
        let position = {
            let keys = self.keys.lock().unwrap();
            keys.iter().rposition(|key| allowed.is_empty() || allowed.contains(&key.id)).expect("a key that is allowed")
        };
        self.answers_with(position, options)
    }
    /// The same with the key of this position, allowed or not.
    pub fn answers_with(&self, position: usize, options: &Value) -> Value {
        let mut keys = self.keys.lock().unwrap();
        let key = &mut keys[position];
        key.counter += u32::from(self.counts);
        let data = self.authenticator_data(0, key.counter);
        let client_data = self.client_data("webauthn.get", options);
        let signed = [data.as_slice(), Sha256::digest(&client_data).as_slice()].concat();
        let signature: Signature = SigningKey::from_slice(&key.secret).unwrap().sign(&signed);
        let id = encoded(&key.id);
        let user = if self.hides_its_user { Value::Null } else { json!(encoded(&key.user)) };
        json!({
            "id": id, "rawId": id, "type": "public-key", "authenticatorAttachment": "platform", "clientExtensionResults": {},
            "response": {
                "authenticatorData": encoded(&data),
                "clientDataJSON": encoded(&client_data),
                "signature": encoded(signature.to_der().as_bytes()),
                "userHandle": user,
            },
        })
    }
    /// The same answer in the name of another account.
    pub fn in_the_name_of(answer: &Value, other: &Value) -> Value {
        let mut forged = answer.clone();
        forged["response"]["userHandle"] = other["response"]["userHandle"].clone();
        forged
    }

    fn authenticator_data(&self, flags: u8, counter: u32) -> Vec<u8> {
        let verified = if self.verifies_its_user { USER_VERIFIED } else { 0 };
        let mut data = Sha256::digest(self.rp_id.as_bytes()).to_vec();
        data.push(flags | USER_PRESENT | verified);
        data.extend(counter.to_be_bytes());
        data
    }
    fn client_data(&self, kind: &str, options: &Value) -> Vec<u8> {
        json!({ "type": kind, "challenge": options["challenge"], "origin": self.origin, "crossOrigin": false })
            .to_string()
            .into_bytes()
    }
}

fn encoded(bytes: &[u8]) -> String {
    BASE64URL_NOPAD.encode(bytes)
}
fn decoded(text: &Value) -> Vec<u8> {
    BASE64URL_NOPAD.decode(text.as_str().expect("base64url").as_bytes()).expect("base64url")
}
