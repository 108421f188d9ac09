//! SES, version 2: takes mails of verified senders into a local mailbox.
//!
//! Never sends anything anywhere.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use mail_parser::{Address, MessageParser, PartType};
use rusqlite::params;
use serde_json::{Value, json};

use crate::access::bare_address;
use crate::answer::Answer;
use crate::seal::random_bytes;
use crate::shelf::Shelf;

pub(crate) const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS senders (address TEXT PRIMARY KEY);
    CREATE TABLE IF NOT EXISTS mails (
      number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL, sender TEXT NOT NULL, recipients TEXT NOT NULL,
      subject TEXT NOT NULL, body_text TEXT, body_html TEXT, sent_ms INTEGER NOT NULL)";

/// AWS's limit for the recipients of one mail.
const RECIPIENTS_MAX: usize = 50;

/// A mail in the local mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// The message id that the sender was told.
    pub id: String,
    /// The sender's address.
    pub from: String,
    /// The recipients' addresses.
    pub to: Vec<String>,
    /// The subject, decoded.
    pub subject: String,
    /// The plain text part, if there is one.
    pub text: Option<String>,
    /// The HTML part, if there is one.
    pub html: Option<String>,
    /// Local wall clock, milliseconds since 1970.
    pub sent_at_ms: i64,
}

pub(crate) struct Ses {
    shelf: Arc<Shelf>,
}

#[derive(Default)]
struct Content {
    from: Option<String>,
    to: Vec<String>,
    subject: String,
    text: Option<String>,
    html: Option<String>,
}

impl Ses {
    pub(crate) fn new(shelf: Arc<Shelf>) -> Self {
        Self { shelf }
    }

    pub(crate) fn verify(&self, address: &str) -> Result<(), Answer> {
        let address = address.to_ascii_lowercase();
        self.shelf.connection().execute("INSERT OR IGNORE INTO senders VALUES (?1)", [address])?;
        Ok(())
    }

    pub(crate) fn mailbox(&self) -> Result<Vec<Mail>, Answer> {
        let connection = self.shelf.connection();
        let mut rows = connection.prepare(
            "SELECT id, sender, recipients, subject, body_text, body_html, sent_ms FROM mails ORDER BY number",
        )?;
        let mails = rows.query_map([], |row| {
            let to: String = row.get(2)?;
            Ok(Mail {
                id: row.get(0)?,
                from: row.get(1)?,
                to: serde_json::from_str(&to).unwrap_or_default(),
                subject: row.get(3)?,
                text: row.get(4)?,
                html: row.get(5)?,
                sent_at_ms: row.get(6)?,
            })
        })?;
        Ok(mails.collect::<rusqlite::Result<_>>()?)
    }

    pub(crate) fn call(&self, operation: &str, request: &Value) -> Answer {
        if operation != "SendEmail" {
            return Answer::refused(404, "UnknownOperationException", &format!("{operation} is not served here"));
        }
        match self.send(request) {
            Ok(body) => Answer::ok(&body),
            Err(refused) => refused,
        }
    }

    fn send(&self, request: &Value) -> Result<Value, Answer> {
        let mut content = content_of(&request["Content"])?;
        let stated = request["FromEmailAddress"].as_str().map(|from| bare_address(from).to_owned());
        let from = stated.or(content.from.take()).ok_or_else(|| bad("the sender is missing"))?;
        let destination = &request["Destination"];
        let named: Vec<String> = ["ToAddresses", "CcAddresses", "BccAddresses"]
            .iter()
            .flat_map(|member| destination[*member].as_array().into_iter().flatten())
            .filter_map(|address| address.as_str().map(|address| bare_address(address).to_owned()))
            .collect();
        let to = if named.is_empty() { content.to } else { named };
        if to.is_empty() {
            return Err(bad("there are no recipients"));
        }
        if to.len() > RECIPIENTS_MAX {
            return Err(bad("there are more than 50 recipients"));
        }
        if let Some(odd) = to.iter().find(|address| !plausible(address)) {
            return Err(bad(&format!("Illegal address: {odd}")));
        }
        let connection = self.shelf.connection();
        let verified: i64 = connection.query_row(
            "SELECT COUNT(*) FROM senders WHERE address = ?1",
            [from.to_ascii_lowercase()],
            |row| row.get(0),
        )?;
        if verified == 0 {
            let message = format!(
                "Email address is not verified. The following identities failed the check in region US-EAST-1: {from}"
            );
            return Err(Answer::refused(400, "MessageRejected", &message));
        }
        let id = hex::encode(random_bytes::<16>().map_err(Answer::broken)?);
        connection.execute(
            "INSERT INTO mails (id, sender, recipients, subject, body_text, body_html, sent_ms)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![id, from, json!(to).to_string(), content.subject, content.text, content.html, self.shelf.now_ms()],
        )?;
        Ok(json!({ "MessageId": id }))
    }
}

fn content_of(content: &Value) -> Result<Content, Answer> {
    match (&content["Simple"], &content["Raw"]) {
        (Value::Object(_), Value::Null) => simple(&content["Simple"]),
        (Value::Null, Value::Object(_)) => raw(&content["Raw"]),
        _ => Err(bad("the content must be either Simple or Raw")),
    }
}

fn simple(mail: &Value) -> Result<Content, Answer> {
    let part = |part: &Value| part["Data"].as_str().map(str::to_owned);
    let subject = part(&mail["Subject"]).ok_or_else(|| bad("the subject is missing"))?;
    if subject.contains(['\r', '\n']) {
        return Err(bad("the subject must not contain line breaks"));
    }
    let (text, html) = (part(&mail["Body"]["Text"]), part(&mail["Body"]["Html"]));
    if text.is_none() && html.is_none() {
        return Err(bad("the body is missing"));
    }
    Ok(Content { subject, text, html, ..Content::default() })
}

fn raw(mail: &Value) -> Result<Content, Answer> {
    let encoded = mail["Data"].as_str().ok_or_else(|| bad("the raw message is missing"))?;
    let bytes = BASE64.decode(encoded).map_err(|_| bad("the raw message is not base64"))?;
    let message = MessageParser::default().parse(&bytes).ok_or_else(|| bad("the raw message is not a mail"))?;
    let addresses = |list: Option<&Address<'_>>| -> Vec<String> {
        list.into_iter().flat_map(Address::iter).filter_map(|one| one.address().map(str::to_owned)).collect()
    };
    let mut content = Content {
        from: addresses(message.from()).into_iter().next(),
        to: [message.to(), message.cc(), message.bcc()].into_iter().flat_map(addresses).collect(),
        subject: message.subject().unwrap_or_default().to_owned(),
        ..Content::default()
    };
    for part in &message.parts {
        match &part.body {
            PartType::Text(text) if content.text.is_none() => content.text = Some(text.to_string()),
            PartType::Html(html) if content.html.is_none() => content.html = Some(html.to_string()),
            PartType::Text(_)
            | PartType::Html(_)
            | PartType::Binary(_)
            | PartType::InlineBinary(_)
            | PartType::Message(_)
            | PartType::Multipart(_) => {}
        }
    }
    Ok(content)
}

fn plausible(address: &str) -> bool {
    let parts = address.split_once('@');
    let clean = |part: &str| !part.is_empty() && !part.contains(|c: char| c.is_whitespace() || c.is_control());
    parts.is_some_and(|(user, host)| clean(user) && clean(host) && !host.contains('@'))
}

fn bad(message: &str) -> Answer {
    Answer::refused(400, "BadRequestException", message)
}
