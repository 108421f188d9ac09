//! Every alarm names a runbook that exists, and every runbook is named by an alarm.

use std::collections::BTreeSet;

use crate::report;
use crate::template::Template;
use crate::tree::{exists, files};

#[test]
fn every_alarm_has_its_runbook() {
    let template = Template::open();
    let mut named = BTreeSet::new();
    let mut findings = Vec::new();
    for (logical, properties) in template.resources("AWS::CloudWatch::Alarm") {
        let description = properties["AlarmDescription"].as_str().unwrap_or_default();
        match description.split_once("Runbook ").map(|(_, path)| path.trim_end_matches('.').trim()) {
            Some(path) if exists(path) => {
                named.insert(path.to_owned());
            }
            Some(path) => findings.push(format!("{logical}: {path} does not exist")),
            None => findings.push(format!("{logical}: its description names no `Runbook path`")),
        }
    }
    assert!(!named.is_empty());
    findings.extend(
        files("infra/runbooks", ".md")
            .into_iter()
            .filter(|p| !named.contains(p))
            .map(|p| format!("{p}: no alarm names it")),
    );
    report("alarms and runbooks", &findings);
}
