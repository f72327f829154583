# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

import pytest

import pymodel

DOCUMENT = Path(__file__).parents[2] / "docs" / "library.md"
SOURCES = sorted(Path(pymodel.__file__).parent.glob("*.py"))


EXAMPLES = re.findall(
    r"```python\nfrom (.*?)```\n\nprints\n\n```text\n(.*?)```", DOCUMENT.read_text(), re.DOTALL
)


@pytest.mark.parametrize("example", EXAMPLES, ids=["ring", "drivers", "socket"])
def test_the_examples_of_the_library_page_print_what_the_page_says(
    example: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    exec(compile(f"from {example[0]}", str(DOCUMENT), "exec"), {})
    assert capsys.readouterr().out == example[1]


def test_every_name_that_the_library_page_mentions_exists() -> None:
    for name in re.findall(r"`([A-Z]\w+)`", DOCUMENT.read_text()):
        assert hasattr(pymodel, name), name


def test_the_public_names_exist_and_are_sorted_out() -> None:
    assert len(set(pymodel.__all__)) == len(pymodel.__all__)
    for name in pymodel.__all__:
        assert hasattr(pymodel, name)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_the_package_imports_only_itself_and_the_standard_library(path: Path) -> None:
    text = path.read_text()
    assert text.startswith("# SPDX-License-Identifier: Apache-2.0\n")
    assert len(text.splitlines()) < 400
    tree = ast.parse(text, feature_version=(3, 9))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names = [node.module or ""]
        else:
            continue
        assert all(name.split(".")[0] in sys.stdlib_module_names for name in names), names
