//! Which regions there are, and which machines have NVIDIA GPUs. As of November 2026.
//!
//! Regions are listed, since a misspelt one is only found out by a name that does not resolve. Machines are told by the
//! form of their names, so that a new size of a known family needs no change here.

// A line each would be a file of its own.
#[rustfmt::skip]
pub(super) const AWS_REGIONS: &[&str] = &[
    "af-south-1", "ap-east-1", "ap-east-2", "ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1",
    "ap-south-2", "ap-southeast-1", "ap-southeast-2", "ap-southeast-3", "ap-southeast-4", "ap-southeast-5",
    "ap-southeast-6", "ap-southeast-7", "ca-central-1", "ca-west-1", "cn-north-1", "cn-northwest-1", "eu-central-1",
    "eu-central-2", "eu-north-1", "eu-south-1", "eu-south-2", "eu-west-1", "eu-west-2", "eu-west-3",
    "eusc-de-east-1", "il-central-1", "me-central-1", "me-south-1", "mx-central-1", "sa-east-1", "us-east-1",
    "us-east-2", "us-gov-east-1", "us-gov-west-1", "us-west-1", "us-west-2",
];

#[rustfmt::skip]
pub(super) const OCI_REGIONS: &[&str] = &[
    "af-casablanca-1", "af-johannesburg-1", "ap-batam-1", "ap-chuncheon-1", "ap-hyderabad-1", "ap-melbourne-1",
    "ap-mumbai-1", "ap-osaka-1", "ap-seoul-1", "ap-singapore-1", "ap-singapore-2", "ap-sydney-1", "ap-tokyo-1",
    "ca-montreal-1", "ca-toronto-1", "eu-amsterdam-1", "eu-frankfurt-1", "eu-frankfurt-2", "eu-jovanovac-1",
    "eu-madrid-1", "eu-madrid-2", "eu-madrid-3", "eu-marseille-1", "eu-milan-1", "eu-paris-1", "eu-stockholm-1",
    "eu-turin-1", "eu-zurich-1", "il-jerusalem-1", "me-abudhabi-1", "me-dubai-1", "me-jeddah-1", "me-riyadh-1",
    "mx-monterrey-1", "mx-queretaro-1", "sa-bogota-1", "sa-santiago-1", "sa-saopaulo-1", "sa-valparaiso-1",
    "sa-vinhedo-1", "uk-cardiff-1", "uk-london-1", "us-ashburn-1", "us-chicago-1", "us-gov-ashburn-1",
    "us-gov-chicago-1", "us-gov-phoenix-1", "us-langley-1", "us-luke-1", "us-phoenix-1", "us-sanjose-1",
];

#[rustfmt::skip]
pub(super) const GCP_REGIONS: &[&str] = &[
    "africa-south1", "asia-east1", "asia-east2", "asia-northeast1", "asia-northeast2", "asia-northeast3",
    "asia-south1", "asia-south2", "asia-southeast1", "asia-southeast2", "asia-southeast3", "australia-southeast1",
    "australia-southeast2", "europe-central2", "europe-north1", "europe-north2", "europe-southwest1",
    "europe-west1", "europe-west10", "europe-west12", "europe-west2", "europe-west3", "europe-west4",
    "europe-west6", "europe-west8", "europe-west9", "me-central1", "me-central2", "me-west1",
    "northamerica-northeast1", "northamerica-northeast2", "northamerica-south1", "southamerica-east1",
    "southamerica-west1", "us-central1", "us-east1", "us-east4", "us-east5", "us-south1", "us-west1", "us-west2",
    "us-west3", "us-west4",
];

#[rustfmt::skip]
pub(super) const AZURE_REGIONS: &[&str] = &[
    "australiacentral", "australiacentral2", "australiaeast", "australiasoutheast", "austriaeast", "belgiumcentral",
    "brazilsouth", "brazilsoutheast", "canadacentral", "canadaeast", "centralindia", "centralus", "chilecentral",
    "chinaeast", "chinaeast2", "chinaeast3", "chinanorth", "chinanorth2", "chinanorth3", "denmarkeast", "eastasia",
    "eastus", "eastus2", "francecentral", "francesouth", "germanynorth", "germanywestcentral", "indonesiacentral",
    "israelcentral", "italynorth", "japaneast", "japanwest", "jioindiacentral", "jioindiawest", "koreacentral",
    "koreasouth", "malaysiawest", "mexicocentral", "newzealandnorth", "northcentralus", "northeurope", "norwayeast",
    "norwaywest", "polandcentral", "qatarcentral", "southafricanorth", "southafricawest", "southcentralus",
    "southeastasia", "southindia", "spaincentral", "swedencentral", "swedensouth", "switzerlandnorth",
    "switzerlandwest", "uaecentral", "uaenorth", "uksouth", "ukwest", "usgovarizona", "usgovtexas", "usgovvirginia",
    "westcentralus", "westeurope", "westindia", "westus", "westus2", "westus3",
];

/// Most regions that are suggested.
const ALIKE_MAX: usize = 4;

/// The regions that begin most like a word, as a suggestion.
pub(super) fn alike(word: &str, known: &[&str]) -> Option<String> {
    let common = |region: &str| {
        let pairs = region.bytes().zip(word.bytes());
        pairs.take_while(|(one, other)| one == other).count()
    };
    let most = known.iter().map(|region| common(region)).max()?;
    let nearest = known.iter().filter(|region| common(region) == most);
    let nearest: Vec<String> = nearest
        .take(ALIKE_MAX)
        .map(|region| format!("`{region}`"))
        .collect();
    (most >= 2).then(|| format!("did you mean {}?", nearest.join(", ")))
}

/// P and G families, but for those with AMD's GPUs or an Arm processor, for which there is no worker.
pub(super) fn aws_gpu(kind: &str) -> bool {
    let family = kind.split_once('.').map_or("", |(family, _)| family);
    let rest = family
        .strip_prefix("gr")
        .or(family.strip_prefix(['g', 'p']));
    let has_number = rest.is_some_and(|rest| rest.starts_with(|it: char| it.is_ascii_digit()));
    has_number && !["g4ad", "g5g", "p6e-gb200", "p6e-gb300"].contains(&family)
}

/// `VM.GPU…` and `BM.GPU…`, but for AMD's.
pub(super) fn oci_gpu(kind: &str) -> bool {
    let has_gpu = kind.starts_with("VM.GPU") || kind.starts_with("BM.GPU");
    has_gpu && !kind.contains("MI3") && !kind.contains(".GB200") && !kind.contains(".GB300")
}

/// Accelerator-optimised families, but for those with an Arm processor.
pub(super) fn gcp_gpu(kind: &str) -> bool {
    ["a2-", "a3-", "a4-", "g2-", "g4-"]
        .iter()
        .any(|family| kind.starts_with(family))
}

/// `Standard_NC…`, `_ND…`, `_NV…`, but for AMD's: NVv4, NG, and NDs with MI300X.
pub(super) fn azure_gpu(kind: &str) -> bool {
    let family = kind.strip_prefix("Standard_").unwrap_or_default();
    let has_gpu = ["NC", "ND", "NV"]
        .iter()
        .any(|start| family.starts_with(start));
    let is_amd = family.contains("MI300X")
        || family.contains("V620")
        || (family.starts_with("NV") && family.ends_with("as_v4"));
    has_gpu && !is_amd && !family.contains("GB200") && !family.contains("GB300")
}
