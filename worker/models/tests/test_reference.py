"""What is written for the worker to compare with is what the models answer, in words."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import reference
import torch
from PIL import Image

DEMO = Path(__file__).parents[1] / "demo"


@pytest.fixture
def models(tmp_path: Path) -> reference.Set:
    folder = tmp_path / "set"
    shutil.copytree(DEMO, folder)
    return reference.Set(folder)


def test_golden_inputs_of_the_demo_are_what_its_models_answer(models: reference.Set) -> None:
    lines = [json.loads(line) for line in (DEMO / "golden.jsonl").read_text().splitlines()]
    assert lines
    for line in lines:
        file = DEMO / line["file"]
        assert hashlib.sha256(file.read_bytes()).hexdigest() == line["sha256"]
        frame, content = models.letterbox(reference.upright(file))
        answers = json.loads(json.dumps(models.answers(frame, content)))
        assert answers.keys() == line["models"].keys()
        for name, score in line["models"]["context"]["scores"].items():
            assert answers["context"]["scores"][name] == pytest.approx(score, abs=1e-3)
        for name in ("faces", "logos"):
            ours, theirs = answers[name]["boxes"], line["models"][name]["boxes"]
            assert [one["label"] for one in ours] == [one["label"] for one in theirs]


def test_golden_inputs_are_named_by_digest_once(models: reference.Set, tmp_path: Path) -> None:
    images = tmp_path / "images"
    images.mkdir()
    Image.new("RGB", (64, 48), (90, 140, 220)).save(images / "a.png")
    for _ in range(2):
        file = models.folder / "golden" / "a.png"
        shutil.copy(images / "a.png", file)
        golden = reference.write(models, [file], models.folder, "golden.jsonl", False)
        reference.declare(models.folder, golden)
    text = (models.folder / "modelset.yaml").read_text()
    assert text.count("golden:") == 1
    assert hashlib.sha256(golden.read_bytes()).hexdigest() in text


def test_a_file_that_is_not_the_declared_one_is_refused(models: reference.Set) -> None:
    (models.folder / "context.pt").write_bytes(b"another")
    with pytest.raises(ValueError, match="context.pt is not the file"):
        reference.Set(models.folder)


def test_of_overlapping_boxes_the_best_stays_and_thresholds_are_each_labels_own() -> None:
    rows = torch.tensor([
        [0.0, 0.0, 0.5, 0.5, 0.6, 0.0],
        [0.0, 0.0, 0.5, 0.49, 0.9, 0.0],
        [0.6, 0.6, 0.9, 0.9, 0.6, 1.0],
    ])
    detect = {"labels": ["a", {"name": "b", "threshold": 0.7}], "threshold": 0.5, "nmsIou": 0.4}
    assert [(one["label"], one["score"]) for one in reference.boxes(rows, detect)] == [("a", 0.9)]


def test_a_crop_has_its_margin_and_stays_within_the_image() -> None:
    assert reference.crop((100, 100), (100, 100), (0.4, 0.4, 0.6, 0.6), 0.1) == (38, 38, 24, 24)
    assert reference.crop((100, 100), (80, 60), (0.7, 0.5, 0.9, 0.9), 0.1) == (68, 46, 12, 14)


def test_an_image_is_turned_upright(tmp_path: Path) -> None:
    image = Image.fromarray(np.zeros((10, 20, 3), np.uint8))
    exif = image.getexif()
    exif[0x0112] = 6
    image.save(tmp_path / "turned.jpg", exif=exif)
    assert reference.upright(tmp_path / "turned.jpg").size == (10, 20)
