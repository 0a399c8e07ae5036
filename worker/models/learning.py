"""How each network learns: batches, targets and losses. Nothing here is part of a model."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

import frames
from frames import Frames, Pixels, Thing
from networks import DETECTOR_STRIDE_PX, SIDE_UNIT_PX, Attributes, Context, Detector, half_sides

#: Cells whose heat is above this learn the box, the nearer to its middle the more.
BOX_HEAT_MIN = 0.35
#: A thing cut by the edge of a crop is learnt if this share of it is left, else ignored.
VISIBLE_MIN = 0.75


#: Side of a cell of the context model's last map.
CONTEXT_CELL_PX = 16


@dataclass(frozen=True)
class Pace:
    """How long and how fast to learn."""

    steps: int
    batch: int
    rate: float = 3e-3
    decay: float = 0.02


@dataclass(frozen=True)
class Crops:
    """How a detector's images are cut for training."""

    side_px: int
    #: Signs are not the same mirrored; faces are.
    mirror: bool
    #: Share of crops with something to find.
    busy_share: float = 0.75


@dataclass
class Targets:
    """What a detector should answer, for `n` inputs with maps of `h` by `w` cells."""

    #: `f32 [n, classes, h, w]`, 1 in the cell of a thing's middle, falling off around it.
    heat: Tensor
    #: `f32 [n, 4, h, w]`: left, top, right, bottom in px.
    box: Tensor
    #: `f32 [n, h, w]`: how much a cell's box counts.
    weight: Tensor
    #: `f32 [n, h, w]`: 0 where a thing is cut off, else 1.
    counts: Tensor


Loss = Callable[[np.random.Generator], Tensor]


def learn(network: nn.Module, loss_of: Loss, pace: Pace, name: str, seed: int) -> None:
    """Fits `network` by AdamW under one rising and falling rate (1cycle, 1708.07120)."""
    network.train()
    chance = np.random.default_rng(seed)
    optimizer = torch.optim.AdamW(network.parameters(), lr=pace.rate, weight_decay=pace.decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=pace.rate, total_steps=max(pace.steps, 2), pct_start=0.15
    )
    began, mean = time.monotonic(), 0.0
    for step in range(1, pace.steps + 1):
        loss = loss_of(chance)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimizer.step()
        schedule.step()
        mean += (loss.item() - mean) / min(step, 100)
        if step % 100 == 0 or step == pace.steps:
            seconds = time.monotonic() - began
            print(f"{name}: step {step} of {pace.steps}, loss {mean:.4f}, {seconds:.0f} s", file=sys.stderr, flush=True)
    network.eval()


def colored(images: NDArray[np.uint8], chance: np.random.Generator) -> Tensor:
    """Returns `f32 [n, 3, h, w]` of `u8 [n, h, w, 3]` with light, contrast and hue moved a little."""
    x = torch.from_numpy(images).permute(0, 3, 1, 2).float()
    n = len(images)
    gain = torch.from_numpy(chance.uniform(0.85, 1.15, (n, 3, 1, 1)).astype(np.float32))
    gain = 0.3 * gain + 0.7 * gain.mean(1, keepdim=True)
    shift = torch.from_numpy(chance.uniform(-12, 12, (n, 1, 1, 1)).astype(np.float32))
    return (x * gain + shift).clamp_(0, 255)


# --- Detectors ---


def detector_loss(network: Detector, images: Tensor, targets: Targets) -> Tensor:
    """Focal loss of the heat (CornerNet, 1808.01244) and GIoU of the boxes (1902.09630)."""
    raw = network.heads(images)
    logits, box = raw[:, : network.classes], raw[:, network.classes :]
    heat, p = targets.heat, torch.sigmoid(logits)
    middle = (heat == 1.0).float()
    right = middle * (1 - p) ** 2 * F.logsigmoid(logits)
    wrong = (1 - middle) * (1 - heat) ** 4 * p**2 * F.logsigmoid(-logits)
    found = middle.sum().clamp(min=1.0)
    focal = -((right + wrong) * targets.counts.unsqueeze(1)).sum() / found

    h, w = raw.shape[2:]
    x = (torch.arange(w).view(1, 1, w) + 0.5 + box[:, 0]) * DETECTOR_STRIDE_PX
    y = (torch.arange(h).view(1, h, 1) + 0.5 + box[:, 1]) * DETECTOR_STRIDE_PX
    sides = half_sides(box[:, 2:])
    guess = torch.stack([x - sides[:, 0], y - sides[:, 1], x + sides[:, 0], y + sides[:, 1]], 1)
    chosen = targets.weight > 0
    if not bool(chosen.any()):
        return focal
    weight = targets.weight[chosen]
    a, b = guess.permute(0, 2, 3, 1)[chosen], targets.box.permute(0, 2, 3, 1)[chosen]
    return focal + 2.0 * (weight * (1 - giou(a, b))).sum() / weight.sum()


def giou(a: Tensor, b: Tensor) -> Tensor:
    """Generalized overlap of boxes `[n, 4]` pair by pair, -1..1."""
    shared = (torch.min(a[:, 2:], b[:, 2:]) - torch.max(a[:, :2], b[:, :2])).clamp(min=0).prod(1)
    union = (a[:, 2:] - a[:, :2]).prod(1) + (b[:, 2:] - b[:, :2]).prod(1) - shared
    hull = (torch.max(a[:, 2:], b[:, 2:]) - torch.min(a[:, :2], b[:, :2])).prod(1)
    return shared / union - (hull - union) / hull


def detector_targets(things: list[list[Thing]], classes: int, width: int, height: int) -> Targets:
    """Targets for inputs of `width` by `height` px; things may reach over the edges."""
    n, w, h = len(things), width // DETECTOR_STRIDE_PX, height // DETECTOR_STRIDE_PX
    heat = np.zeros((n, classes, h, w), np.float32)
    box = np.zeros((n, 4, h, w), np.float32)
    weight = np.zeros((n, h, w), np.float32)
    counts = np.ones((n, h, w), np.float32)
    xs = np.arange(w, dtype=np.float32)[None, :]
    ys = np.arange(h, dtype=np.float32)[:, None]
    for i, one in enumerate(things):
        for thing in one:
            left, top, right, bottom = thing.box
            seen = max(0.0, left), max(0.0, top), min(float(width), right), min(float(height), bottom)
            area = max(0.0, seen[2] - seen[0]) * max(0.0, seen[3] - seen[1])
            if area <= 0.0:
                continue
            cells = [side / DETECTOR_STRIDE_PX for side in seen]
            if area < VISIBLE_MIN * (right - left) * (bottom - top):
                counts[i, int(cells[1]) : int(cells[3]) + 1, int(cells[0]) : int(cells[2]) + 1] = 0.0
                continue
            x, y = (cells[0] + cells[2]) / 2, (cells[1] + cells[3]) / 2
            column, row = min(int(x), w - 1), min(int(y), h - 1)
            spread_x = max(0.12 * (cells[2] - cells[0]), 0.45)
            spread_y = max(0.12 * (cells[3] - cells[1]), 0.45)
            bump = np.exp(-0.5 * (((xs - column) / spread_x) ** 2 + ((ys - row) / spread_y) ** 2))
            bump = bump.astype(np.float32)
            heat[i, thing.classes[0]] = np.maximum(heat[i, thing.classes[0]], bump)
            mine = (bump > BOX_HEAT_MIN) & (bump > weight[i])
            weight[i][mine] = bump[mine]
            for side in range(4):
                box[i, side][mine] = seen[side]
    return Targets(*(torch.from_numpy(array) for array in (heat, box, weight, counts)))


def detector_batches(network: Detector, examples: list[list[Thing]], pixels: Pixels, batch: int, crops: Crops) -> Loss:
    """Losses on crops of `pixels`, `u8 [n, h, w, 3]`, in whose px the `examples` are.

    Crops, since most of a whole image has nothing on it and would be learnt again and again.
    """
    height, width = pixels.shape[1:3]
    side = crops.side_px
    busy = [i for i, things in enumerate(examples) if things]

    def loss_of(chance: np.random.Generator) -> Tensor:
        images = np.empty((batch, side, side, 3), np.uint8)
        seen: list[list[Thing]] = []
        for i in range(batch):
            if chance.random() < crops.busy_share:
                index = busy[chance.integers(len(busy))]
                left, top, right, bottom = examples[index][chance.integers(len(examples[index]))].box
                x, y = _around(left, right, side, width, chance), _around(top, bottom, side, height, chance)
            else:
                index = int(chance.integers(len(examples)))
                x, y = int(chance.integers(0, width - side + 1)), int(chance.integers(0, height - side + 1))
            images[i] = pixels[index, y : y + side, x : x + side]
            things = [_moved(thing, -x, -y) for thing in examples[index]]
            if crops.mirror and chance.random() < 0.5:
                images[i] = images[i, :, ::-1].copy()
                things = [_mirrored(thing, side) for thing in things]
            seen.append(things)
        return detector_loss(network, colored(images, chance), detector_targets(seen, network.classes, side, side))

    return loss_of


def _around(low: float, high: float, side: int, length: int, chance: np.random.Generator) -> int:
    """Where a crop of `side` px out of `length` may start that has `low` to `high` in it."""
    first, last = max(0, int(high) + 1 - side), min(int(low), length - side)
    return int(chance.integers(first, last + 1)) if first <= last else max(0, min(first, length - side))


def _mirrored(thing: Thing, width: int) -> Thing:
    left, top, right, bottom = thing.box
    return Thing((width - right, top, width - left, bottom), thing.classes)


def scaled(thing: Thing, factor: float) -> Thing:
    """The same thing in an image scaled by `factor`."""
    left, top, right, bottom = thing.box
    return Thing((left * factor, top * factor, right * factor, bottom * factor), thing.classes)


def _moved(thing: Thing, x: float, y: float) -> Thing:
    left, top, right, bottom = thing.box
    return Thing((left + x, top + y, right + x, bottom + y), thing.classes)


def shrunk(data: Frames, width: int, height: int) -> NDArray[np.uint8]:
    """All frames resized, `u8 [n, height, width, 3]`."""
    return np.stack([frames.resized(frame, width, height) for frame in data.pixels])


# --- Classifiers ---


def attribute_batches(
    data: Frames, network: Attributes, batch: int, shakes: int = 4
) -> Loss:
    """Losses on crops, each face cut `shakes` times as an inexact detector would."""
    chance = np.random.default_rng(0)
    crops, classes = [], []
    for frame, example in zip(data.pixels, data.examples, strict=True):
        for face in example.faces:
            for _ in range(shakes):
                left, top, right, bottom = face.box
                shake = chance.uniform(-0.08, 0.08, 4)
                wide, tall = right - left, bottom - top
                box = (left + shake[0] * wide, top + shake[1] * tall, right + shake[2] * wide, bottom + shake[3] * tall)
                crops.append(frames.crop(frame, example.content, box))
                classes.append(face.classes)
    images, answers = np.stack(crops), torch.tensor(classes)

    def loss_of(chance: np.random.Generator) -> Tensor:
        chosen = chance.integers(0, len(images), batch)
        mirrored = images[chosen]
        flip = chance.random(batch) < 0.5
        mirrored[flip] = mirrored[flip, :, ::-1]
        heads = network.logits(colored(mirrored, chance)).split(network.sizes, 1)
        wanted = answers[torch.from_numpy(chosen)]
        losses = [F.cross_entropy(head, wanted[:, i], label_smoothing=0.02) for i, head in enumerate(heads)]
        return torch.stack(losses).sum()

    return loss_of


def context_batches(data: Frames, network: Context, batch: int) -> Loss:
    """Losses on small frames, half of them mirrored, moved by up to a sixteenth.

    A label for a whole image says little about which part of it is the object, and learning that
    takes long: the cells are told as well which of them an object covers.
    """
    small = shrunk(data, frames.CONTEXT_WIDTH, frames.CONTEXT_HEIGHT)
    answers = torch.zeros(len(data), len(data.vocabulary.labels))
    for i, example in enumerate(data.examples):
        answers[i, example.labels] = 1.0

    def loss_of(chance: np.random.Generator) -> Tensor:
        chosen = chance.integers(0, len(small), batch)
        images, seen = small[chosen], []
        for i, index in enumerate(chosen):
            factor = frames.CONTEXT_WIDTH / frames.FRAME_WIDTH
            dx, dy = (int(v) for v in chance.integers(-8, 9, 2))
            things = [_moved(scaled(thing, factor), dx, dy) for thing in data.examples[index].objects]
            images[i] = np.roll(images[i], (dy, dx), (0, 1))
            if chance.random() < 0.5:
                images[i] = images[i, :, ::-1].copy()
                things = [_mirrored(thing, frames.CONTEXT_WIDTH) for thing in things]
            seen.append(things)
        here, everywhere = network.parts(colored(images, chance))
        cells, heed = context_cells(seen, here.shape[1], here.shape[3], here.shape[2])
        whole = F.binary_cross_entropy_with_logits(
            here.amax([2, 3]) + everywhere, answers[torch.from_numpy(chosen)]
        )
        each = F.binary_cross_entropy_with_logits(here, cells, reduction="none")
        # Few cells are covered: per object, not per cell.
        return whole * 10.0 + (each * heed).sum() / (cells.sum() + 1.0)

    return loss_of


def context_cells(things: list[list[Thing]], labels: int, columns: int, rows: int) -> tuple[Tensor, Tensor]:
    """Which cells an object covers, and which are to be heeded, both `f32 [n, labels, rows, columns]`.

    Its middle is covered; its rim is neither covered nor free.
    """
    covered = np.zeros((len(things), labels, rows, columns), np.float32)
    heeded = np.ones_like(covered)
    xs, ys = np.arange(columns) + 0.5, np.arange(rows)[:, None] + 0.5
    for i, one in enumerate(things):
        for thing in one:
            left, top, right, bottom = (side / CONTEXT_CELL_PX for side in thing.box)
            off_x = np.abs(xs - (left + right) / 2) / (right - left)
            off_y = np.abs(ys - (top + bottom) / 2) / (bottom - top)
            off = np.maximum(off_x, off_y)
            off[np.unravel_index(off.argmin(), off.shape)] = 0.0
            heeded[i, thing.classes[0]][off < 0.6] = 0.0
            covered[i, thing.classes[0]][off < 0.3] = 1.0
    heeded[covered > 0] = 1.0
    return torch.from_numpy(covered), torch.from_numpy(heeded)
