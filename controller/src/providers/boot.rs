//! What a pool's machines in a cloud run: of its policy, for any provider.

use std::time::Duration;

use spillway_cloud::user_data::{Boot, Cloud, ModelSet, Program};
use spillway_core::{Policy, Pool};

/// How often a machine's believed boot time it may take until its first renewal.
const BOOTS: u32 = 2;

/// What the machines of `pool` need, beside what stands in each request.
///
/// # Errors
/// When the policy names neither image nor program: `Policy::check` refuses that for pools in clouds.
pub(super) fn of(pool: &Pool, policy: &Policy, cloud: Cloud) -> anyhow::Result<Boot> {
    let join = policy.join();
    let program = match (&join.image, &join.binary) {
        (Some(image), _) => Program::Image(image.clone()),
        (None, Some(binary)) => Program::Binary(binary.clone()),
        (None, None) => anyhow::bail!("{}: spec.burst.join names no image", pool.name),
    };
    let model_set = join.model_set.clone();
    Ok(Boot {
        cloud,
        region: pool.place.region.clone(),
        api: emulator(pool),
        program,
        model_set: model_set.map(|(uri, sha256)| ModelSet { uri, sha256 }),
        secret: join.secret_from.get(cloud.as_str()).cloned(),
        first_lease: first_lease(pool, policy),
    })
}

/// The address of an emulator, which is every service of its cloud. Only an emulator is spoken to in the clear;
/// a private endpoint is that of one service.
pub(super) fn emulator(pool: &Pool) -> Option<String> {
    let endpoint = pool.provider.endpoint();
    endpoint
        .filter(|it| it.starts_with("http://"))
        .map(str::to_owned)
}

/// The lease, unless that would end a machine that boots as slowly as it is believed to.
fn first_lease(pool: &Pool, policy: &Policy) -> Duration {
    let boots = pool.boot_time.unsigned_abs() * BOOTS;
    policy.dead_man_lease().unsigned_abs().max(boots)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLOUDS: &str = include_str!("../../../policies/clouds.yaml");

    fn policy(text: &str) -> Policy {
        crate::policy_file::parse("clouds.yaml", text).unwrap_or_else(|report| panic!("{report:?}"))
    }

    fn boot(policy: &Policy, pool: &str, cloud: Cloud) -> Boot {
        of(policy.pool(pool).unwrap(), policy, cloud).unwrap()
    }

    #[test]
    fn machines_get_what_the_policy_says_and_their_own_clouds_secret() {
        let policy = policy(CLOUDS);
        let aws = boot(&policy, "aws-g6-spot", Cloud::Aws);
        assert_eq!(aws.secret.as_deref(), Some("spillway/worker"));
        assert_eq!((aws.region.as_str(), aws.api), ("us-east-1", None));
        assert!(matches!(aws.program, Program::Image(image) if image.contains("@sha256:")));
        let gcp = boot(&policy, "gcp-l4-spot", Cloud::Gcp);
        assert!(gcp.secret.unwrap().starts_with("projects/my-project/"));
    }

    #[test]
    fn a_machine_that_boots_slowly_is_not_ended_before_it_works() {
        let quick = policy(CLOUDS);
        let aws = boot(&quick, "aws-g6-spot", Cloud::Aws);
        assert_eq!(aws.first_lease, Duration::from_secs(15 * 60));
        let slow = policy(&CLOUDS.replace("deadManLease: 15m", "deadManLease: 1m"));
        let aws = boot(&slow, "aws-g6-spot", Cloud::Aws);
        assert_eq!(aws.first_lease, Duration::from_secs(2 * 3 * 60));
    }

    #[test]
    fn an_emulator_is_every_service_of_its_cloud_and_a_private_endpoint_one() {
        let with = |endpoint: &str| {
            let line = "instanceProfile: spillway-worker";
            let more = format!("{line}\n            endpoint: {endpoint}");
            policy(&CLOUDS.replace(line, &more))
        };
        let emulated = with("http://127.0.0.1:4566");
        let api = boot(&emulated, "aws-g6-spot", Cloud::Aws).api;
        assert_eq!(api.as_deref(), Some("http://127.0.0.1:4566"));
        let private = with("https://vpce-1.ec2.us-east-1.vpce.amazonaws.com");
        assert_eq!(boot(&private, "aws-g6-spot", Cloud::Aws).api, None);
    }
}
