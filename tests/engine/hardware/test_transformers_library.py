"""transformers is imported with one look through the code of its models."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
# In a process of its own: what is imported stays.
COUNTS = """
import builtins, sys
opened = []
before = builtins.open
builtins.open = lambda file, *rest, **named: opened.append(str(file)) or before(file, *rest, **named)
sys.path[:0] = [{root!r}]
from engine.hardware import transformers_library
transformers_library.import_models()
assert "transformers.models" in sys.modules
from transformers.utils import import_utils
from transformers.models import LlamaConfig
looks = [name for name in opened if name.replace("\\\\", "/").endswith("models/opt/modeling_opt.py")]
print(len(looks), import_utils.create_import_structure_from_path.__name__, LlamaConfig.__name__)
"""


def test_models_are_looked_through_once() -> None:
    command = [sys.executable, "-P", "-c", COUNTS.format(root=str(ROOT))]
    result = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    assert result.stdout.split() == ["1", "create_import_structure_from_path", "LlamaConfig"]
