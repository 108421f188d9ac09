//! What the embedded SES must do like AWS, through the unchanged SDK.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test file: its helpers stand outside the test functions"
)]

mod local;

use aws_sdk_sesv2::Client;
use aws_sdk_sesv2::operation::send_email::builders::SendEmailFluentBuilder;
use aws_sdk_sesv2::primitives::Blob;
use aws_sdk_sesv2::types::{Body, Content, Destination, EmailContent, Message, RawMessage};
use local::Local;

const SENDER: &str = "no-reply@shearpin.test";

fn client(local: &Local) -> Client {
    local.emulators.verify_sender(SENDER).unwrap();
    Client::new(&local.config("mailer"))
}

fn simple(client: &Client, from: &str, to: &str, subject: &str) -> SendEmailFluentBuilder {
    let part = |text: &str| Content::builder().data(text).build().unwrap();
    let message = Message::builder().subject(part(subject)).body(Body::builder().text(part("text")).build()).build();
    let send =
        client.send_email().from_email_address(from).destination(Destination::builder().to_addresses(to).build());
    send.content(EmailContent::builder().simple(message).build())
}

fn raw(client: &Client, mail: Vec<u8>) -> SendEmailFluentBuilder {
    let raw = RawMessage::builder().data(Blob::new(mail)).build().unwrap();
    client.send_email().content(EmailContent::builder().raw(raw).build())
}

async fn code(send: SendEmailFluentBuilder) -> String {
    send.send().await.unwrap_err().into_service_error().meta().code().unwrap().to_owned()
}

#[tokio::test]
async fn a_simple_mail_of_a_verified_sender_is_in_the_mailbox() {
    let local = Local::memory();
    let client = client(&local);
    let id = simple(&client, "Shearpin <NO-reply@shearpin.test>", "a@b.test", "Grüße").send().await.unwrap().message_id;
    let mails = local.emulators.mailbox().unwrap();
    assert_eq!(mails.len(), 1);
    assert_eq!(Some(&mails[0].id), id.as_ref());
    assert_eq!((mails[0].to.as_slice(), mails[0].subject.as_str()), (&["a@b.test".to_owned()][..], "Grüße"));
    assert_eq!((mails[0].text.as_deref(), mails[0].html.as_deref()), (Some("text"), None));
    assert_eq!(mails[0].sent_at_ms / 1000, local.clock.seconds());
}

#[tokio::test]
async fn a_raw_mail_is_read_part_by_part() {
    let local = Local::memory();
    let client = client(&local);
    let link = format!("https://shearpin.test/reset?token={}", "0123456789abcdef".repeat(8));
    let mail = mail_builder::MessageBuilder::new()
        .from(("Shearpin", SENDER))
        .to("someone@b.test")
        .subject("Your password was reset – \u{1f511}")
        .text_body(format!("Open {link}\nor not."))
        .html_body(format!("<p><a href=\"{link}\">Open</a></p>"))
        .write_to_vec()
        .unwrap();
    raw(&client, mail).send().await.unwrap();
    let mail = local.emulators.mailbox().unwrap().remove(0);
    assert_eq!(mail.from, SENDER);
    assert_eq!(mail.to, ["someone@b.test"]);
    assert_eq!(mail.subject, "Your password was reset – \u{1f511}");
    assert!(mail.text.unwrap().contains(&link), "a link must come through unbroken");
    assert!(mail.html.unwrap().contains(&link));
}

#[tokio::test]
async fn an_unverified_sender_is_rejected() {
    let local = Local::memory();
    let client = client(&local);
    assert_eq!(code(simple(&client, "other@shearpin.test", "a@b.test", "x")).await, "MessageRejected");
    // The From of the raw message counts when the request names none.
    let mail = b"From: other@shearpin.test\r\nTo: a@b.test\r\nSubject: x\r\n\r\ntext".to_vec();
    assert_eq!(code(raw(&client, mail)).await, "MessageRejected");
    assert!(local.emulators.mailbox().unwrap().is_empty());
}

#[tokio::test]
async fn malformed_mails_are_refused() {
    let local = Local::memory();
    let client = client(&local);
    assert_eq!(code(simple(&client, SENDER, "nobody", "x")).await, "BadRequestException");
    assert_eq!(code(simple(&client, SENDER, "a@b.test", "x\r\nBcc: c@d.test")).await, "BadRequestException");
    let nobody = b"From: no-reply@shearpin.test\r\nSubject: x\r\n\r\ntext".to_vec();
    assert_eq!(code(raw(&client, nobody)).await, "BadRequestException");
    let many = (0..51).map(|i| format!("a{i}@b.test")).collect();
    let many = Destination::builder().set_to_addresses(Some(many)).build();
    assert_eq!(code(simple(&client, SENDER, "a@b.test", "x").destination(many)).await, "BadRequestException");
}

#[tokio::test]
async fn the_mailbox_survives_a_restart_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let local = Local::folder(folder.path());
    for subject in ["first", "second"] {
        simple(&client(&local), SENDER, "a@b.test", subject).send().await.unwrap();
    }
    let local = local.reopen(folder.path());
    let subjects: Vec<_> = local.emulators.mailbox().unwrap().into_iter().map(|mail| mail.subject).collect();
    assert_eq!(subjects, ["first", "second"]);
}
