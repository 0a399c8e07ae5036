"""Compute Engine requests by Google's SDK: bodies and queries by its protobuf messages."""

import re
from urllib.parse import parse_qsl, urlsplit

from google.cloud import compute_v1 as compute

OPERATIONS = [
    ("POST", r"/zones/[^/]+/instances", compute.InsertInstanceRequest, compute.Instance),
    ("GET", r"/zones/[^/]+/instances", compute.ListInstancesRequest, None),
    ("GET", r"/zones/[^/]+/instances/[^/]+", compute.GetInstanceRequest, None),
    ("DELETE", r"/zones/[^/]+/instances/[^/]+", compute.DeleteInstanceRequest, None),
    ("GET", r"/aggregated/instances", compute.AggregatedListInstancesRequest, None),
    ("GET", r"/zones/[^/]+/operations/[^/]+", compute.GetZoneOperationRequest, None),
    ("POST", r"/zones/[^/]+/operations/[^/]+/wait", compute.WaitZoneOperationRequest, None),
    ("GET", r"/zones/[^/]+/machineTypes", compute.ListMachineTypesRequest, None),
]
TOKEN_FIELDS = {"grant_type", "assertion"}


def judge(request: dict, _keys: dict) -> tuple[str, list[str]]:
    parts = urlsplit(request["path"])
    if request["method"] == "POST" and parts.path.endswith("/token"):
        fields = {name for name, _ in parse_qsl(request["body"])}
        return "token", [] if fields == TOKEN_FIELDS else [f"the fields are {sorted(fields)}"]
    below = re.fullmatch(r"/compute/v1/projects/[^/]+(/.*)", parts.path)
    for method, pattern, message, model in OPERATIONS:
        if below and request["method"] == method and re.fullmatch(pattern, below[1]):
            break
    else:
        return "unknown", ["no operation of the SDK that is judged here"]
    complaints = []
    known = {field.json_name for field in message.pb().DESCRIPTOR.fields}
    for name, _ in parse_qsl(parts.query, keep_blank_values=True):
        if name not in known:
            complaints.append(f"unknown query parameter {name}")
    if model is None:
        if request["body"]:
            complaints.append("there is a body")
        return message.__name__, complaints
    try:
        instance = model.from_json(request["body"], ignore_unknown_fields=False)
    except Exception as error:  # the SDK's own complaint, whatever its kind
        return message.__name__, [*complaints, str(error)]
    return message.__name__, complaints + enum_complaints(instance)


def enum_complaints(instance: compute.Instance) -> list[str]:
    """Enumerations are plain strings in the messages; their names stand beside them."""
    scheduling = instance.scheduling
    checks = [
        (scheduling.provisioning_model, compute.Scheduling.ProvisioningModel),
        (scheduling.on_host_maintenance, compute.Scheduling.OnHostMaintenance),
        (scheduling.instance_termination_action, compute.Scheduling.InstanceTerminationAction),
    ]
    return [f"{value!r} is no {names.__name__}" for value, names in checks if value and value not in names.__members__]
