//! What a launch on AWS needs: a dry run looks at all of it, and launches nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use spillway_cloud::{Finding, LaunchRequest, Sight, Subject, WorkerSpec};

use crate::codes::{Meaning, Refusal};
use crate::ec2::Ec2;

/// What a dry run answers that would have worked.
const WOULD_WORK: &str = "DryRunOperation";
/// The fewest that a page may hold.
const PAGE_SIZE_MIN: i32 = 5;

// === impl Ec2 ===

impl Ec2 {
    pub(crate) async fn examination(&self) -> Vec<Finding> {
        let mut found = Vec::new();
        if !self.look_at_list(&mut found).await {
            return found;
        }
        match self.dry_run().await {
            Ok(()) => found.extend([
                finding(Subject::Launching, Sight::Good),
                finding(Subject::Image, Sight::Good),
                finding(Subject::Subnet, Sight::Good),
            ]),
            Err(refusal) => {
                let subject = match refusal.code.as_deref() {
                    Some(code) if code.starts_with("InvalidAMIID") => Subject::Image,
                    Some(code) if code.starts_with("InvalidSubnet") => Subject::Subnet,
                    _ => Subject::Launching,
                };
                found.push(finding(subject, sight(&refusal)));
            }
        }
        found
    }

    /// Whether whoever asks is known.
    async fn look_at_list(&self, found: &mut Vec<Finding>) -> bool {
        if let Err(error) = self.turn(true).await {
            let why = error.to_string();
            found.push(finding(Subject::Credentials, Sight::Unknown { why }));
            return false;
        }
        let client = self.client().await;
        let listed = client.describe_instances().max_results(PAGE_SIZE_MIN);
        let refusal = match listed.send().await {
            Ok(_) => {
                found.push(finding(Subject::Credentials, Sight::Good));
                found.push(finding(Subject::Listing, Sight::Good));
                return true;
            }
            Err(error) => Refusal::of(error),
        };
        let code = refusal.code.as_deref().unwrap_or_default();
        if code == "UnauthorizedOperation" || code.starts_with("AccessDenied") {
            found.push(finding(Subject::Credentials, Sight::Good));
            found.push(finding(Subject::Listing, sight(&refusal)));
            return true;
        }
        // Its signatures carry a time that EC2 compares with its own.
        let is_clock = matches!(code, "RequestExpired" | "RequestTimeTooSkewed")
            || refusal.why.contains("Signature expired")
            || refusal.why.contains("Signature not yet current");
        let subject = if is_clock {
            Subject::Clock
        } else {
            Subject::Credentials
        };
        found.push(finding(subject, sight(&refusal)));
        false
    }

    async fn dry_run(&self) -> Result<(), Refusal> {
        // Tags are what rights may depend on; a machine of this name is never made.
        let request = LaunchRequest {
            owner: self.config().owner.clone(),
            policy: "doctor".to_owned(),
            pool: "doctor".to_owned(),
            intent: "doctor".to_owned(),
            attempt: 1,
            worker: WorkerSpec {
                command: Vec::new(),
                environment: BTreeMap::new(),
            },
            lease: Duration::ZERO,
        };
        let launch = self
            .run_instances(&request, "doctor", "#cloud-config\n")
            .await;
        let sent = launch.set_client_token(None).dry_run(true).send().await;
        match sent.map_err(Refusal::of) {
            Ok(_) => Ok(()),
            Err(refusal) if refusal.code.as_deref() == Some(WOULD_WORK) => Ok(()),
            Err(refusal) => Err(refusal),
        }
    }
}

fn finding(subject: Subject, seen: Sight) -> Finding {
    Finding { subject, seen }
}

fn sight(refusal: &Refusal) -> Sight {
    let why = refusal.why.clone();
    match refusal.meaning {
        Meaning::Denied | Meaning::Invalid(_) => Sight::Bad { why },
        _ => Sight::Unknown { why },
    }
}
