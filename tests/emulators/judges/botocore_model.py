"""EC2 requests by botocore's service model: parameter names, kinds, enumerations, what is required; SigV4 signatures."""

import re
from urllib.parse import parse_qsl

import botocore.session
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

MODEL = botocore.session.get_session().get_service_model("ec2")
# Deeper than this are recursive shapes, which no launch of ours has.
DEPTH_MAX = 9


def query_name(shape, name: str) -> str:
    named = shape.serialization.get("queryName")
    if named:
        return named
    name = shape.serialization.get("name", name)
    return name[:1].upper() + name[1:]


def flatten(shape, prefix: str = "", depth: int = 0) -> dict:
    """Every parameter that an operation knows, with `N` for numbers, and its shape."""
    if depth > DEPTH_MAX:
        return {}
    if shape.type_name == "structure":
        found: dict = {}
        for name, member in shape.members.items():
            own = query_name(member, name)
            found |= flatten(member, f"{prefix}.{own}" if prefix else own, depth + 1)
        return found
    if shape.type_name == "list":
        return flatten(shape.member, f"{prefix}.N", depth + 1)
    return {prefix: shape}


def value_complaint(shape, value: str) -> str | None:
    enum = getattr(shape, "enum", None)
    if enum and value not in enum:
        return f"{value!r} is none of the enumeration"
    if shape.type_name == "boolean" and value not in ("true", "false"):
        return f"{value!r} is no boolean"
    if shape.type_name in ("integer", "long") and not re.fullmatch(r"-?\d+", value):
        return f"{value!r} is no whole number"
    return None


def judge(request: dict, keys: dict) -> tuple[str, list[str]]:
    form = dict(parse_qsl(request["body"], keep_blank_values=True, strict_parsing=True))
    action = form.pop("Action", "none")
    if action not in MODEL.operation_names:
        return action, [f"no such operation: {action}"]
    complaints = []
    if form.pop("Version", None) != MODEL.api_version:
        complaints.append(f"the version is not {MODEL.api_version}")
    shape = MODEL.operation_model(action).input_shape
    known = flatten(shape)
    for name, value in form.items():
        general = re.sub(r"\.\d+", ".N", name)
        if general not in known:
            complaints.append(f"unknown parameter {name}")
            continue
        said = value_complaint(known[general], value)
        if said:
            complaints.append(f"{name}: {said}")
    for needed in shape.required_members:
        own = query_name(shape.members[needed], needed)
        if not any(name == own or name.startswith(f"{own}.") for name in form):
            complaints.append(f"{needed} is missing")
    if keys:
        complaints += signature_complaints(request, keys)
    return action, complaints


def signature_complaints(request: dict, keys: dict) -> list[str]:
    headers = {name.lower(): value for name, value in request["headers"]}
    given = dict(re.findall(r"(\w+)=([^,\s]+)", headers.get("authorization", "")))
    scope = given.get("Credential", "").split("/")
    if len(scope) != 5 or scope[0] != keys["access_key"] or scope[3:] != ["ec2", "aws4_request"]:
        return [f"the scope is {'/'.join(scope)}"]
    signed = given.get("SignedHeaders", "").split(";")
    url = f"http://{headers['host']}{request['path']}"
    asked = AWSRequest(request["method"], url, {name: headers[name] for name in signed if name in headers}, request["body"])
    asked.context["timestamp"] = headers["x-amz-date"]
    auth = SigV4Auth(Credentials(keys["access_key"], keys["secret_key"]), "ec2", scope[2])
    canonical = auth.canonical_request(asked)
    own = auth.signature(auth.string_to_sign(asked, canonical), asked)
    return [] if own == given.get("Signature") else ["the signature is not the one that botocore makes"]
