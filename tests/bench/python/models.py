"""A model set by PyTorch: the same TorchScript files as the worker's, in batches, and the cascade from faces to their
attributes."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from numpy.typing import NDArray
from torch import Tensor

from images import Size

Scores = NDArray[np.float32]
#: Left, top, right, bottom: shares of the frame.
Corners = tuple[float, float, float, float]

#: Most boxes of one model in one image, most labels of an image, most crops in one run of a model.
BOXES_MAX, LABELS_MAX, CROPS_MAX = 100, 100, 64
#: Times that the largest batch is run before jobs are read.
WARM_RUNS = 3


@dataclass
class Findings:
    """What was found in one image."""

    labels: list[dict[str, Any]] = field(default_factory=list)
    faces: list[dict[str, Any]] = field(default_factory=list)
    logos: list[dict[str, Any]] = field(default_factory=list)
    objects: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class Face:
    """A box whose attributes are yet to be told."""

    image: int
    corners: Corners
    found: dict[str, Any]


class Models:
    """The models of a set; one thread uses them."""

    def __init__(self, folder: Path, is_blank: bool) -> None:
        text = (folder / "modelset.yaml").read_bytes()
        spec = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))["spec"]
        self.digest = hashlib.sha256(text).hexdigest()
        self.frame: Size = (spec["frame"]["width"], spec["frame"]["height"])
        self.subset = "+".join(sorted({model["subset"] for model in spec["models"]}))
        self.is_blank = is_blank
        self.models = [] if is_blank else [Model(folder, model) for model in spec["models"]]
        #: CPU time of the thread that runs them, and images.
        self.cpu_seconds, self.images = 0.0, 0

    def warm_up(self, images: int) -> None:
        """Runs the largest batch, so that no job waits for the compiler."""
        for _ in range(0 if self.is_blank else WARM_RUNS):
            frames = np.random.default_rng(0).integers(0, 256, (images, self.frame[1], self.frame[0], 3), np.uint8)
            self.recognize(frames, [self.frame] * images)
        self.cpu_seconds, self.images = 0.0, 0

    @torch.inference_mode()
    def recognize(self, frames: NDArray[np.uint8], contents: list[Size]) -> list[Findings]:
        """What is in each of `u8 [n, height, width, 3]`; `contents` says what their images cover."""
        began = time.thread_time()
        all_findings = [Findings() for _ in contents]
        if not self.is_blank:
            # A view: the models' weights are channels-last, as the frames are.
            batch = Batch(torch.from_numpy(frames).permute(0, 3, 1, 2), contents)
            faces: dict[str, list[Face]] = {}
            for model in self.models:
                model.run(batch, all_findings, faces)
        self.cpu_seconds += time.thread_time() - began
        self.images += len(contents)
        return all_findings


class Batch:
    """Frames, `u8 [n, 3, height, width]`, and the sizes of them that models asked for."""

    def __init__(self, frames: Tensor, contents: list[Size]) -> None:
        self.frames, self.contents = frames, contents
        self.size: Size = (frames.shape[3], frames.shape[2])
        self.resized: dict[Size, Tensor] = {self.size: frames}

    def of(self, size: Size) -> Tensor:
        """All frames in a size: two models of one size share the work."""
        if size not in self.resized:
            self.resized[size] = resize(self.frames, size)
        return self.resized[size]

    def crop(self, face: Face, margin: float, size: Size) -> Tensor:
        """A box with its margin, within what its image covers."""
        left, top, right, bottom = face.corners
        x, y = (right - left) * margin, (bottom - top) * margin
        content = self.contents[face.image]
        first_x, last_x = span(left - x, right + x, self.size[0], content[0])
        first_y, last_y = span(top - y, bottom + y, self.size[1], content[1])
        return resize(self.frames[face.image : face.image + 1, :, first_y:last_y, first_x:last_x], size)


class Model:
    """One model of a set."""

    def __init__(self, folder: Path, spec: dict[str, Any]) -> None:
        file = folder / spec["file"]
        if hashlib.sha256(file.read_bytes()).hexdigest() != spec["sha256"]:
            raise ValueError(f"{file} is not the file that modelset.yaml declares")
        self.name, self.subset = spec["name"], spec["subset"]
        self.task = next(task for task in ("detect", "attributes", "classify") if task in spec)
        self.head = spec[self.task]
        self.input: Size = (self.head["input"]["width"], self.head["input"]["height"])
        self.module = load(file)
        if self.task == "detect":
            labels = [one if isinstance(one, dict) else {"name": one} for one in self.head["labels"]]
            self.names = [label["name"] for label in labels]
            self.thresholds = np.array([label.get("threshold", self.head["threshold"]) for label in labels], np.float32)
        elif self.task == "classify":
            self.labels = [
                {"name": one["name"], "kind": one["kind"], "parents": one.get("parents", [])}
                for one in self.head["labels"]
            ]
            self.thresholds = np.array([label["threshold"] for label in self.head["labels"]], np.float32)

    def run(self, batch: Batch, findings: list[Findings], faces: dict[str, list[Face]]) -> None:
        """Adds what it finds; `faces` holds the boxes by the model that found them."""
        if self.task == "detect":
            faces[self.name] = self.detect(batch, findings)
        elif self.task == "classify":
            self.classify(self.forward(batch.of(self.input)), findings)
        else:
            self.describe(batch, faces[self.head["of"]])

    def forward(self, images: Tensor) -> Scores:
        answer: Scores = self.module(images).numpy()
        return answer

    def detect(self, batch: Batch, findings: list[Findings]) -> list[Face]:
        rows = self.forward(batch.of(self.input)).reshape(len(findings), -1, 6)
        # All images at once: only few boxes are left for Python.
        reaching = rows[:, :, 4] >= self.thresholds[rows[:, :, 5].astype(np.int64)]
        placed = []
        for image in np.flatnonzero(reaching.any(1)).tolist():
            boxes = rows[image][reaching[image]].tolist()
            for left, top, right, bottom, score, kind in suppressed(boxes, self.head["nmsIou"]):
                corners = (left, top, right, bottom)
                bounds = bounds_in_image(corners, batch.size, batch.contents[image])
                if bounds is None:
                    continue
                found = {"bounds": bounds, "score": min(max(score, 0.0), 1.0)}
                if self.subset == "humans":
                    found["attributes"] = {}
                    findings[image].faces.append(found)
                elif self.subset == "brands":
                    findings[image].logos.append({"brand": self.names[int(kind)], **found})
                else:
                    findings[image].objects.append({"name": self.names[int(kind)], **found})
                placed.append(Face(image, corners, found))
        return placed

    def classify(self, scores: Scores, findings: list[Findings]) -> None:
        for row, found in zip(scores, findings, strict=True):
            reaching = np.flatnonzero(row >= self.thresholds)
            best = reaching[np.argsort(-row[reaching], kind="stable")][:LABELS_MAX]
            found.labels = [
                {**self.labels[label], "score": score}
                for label, score in zip(best.tolist(), row[best].tolist(), strict=True)
            ]

    def describe(self, batch: Batch, faces: list[Face]) -> None:
        for first in range(0, len(faces), CROPS_MAX):
            some = faces[first : first + CROPS_MAX]
            crops = torch.cat([batch.crop(face, self.head["margin"], self.input) for face in some])
            for face, scores in zip(some, self.forward(crops).tolist(), strict=True):
                for head in self.head["heads"]:
                    own, scores = scores[: len(head["values"])], scores[len(head["values"]) :]
                    best = max(range(len(own)), key=own.__getitem__)
                    face.found["attributes"][head["name"]] = {"value": head["values"][best], "score": own[best]}


def load(file: Path) -> torch.jit.ScriptModule:
    """A model as it runs best here.

    As it is: of the demo's models `freeze` gained nothing that could be told from noise, and `optimize_for_inference`
    took twice the CPU time (49 ms an image where this took 25, batches of 32, a busy machine). Batches of 16 and of 8
    cost an image as much.
    """
    return torch.jit.load(str(file), map_location="cpu").eval()


def resize(images: Tensor, size: Size) -> Tensor:
    """`u8` to `u8` in one pass, as the models were trained: bilinear, antialiased."""
    if (images.shape[3], images.shape[2]) == size:
        return images
    return torch.nn.functional.interpolate(images, (size[1], size[0]), mode="bilinear", antialias=True)


def span(start: float, end: float, side: int, most: int) -> tuple[int, int]:
    """First and last px of an edge given in shares of `side`, within `most`."""
    first = min(max(int(np.floor(start * side)), 0), most - 1)
    last = min(max(int(np.ceil(end * side)), 0), most)
    return first, max(last, first + 1)


def suppressed(boxes: list[list[float]], iou_max: float) -> list[list[float]]:
    """Of boxes that overlap, the best ones."""
    kept: list[list[float]] = []
    for box in sorted(boxes, key=lambda box: -box[4]):
        if len(kept) < BOXES_MAX and all(iou(box, better) <= iou_max for better in kept):
            kept.append(box)
    return kept


def iou(a: list[float], b: list[float]) -> float:
    """Shared area of two boxes over the area of both."""
    wide, tall = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    shared = max(0.0, wide) * max(0.0, tall)
    both = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared
    return shared / both if both > 0 else 0.0


def bounds_in_image(corners: Corners, frame: Size, content: Size) -> dict[str, float] | None:
    """From shares of the frame to shares of the image; none outside it."""
    x, y = frame[0] / content[0], frame[1] / content[1]
    left, right = (min(max(at * x, 0.0), 1.0) for at in (corners[0], corners[2]))
    top, bottom = (min(max(at * y, 0.0), 1.0) for at in (corners[1], corners[3]))
    if right <= left or bottom <= top:
        return None
    return {"left": left, "top": top, "width": right - left, "height": bottom - top}
