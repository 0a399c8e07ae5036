"""Judges recorded requests by the official SDKs' own models: strict about fields, values and signatures.

    python judge.py RECORDED.json [KEYS.json]

RECORDED is what the emulators recorded. KEYS may hold the throwaway secrets of the test:
{"aws": {"access_key": …, "secret_key": …}, "oci": {"public_pem": …, "private_pem": …}}; signatures are then checked
byte for byte. Prints how many requests of which kind were judged, and every complaint; ends with 1 if there is one,
or if a request is of a kind that nobody here can judge.
"""

import collections
import json
import sys

import azure_models
import botocore_model
import google_models
import oci_models


def judge(recorded: list[dict], keys: dict) -> tuple[collections.Counter, list[str]]:
    counted: collections.Counter = collections.Counter()
    complaints: list[str] = []
    judges = {
        "aws": botocore_model.judge,
        "oci": oci_models.judge,
        "gce": google_models.judge,
        "azure": azure_models.judge,
    }
    for request in recorded:
        cloud = request["cloud"]
        kind, found = judges[cloud](request, keys.get(cloud, {}))
        counted[f"{cloud} {kind}"] += 1
        where = f"{cloud} {request['method']} {request['path'].split('?')[0]}"
        complaints += [f"{where}: {complaint}" for complaint in found]
    return counted, complaints


def main() -> int:
    recorded = json.load(open(sys.argv[1]))
    keys = json.load(open(sys.argv[2])) if len(sys.argv) > 2 else {}
    counted, complaints = judge(recorded, keys)
    print(json.dumps({"judged": dict(sorted(counted.items())), "complaints": sorted(set(complaints))}, indent=1))
    return 1 if complaints or not counted else 0


if __name__ == "__main__":
    sys.exit(main())
