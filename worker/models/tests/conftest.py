"""Lets the tests import the modules beside them."""

import sys
from pathlib import Path

MODELS = Path(__file__).parents[1]
sys.path[:0] = [str(MODELS), str(MODELS / "export")]
