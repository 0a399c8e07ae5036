"""OCI requests by Oracle's SDK: bodies by its models, queries by its client's own list, signatures by its signer."""

import base64
import inspect
import json
import re
from urllib.parse import parse_qsl, urlsplit

import oci
import requests
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from oci.core import models

COMPUTE = oci.core.ComputeClient
# Method and path below the version; the client's method; the model of the body; the names of headers beside the usual.
OPERATIONS = [
    ("POST", r"/instances", COMPUTE.launch_instance, "LaunchInstanceDetails"),
    ("GET", r"/instances", COMPUTE.list_instances, None),
    ("GET", r"/instances/[^/]+", COMPUTE.get_instance, None),
    ("DELETE", r"/instances/[^/]+", COMPUTE.terminate_instance, None),
    ("GET", r"/workRequests/[^/]+", oci.work_requests.WorkRequestClient.get_work_request, None),
    ("GET", r"/workRequests/[^/]+/errors", oci.work_requests.WorkRequestClient.list_work_request_errors, None),
    ("POST", r"/computeCapacityReports", COMPUTE.create_compute_capacity_report, "CreateComputeCapacityReportDetails"),
    ("GET", r"/shapes", COMPUTE.list_shapes, None),
    ("GET", r"/availabilityDomains/?", oci.identity.IdentityClient.list_availability_domains, None),
]


def unknown_fields(value, kind: str, path: str = "") -> list[str]:
    """Walks a body along the SDK's models."""
    listed = re.fullmatch(r"list\[(.*)\]", kind)
    if listed:
        if not isinstance(value, list):
            return [f"{path} is no list"]
        return [bad for i, item in enumerate(value) for bad in unknown_fields(item, listed[1], f"{path}[{i}]")]
    if kind.startswith("dict("):
        return [] if isinstance(value, dict) else [f"{path} is no object"]
    if not hasattr(models, kind):
        wanted = {"str": str, "bool": bool, "int": int, "float": (int, float)}.get(kind)
        fits = wanted is None or (isinstance(value, wanted) and (kind == "bool" or not isinstance(value, bool)))
        return [] if fits else [f"{path} is no {kind}"]
    model = getattr(models, kind)
    if hasattr(model, "get_subtype"):
        model = getattr(models, model.get_subtype(value))
    shape = model()
    names = {wire: own for own, wire in shape.attribute_map.items()}
    complaints = []
    for name, inner in value.items():
        if name not in names:
            complaints.append(f"unknown field {path}.{name}")
        elif inner is None:
            complaints.append(f"{path}.{name} is null: the SDK leaves it out")
        else:
            complaints += unknown_fields(inner, shape.swagger_types[names[name]], f"{path}.{name}")
    return complaints


def query_names(method) -> set[str]:
    """The query parameters that the SDK's own method puts together."""
    source = inspect.getsource(method)
    block = re.search(r"query_params = \{(.*?)\n        \}", source, re.S)
    return set(re.findall(r'"(\w+)":', block[1])) if block else set()


def judge(request: dict, keys: dict) -> tuple[str, list[str]]:
    parts = urlsplit(request["path"])
    if parts.path == "/v1/x509":
        return "x509", []
    below = parts.path.removeprefix("/20160918")
    for method, pattern, call, model in OPERATIONS:
        if request["method"] == method and re.fullmatch(pattern, below) and below != parts.path:
            break
    else:
        return "unknown", ["no operation of the SDK that is judged here"]
    complaints = []
    known = query_names(call)
    for name, _ in parse_qsl(parts.query, keep_blank_values=True):
        if name not in known:
            complaints.append(f"unknown query parameter {name}")
    if model:
        complaints += unknown_fields(json.loads(request["body"]), model)
    elif request["body"]:
        complaints.append("there is a body")
    if keys:
        complaints += signature_complaints(request, keys)
    return call.__name__, complaints


def signature_complaints(request: dict, keys: dict) -> list[str]:
    headers = {name.lower(): value for name, value in request["headers"]}
    given = dict(re.findall(r'(\w+)="([^"]*)"', headers.get("authorization", "")))
    body = request["body"].encode()
    signed = given.get("headers", "").split()
    lines = []
    for name in signed:
        value = f"{request['method'].lower()} {request['path']}" if name == "(request-target)" else headers.get(name)
        lines.append(f"{name}: {value}")
    public = serialization.load_pem_public_key(keys["public_pem"].encode())
    try:
        public.verify(base64.b64decode(given.get("signature", "")), "\n".join(lines).encode(), padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        return ["the signature does not verify"]
    if "private_pem" not in keys:
        return []
    return [] if own_signature(request, headers, body, keys, given) == given["signature"] else [
        "the signature is not the one that the SDK makes"
    ]


def own_signature(request: dict, headers: dict, body: bytes, keys: dict, given: dict) -> str:
    """What Oracle's signer says for the same request at the same time; RSA with PKCS 1 v1.5 has one answer."""
    tenancy, user, fingerprint = given["keyId"].split("/")
    signer = oci.signer.Signer(tenancy, user, fingerprint, private_key_file_location=None, private_key_content=keys["private_pem"])
    kept = {name: headers[name] for name in ("date", "host", "content-type") if name in headers}
    asked = requests.Request(request["method"], f"http://{headers['host']}{request['path']}", headers=kept, data=body or None)
    prepared = asked.prepare()
    signer(prepared)
    theirs = dict(re.findall(r'(\w+)="([^"]*)"', prepared.headers["authorization"]))
    if sorted(theirs["headers"].split()) != sorted(given["headers"].split()):
        return f"signed headers differ: {theirs['headers']} and {given['headers']}"
    if theirs["headers"] == given["headers"]:
        return theirs["signature"]
    # Another order is as good; then the message is the same lines in that order.
    private = serialization.load_pem_private_key(keys["private_pem"].encode(), None)
    lines = [
        f"{name}: " + (f"{request['method'].lower()} {request['path']}" if name == "(request-target)" else prepared.headers[name])
        for name in given["headers"].split()
    ]
    return base64.b64encode(private.sign("\n".join(lines).encode(), padding.PKCS1v15(), hashes.SHA256())).decode()
