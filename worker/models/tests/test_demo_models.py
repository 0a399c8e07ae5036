"""The demo's exported models keep the worker's contract."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import torch

import modelset

DEMO = Path(__file__).parents[1] / "demo"
MODELS = modelset.read(DEMO)


@pytest.mark.parametrize("name", list(MODELS))
def test_the_digest_is_that_of_the_file(name: str) -> None:
    content = (DEMO / MODELS[name]["file"]).read_bytes()
    assert hashlib.sha256(content).hexdigest() == MODELS[name]["sha256"]


@pytest.mark.parametrize("name", list(MODELS))
@pytest.mark.parametrize("half", [False, True], ids=["float", "half"])
def test_a_model_answers_batches_of_any_size(name: str, half: bool) -> None:
    entry = MODELS[name]
    head = entry.get("detect") or entry.get("attributes") or entry["classify"]
    model = modelset.load(DEMO, name)
    if half:
        model = model.half()
    for n in (1, 2, 3):
        shape = (n, head["input"]["height"], head["input"]["width"], 3)
        images = torch.randint(0, 256, shape, dtype=torch.uint8).permute(0, 3, 1, 2)
        with torch.inference_mode():
            strided, plain = model(images), model(images.contiguous())
        assert strided.dtype == torch.float32
        assert bool(torch.isfinite(strided).all())
        if not half:
            assert torch.allclose(strided[..., :5], plain[..., :5], atol=1e-2)
        if "detect" in entry:
            assert strided.shape[0] == n and strided.shape[2] == 6
            assert bool((strided[:, :-1, 4] >= strided[:, 1:, 4]).all()), "the best come first"
            assert bool(((strided[..., :5] >= 0) & (strided[..., :5] <= 1)).all())
            assert bool((strided[..., 5] < len(head["labels"])).all())
        elif "attributes" in entry:
            sizes = [len(one["values"]) for one in head["heads"]]
            assert strided.shape == (n, sum(sizes))
            for part in strided.split(sizes, 1):
                assert torch.allclose(part.sum(1), torch.ones(n), atol=1e-3)
        else:
            assert strided.shape == (n, len(head["labels"]))
