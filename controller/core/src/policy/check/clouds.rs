//! What is wrong with a cloud's machines: all that would otherwise be found out by the first burst.

mod known;

use super::Problems;
use super::join::{host, is_here};
use crate::policy::clouds::{Aws, Azure, Gcp, Oci};
use crate::policy::{Place, ProviderKind, raw};

/// More on one machine is a typing error; the largest have 16.
const GPUS_MAX: u32 = 16;
/// Smaller disks hold no driver, larger ones are typing errors.
const DISK_GB: std::ops::RangeInclusive<u32> = 10..=16_384;

/// One cloud of a policy, read field by field.
struct Reader<'a> {
    problems: &'a mut Problems,
    path: String,
}

/// The provider of a pool and where its machines stand; of several that are written the first counts.
pub(super) fn provider(
    problems: &mut Problems,
    path: &str,
    choice: &raw::ProviderChoice,
) -> Option<(ProviderKind, Place)> {
    let written = [
        ("process", choice.process.is_some()),
        ("aws", choice.aws.is_some()),
        ("azure", choice.azure.is_some()),
        ("gcp", choice.gcp.is_some()),
        ("oci", choice.oci.is_some()),
    ];
    let mut written = written.iter().filter(|(_, is)| *is).map(|(name, _)| *name);
    let first = written.next();
    for other in written {
        let message = format!(
            "cannot stand beside `{}`: a pool has one provider",
            first.unwrap_or_default()
        );
        problems.add(&format!("{path}.{other}"), &message, None);
    }
    let mut reader = Reader {
        problems,
        path: format!("{path}.{}", first.unwrap_or_default()),
    };
    match (&choice.aws, &choice.azure, &choice.gcp, &choice.oci) {
        _ if choice.process.is_some() => None,
        (Some(aws), ..) => Some(reader.aws(aws)),
        (_, Some(azure), ..) => Some(reader.azure(azure)),
        (_, _, Some(gcp), _) => Some(reader.gcp(gcp)),
        (.., Some(oci)) => Some(reader.oci(oci)),
        (None, None, None, None) => None,
    }
}

// === impl Reader ===

impl Reader<'_> {
    fn aws(&mut self, raw: &raw::AwsChoice) -> (ProviderKind, Place) {
        let endpoint = self.endpoint(&raw.endpoint);
        let aws = Aws {
            region: self.region(&raw.region, endpoint.is_some(), known::AWS_REGIONS),
            instance_type: self.gpu_type("instanceType", &raw.instance_type, known::aws_gpu),
            image_id: self.starting("imageId", &raw.image_id, "ami-"),
            subnet_id: self.starting("subnetId", &raw.subnet_id, "subnet-"),
            security_group_ids: self.all_starting(
                "securityGroupIds",
                &raw.security_group_ids,
                "sg-",
            ),
            instance_profile: self.text("instanceProfile", &raw.instance_profile),
            volume_gb: self.disk("volumeGB", raw.volume_gb),
            root_device: raw
                .root_device
                .clone()
                .unwrap_or_else(|| "/dev/sda1".to_owned()),
            endpoint,
        };
        if let Some(zone) = &raw.zone
            && !zone.starts_with(&aws.region)
        {
            self.wrong("zone", &format!("is not in {}", aws.region), None);
        }
        // A subnet lies in one zone: without the zone's name, pools in it share what is refused.
        let zone = raw.zone.clone().unwrap_or_else(|| aws.subnet_id.clone());
        let place = place("aws", &aws.region, &zone, &aws.instance_type);
        (ProviderKind::Aws(Box::new(aws)), place)
    }

    fn oci(&mut self, raw: &raw::OciChoice) -> (ProviderKind, Place) {
        let endpoint = self.endpoint(&raw.endpoint);
        let oci = Oci {
            region: self.region(&raw.region, endpoint.is_some(), known::OCI_REGIONS),
            availability_domain: self.text("availabilityDomain", &raw.availability_domain),
            fault_domain: raw.fault_domain.clone(),
            compartment_id: self.starting("compartmentId", &raw.compartment_id, "ocid1."),
            shape: self.gpu_type("shape", &raw.shape, known::oci_gpu),
            image_id: self.starting("imageId", &raw.image_id, "ocid1.image."),
            subnet_id: self.starting("subnetId", &raw.subnet_id, "ocid1.subnet."),
            network_security_group_ids: self.all_starting(
                "networkSecurityGroupIds",
                &raw.network_security_group_ids,
                "ocid1.networksecuritygroup.",
            ),
            boot_volume_gb: self.disk("bootVolumeGB", raw.boot_volume_gb),
            endpoint,
        };
        let place = place("oci", &oci.region, &oci.availability_domain, &oci.shape);
        (ProviderKind::Oci(Box::new(oci)), place)
    }

    fn gcp(&mut self, raw: &raw::GcpChoice) -> (ProviderKind, Place) {
        let endpoint = self.endpoint(&raw.endpoint);
        let zone = self.text("zone", &raw.zone);
        let region = zone
            .rsplit_once('-')
            .map_or("", |(region, _)| region)
            .to_owned();
        if !zone.is_empty() {
            self.known("zone", &region, endpoint.is_some(), known::GCP_REGIONS);
        }
        let gpu = raw.gpu.as_ref().map(|gpu| self.gpu(gpu));
        let gcp = Gcp {
            project: self.text("project", &raw.project),
            machine_type: self.gcp_type(&raw.machine_type, gpu.is_some()),
            gpu,
            image: self.starting("image", &raw.image, "projects/"),
            subnetwork: self.text("subnetwork", &raw.subnetwork),
            service_account: self.text("serviceAccount", &raw.service_account),
            disk_gb: self.disk("diskGB", raw.disk_gb),
            region,
            zone,
            endpoint,
        };
        let machine = match &gcp.gpu {
            Some((kind, count)) => format!("{}+{count}x{kind}", gcp.machine_type),
            None => gcp.machine_type.clone(),
        };
        let place = place("gcp", &gcp.region, &gcp.zone, &machine);
        (ProviderKind::Gcp(Box::new(gcp)), place)
    }

    fn azure(&mut self, raw: &raw::AzureChoice) -> (ProviderKind, Place) {
        let endpoint = self.endpoint(&raw.endpoint);
        let azure = Azure {
            subscription: self.text("subscription", &raw.subscription),
            resource_group: self.text("resourceGroup", &raw.resource_group),
            region: self.region(&raw.region, endpoint.is_some(), known::AZURE_REGIONS),
            zone: raw.zone.clone(),
            vm_size: self.gpu_type("vmSize", &raw.vm_size, known::azure_gpu),
            image: self.text("image", &raw.image),
            subnet_id: self.starting("subnetId", &raw.subnet_id, "/subscriptions/"),
            identity: self.starting("identity", &raw.identity, "/subscriptions/"),
            ssh_public_key: self.starting("sshPublicKey", &raw.ssh_public_key, "ssh-"),
            disk_gb: self.disk("diskGB", raw.disk_gb),
            endpoint,
        };
        let is_urn = azure.image.split(':').count() == 4;
        if !azure.image.is_empty() && !azure.image.starts_with('/') && !is_urn {
            let help = "write /subscriptions/…/images/NAME or publisher:offer:sku:version";
            self.wrong("image", "names no image", Some(help.to_owned()));
        }
        let zone = azure.zone.as_deref().unwrap_or_default();
        let place = place("azure", &azure.region, zone, &azure.vm_size);
        (ProviderKind::Azure(Box::new(azure)), place)
    }

    fn wrong(&mut self, field: &str, message: &str, help: Option<String>) {
        self.problems
            .add(&format!("{}.{field}", self.path), message, help);
    }

    fn text(&mut self, field: &str, written: &Option<String>) -> String {
        self.problems
            .text(&format!("{}.{field}", self.path), written.as_deref())
    }

    fn starting(&mut self, field: &str, written: &Option<String>, start: &str) -> String {
        let text = self.text(field, written);
        if !text.is_empty() && !text.starts_with(start) {
            self.wrong(field, &format!("must begin with `{start}`"), None);
        }
        text
    }

    fn all_starting(
        &mut self,
        field: &str,
        written: &Option<Vec<String>>,
        start: &str,
    ) -> Vec<String> {
        let all = written.clone().unwrap_or_default();
        for (i, text) in all.iter().enumerate() {
            if !text.starts_with(start) {
                let message = format!("must begin with `{start}`");
                self.wrong(&format!("{field}[{i}]"), &message, None);
            }
        }
        all
    }

    fn endpoint(&mut self, written: &Option<String>) -> Option<String> {
        let endpoint = written.clone()?;
        if !endpoint.starts_with("https://") && !endpoint.starts_with("http://") {
            self.wrong("endpoint", "must begin with https:// or http://", None);
        } else if endpoint.starts_with("http://") && !is_here(host(&endpoint)) {
            let message = "would send credentials in the clear";
            self.wrong("endpoint", message, Some("use https://".to_owned()));
        }
        Some(endpoint.trim_end_matches('/').to_owned())
    }

    fn disk(&mut self, field: &str, written: Option<u32>) -> Option<u32> {
        if written.is_some_and(|gb| !DISK_GB.contains(&gb)) {
            let message = format!("must be {} to {}", DISK_GB.start(), DISK_GB.end());
            self.wrong(field, &message, None);
        }
        written
    }

    fn region(&mut self, written: &Option<String>, is_private: bool, known: &[&str]) -> String {
        let region = self.text("region", written);
        if !region.is_empty() {
            self.known("region", &region, is_private, known);
        }
        region
    }

    /// An endpoint of one's own may be in a region that we have not heard of.
    fn known(&mut self, field: &str, region: &str, is_private: bool, known: &[&str]) {
        if !is_private && !known.contains(&region) {
            let message = format!("`{region}` is no region of this cloud");
            self.wrong(field, &message, known::alike(region, known));
        }
    }

    fn gpu_type(
        &mut self,
        field: &str,
        written: &Option<String>,
        has_gpu: fn(&str) -> bool,
    ) -> String {
        let kind = self.text(field, written);
        if !kind.is_empty() && !has_gpu(&kind) {
            self.wrong(field, &format!("`{kind}` has no NVIDIA GPU"), None);
        }
        kind
    }

    fn gcp_type(&mut self, written: &Option<String>, has_added: bool) -> String {
        let kind = self.text("machineType", written);
        let takes_gpus = kind.starts_with("n1-");
        match (has_added, takes_gpus, known::gcp_gpu(&kind)) {
            _ if kind.is_empty() => {}
            (true, false, _) => {
                let message = format!("cannot be added to `{kind}`, only to n1 machines");
                self.wrong("gpu", &message, None);
            }
            (false, true, _) => {
                let help = "add `gpu: {type: nvidia-tesla-t4}`".to_owned();
                let message = format!("`{kind}` has no GPU of its own");
                self.wrong("machineType", &message, Some(help));
            }
            (false, false, false) => {
                self.wrong("machineType", &format!("`{kind}` has no NVIDIA GPU"), None);
            }
            (true, true, _) | (false, false, true) => {}
        }
        kind
    }

    fn gpu(&mut self, raw: &raw::GpuChoice) -> (String, u32) {
        let kind = self.starting("gpu.type", &raw.kind, "nvidia-");
        let count = raw.count.unwrap_or(1);
        if !(1..=GPUS_MAX).contains(&count) {
            self.wrong("gpu.count", &format!("must be 1 to {GPUS_MAX}"), None);
        }
        (kind, count)
    }
}

fn place(cloud: &str, region: &str, zone: &str, machine: &str) -> Place {
    Place {
        cloud: cloud.to_owned(),
        region: region.to_owned(),
        zone: zone.to_owned(),
        machine: machine.to_owned(),
    }
}

#[cfg(test)]
mod tests;
