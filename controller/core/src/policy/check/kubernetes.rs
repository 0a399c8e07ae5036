//! A base in Kubernetes, checked.

use super::Problems;
use crate::policy::raw;
use crate::policy::workload::{Workload, WorkloadKind};

const PATH: &str = "spec.base.kubernetes";

pub(super) fn workload(problems: &mut Problems, raw: &raw::BaseKubernetes) -> Workload {
    let (kind, field, name) = match (&raw.deployment, &raw.stateful_set) {
        (Some(name), None) => (WorkloadKind::Deployment, "deployment", name.as_str()),
        (None, Some(name)) => (WorkloadKind::StatefulSet, "statefulSet", name.as_str()),
        (None, None) => {
            let help = "say `deployment: NAME` or `statefulSet: NAME`".to_owned();
            problems.add(PATH, "names no workload", Some(help));
            (WorkloadKind::Deployment, "deployment", "none")
        }
        (Some(name), Some(_)) => {
            let at = format!("{PATH}.statefulSet");
            problems.add(&at, "cannot stand beside `deployment`: choose one", None);
            (WorkloadKind::Deployment, "deployment", name.as_str())
        }
    };
    let name = problems.text(&format!("{PATH}.{field}"), Some(name));
    if raw.namespace.as_deref() == Some("") {
        problems.add(&format!("{PATH}.namespace"), "must not be empty", None);
    }
    let replicas = raw.replicas.clone().unwrap_or_default();
    let min = problems.count(&format!("{PATH}.replicas.min"), replicas.min, 0);
    let max = problems.count(&format!("{PATH}.replicas.max"), replicas.max, 1);
    if let (Some(min), Some(max)) = (replicas.min, replicas.max)
        && min > max
        && max >= 1
    {
        let help = format!("at most {max}, as max says");
        let at = format!("{PATH}.replicas.min");
        problems.add(&at, "is above the max", Some(help));
    }
    Workload {
        kind,
        namespace: raw.namespace.clone(),
        name,
        min,
        max,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::raw::{BaseKubernetes, Replicas};

    fn problems(base: BaseKubernetes) -> Vec<String> {
        let mut problems = Problems::default();
        workload(&mut problems, &base);
        let told = problems.0.into_iter();
        told.map(|problem| format!("{}: {}", problem.path, problem.message))
            .collect()
    }

    fn base(deployment: Option<&str>, replicas: Option<(u32, u32)>) -> BaseKubernetes {
        BaseKubernetes {
            deployment: deployment.map(str::to_owned),
            replicas: replicas.map(|(min, max)| Replicas {
                min: Some(min),
                max: Some(max),
            }),
            ..BaseKubernetes::default()
        }
    }

    #[test]
    fn what_is_wrong_is_told_at_its_place() {
        assert_eq!(problems(base(Some("w"), Some((2, 8)))), [""; 0]);
        assert_eq!(
            problems(base(None, Some((2, 8)))),
            ["spec.base.kubernetes: names no workload"]
        );
        assert_eq!(
            problems(base(Some("w"), Some((9, 8)))),
            ["spec.base.kubernetes.replicas.min: is above the max"]
        );
        assert_eq!(
            problems(base(Some("w"), None)),
            [
                "spec.base.kubernetes.replicas.min: is required",
                "spec.base.kubernetes.replicas.max: is required"
            ]
        );
        let both = BaseKubernetes {
            stateful_set: Some("s".to_owned()),
            ..base(Some("w"), Some((0, 1)))
        };
        assert_eq!(
            problems(both),
            ["spec.base.kubernetes.statefulSet: cannot stand beside `deployment`: choose one"]
        );
    }
}
