"""Measures a model set on generated images that no training saw, and what it costs on one core.

    python worker/models/evaluate.py --generator target/release/spillway-generator

Faces and logos are found at the thresholds of `modelset.yaml`. Attributes are those of the faces
that were found, cut from where they were found, as in the worker.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

import frames
import learning
import measure
import modelset
from frames import Frames
from measure import LOGO_SIDE_PX, Found, Tally

HERE = Path(__file__).parent
SEED, COUNT = 13, 600
FRAME = (frames.FRAME_WIDTH, frames.FRAME_HEIGHT)


def found(folder: Path, name: str, head: dict[str, Any], images: frames.Pixels) -> list[list[Found]]:
    """What a detector finds on `u8 [n, h, w, 3]`, in px of the frame."""
    rows = measure.outputs(modelset.load(folder, name), images)
    return [measure.detections(one, FRAME, head["threshold"], head["nmsIou"]) for one in rows]


def attributes(folder: Path, data: Frames, faces: list[list[Found]]) -> Iterator[tuple[str, float]]:
    """Share of right answers for each head, on the faces that were found."""
    crops, true = [], []
    for frame, example, some in zip(data.pixels, data.examples, faces, strict=True):
        for one, face in measure.matched(some, example.faces, False):
            if face is not None:
                crops.append(frames.crop(frame, example.content, one.box))
                true.append(face.classes)
    heads = data.vocabulary.heads
    scores = measure.outputs(modelset.load(folder, "face-attributes"), np.stack(crops))
    answers = torch.tensor(true)
    for i, (name, part) in enumerate(zip(heads, scores.split([len(v) for v in heads.values()], 1), strict=True)):
        yield name, (part.argmax(1) == answers[:, i]).float().mean().item()


def context(folder: Path, data: Frames, labels: list[dict[str, Any]]) -> tuple[Tally, dict[str, Tally]]:
    """Counts over all labels, and for each."""
    tiny = learning.shrunk(data, frames.CONTEXT_WIDTH, frames.CONTEXT_HEIGHT)
    scores = measure.outputs(modelset.load(folder, "context"), tiny).numpy()
    said = scores >= np.array([label["threshold"] for label in labels], np.float32)
    true = np.zeros_like(said)
    for i, example in enumerate(data.examples):
        true[i, example.labels] = True
    each = {label["name"]: measure.label_tally(said[:, i], true[:, i]) for i, label in enumerate(labels)}
    return measure.label_tally(said, true), each


def accuracy(folder: Path, data: Frames) -> Iterator[tuple[str, str]]:
    """Rows of the table: what was measured, and how it came out."""
    models = modelset.read(folder)
    everything, large, little = (0.0, 1e9), (LOGO_SIDE_PX, 1e9), (0.0, LOGO_SIDE_PX)

    def scores(name: str, total: Tally) -> tuple[str, str]:
        return name, f"recall {total.recall:.3f}, precision {total.precision:.3f} ({total.right + total.missed} true)"

    small = learning.shrunk(data, frames.FACES_WIDTH, frames.FACES_HEIGHT)
    faces = found(folder, "faces", models["faces"]["detect"], small)
    yield scores("faces", measure.tally(faces, [e.faces for e in data.examples], False, everything))
    for head, share in attributes(folder, data, faces):
        yield f"face {head}", f"{share:.3f} right"
    logos = found(folder, "logos", models["logos"]["detect"], data.pixels)
    true = [e.logos for e in data.examples]
    yield scores(f"logos of {LOGO_SIDE_PX:.0f} px and more", measure.tally(logos, true, True, large))
    yield scores(f"logos under {LOGO_SIDE_PX:.0f} px", measure.tally(logos, true, True, little))
    micro, each = context(folder, data, models["context"]["classify"]["labels"])
    macro = sum(one.f1 for one in each.values()) / len(each)
    worst = min(each, key=lambda name: each[name].f1)
    yield "context", f"F1 {micro.f1:.3f} over all, {macro:.3f} mean of labels, worst {worst} {each[worst].f1:.3f}"


def cost_ms(folder: Path) -> Iterator[tuple[str, float, float]]:
    """For each model: milliseconds an input on one core in batches of eight, and MB on disk."""
    torch.set_num_threads(1)
    for name, entry in modelset.read(folder).items():
        model = modelset.load(folder, name)
        head = entry.get("detect") or entry.get("attributes") or entry["classify"]
        shape = (measure.BATCH, head["input"]["height"], head["input"]["width"], 3)
        batch = torch.from_numpy(np.random.default_rng(1).integers(0, 256, shape, np.uint8)).permute(0, 3, 1, 2)
        times = []
        with torch.inference_mode():
            for _ in range(13):
                began = time.perf_counter()
                model(batch)
                times.append(time.perf_counter() - began)
        # The first runs compile; the fastest of the others is the one least disturbed.
        best_ms = min(times[3:]) * 1000 / measure.BATCH
        yield name, best_ms, (folder / modelset.FILES[name]).stat().st_size / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--generator", type=Path, required=True, help="the built spillway-generator")
    parser.add_argument("--models", type=Path, default=HERE / "demo", help="folder of the model set")
    parser.add_argument("--work", type=Path, help="folder for images, kept; default: a temporary one")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--count", type=int, default=COUNT)
    args = parser.parse_args()

    with tempfile.TemporaryDirectory() as temporary:
        folder = (args.work or Path(temporary)) / f"seed-{args.seed}"
        data = frames.load(frames.generate(args.generator, args.seed, args.count, folder))
        print("| measured | result |\n|-|-|")
        for name, result in accuracy(args.models, data):
            print(f"| {name} | {result} |", flush=True)
    print("\n| model | ms an input, one core, batches of 8 | MB |\n|-|-|-|")
    costs = list(cost_ms(args.models))
    for name, ms, size_mb in costs:
        print(f"| {name} | {ms:.2f} | {size_mb:.2f} |")
    print(f"| all | {sum(ms for _, ms, _ in costs):.2f} | {sum(size for _, _, size in costs):.2f} |")


if __name__ == "__main__":
    main()
