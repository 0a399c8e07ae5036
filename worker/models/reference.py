"""What the models of a set answer here, in Python: golden inputs for a set, or a reference for `spillway-worker verify`.

    python worker/models/reference.py --models DIR --images DIR --out DIR/reference
    python worker/models/reference.py --models DIR --images DIR --golden

Writes a line of JSON for each image: the file and its SHA-256, and for each model the answer in words: boxes with
their labels, attributes of the faces that were found, the score of every label.
As a reference it also keeps each image's frame, so that pixels can be compared.
With `--golden` the images are copied into the set's folder, and `modelset.yaml` names the file by its digest:
a worker then refuses the set wherever it answers otherwise.

Images are decoded and scaled by Pillow, and models run by PyTorch: nothing is shared with the worker but the files.
Take PNG images for golden inputs, since decoders of JPEG differ by a level or two.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from PIL import Image, ImageOps

from frames import FILL, Pixels

#: Digits of a number; more say nothing about another machine.
DIGITS = 5
#: Boxes described by a model of attributes; more tell nothing new.
CROPS_MAX = 8

Corners = tuple[float, float, float, float]


class Set:
    """A model set on disk."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.spec = yaml.safe_load((folder / "modelset.yaml").read_text())["spec"]
        self.frame = (self.spec["frame"]["width"], self.spec["frame"]["height"])
        self.modules = {model["name"]: self._load(model) for model in self.spec["models"]}

    def _load(self, model: dict[str, Any]) -> torch.jit.ScriptModule:
        file = self.folder / model["file"]
        if hashlib.sha256(file.read_bytes()).hexdigest() != model["sha256"]:
            raise ValueError(f"{file} is not the file that modelset.yaml declares")
        return torch.jit.load(str(file), map_location="cpu").eval()

    def run(self, name: str, frame: Pixels, size: dict[str, int]) -> torch.Tensor:
        """The first row of a model's answer to a part of a frame, `u8 [h, w, 3]`."""
        images = torch.from_numpy(np.ascontiguousarray(frame)).permute(2, 0, 1)[None]
        to = (size["height"], size["width"])
        if tuple(images.shape[2:]) != to:
            images = torch.nn.functional.interpolate(images, to, mode="bilinear", antialias=True)
        with torch.inference_mode():
            answer: torch.Tensor = self.modules[name](images)
        return answer[0].float()

    def letterbox(self, image: Image.Image) -> tuple[Pixels, tuple[int, int]]:
        """The frame of an upright image, and the width and height that the image covers."""
        scale = min(self.frame[0] / image.width, self.frame[1] / image.height)
        content = (
            min(self.frame[0], max(1, round(image.width * scale))),
            min(self.frame[1], max(1, round(image.height * scale))),
        )
        frame = np.full((self.frame[1], self.frame[0], 3), FILL, np.uint8)
        resized = image.convert("RGB").resize(content, Image.Resampling.BILINEAR)
        frame[: content[1], : content[0]] = np.asarray(resized)
        return frame, content

    def answers(self, frame: Pixels, content: tuple[int, int]) -> dict[str, Any]:
        """What every model says of a frame."""
        answers: dict[str, Any] = {}
        for model in self.spec["models"]:
            name = model["name"]
            if "detect" in model:
                rows = self.run(name, frame, model["detect"]["input"])
                answers[name] = {"boxes": boxes(rows, model["detect"])}
            elif "classify" in model:
                scores = self.run(name, frame, model["classify"]["input"]).tolist()
                names = [label["name"] for label in model["classify"]["labels"]]
                answers[name] = {"scores": named(names, scores)}
            else:
                found = answers[model["attributes"]["of"]]["boxes"][:CROPS_MAX]
                crops = [self.attributes(name, model["attributes"], frame, content, one["corners"]) for one in found]
                answers[name] = {"crops": crops}
        return answers

    def attributes(
        self, name: str, head: dict[str, Any], frame: Pixels, content: tuple[int, int], corners: Corners
    ) -> dict[str, Any]:
        """What a model of attributes says of a box."""
        left, top, width, height = crop(self.frame, content, corners, head["margin"])
        part = frame[top : top + height, left : left + width]
        scores = self.run(name, part, head["input"]).tolist()
        heads = {}
        for one in head["heads"]:
            heads[one["name"]] = named(one["values"], scores[: len(one["values"])])
            scores = scores[len(one["values"]) :]
        return {"left": left, "top": top, "width": width, "height": height, "heads": heads}


def named(names: list[str], scores: list[float]) -> dict[str, float]:
    """Scores by name; raises `ValueError` if they are not as many."""
    return {name: round(score, DIGITS) for name, score in zip(names, scores, strict=True)}


def boxes(rows: torch.Tensor, detect: dict[str, Any]) -> list[dict[str, Any]]:
    """Boxes above their thresholds from `f32 [k, 6]`, the best first, overlapping ones removed."""
    labels = [one if isinstance(one, dict) else {"name": one} for one in detect["labels"]]
    kept: list[dict[str, Any]] = []
    for left, top, right, bottom, score, kind in sorted(rows.tolist(), key=lambda row: -row[4]):
        label = labels[int(kind)]
        corners = (left, top, right, bottom)
        if score < label.get("threshold", detect["threshold"]):
            continue
        if all(iou(corners, one["corners"]) <= detect["nmsIou"] for one in kept):
            kept.append({"label": label["name"], "score": score, "corners": corners})
    for one in kept:
        one["score"] = round(one["score"], DIGITS)
        one["corners"] = [round(edge, DIGITS) for edge in one["corners"]]
    return kept


def iou(a: Corners, b: Corners) -> float:
    """Shared area of two boxes over the area of both."""
    wide, tall = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    shared = max(0.0, wide) * max(0.0, tall)
    both = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared
    return shared / both if both > 0 else 0.0


def crop(
    frame: tuple[int, int], content: tuple[int, int], corners: Corners, margin: float
) -> tuple[int, int, int, int]:
    """Left, top, width and height in px of a box with its margin, within what the image covers."""
    left, top, right, bottom = corners
    x, y = (right - left) * margin, (bottom - top) * margin

    def span(start: float, end: float, side: int, most: int) -> tuple[int, int]:
        first = min(max(int(np.floor(start * side)), 0), most - 1)
        last = min(max(int(np.ceil(end * side)), 0), most)
        return first, max(last, first + 1) - first

    left_px, width = span(left - x, right + x, frame[0], content[0])
    top_px, height = span(top - y, bottom + y, frame[1], content[1])
    return left_px, top_px, width, height


def upright(file: Path) -> Image.Image:
    """An image file as it is meant to be looked at."""
    with Image.open(file) as image:
        turned: Image.Image = ImageOps.exif_transpose(image).convert("RGB")
    return turned


def write(models: Set, files: list[Path], folder: Path, name: str, keep_frames: bool) -> Path:
    """Writes the lines for `files`, which must lie below `folder`; returns their file."""
    lines = []
    for index, file in enumerate(files):
        frame, content = models.letterbox(upright(file))
        line: dict[str, Any] = {
            "file": str(file.relative_to(folder)),
            "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
        }
        if keep_frames:
            kept = folder / "frames" / f"{index:05}.png"
            kept.parent.mkdir(exist_ok=True)
            Image.fromarray(frame).save(kept)
            line["frame"] = str(kept.relative_to(folder))
        line["models"] = models.answers(frame, content)
        lines.append(json.dumps(line))
    out = folder / name
    out.write_text("".join(f"{line}\n" for line in lines))
    return out


def declare(folder: Path, golden: Path) -> None:
    """Names the golden inputs in `modelset.yaml`, in place of those that were named before."""
    manifest = folder / "modelset.yaml"
    text = re.sub(r"^  golden:.*\n", "", manifest.read_text(), flags=re.MULTILINE)
    digest = hashlib.sha256(golden.read_bytes()).hexdigest()
    entry = f"  golden: {{file: {golden.relative_to(folder)}, sha256: {digest}}}\n"
    manifest.write_text(re.sub(r"^  models:", f"{entry}  models:", text, count=1, flags=re.MULTILINE))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=Path, required=True, help="folder of the model set")
    parser.add_argument("--images", type=Path, required=True, help="folder of images")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--out", type=Path, help="folder to write the reference to")
    where.add_argument("--golden", action="store_true", help="make the images the set's golden inputs")
    args = parser.parse_args()

    torch.set_num_threads(1)
    models = Set(args.models)
    suffixes = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif"}
    images = sorted(file for file in args.images.iterdir() if file.suffix.lower() in suffixes)
    if not images:
        parser.error(f"{args.images} holds no images")
    folder: Path = args.models if args.golden else args.out
    to = folder / ("golden" if args.golden else "images")
    to.mkdir(parents=True, exist_ok=True)
    files = [Path(shutil.copy(file, to / file.name)) for file in images]
    if args.golden:
        declare(args.models, write(models, files, folder, "golden.jsonl", False))
    else:
        write(models, files, folder, "reference.jsonl", True)


if __name__ == "__main__":
    main()
