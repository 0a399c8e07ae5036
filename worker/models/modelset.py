"""The model set on disk: TorchScript files and `modelset.yaml`, which names them by digest."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import nn

import frames
from frames import Vocabulary
from networks import folded

FILES = {
    "faces": "faces.pt",
    "face-attributes": "face_attributes.pt",
    "logos": "logos.pt",
    "context": "context.pt",
}
VERSION = "1"
#: What the worker does with an image before models see it; `frames.py` does the same.
PREPROCESSING = "spillway-letterbox-1"
FACES_NMS_IOU = 0.5
LOGOS_NMS_IOU = 0.4


class _Flow(dict[str, Any]):
    """A mapping written on one line."""


class _Dumper(yaml.SafeDumper):
    pass


_Dumper.add_representer(
    _Flow, lambda dumper, data: dumper.represent_mapping("tag:yaml.org,2002:map", data, flow_style=True)
)


def export(network: nn.Module, file: Path) -> torch.jit.ScriptModule:
    """Writes `network` as TorchScript, batch normalization folded, weights channels-last.

    Not frozen: a frozen graph holds its weights as constants, which a runtime can no longer
    convert to half precision.
    """
    strided: nn.Module = folded(network).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    script: torch.jit.ScriptModule = torch.jit.script(strided)
    file.parent.mkdir(parents=True, exist_ok=True)
    script.save(str(file))
    return script


def load(folder: Path, name: str) -> torch.jit.ScriptModule:
    """The model called `name` in `modelset.yaml`."""
    return torch.jit.load(str(folder / FILES[name]), map_location="cpu").eval()


def read(folder: Path) -> dict[str, dict[str, Any]]:
    """The entries of `modelset.yaml` by name."""
    document = yaml.safe_load((folder / "modelset.yaml").read_text())
    return {model["name"]: model for model in document["spec"]["models"]}


def write(folder: Path, vocabulary: Vocabulary, thresholds: dict[str, float]) -> None:
    """Writes `modelset.yaml`; `thresholds` has `faces`, `logos` and one for each label."""

    def size(width: int, height: int) -> _Flow:
        return _Flow(width=width, height=height)

    def entry(name: str, subset: str, **head: Any) -> dict[str, Any]:
        digest = hashlib.sha256((folder / FILES[name]).read_bytes()).hexdigest()
        return {"name": name, "subset": subset, "file": FILES[name], "sha256": digest, **head}

    models = [
        entry("faces", "humans", detect={
            "input": size(frames.FACES_WIDTH, frames.FACES_HEIGHT),
            "labels": ["face"],
            "threshold": thresholds["faces"],
            "nmsIou": FACES_NMS_IOU,
        }),
        entry("face-attributes", "humans", attributes={
            "of": "faces",
            "input": size(frames.CROP_SIDE, frames.CROP_SIDE),
            "margin": frames.CROP_MARGIN,
            "heads": [_Flow(name=head, values=values) for head, values in vocabulary.heads.items()],
        }),
        entry("logos", "brands", detect={
            "input": size(frames.FRAME_WIDTH, frames.FRAME_HEIGHT),
            "labels": vocabulary.brands,
            "threshold": thresholds["logos"],
            "nmsIou": LOGOS_NMS_IOU,
        }),
        entry("context", "context", classify={
            "input": size(frames.CONTEXT_WIDTH, frames.CONTEXT_HEIGHT),
            "labels": [
                _Flow(name=label["name"], kind=label["kind"], parents=label["parents"], threshold=thresholds[label["name"]])
                for label in vocabulary.labels
            ],
        }),
    ]
    document = {
        "apiVersion": "spillway.dev/v1alpha1",
        "kind": "ModelSet",
        "metadata": _Flow(name="demo", version=VERSION),
        "spec": {
            "preprocessing": PREPROCESSING,
            "frame": size(frames.FRAME_WIDTH, frames.FRAME_HEIGHT),
            "models": models,
        },
    }
    text = yaml.dump(document, Dumper=_Dumper, sort_keys=False, width=110, default_flow_style=None)
    header = "# Written by worker/models/train.py; do not edit.\n"
    (folder / "modelset.yaml").write_text(header + text)
