//! Key permissions: a positive list over every field of `apiRestrictions` (KX-1).

use std::collections::BTreeMap;

use serde_json::Value;

use super::read;
use crate::{Failure, PermissionFault, Received, Verdict};

/// What must be true.
const NEEDED: [&str; 3] = ["ipRestrict", "enableReading", "enableSpotAndMarginTrading"];
/// What must be false: withdrawals and transfers move coins out, the rest are products we do not trade.
const FORBIDDEN: [&str; 8] = [
    "enableWithdrawals",
    "enableInternalTransfer",
    "permitsUniversalTransfer",
    "enableMargin",
    "enableFutures",
    "enableVanillaOptions",
    "enablePortfolioMarginTrading",
    "enableFixApiTrade",
];
/// Times; they grant nothing. The second is told only for keys whose right to trade ends.
const TIMES: [(&str, bool); 2] = [("createTime", true), ("tradingAuthorityExpirationTime", false)];

/// Reads `GET /sapi/v1/account/apiRestrictions` and judges it: any field that is unknown, missing or not as demanded
/// refuses the key.
pub fn permissions(received: Received<'_>) -> Result<Verdict, Failure> {
    Ok(judge(read::<BTreeMap<String, Value>>(received)?))
}

fn judge(mut said: BTreeMap<String, Value>) -> Verdict {
    let mut faults = Vec::new();
    for field in NEEDED {
        match said.remove(field) {
            Some(Value::Bool(true)) => {}
            Some(Value::Bool(false)) if field == "ipRestrict" => faults.push(PermissionFault::NotIpRestricted),
            Some(Value::Bool(false)) => faults.push(PermissionFault::Lacks(field)),
            Some(_) | None => faults.push(PermissionFault::NotSaid(field)),
        }
    }
    for field in FORBIDDEN {
        match said.remove(field) {
            Some(Value::Bool(false)) => {}
            Some(Value::Bool(true)) => faults.push(PermissionFault::TooPowerful(field.to_owned())),
            Some(_) | None => faults.push(PermissionFault::NotSaid(field)),
        }
    }
    for (field, must_be_there) in TIMES {
        match said.remove(field) {
            Some(Value::Number(_)) => {}
            None if !must_be_there => {}
            Some(_) | None => faults.push(PermissionFault::NotSaid(field)),
        }
    }
    faults.extend(said.into_iter().map(|(field, value)| match value {
        Value::Bool(true) => PermissionFault::TooPowerful(field),
        _ => PermissionFault::NotKnown(field),
    }));
    if faults.is_empty() { Verdict::Accepted } else { Verdict::Refused(faults) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> BTreeMap<String, Value> {
        let truths =
            NEEDED.iter().map(|f| (*f, Value::Bool(true))).chain(FORBIDDEN.iter().map(|f| (*f, Value::Bool(false))));
        truths
            .chain(TIMES.iter().map(|(f, _)| (*f, Value::from(1_628_985_600_000_i64))))
            .map(|(f, v)| (f.to_owned(), v))
            .collect()
    }
    fn check(change: impl FnOnce(&mut BTreeMap<String, Value>), expected: &[PermissionFault]) {
        let mut said = good();
        change(&mut said);
        let expected = if expected.is_empty() { Verdict::Accepted } else { Verdict::Refused(expected.to_vec()) };
        assert_eq!(judge(said), expected);
    }

    #[test]
    fn a_spot_key_tied_to_addresses_is_accepted() {
        check(|_| {}, &[]);
        check(
            |said| {
                said.remove("tradingAuthorityExpirationTime");
            },
            &[],
        );
    }
    // KX-1: one case per field.
    #[test]
    fn every_field_decides() {
        for field in NEEDED {
            let lacks =
                if field == "ipRestrict" { PermissionFault::NotIpRestricted } else { PermissionFault::Lacks(field) };
            check(
                |said| {
                    said.insert(field.into(), Value::Bool(false));
                },
                &[lacks],
            );
        }
        for field in FORBIDDEN {
            check(
                |said| {
                    said.insert(field.into(), Value::Bool(true));
                },
                &[PermissionFault::TooPowerful(field.into())],
            );
        }
        for field in NEEDED.into_iter().chain(FORBIDDEN).chain(["createTime"]) {
            check(
                |said| {
                    said.remove(field);
                },
                &[PermissionFault::NotSaid(field)],
            );
            check(
                |said| {
                    said.insert(field.into(), Value::from("yes"));
                },
                &[PermissionFault::NotSaid(field)],
            );
        }
    }
    // KX-1: new unknown `enableXyz: true` refuses; so does false, since nobody here knows what it means.
    #[test]
    fn a_field_that_is_new_refuses() {
        check(
            |said| {
                said.insert("enableXyz".into(), Value::Bool(true));
            },
            &[PermissionFault::TooPowerful("enableXyz".into())],
        );
        check(
            |said| {
                said.insert("enableXyz".into(), Value::Bool(false));
            },
            &[PermissionFault::NotKnown("enableXyz".into())],
        );
    }
}
