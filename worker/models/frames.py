"""Generated images as the models see them: letterboxed to the frame, with their truth.

The frame is what the worker makes of an image: upright, scaled to fit 640x480 (bilinear,
antialiased, up or down), at the top left, the rest filled with one grey.
"""

from __future__ import annotations

import json
import subprocess
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

FRAME_WIDTH, FRAME_HEIGHT = 640, 480
#: Level of the part of the frame that no image covers.
FILL = 114
FACES_WIDTH, FACES_HEIGHT = 320, 240
CONTEXT_WIDTH, CONTEXT_HEIGHT = 160, 120
CROP_SIDE = 64
#: Share of a face's box that is added on each side of a crop.
CROP_MARGIN = 0.15

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Vocabulary:
    """Names of all classes, in the order of the models' outputs, as the generator gives them."""

    ages: list[str]
    genders: list[str]
    ethnicities: list[str]
    brands: list[str]
    #: Each with `name`, `kind` and `parents`.
    labels: list[dict[str, Any]]

    @property
    def heads(self) -> dict[str, list[str]]:
        """The heads of the attribute model, in order."""
        return {"age": self.ages, "gender": self.genders, "ethnicity": self.ethnicities}


@dataclass(frozen=True)
class Thing:
    """A face, a logo or an object: its box in px of the frame, and its class in each head."""

    box: tuple[float, float, float, float]
    classes: tuple[int, ...]

    @property
    def side_px(self) -> float:
        """The longer side, in px of the frame."""
        return max(self.box[2] - self.box[0], self.box[3] - self.box[1])


@dataclass(frozen=True)
class Example:
    """What is on one frame."""

    #: Width and height that the image covers, in px of the frame.
    content: tuple[int, int]
    faces: list[Thing]
    logos: list[Thing]
    #: Things of the scene; their class is an index into the vocabulary's labels.
    objects: list[Thing]
    #: Indices into the vocabulary's labels.
    labels: list[int]


@dataclass(frozen=True)
class Frames:
    """A generated set: `pixels` is `u8 [n, 480, 640, 3]`."""

    pixels: Pixels
    examples: list[Example]
    vocabulary: Vocabulary

    def __len__(self) -> int:
        return len(self.examples)


def content_size(width: int, height: int) -> tuple[int, int]:
    """The part of the frame that an image of `width` by `height` px covers."""
    scale = min(FRAME_WIDTH / width, FRAME_HEIGHT / height)
    return max(1, round(width * scale)), max(1, round(height * scale))


def letterbox(image: Image.Image) -> Pixels:
    """Returns the frame of an upright image, `u8 [480, 640, 3]`."""
    size = content_size(*image.size)
    frame = np.full((FRAME_HEIGHT, FRAME_WIDTH, 3), FILL, np.uint8)
    resized = image.convert("RGB").resize(size, Image.Resampling.BILINEAR)
    frame[: size[1], : size[0]] = np.asarray(resized)
    return frame


def resized(pixels: Pixels, width: int, height: int) -> Pixels:
    """Resizes `u8 [h, w, 3]`, bilinear and antialiased."""
    return np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.BILINEAR))


def crop(frame: Pixels, content: tuple[int, int], box: tuple[float, float, float, float]) -> Pixels:
    """Cuts a face from a frame with its margin, `u8 [64, 64, 3]`; `box` in px of the frame."""
    left, top, right, bottom = box
    x, y = (right - left) * CROP_MARGIN, (bottom - top) * CROP_MARGIN
    left, top = max(0, int(left - x)), max(0, int(top - y))
    right = min(content[0], max(left + 1, int(np.ceil(right + x))))
    bottom = min(content[1], max(top + 1, int(np.ceil(bottom + y))))
    left, top = min(left, right - 1), min(top, bottom - 1)
    return resized(frame[top:bottom, left:right], CROP_SIDE, CROP_SIDE)


def generate(generator: Path, seed: int, count: int, folder: Path) -> Path:
    """Draws a set into `folder` unless a whole one of that size is already there."""
    truth = folder / "truth.jsonl"
    if truth.exists() and len(truth.read_text().splitlines()) == count:
        return folder
    command = [str(generator), "--seed", str(seed), "--count", str(count), "--out", str(folder)]
    subprocess.run(command, check=True)
    return folder


def load(folder: Path) -> Frames:
    """Loads a generated set; decoded frames are kept beside it and mapped, not read."""
    vocabulary = Vocabulary(**json.loads((folder / "vocabulary.json").read_text()))
    lines = [json.loads(line) for line in (folder / "truth.jsonl").read_text().splitlines()]
    cache = folder / "frames.npy"
    if not cache.exists():
        partial = folder / "frames.partial.npy"
        shape = (len(lines), FRAME_HEIGHT, FRAME_WIDTH, 3)
        pixels = np.lib.format.open_memmap(partial, "w+", np.uint8, shape)
        with ProcessPoolExecutor() as pool:
            files = [folder / line["file"] for line in lines]
            for i, frame in enumerate(pool.map(_frame_of, files, chunksize=16)):
                pixels[i] = frame
        pixels.flush()
        partial.rename(cache)
    examples = [_example(line, vocabulary) for line in lines]
    return Frames(np.load(cache, mmap_mode="r"), examples, vocabulary)


def _frame_of(file: Path) -> Pixels:
    with Image.open(file) as image:
        return letterbox(image)


def _example(line: dict[str, Any], vocabulary: Vocabulary) -> Example:
    content = content_size(line["width"], line["height"])

    def box(bounds: dict[str, float]) -> tuple[float, float, float, float]:
        left, top = bounds["left"] * content[0], bounds["top"] * content[1]
        return left, top, left + bounds["width"] * content[0], top + bounds["height"] * content[1]

    def face(face: dict[str, Any]) -> Thing:
        classes = [values.index(face[head]) for head, values in vocabulary.heads.items()]
        return Thing(box(face["bounds"]), tuple(classes))

    names = [label["name"] for label in vocabulary.labels]
    return Example(
        content=content,
        faces=[face(one) for one in line["faces"]],
        logos=[Thing(box(one["bounds"]), (vocabulary.brands.index(one["brand"]),)) for one in line["logos"]],
        objects=[Thing(box(one["bounds"]), (names.index(one["name"]),)) for one in line["objects"]],
        labels=[names.index(name) for name in line["labels"]],
    )
