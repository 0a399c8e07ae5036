"""Resource Manager requests by Microsoft's SDK: bodies along its models, enumerations by their members."""

import json
import re
from urllib.parse import parse_qsl, urlsplit

import azure.mgmt.compute.models as models

GROUP = r"/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft.Compute/virtualMachines"
OPERATIONS = [
    ("PUT", GROUP + r"/[^/]+", "create_or_update", set()),
    ("GET", GROUP, "list", {"$filter", "$expand", "$skiptoken"}),
    ("GET", GROUP + r"/[^/]+", "get", {"$expand"}),
    ("DELETE", GROUP + r"/[^/]+", "delete", {"forceDeletion"}),
    ("GET", r"/subscriptions/[^/]+/providers/Microsoft.Compute/locations/[^/]+/operations/[^/]+", "operation", None),
]
TOKEN_FIELDS = [
    {"client_id", "client_secret", "grant_type", "scope"},
    {"client_id", "client_assertion", "client_assertion_type", "grant_type", "scope"},
]
ENUMS = {
    "priority": models.VirtualMachinePriorityTypes,
    "evictionPolicy": models.VirtualMachineEvictionPolicyTypes,
    "deleteOption": None,
    "createOption": models.DiskCreateOptionTypes,
    "storageAccountType": models.StorageAccountTypes,
}


def fields(model) -> dict:
    return {field._rest_name: name for name, field in type(model)._attr_to_rest_field.items()}


def complain(value: dict, model, path: str = "") -> list[str]:
    known = fields(model)
    complaints = []
    for name, inner in value.items():
        where = f"{path}.{name}"
        if name not in known:
            complaints.append(f"unknown field {where}")
            continue
        if inner is None:
            complaints.append(f"{where} is null: the SDK leaves it out")
            continue
        names = ENUMS.get(name) or (models.DiskDeleteOptionTypes if name == "deleteOption" else None)
        if names and inner not in [member.value for member in names]:
            complaints.append(f"{where}: {inner!r} is none of the enumeration")
        child = getattr(model, known[name])
        if isinstance(inner, dict) and hasattr(type(child), "_attr_to_rest_field"):
            complaints += complain(inner, child, where)
        elif isinstance(inner, list):
            for i, (item, own) in enumerate(zip(inner, child or [])):
                if isinstance(item, dict) and hasattr(type(own), "_attr_to_rest_field"):
                    complaints += complain(item, own, f"{where}[{i}]")
        elif child is None:
            complaints.append(f"{where} is lost by the model")
    return complaints


def judge(request: dict, _keys: dict) -> tuple[str, list[str]]:
    parts = urlsplit(request["path"])
    if re.fullmatch(r"/[^/]+/oauth2/v2.0/token", parts.path):
        sent = {name for name, _ in parse_qsl(request["body"])}
        return "token", [] if sent in TOKEN_FIELDS else [f"the fields are {sorted(sent)}"]
    for method, pattern, name, queries in OPERATIONS:
        if request["method"] == method and re.fullmatch(pattern, parts.path):
            break
    else:
        return "unknown", ["no operation of the SDK that is judged here"]
    sent = {own for own, _ in parse_qsl(parts.query, keep_blank_values=True)}
    # The link of an operation is the cloud's own: whatever is in it must be sent back.
    unknown = sent - queries - {"api-version"} if queries is not None else set()
    complaints = [f"unknown query parameter {own}" for own in sorted(unknown)]
    if "api-version" not in sent:
        complaints.append("there is no api-version")
    if name == "create_or_update":
        body = json.loads(request["body"])
        complaints += complain(body, models.VirtualMachine(body))
    elif request["body"]:
        complaints.append("there is a body")
    return name, complaints
