//! Which sentence of the documents helps.

use serde::Serialize;
use spillway_cloud::Subject;

use super::Topic;

/// A sentence and where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct Help {
    /// A page of this project.
    pub(super) page: &'static str,
    /// Its section.
    pub(super) anchor: &'static str,
    pub(super) sentence: &'static str,
}

const AWS: &str = "docs/providers/aws.md";
const AZURE: &str = "docs/providers/azure.md";
const GCP: &str = "docs/providers/gcp.md";
const OCI: &str = "docs/providers/oci.md";
const DOCTOR: &str = "docs/doctor.md";

const fn help(page: &'static str, anchor: &'static str, sentence: &'static str) -> Option<Help> {
    Some(Help {
        page,
        anchor,
        sentence,
    })
}

/// For a cloud's name as policies have it.
pub(super) fn of_cloud(cloud: &str, subject: Subject) -> Option<Help> {
    match (cloud, subject) {
        ("aws", Subject::Credentials) => help(
            AWS,
            "burst-machines-on-aws",
            "Credentials come from the AWS SDK's default chain: environment, profile, single sign-on, web identity (IRSA), container or instance role.",
        ),
        ("aws", Subject::Listing | Subject::Launching) => help(
            AWS,
            "rights-of-the-controller",
            "Machines without that tag can be neither launched nor ended with these rights.",
        ),
        ("aws", Subject::Image) => help(
            AWS,
            "image",
            "AWS's Deep Learning Base AMIs have all of it; `rootDevice` is `/dev/sda1` on Ubuntu and `/dev/xvda` on Amazon Linux.",
        ),
        ("aws", Subject::Subnet) => help(
            AWS,
            "image",
            "The subnet needs a way out to Kafka, the registry, the models' store, Secrets Manager and the images' origins; nothing needs a way in.",
        ),
        ("azure", Subject::Credentials) => {
            help(AZURE, "credentials", "As Azure's own libraries find them:")
        }
        ("azure", Subject::Listing | Subject::Launching) => help(
            AZURE,
            "rights-of-the-controller",
            "A custom role, assigned on the resource group, and on the subnet and the image where these are elsewhere:",
        ),
        ("azure", Subject::Image) => help(
            AZURE,
            "image",
            "`microsoft-dsvm:ubuntu-hpc:2204:latest` has them, Docker included; pull the worker's container on top and capture it into a gallery, and it boots sooner.",
        ),
        ("azure", Subject::Subnet) => help(
            AZURE,
            "image",
            "The subnet needs a way out to Kafka, the registry, the models' store, the vault and the images' origins; nothing needs a way in.",
        ),
        ("gcp", Subject::Credentials) => help(
            GCP,
            "credentials",
            "A person's own login (`authorized_user`) is refused: the controller must outlive it.",
        ),
        ("gcp", Subject::Listing) => help(
            GCP,
            "rights-of-the-controller",
            "A custom role on the project:",
        ),
        ("gcp", Subject::Launching) => help(
            GCP,
            "rights-of-the-controller",
            "To give machines their account, the controller also needs `roles/iam.serviceAccountUser` on `spillway-worker@PROJECT.iam.gserviceaccount.com`, and on nothing else.",
        ),
        ("gcp", Subject::Image) => help(
            GCP,
            "rights-of-the-controller",
            "An image of another project needs `compute.images.useReadOnly` there.",
        ),
        ("gcp", Subject::Subnet) => help(
            GCP,
            "image",
            "The subnet needs a way out to Kafka, the registry, the models' store, Secret Manager and the images' origins (Cloud NAT, where machines have no public address); nothing needs a way in.",
        ),
        ("oci", Subject::Credentials) => help(
            OCI,
            "credentials",
            "As OCI's own tools find them, in this order:",
        ),
        ("oci", Subject::Clock) => help(
            OCI,
            "credentials",
            "OCI refuses signatures that are more than five minutes off: the controller's clock must be right.",
        ),
        ("oci", Subject::Listing | Subject::Launching) => help(
            OCI,
            "rights-of-the-controller",
            "A compartment of its own keeps these rights away from everything else.",
        ),
        ("oci", Subject::Image) => help(
            OCI,
            "what-refusals-mean",
            "leaves the pool alone: a right is missing, or an OCID is wrong, and OCI does not say which",
        ),
        ("oci", Subject::Subnet) => help(
            OCI,
            "image",
            "The subnet needs a way out to Kafka, the registry, the models' store, the vault and the images' origins; nothing needs a way in.",
        ),
        (_, Subject::Clock) => help(
            DOCTOR,
            "clock",
            "Clouds refuse what is signed too early or too late: keep the clock with chrony or systemd-timesyncd.",
        ),
        _ => None,
    }
}

pub(super) fn of_kafka(topic: Topic) -> Option<Help> {
    match topic {
        Topic::Kafka => help(
            DOCTOR,
            "kafka",
            "The controller reaches Kafka at `source.kafka.bootstrapServers`, and from there at whatever names the brokers advertise.",
        ),
        Topic::Topics => help(
            DOCTOR,
            "kafka",
            "The jobs' topics, `spillway.workers`, `spillway.control` and `spillway.results` must be there before the controller starts.",
        ),
        Topic::Join => help(
            DOCTOR,
            "kafka",
            "`burst.join.bootstrapServers` is Kafka as machines reach it from outside, which may be another listener than the controller's.",
        ),
        Topic::Cloud(_) => None,
    }
}
