"""Drives the emulators with the official SDKs: launch, look, list in pages, refuse, end. What an SDK cannot read fails.

    python drive.py '{"aws": "http://…", "oci": …, "gce": …, "azure": …, "control": …}'
"""

import json
import sys
import urllib.error
import urllib.parse
import urllib.request

import azure.core.exceptions
import botocore.exceptions
import botocore.session
import google.api_core.exceptions
import oci
from azure.core.credentials import AccessToken, AccessTokenInfo
from azure.core import MatchConditions
from azure.mgmt.compute import ComputeManagementClient
from botocore.config import Config
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.cloud import compute_v1 as compute
from google.cloud.compute_v1.services.instances.transports.rest import InstancesRestTransport
from google.cloud.compute_v1.services.zone_operations.transports.rest import ZoneOperationsRestTransport
from google.oauth2 import service_account

COUNT = 3
USER_DATA = "#cloud-config\n"


def send(url: str, method: str, body) -> None:
    asked = urllib.request.Request(url, json.dumps(body).encode(), {"content-type": "application/json"}, method=method)
    urllib.request.urlopen(asked).read()


def fault(at: dict, cloud: str, call: str, trouble: dict) -> None:
    send(f"{at['control']}/{cloud}/faults", "POST", {"call": call, "trouble": trouble, "times": 1})


def key() -> tuple[str, str, str]:
    """A throwaway key: private and public PEM, and its fingerprint."""
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    public = private.public_key()
    public_pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    digest = hashes.Hash(hashes.MD5())
    digest.update(der)
    return pem.decode(), public_pem.decode(), ":".join(f"{byte:02x}" for byte in digest.finalize())


def amazon(at: dict) -> None:
    client = botocore.session.get_session().create_client(
        "ec2", "us-east-1", endpoint_url=at["aws"], aws_access_key_id="AKID", aws_secret_access_key="SECRET",
        config=Config(retries={"total_max_attempts": 1}),
    )

    def run(token: str, **more):
        return client.run_instances(
            ImageId="ami-1", InstanceType="g6.xlarge", MinCount=1, MaxCount=1, ClientToken=token, UserData=USER_DATA,
            TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "spillway-owner", "Value": "us & <them>"}]}],
            **more,
        )["Instances"][0]

    ids = [run(f"token-{i}")["InstanceId"] for i in range(COUNT)]
    assert run("token-0")["InstanceId"] == ids[0]
    pages = client.get_paginator("describe_instances").paginate(
        Filters=[{"Name": "tag:spillway-owner", "Values": ["us & <them>"]}], PaginationConfig={"PageSize": 5}
    )
    pages = list(pages)
    listed = [one for page in pages for reservation in page["Reservations"] for one in reservation["Instances"]]
    assert [one["InstanceId"] for one in listed] == ids and len(pages) == 2, pages
    assert listed[0]["Tags"] == [{"Key": "spillway-owner", "Value": "us & <them>"}]
    assert listed[0]["State"] == {"Code": 16, "Name": "running"} and listed[0]["LaunchTime"].year >= 2026
    assert listed[0]["BlockDeviceMappings"][0]["Ebs"]["DeleteOnTermination"] is True
    ended = client.terminate_instances(InstanceIds=ids)["TerminatingInstances"]
    assert [one["PreviousState"]["Name"] for one in ended] == ["running"] * COUNT
    fault(at, "aws", "launch", {"kind": "no_capacity", "place": "answer"})
    for code, wrong in [
        ("InsufficientInstanceCapacity", lambda: run("token-9")),
        ("IdempotentParameterMismatch", lambda: run("token-9", EbsOptimized=True)),
        ("IdempotentInstanceTerminated", lambda: run("token-0")),
        ("InvalidInstanceID.NotFound", lambda: client.terminate_instances(InstanceIds=["i-0123456789abcdef0"])),
    ]:
        try:
            wrong()
        except botocore.exceptions.ClientError as error:
            assert error.response["Error"]["Code"] == code, error
        else:
            raise AssertionError(f"no {code}")


def oracle(at: dict) -> None:
    private, public, fingerprint = key()
    config = {"tenancy": "ocid1.tenancy.oc1..t", "user": "ocid1.user.oc1..u", "fingerprint": fingerprint,
              "key_content": private, "region": "us-ashburn-1"}
    key_id = f"{config['tenancy']}/{config['user']}/{fingerprint}"
    send(f"{at['control']}/oci/keys", "POST", {"key_id": key_id, "pem": public})
    models = oci.core.models
    client = oci.core.ComputeClient(config, service_endpoint=at["oci"], retry_strategy=oci.retry.NoneRetryStrategy())
    work = oci.work_requests.WorkRequestClient(config, service_endpoint=at["oci"])

    def launch(token: str):
        details = models.LaunchInstanceDetails(
            availability_domain="Uocm:US-ASHBURN-AD-1", compartment_id="ocid1.compartment.oc1..c", display_name=token,
            shape="VM.GPU.A10.1", source_details=models.InstanceSourceViaImageDetails(image_id="ocid1.image.oc1..i"),
            create_vnic_details=models.CreateVnicDetails(subnet_id="ocid1.subnet.oc1..s"),
            freeform_tags={"spillway-owner": "us"},
        )
        return client.launch_instance(details, opc_retry_token=token)

    launched = [launch(f"token-{i}") for i in range(COUNT)]
    ids = [answer.data.id for answer in launched]
    assert launch("token-0").data.id == ids[0]
    assert work.get_work_request(launched[0].headers["opc-work-request-id"]).data.status == "SUCCEEDED"
    listed = oci.pagination.list_call_get_all_results(client.list_instances, "ocid1.compartment.oc1..c", limit=2).data
    assert [one.id for one in listed] == ids, listed
    assert listed[0].lifecycle_state == "RUNNING" and listed[0].freeform_tags == {"spillway-owner": "us"}
    for one in ids:
        client.terminate_instance(one, preserve_boot_volume=False)
    assert client.get_instance(ids[0]).data.lifecycle_state == "TERMINATED"
    fault(at, "oci", "launch", {"kind": "no_capacity", "place": "later"})
    late = launch("token-8").headers["opc-work-request-id"]
    assert work.get_work_request(late).data.status == "FAILED"
    assert "Out of host capacity" in work.list_work_request_errors(late).data[0].message
    fault(at, "oci", "launch", {"kind": "no_capacity", "place": "answer"})
    for status, code, wrong in [
        (500, "InternalError", lambda: launch("token-9")),
        (409, "InvalidatedRetryToken", lambda: launch("token-0")),
        (404, "NotAuthorizedOrNotFound", lambda: client.get_instance("ocid1.instance.oc1..none")),
    ]:
        try:
            wrong()
        except oci.exceptions.ServiceError as error:
            assert (error.status, error.code) == (status, code), error
        else:
            raise AssertionError(f"no {code}")


def compute_engine(at: dict) -> None:
    private, _, _ = key()
    info = {"type": "service_account", "project_id": "p", "private_key_id": "k", "private_key": private,
            "client_email": "us@p.iam.gserviceaccount.com", "client_id": "1", "token_uri": at["gce"] + "/token"}
    scopes = ["https://www.googleapis.com/auth/compute"]
    credentials = service_account.Credentials.from_service_account_info(info, scopes=scopes).with_always_use_jwt_access(False)
    reach = {"host": at["gce"].removeprefix("http://"), "credentials": credentials, "url_scheme": "http", "always_use_jwt_access": False}
    instances = compute.InstancesClient(transport=InstancesRestTransport(**reach))
    operations = compute.ZoneOperationsClient(transport=ZoneOperationsRestTransport(**reach))
    zone = "us-central1-a"

    def insert(number: int):
        instance = compute.Instance(
            name=f"vm-{number}", machine_type=f"zones/{zone}/machineTypes/g2-standard-4", labels={"spillway-owner": "us"},
            disks=[compute.AttachedDisk(boot=True, auto_delete=True,
                                        initialize_params=compute.AttachedDiskInitializeParams(source_image="i"))],
            network_interfaces=[compute.NetworkInterface(subnetwork="s")],
            scheduling=compute.Scheduling(provisioning_model="SPOT", instance_termination_action="DELETE"),
        )
        request = compute.InsertInstanceRequest(
            project="p", zone=zone, instance_resource=instance, request_id=f"00000000-0000-4000-8000-{number + 1:012}")
        return instances.insert_unary(request, retry=None, timeout=10)

    begun = [insert(number) for number in range(COUNT)]
    assert insert(0).name == begun[0].name
    done = operations.get(project="p", zone=zone, operation=begun[0].name)
    assert done.status == compute.Operation.Status.DONE and not done.error.errors
    listed = list(instances.list(compute.ListInstancesRequest(project="p", zone=zone, filter="labels.spillway-owner=us", max_results=2)))
    assert [one.name for one in listed] == ["vm-0", "vm-1", "vm-2"], listed
    everywhere = instances.aggregated_list(compute.AggregatedListInstancesRequest(project="p", filter="labels.spillway-owner=us"))
    assert {at: len(found.instances) for at, found in everywhere if found.instances} == {f"zones/{zone}": COUNT}
    shown = instances.get(project="p", zone=zone, instance="vm-0")
    assert shown.status == "RUNNING" and shown.labels == {"spillway-owner": "us"}
    for number in range(COUNT):
        instances.delete_unary(project="p", zone=zone, instance=f"vm-{number}")
    fault(at, "gce", "launch", {"kind": "no_capacity", "place": "later"})
    failed = operations.get(project="p", zone=zone, operation=insert(8).name)
    assert failed.error.errors[0].code == "ZONE_RESOURCE_POOL_EXHAUSTED_WITH_DETAILS", failed
    fault(at, "gce", "launch", {"kind": "quota", "place": "answer"})
    for status, wrong in [
        (403, lambda: insert(9)),
        (404, lambda: instances.get(project="p", zone=zone, instance="vm-0")),
    ]:
        try:
            wrong()
        except google.api_core.exceptions.GoogleAPICallError as error:
            assert error.code == status, error
        else:
            raise AssertionError(f"no {status}")


class Credential:
    """Fetches a token as a client with a secret does."""

    def __init__(self, authority: str):
        form = {"client_id": "c", "client_secret": "s", "grant_type": "client_credentials", "scope": "https://management.azure.com/.default"}
        answer = urllib.request.urlopen(f"{authority}/tenant/oauth2/v2.0/token", urllib.parse.urlencode(form).encode())
        self.token = json.load(answer)["access_token"]

    def get_token(self, *_scopes, **_more):
        return AccessToken(self.token, 4102444800)

    def get_token_info(self, *_scopes, **_more):
        return AccessTokenInfo(self.token, 4102444800)


def microsoft(at: dict) -> None:
    client = ComputeManagementClient(
        Credential(at["azure"]), "00000000-0000-0000-0000-000000000001", base_url=at["azure"],
        credential_scopes=["https://management.azure.com/.default"], polling_interval=0)
    plain = {"enforce_https": False}
    machines = client.virtual_machines

    def body(size: str = "Standard_NC4as_T4_v3") -> dict:
        nic = {"name": "nic", "properties": {"primary": True, "deleteOption": "Delete",
                                             "ipConfigurations": [{"name": "ip", "properties": {"subnet": {"id": "s"}}}]}}
        return {"location": "eastus", "zones": ["1"], "tags": {"spillway-owner": "us"}, "properties": {
            "priority": "Spot", "evictionPolicy": "Delete", "hardwareProfile": {"vmSize": size},
            "storageProfile": {"imageReference": {"id": "i"}, "osDisk": {"createOption": "FromImage", "deleteOption": "Delete"}},
            "osProfile": {"computerName": "c", "adminUsername": "u", "linuxConfiguration": {
                "disablePasswordAuthentication": True, "ssh": {"publicKeys": [{"path": "/p", "keyData": "k"}]}}},
            "networkProfile": {"networkApiVersion": "2022-11-01", "networkInterfaceConfigurations": [nic]}}}

    def put(name: str, new: bool = True, **more):
        match = {"match_condition": MatchConditions.IfMissing} if new else {}
        return machines.begin_create_or_update("g", name, body(**more), retry_total=0, **match, **plain).result()

    for number in range(COUNT):
        assert put(f"vm-{number}").provisioning_state == "Succeeded"
    send(f"{at['control']}/azure/settings", "PUT", {"page_max": 2})
    listed = list(machines.list("g", **plain))
    assert [one.name for one in listed] == ["vm-0", "vm-1", "vm-2"], listed
    assert listed[0].tags == {"spillway-owner": "us"} and listed[0].zones == ["1"]
    view = machines.get("g", "vm-0", expand="instanceView", **plain)
    assert "PowerState/running" in [status.code for status in view.instance_view.statuses]

    def put_late():
        fault(at, "azure", "launch", {"kind": "no_capacity", "place": "later"})
        put("vm-8")

    for code, wrong in [
        ("PreconditionFailed", lambda: put("vm-0")),
        ("PropertyChangeNotAllowed", lambda: put("vm-0", new=False, size="Standard_NV6ads_A10_v5")),
        ("OverconstrainedZonalAllocationRequest", put_late),
    ]:
        try:
            wrong()
        except azure.core.exceptions.HttpResponseError as error:
            assert error.error.code == code, error
        else:
            raise AssertionError(f"no {code}")
    assert machines.get("g", "vm-8", **plain).provisioning_state == "Failed", "it stays behind"
    for name in ("vm-0", "vm-1", "vm-2", "vm-8"):
        machines.begin_delete("g", name, force_deletion=True, **plain).result()
    assert list(machines.list("g", **plain)) == []


def main() -> None:
    at = json.loads(sys.argv[1])
    send(f"{at['control']}/aws/settings", "PUT", {"page_max": 2})
    for drive in (amazon, oracle, compute_engine, microsoft):
        drive(at)
        print(f"{drive.__name__}: every answer was read")


if __name__ == "__main__":
    main()
