//! Errors by code, as exchanges.md tables them.

use crate::{Failure, Received};

#[derive(serde::Deserialize)]
struct Body {
    code: i64,
    msg: String,
}

/// What an answer other than 200 means. Whatever is not surely a refusal is [`Failure::Unknown`].
pub fn classify(received: Received<'_>) -> Failure {
    let Received { status, retry_after_s, body } = received;
    // 429: limit; 418: banned. Neither reaches the engine.
    if matches!(status, 429 | 418) {
        return Failure::Limited { retry_after_s };
    }
    // 5xx: "do NOT treat as failure", whatever the body says.
    if status >= 500 {
        return Failure::Unknown { why: format!("HTTP {status}") };
    }
    let Ok(Body { code, msg }) = serde_json::from_slice::<Body>(body) else {
        return Failure::Unknown { why: format!("HTTP {status} without the exchange's own error") };
    };
    match code {
        -1021 => Failure::NotExecuted,
        -2014 | -2015 | -1002 => Failure::KeyRefused { code },
        -1013 => Failure::FilterFailed { filter: msg.strip_prefix("Filter failure: ").unwrap_or(&msg).to_owned() },
        -2010 if msg.starts_with("Duplicate order") => Failure::DuplicateLives,
        -2010 | -2021 | -2022 | -2026 => Failure::Refused { text: msg },
        -2011 if msg.starts_with("Unknown order") => Failure::UnknownOrder,
        -2011 => Failure::Refused { text: msg },
        -2013 => Failure::NotFound,
        -1003 | -1015 => Failure::Limited { retry_after_s },
        -1022 | -1100 | -1101 | -1102 | -1103 | -1104 | -1105 | -1106 | -1111 | -1112 | -1114 | -1115 | -1116
        | -1117 | -1118 | -1119 | -1121 | -1128 | -1130 | -2039 => Failure::Malformed { code, text: msg },
        // -1006, -1007, -1008 and every code this version does not know.
        _ => Failure::Unknown { why: format!("HTTP {status} with code {code}") },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(status: u16, body: &str, expected: Failure) {
        assert_eq!(
            classify(Received { status, retry_after_s: Some(7), body: body.as_bytes() }),
            expected,
            "{status} {body}"
        );
    }
    fn body(code: i64, msg: &str) -> String {
        format!(r#"{{"code":{code},"msg":"{msg}"}}"#)
    }

    #[test]
    fn each_line_of_the_table_has_its_class() {
        let malformed = |code: i64| Failure::Malformed { code, text: "t".into() };
        check(400, &body(-1021, "Timestamp for this request is outside of the recvWindow."), Failure::NotExecuted);
        for code in [-1022, -1100, -1102, -1104, -1106, -1111, -2039] {
            check(400, &body(code, "t"), malformed(code));
        }
        for code in [-2014, -2015] {
            check(401, &body(code, "t"), Failure::KeyRefused { code });
        }
        check(400, &body(-1013, "Filter failure: LOT_SIZE"), Failure::FilterFailed { filter: "LOT_SIZE".into() });
        let poor = "Account has insufficient balance for requested action.";
        check(400, &body(-2010, poor), Failure::Refused { text: poor.into() });
        check(400, &body(-2010, "Duplicate order sent."), Failure::DuplicateLives);
        check(400, &body(-2011, "Unknown order sent."), Failure::UnknownOrder);
        check(
            400,
            &body(-2011, "Order was not canceled due to cancel restrictions."),
            Failure::Refused { text: "Order was not canceled due to cancel restrictions.".into() },
        );
        check(400, &body(-2013, "Order does not exist."), Failure::NotFound);
        check(429, &body(-1003, "t"), Failure::Limited { retry_after_s: Some(7) });
        check(418, "", Failure::Limited { retry_after_s: Some(7) });
        check(400, &body(-1015, "t"), Failure::Limited { retry_after_s: Some(7) });
    }
    #[test]
    fn whatever_is_not_surely_a_refusal_is_unknown() {
        for (status, text) in [
            (500, body(-2010, "t")),
            (502, "<html>".into()),
            (503, body(-1008, "t")),
            (504, String::new()),
            (400, body(-1007, "t")),
            (400, body(-1006, "t")),
            (400, body(-1008, "t")),
            (400, body(-9999, "t")),
            (400, "{".into()),
            (403, "<html>".into()),
            (302, String::new()),
            (201, "{}".into()),
        ] {
            let received = Received { status, retry_after_s: None, body: text.as_bytes() };
            assert!(matches!(classify(received), Failure::Unknown { .. }), "{status} {text}");
        }
    }
}
