use rust_decimal::Decimal;

use crate::policy::{Policy, Problem, ProviderKind, raw};

const DIGEST: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn aws() -> raw::AwsChoice {
    raw::AwsChoice {
        region: text("us-east-1"),
        zone: text("us-east-1a"),
        instance_type: text("g6.xlarge"),
        image_id: text("ami-0123456789abcdef0"),
        subnet_id: text("subnet-0123456789abcdef0"),
        instance_profile: text("spillway-worker"),
        ..Default::default()
    }
}

fn oci() -> raw::OciChoice {
    raw::OciChoice {
        region: text("us-phoenix-1"),
        availability_domain: text("Uocm:PHX-AD-1"),
        compartment_id: text("ocid1.compartment.oc1..aaaa"),
        shape: text("VM.GPU.A10.1"),
        image_id: text("ocid1.image.oc1.phx.aaaa"),
        subnet_id: text("ocid1.subnet.oc1.phx.aaaa"),
        ..Default::default()
    }
}

fn gcp() -> raw::GcpChoice {
    raw::GcpChoice {
        project: text("my-project"),
        zone: text("us-central1-a"),
        machine_type: text("g2-standard-4"),
        image: text("projects/my-project/global/images/family/spillway"),
        subnetwork: text("regions/us-central1/subnetworks/default"),
        service_account: text("worker@my-project.iam.gserviceaccount.com"),
        ..Default::default()
    }
}

fn azure() -> raw::AzureChoice {
    raw::AzureChoice {
        subscription: text("00000000-0000-0000-0000-000000000000"),
        resource_group: text("spillway"),
        region: text("eastus"),
        vm_size: text("Standard_NC4as_T4_v3"),
        image: text("microsoft-dsvm:ubuntu-hpc:2204:latest"),
        subnet_id: text("/subscriptions/s/subnets/n"),
        identity: text("/subscriptions/s/userAssignedIdentities/i"),
        ssh_public_key: text("ssh-ed25519 AAAA"),
        ..Default::default()
    }
}

fn choice(change: impl FnOnce(&mut raw::ProviderChoice)) -> raw::ProviderChoice {
    let mut choice = raw::ProviderChoice::default();
    change(&mut choice);
    choice
}

fn join() -> raw::Join {
    raw::Join {
        bootstrap_servers: Some(vec!["kafka.example.com:9094".to_owned()]),
        image: Some(format!(
            "registry.example.com/spillway-worker@sha256:{DIGEST}"
        )),
        model_set: Some(raw::ModelSetChoice {
            uri: text("https://models.example.com/set-7.tar.gz"),
            sha256: text(DIGEST),
        }),
        secret_from: Some(raw::SecretFrom {
            aws: text("spillway/worker"),
            azure: text("https://spillway.vault.azure.net/secrets/worker"),
            gcp: text("projects/my-project/secrets/worker/versions/latest"),
            oci: text("ocid1.vaultsecret.oc1.phx.aaaa"),
        }),
        ..Default::default()
    }
}

/// A good policy but for its pools' providers and its join.
fn policy(providers: Vec<raw::ProviderChoice>, join: raw::Join) -> raw::ScalingPolicy {
    let pools = providers
        .into_iter()
        .enumerate()
        .map(|(i, provider)| raw::BurstPool {
            name: Some(format!("pool-{i}")),
            provider: Some(provider),
            price_per_hour: Some(Decimal::ONE),
            boot_time: text("3m"),
            throughput_per_worker: Some(Decimal::TEN),
            max: Some(4),
            ..Default::default()
        });
    raw::ScalingPolicy {
        api_version: text("spillway.dev/v1alpha1"),
        kind: text("ScalingPolicy"),
        metadata: Some(raw::Metadata { name: text("p") }),
        spec: Some(raw::Spec {
            source: Some(raw::Source {
                kafka: Some(raw::KafkaSource {
                    bootstrap_servers: Some(vec!["kafka:9092".to_owned()]),
                    consumer_group: text("g"),
                    topics: Some(vec![raw::Topic {
                        name: text("jobs"),
                        drain_within: None,
                    }]),
                    ..Default::default()
                }),
            }),
            objective: Some(raw::Objective {
                drain_within: text("15m"),
            }),
            base: Some(raw::Base {
                fixed: Some(raw::BaseStatic { workers: Some(2) }),
                price_per_worker_hour: Some(Decimal::ONE),
                throughput_per_worker: Some(Decimal::TEN),
                ..Default::default()
            }),
            burst: Some(raw::Burst {
                max_workers: Some(4),
                join: Some(join),
                pools: Some(pools.collect()),
                ..Default::default()
            }),
            ..Default::default()
        }),
    }
}

fn problems(choice: raw::ProviderChoice, join: raw::Join) -> Vec<Problem> {
    Policy::check(&policy(vec![choice], join))
        .err()
        .unwrap_or_default()
}

/// The one thing that is wrong, as `path: message`.
fn only(choice: raw::ProviderChoice, join: raw::Join) -> String {
    let problems = problems(choice, join);
    let [problem] = problems.as_slice() else {
        panic!("one problem, not {problems:#?}");
    };
    let path = problem.path.trim_start_matches("spec.burst.");
    format!("{path}: {}", problem.message)
}

#[test]
fn a_good_pool_of_every_cloud_is_trusted_with_its_place() {
    let clouds = vec![
        choice(|it| it.aws = Some(aws())),
        choice(|it| it.azure = Some(azure())),
        choice(|it| it.gcp = Some(gcp())),
        choice(|it| it.oci = Some(oci())),
    ];
    let policy = Policy::check(&policy(clouds, join())).unwrap();
    let places: Vec<[&str; 4]> = policy
        .pools()
        .iter()
        .map(|pool| &pool.place)
        .map(|it| {
            [
                it.cloud.as_str(),
                it.region.as_str(),
                it.zone.as_str(),
                it.machine.as_str(),
            ]
        })
        .collect();
    assert_eq!(
        places,
        [
            ["aws", "us-east-1", "us-east-1a", "g6.xlarge"],
            ["azure", "eastus", "", "Standard_NC4as_T4_v3"],
            ["gcp", "us-central1", "us-central1-a", "g2-standard-4"],
            ["oci", "us-phoenix-1", "Uocm:PHX-AD-1", "VM.GPU.A10.1"],
        ]
    );
    assert_eq!(policy.join().secret_from.len(), 4);
    let ProviderKind::Aws(aws) = &policy.pools()[0].provider else {
        panic!("{:?}", policy.pools()[0].provider);
    };
    assert_eq!(aws.root_device, "/dev/sda1");
}

#[test]
fn what_could_only_fail_at_the_first_burst_is_refused_at_its_line() {
    let with_aws = |change: fn(&mut raw::AwsChoice)| {
        choice(|it| {
            let mut aws = aws();
            change(&mut aws);
            it.aws = Some(aws);
        })
    };
    let at = "pools[0].provider";
    for (choice, problem) in [
        (
            with_aws(|aws| aws.region = text("us-east-9")),
            "aws.zone: is not in us-east-9",
        ),
        (
            with_aws(|aws| aws.instance_type = text("m7i.large")),
            "aws.instanceType: `m7i.large` has no NVIDIA GPU",
        ),
        (
            with_aws(|aws| aws.image_id = text("image-1")),
            "aws.imageId: must begin with `ami-`",
        ),
        (
            with_aws(|aws| aws.subnet_id = None),
            "aws.subnetId: is required",
        ),
        (
            with_aws(|aws| aws.endpoint = text("http://ec2.example.com")),
            "aws.endpoint: would send credentials in the clear",
        ),
        (
            with_aws(|aws| aws.volume_gb = Some(1)),
            "aws.volumeGB: must be 10 to 16384",
        ),
    ] {
        let found = problems(choice, join());
        let told: Vec<String> = found
            .iter()
            .map(|it| format!("{}: {}", it.path, it.message))
            .collect();
        let wanted = format!("spec.burst.{at}.{problem}");
        assert!(told.contains(&wanted), "{wanted} in {told:#?}");
    }
    let gcp = choice(|it| {
        it.gcp = Some(raw::GcpChoice {
            machine_type: text("n1-standard-8"),
            ..gcp()
        });
    });
    let told = only(gcp, join());
    assert_eq!(
        told,
        format!("{at}.gcp.machineType: `n1-standard-8` has no GPU of its own")
    );
    let oci = choice(|it| {
        it.oci = Some(raw::OciChoice {
            region: text("us-fenix-1"),
            ..oci()
        });
    });
    let found = problems(oci, join());
    assert_eq!(found[0].message, "`us-fenix-1` is no region of this cloud");
    let help = found[0].help.clone().unwrap();
    assert!(help.contains("us-"), "{help}");
}

#[test]
fn what_a_machine_needs_to_become_a_worker_is_required() {
    let aws = || choice(|it| it.aws = Some(aws()));
    let change = |change: fn(&mut raw::Join)| {
        let mut join = join();
        change(&mut join);
        join
    };
    for (join, problem) in [
        (
            change(|join| join.image = text("registry.example.com/spillway-worker:latest")),
            "join.image: does not name an image by its digest",
        ),
        (change(|join| join.image = None), "join.image: is required"),
        (
            change(|join| join.model_set = None),
            "join.modelSet: is required",
        ),
        (
            change(|join| join.secret_from = None),
            "join.secretFrom.aws: is required",
        ),
        (
            change(|join| join.secret_from.as_mut().unwrap().gcp = text("worker")),
            "join.secretFrom.gcp: names no secret",
        ),
        (
            change(|join| join.bootstrap_servers = Some(vec!["localhost:9092".to_owned()])),
            "join.bootstrapServers: localhost:9092 is this machine, which `pool-0` cannot reach",
        ),
        (
            change(|join| {
                join.environment
                    .insert("KAFKA_PASSWORD".to_owned(), "x".to_owned());
            }),
            "join.environment.KAFKA_PASSWORD: looks like a secret, and user data is no place for one",
        ),
        (
            change(|join| {
                let config = "security.protocol=sasl_ssl,sasl.password=x";
                let name = "SPILLWAY_KAFKA_CONFIG".to_owned();
                join.environment.insert(name, config.to_owned());
            }),
            "join.environment.SPILLWAY_KAFKA_CONFIG: looks like a secret, and user data is no place for one",
        ),
        (
            change(|join| join.model_set.as_mut().unwrap().uri = text("gs://models/set.tar")),
            "join.modelSet.uri: is read by the identity of a machine in its own cloud, which those of `pool-0` have not",
        ),
        (
            change(|join| join.model_set.as_mut().unwrap().sha256 = text("abc")),
            "join.modelSet.sha256: must be 64 hexadecimal digits",
        ),
    ] {
        assert_eq!(only(aws(), join), problem);
    }
}

#[test]
fn machines_that_are_no_clouds_need_none_of_it() {
    let process = choice(|it| it.process = Some(raw::ProcessChoice::default()));
    assert_eq!(problems(process, raw::Join::default()), []);
}

#[test]
fn a_pool_has_one_provider() {
    let both = choice(|it| {
        it.aws = Some(aws());
        it.oci = Some(oci());
    });
    let told = only(both, join());
    assert_eq!(
        told,
        "pools[0].provider.oci: cannot stand beside `aws`: a pool has one provider"
    );
}

#[test]
fn an_endpoint_of_ones_own_may_be_anywhere_and_an_emulators_machines_are_here() {
    let emulated = choice(|it| {
        it.aws = Some(raw::AwsChoice {
            region: text("test-1"),
            zone: None,
            endpoint: text("http://127.0.0.1:4566/"),
            ..aws()
        });
    });
    let mut join = join();
    join.bootstrap_servers = Some(vec!["127.0.0.1:9092".to_owned()]);
    let policy = Policy::check(&policy(vec![emulated], join)).unwrap();
    assert_eq!(
        policy.pools()[0].provider.endpoint(),
        Some("http://127.0.0.1:4566")
    );
    assert_eq!(policy.pools()[0].place.zone, "subnet-0123456789abcdef0");
}

#[test]
fn machines_are_told_by_their_names() {
    use super::known::{aws_gpu, azure_gpu, gcp_gpu, oci_gpu};
    type Case<'a> = (fn(&str) -> bool, &'a [&'a str], &'a [&'a str]);
    let cases: [Case<'_>; 4] = [
        (
            aws_gpu,
            &[
                "g4dn.xlarge",
                "g5.xlarge",
                "g6.xlarge",
                "g6e.2xlarge",
                "gr6.4xlarge",
                "p4d.24xlarge",
                "p5.48xlarge",
            ],
            &[
                "g4ad.xlarge",
                "g5g.xlarge",
                "m7i.large",
                "c7g.large",
                "inf2.xlarge",
                "trn1.2xlarge",
                "g",
                "p",
            ],
        ),
        (
            oci_gpu,
            &["VM.GPU.A10.1", "VM.GPU3.1", "BM.GPU.H100.8", "BM.GPU4.8"],
            &["VM.Standard.E5.Flex", "BM.GPU.MI300X.8"],
        ),
        (
            gcp_gpu,
            &[
                "g2-standard-4",
                "a2-highgpu-1g",
                "a3-highgpu-8g",
                "g4-standard-48",
            ],
            &[
                "n1-standard-8",
                "n2-standard-4",
                "a4x-highgpu-4g",
                "e2-medium",
            ],
        ),
        (
            azure_gpu,
            &[
                "Standard_NC4as_T4_v3",
                "Standard_NC24ads_A100_v4",
                "Standard_NV36ads_A10_v5",
                "Standard_ND96isr_H100_v5",
            ],
            &[
                "Standard_D4s_v5",
                "Standard_NV4as_v4",
                "Standard_NP10s",
                "Standard_ND96isr_MI300X_v5",
            ],
        ),
    ];
    for (has_gpu, with, without) in cases {
        for kind in with {
            assert!(has_gpu(kind), "{kind}");
        }
        for kind in without {
            assert!(!has_gpu(kind), "{kind}");
        }
    }
}
