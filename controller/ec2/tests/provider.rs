//! The provider keeps the contract against an EC2 on loopback, and asks for what it should.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod loopback;

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine as _;
use loopback::{Loopback, Trouble, provider};
use spillway_cloud::conformance::conformance;
use spillway_cloud::{
    CloudError, Fault, LaunchError, LaunchRequest, Provider, Scope, WorkerSpec, tags,
};

fn request(intent: &str, attempt: u32) -> LaunchRequest {
    LaunchRequest {
        owner: "tests".into(),
        policy: "recognition".into(),
        pool: "aws-g6".into(),
        intent: intent.into(),
        attempt,
        worker: WorkerSpec {
            command: vec!["worker".into()],
            environment: BTreeMap::new(),
        },
        lease: Duration::from_secs(900),
    }
}

#[tokio::test]
async fn it_keeps_the_contract() {
    let (cloud, address) = Loopback::start().await;
    let foreign = cloud.add_foreign(&[(tags::OWNER, "somebody"), ("Name", "theirs")]);
    let untagged = cloud.add_foreign(&[]);
    conformance(&provider(&address, false), request).await;
    assert_eq!(
        cloud.alive(),
        [foreign, untagged],
        "nothing else is touched"
    );
}

#[tokio::test]
async fn a_launch_says_everything_that_the_machine_must_be() {
    let (cloud, address) = Loopback::start().await;
    let request = request("aws-g6-00001", 1);
    provider(&address, true).launch(&request).await.unwrap();
    let calls = cloud.calls("RunInstances");
    let [asked] = calls.as_slice() else {
        panic!("one call, not {}", calls.len());
    };
    let user_data =
        base64::engine::general_purpose::STANDARD.encode("#cloud-config\n# aws-g6-00001\n");
    for (name, value) in [
        ("ClientToken", tags::token(&request).as_str()),
        ("MinCount", "1"),
        ("MaxCount", "1"),
        ("ImageId", "ami-0123456789abcdef0"),
        ("InstanceType", "g6.xlarge"),
        ("SubnetId", "subnet-0123456789abcdef0"),
        ("SecurityGroupId.1", "sg-0123456789abcdef0"),
        ("IamInstanceProfile.Name", "spillway-worker"),
        ("InstanceInitiatedShutdownBehavior", "terminate"),
        ("InstanceMarketOptions.MarketType", "spot"),
        (
            "InstanceMarketOptions.SpotOptions.SpotInstanceType",
            "one-time",
        ),
        (
            "InstanceMarketOptions.SpotOptions.InstanceInterruptionBehavior",
            "terminate",
        ),
        ("MetadataOptions.HttpTokens", "required"),
        ("MetadataOptions.HttpPutResponseHopLimit", "1"),
        ("MetadataOptions.InstanceMetadataTags", "enabled"),
        ("BlockDeviceMapping.1.DeviceName", "/dev/sda1"),
        ("BlockDeviceMapping.1.Ebs.DeleteOnTermination", "true"),
        ("BlockDeviceMapping.1.Ebs.VolumeSize", "100"),
        ("TagSpecification.1.ResourceType", "instance"),
        ("TagSpecification.2.ResourceType", "volume"),
        ("UserData", user_data.as_str()),
    ] {
        assert_eq!(asked.get(name).map(String::as_str), Some(value), "{name}");
    }
    let tags = asked.iter().filter(|(name, _)| name.contains(".Tag."));
    let tags: Vec<&str> = tags.map(|(_, value)| value.as_str()).collect();
    for tag in [
        tags::OWNER,
        tags::INTENT,
        tags::SPEC,
        "aws-g6-00001",
        "recognition",
    ] {
        assert_eq!(
            tags.iter().filter(|it| **it == tag).count(),
            2,
            "{tag} on machine and disk"
        );
    }
}

#[tokio::test]
async fn a_refusal_says_what_it_is_and_how_far_it_reaches_and_is_not_repeated() {
    let (cloud, address) = Loopback::start().await;
    let provider = provider(&address, true);
    let cases = [
        (
            500,
            "InsufficientInstanceCapacity",
            Fault::NoCapacity,
            Scope::Offer,
        ),
        (
            400,
            "MaxSpotInstanceCountExceeded",
            Fault::Quota,
            Scope::Market,
        ),
        (503, "RequestLimitExceeded", Fault::Throttled, Scope::Region),
        (403, "UnauthorizedOperation", Fault::Denied, Scope::Cloud),
        (
            400,
            "InvalidAMIID.NotFound",
            Fault::Invalid {
                why: "InvalidAMIID.NotFound: as the test wants it".into(),
            },
            Scope::Pool,
        ),
    ];
    for (count, (status, code, fault, scope)) in cases.into_iter().enumerate() {
        cloud.next_launch(Trouble::Refused(status, code));
        match provider.launch(&request("aws-g6-00001", 1)).await {
            Err(LaunchError::NotLaunched {
                fault: is,
                scope: reaches,
                ..
            }) => {
                assert_eq!((is, reaches), (fault, scope), "{code}");
            }
            other => panic!("{code}: {other:?}"),
        }
        assert_eq!(
            cloud.calls("RunInstances").len(),
            count + 1,
            "{code}: asked once"
        );
    }
    assert!(
        cloud
            .headers("amz-sdk-request")
            .iter()
            .all(|it| it.contains("max=1"))
    );
}

#[tokio::test]
async fn an_answer_that_does_not_come_after_the_machine_was_made_is_unknown_and_then_found() {
    let (cloud, address) = Loopback::start().await;
    let provider = provider(&address, false);
    let request = request("aws-g6-00001", 1);
    cloud.next_launch(Trouble::MadeBut(500, "InternalError"));
    let first = provider.launch(&request).await;
    assert!(matches!(first, Err(LaunchError::Unknown(_))), "{first:?}");
    assert_eq!(provider.list().await.unwrap().len(), 1);
    let again = provider.launch(&request).await.unwrap();
    assert_eq!(
        cloud.alive(),
        [again.id],
        "the same token makes no second machine"
    );
}

#[tokio::test]
async fn a_list_whose_second_page_fails_is_no_list() {
    let (cloud, address) = Loopback::start().await;
    let provider = provider(&address, false);
    for intent in ["aws-g6-00001", "aws-g6-00002", "aws-g6-00003"] {
        provider.launch(&request(intent, 1)).await.unwrap();
    }
    assert_eq!(provider.list().await.unwrap().len(), 3);
    cloud.list_fails_at_page(Some(1));
    let failed = provider.list().await;
    assert!(
        matches!(failed, Err(CloudError::Throttled { .. })),
        "{failed:?}"
    );
}

#[tokio::test]
async fn what_cannot_be_is_refused_without_a_call() {
    let (cloud, address) = Loopback::start().await;
    let provider = provider(&address, false);
    let mut foreign = request("aws-g6-00001", 1);
    foreign.owner = "somebody".into();
    let refused = provider.launch(&foreign).await;
    assert!(matches!(
        refused,
        Err(LaunchError::NotLaunched {
            fault: Fault::Invalid { .. },
            ..
        })
    ));
    provider.terminate("vm-1").await.unwrap();
    assert_eq!(cloud.headers("host").len(), 0);
}

#[tokio::test]
async fn a_cloud_that_is_not_there_gives_an_unknown_launch_and_no_list() {
    let provider = provider("http://127.0.0.1:1", false);
    let launched = provider.launch(&request("aws-g6-00001", 1)).await;
    assert!(
        matches!(launched, Err(LaunchError::Unknown(_))),
        "{launched:?}"
    );
    assert!(matches!(
        provider.list().await,
        Err(CloudError::Unreachable(_))
    ));
}
