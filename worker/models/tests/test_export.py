"""What exporters write keeps the worker's contract after `torch.jit.load`."""

from __future__ import annotations

from pathlib import Path
from typing import Dict, List

import export_classifier
import export_detector
import pytest
import torch
from torch import Tensor, nn



class TinyDetector(nn.Module):
    """Three boxes an image, the first of them background; their size is the image's."""

    def forward(self, images: List[Tensor]) -> List[Dict[str, Tensor]]:
        answers: List[Dict[str, Tensor]] = []
        for image in images:
            height, width = image.size(1), image.size(2)
            boxes = torch.tensor([[0, 0, width, height], [0, 0, width // 2, height], [0, 0, width, height // 4]])
            answers.append({
                "boxes": boxes.to(image.dtype),
                "scores": torch.tensor([0.9, 0.3, 0.6]),
                "labels": torch.tensor([0, 1, 4]),
            })
        return answers


def strided_as_the_worker_does(n: int, height: int, width: int) -> Tensor:
    """`u8 [n, 3, h, w]` over memory in the order n, h, w, channel."""
    return torch.randint(0, 256, (n, height, width, 3), dtype=torch.uint8).permute(0, 3, 1, 2)


def tiny_classifier(num_classes: int = 5) -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 4, 3, 2), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, num_classes))


@pytest.mark.parametrize("activation", ["sigmoid", "softmax"])
def test_a_classifier_gives_a_score_for_each_class(activation: str, tmp_path: Path) -> None:
    file = tmp_path / "classifier.pt"
    torch.save(tiny_classifier(5).state_dict(), tmp_path / "weights.pt")
    module = export_classifier.build(f"{__name__}:tiny_classifier", tmp_path / "weights.pt", {"num_classes": 5})
    options = export_classifier.Options(activation=activation, input_size=(48, 64))
    export_classifier.export(module, options, file)
    model = torch.jit.load(str(file))
    for n in (1, 2, 5):
        scores = model(strided_as_the_worker_does(n, 48, 64))
        assert scores.shape == (n, 5) and scores.dtype == torch.float32
        assert bool(((scores >= 0) & (scores <= 1)).all())
        if activation == "softmax":
            assert torch.allclose(scores.sum(1), torch.ones(n))


def test_a_classifier_normalizes_inside(tmp_path: Path) -> None:
    module = tiny_classifier().eval()
    options = export_classifier.Options(mean=(0.5, 0.4, 0.3), std=(0.2, 0.3, 0.4), activation="none", input_size=(32, 32))
    export_classifier.export(module, options, tmp_path / "classifier.pt")
    images = strided_as_the_worker_does(2, 32, 32)
    mean, std = torch.tensor(options.mean).view(1, 3, 1, 1), torch.tensor(options.std).view(1, 3, 1, 1)
    expected = module((images / 255.0 - mean) / std)
    assert torch.allclose(torch.jit.load(str(tmp_path / "classifier.pt"))(images), expected, atol=1e-4)


def test_a_module_that_gives_no_scores_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not \\[3, classes\\]"):
        export_classifier.export(nn.Conv2d(3, 4, 3), export_classifier.Options(), tmp_path / "classifier.pt")
    assert not (tmp_path / "classifier.pt").exists()


def test_a_detector_gives_rows_best_first_and_padded(tmp_path: Path) -> None:
    file = tmp_path / "detector.pt"
    export_detector.export(TinyDetector(), export_detector.Options(rows=4), file)
    model = torch.jit.load(str(file))
    for n in (1, 3):
        rows = model(strided_as_the_worker_does(n, 40, 80))
        assert rows.shape == (n, 4, 6) and rows.dtype == torch.float32
        expected = torch.tensor([
            [0, 0, 1, 0.25, 0.6, 3],
            [0, 0, 0.5, 1, 0.3, 0],
            [0, 0, 0, 0, 0, 0],
            [0, 0, 0, 0, 0, 0],
        ])
        for row in rows:
            assert torch.allclose(row, expected)


def test_a_detector_that_needs_roi_align_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torchvision")
    model = "torchvision.models.detection:fasterrcnn_mobilenet_v3_large_320_fpn"
    command = ["export_detector", "--model", model, "--classes", "5", "--out", str(tmp_path / "detector.pt")]
    monkeypatch.setattr("sys.argv", command)
    with pytest.raises(ValueError, match="torchvision::roi_align"):
        export_detector.main()


def test_boxes_overlapped_by_a_better_one_of_their_class_go() -> None:
    boxes = torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 9], [0, 0, 10, 8], [20, 20, 30, 30]])
    scores = torch.tensor([0.5, 0.9, 0.8, 0.1])
    assert export_detector.plain_nms(boxes, scores, 0.5).tolist() == [1, 3]
    classes = torch.tensor([0, 0, 1, 1])
    assert export_detector.plain_batched_nms(boxes, scores, classes, 0.5).tolist() == [1, 2, 3]


def test_a_detector_of_torchvision_needs_none_of_its_operators(tmp_path: Path) -> None:
    detection = pytest.importorskip("torchvision.models.detection")
    torch.manual_seed(1)
    module = detection.ssdlite320_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=5)
    # Untrained scores are all alike: without a floor, each of thousands of boxes would be kept.
    module.score_thresh, module.topk_candidates = 0.21, 40
    script = export_detector.export(module, export_detector.Options(rows=20), tmp_path / "detector.pt")
    assert "torchvision::" not in str(script.inlined_graph)
    assert torch.jit.load(str(tmp_path / "detector.pt"))(strided_as_the_worker_does(2, 320, 320)).shape == (2, 20, 6)
