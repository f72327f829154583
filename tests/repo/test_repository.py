# SPDX-License-Identifier: Apache-2.0
"""The repository: licence lines, links, paths, commands, clause ids, the change log, tests."""

import csv
import re
import subprocess
from pathlib import Path
from urllib.parse import unquote

import pytest

from ci.mutants import load
from ci.toolchain import ROOT

LICENCE = "SPDX-License-Identifier: Apache-2.0"
SOURCES = {".v", ".vh", ".py", ".cpp", ".h", ".sh", ".toml", ".yml"}
NAMED_SOURCES = {"Makefile", "run"}
TEXTS = SOURCES | {".md", ".txt", ".jsonl", ".csv", ".gitignore", ""}
MACHINE_PATH = re.compile(r"(?<![\w.~$}/])/(?:root|home|work|mnt|Users)/\w")
CLAUSE = re.compile(r"\b[A-Z]+-X?(?:DEV|DRV)-\d+\b")
CLAUSE_LISTS = "tests/spec/*.csv"
COMMAND = re.compile(r"\bmake ([a-z][a-z-]*)")
TESTS = ("tests", "tb/benches")


def tracked(*patterns: str) -> list[Path]:
    """Return the files that git knows, from the root."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", *patterns]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def shown(path: Path) -> str:
    return str(path.relative_to(ROOT))


def pages() -> list[Path]:
    return tracked("*.md")


def prose(page: Path) -> str:
    """Return a page without its blocks of code."""
    return re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as forges make them."""
    found: set[str] = set()
    for heading in re.findall(r"^#+ +(.+?) *$", prose(page), re.MULTILINE):
        text = re.sub(r"[^\w\- ]", "", re.sub(r"\]\([^)]*\)", "", heading).lower())
        anchor, number = text.replace(" ", "-"), 0
        while (name := f"{anchor}-{number}" if number else anchor) in found:
            number += 1
        found.add(name)
    return found


def links(page: Path) -> list[tuple[str, Path, str]]:
    """Return the relative links of a page: as written, the file, the anchor."""
    found = []
    text = re.sub(r"`[^`\n]*`", "", prose(page))
    for written in re.findall(r"\]\(<?([^)\s>]+)", text):
        if not re.match(r"[a-z]+:", written):
            target, _, anchor = unquote(written).partition("#")
            found.append((written, (page.parent / target).resolve() if target else page, anchor))
    return found


# ---- licence


def test_every_source_has_its_licence_line():
    lacking = [
        shown(path)
        for path in tracked()
        if (path.suffix in SOURCES or path.name in NAMED_SOURCES)
        and path.name != "pyproject.toml"
        and LICENCE not in "\n".join(path.read_text().splitlines()[:3])
    ]
    assert not lacking, f"no '{LICENCE}' in the first three lines of: {', '.join(lacking)}"


# ---- pages


@pytest.mark.parametrize("page", pages(), ids=shown)
def test_relative_links_lead_somewhere(page):
    broken = []
    for written, target, anchor in links(page):
        if not target.exists():
            broken.append(f"{written}: there is no {target.name}")
        elif anchor and target.suffix == ".md" and anchor not in anchors(target):
            broken.append(f"{written}: {target.name} has no such heading")
    assert not broken, f"{shown(page)}: {'; '.join(broken)}"


def test_every_page_is_reached_from_the_readme():
    reached: set[Path] = set()
    waiting = [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page not in reached:
            reached.add(page)
            waiting += [to for _, to, _ in links(page) if to.suffix == ".md" and to.exists()]
    lost = [shown(page) for page in pages() if page not in reached]
    assert not lost, f"no way of links leads from README.md to: {', '.join(lost)}"


def test_the_change_log_has_an_unreleased_part():
    text = (ROOT / "CHANGELOG.md").read_text()
    part = text.partition("\n## Unreleased\n")[2].partition("\n## ")[0]
    assert re.search(r"^- \S", part, re.MULTILINE), (
        "CHANGELOG.md: there must be a heading '## Unreleased' with an entry '- ...' below it"
    )


# ---- paths and commands


def test_no_file_names_a_path_of_one_machine():
    found = []
    for path in tracked():
        if path.suffix not in TEXTS:
            continue
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
            if MACHINE_PATH.search(line):
                found.append(f"{shown(path)}:{number}: {line.strip()[:80]}")
    assert not found, "paths that exist on one machine only:\n" + "\n".join(found)


def targets() -> set[str]:
    """Return the targets that the Makefile declares."""
    text = (ROOT / "Makefile").read_text().replace("\\\n", " ")
    return {name for line in re.findall(r"^\.PHONY:(.*)$", text, re.M) for name in line.split()}


def test_make_lists_every_target():
    listed = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    names = set(re.findall(r"^  make ([\w-]+)\s+\S", listed.stdout, re.MULTILINE))
    assert names == targets(), (
        f"make help lists {sorted(names - targets())} that are not in .PHONY, and does not list "
        f"{sorted(targets() - names)}: each needs 'name: ## what it does'"
    )


@pytest.mark.parametrize("page", pages(), ids=shown)
def test_commands_on_pages_exist(page):
    code = re.findall(r"^```.*?^```$|`[^`\n]+`", page.read_text(), re.MULTILINE | re.DOTALL)
    named = {name for text in code for name in COMMAND.findall(text)}
    unknown = sorted(named - targets())
    assert not unknown, f"{shown(page)}: the Makefile has no target {', '.join(unknown)}"


# ---- clauses


def clauses() -> set[str]:
    """Return the ids of the project's lists of clauses."""
    ids: set[str] = set()
    for path in tracked(CLAUSE_LISTS):
        with path.open(newline="") as file:
            ids |= {row["id"] for row in csv.DictReader(file) if "id" in row}
    return ids


def test_every_clause_that_is_cited_exists():
    known = clauses()
    assert known, f"no clause ids found in {CLAUSE_LISTS}"
    lists = set(tracked(CLAUSE_LISTS))
    unknown = []
    for path in tracked():
        if path in lists or path.suffix not in TEXTS or path == Path(__file__):
            continue
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
            unknown += [
                f"{shown(path)}:{number}: {name}"
                for name in CLAUSE.findall(line)
                if name not in known
            ]
    assert not unknown, "clause ids that are not in the lists:\n" + "\n".join(unknown)


# ---- tests of modules


MODULES = {path.stem: path for path in tracked("rtl/*.v")}


def verification(module: str) -> str:
    """Return the part of a module's page that says how it is verified."""
    page = ROOT / "docs" / "rtl" / f"{module}.md"
    text = page.read_text() if page.exists() else ""
    return text.partition("\n## Verification\n")[2].partition("\n## ")[0]


def inside(module: str) -> set[str]:
    """Return a module and all that it is made of."""
    found, waiting = set(), [module]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            words = re.findall(r"^\s*(vq_\w+)\s*(?:#|u_)", MODULES[name].read_text(), re.MULTILINE)
            waiting += [word for word in words if word in MODULES]
    return found


def named_tests(module: str) -> list[str]:
    """Return the tests of a module: files that name it, files and benches that its page names."""
    word = re.compile(rf"\b{module}\b")
    files = [path for path in tracked(*TESTS) if path.suffix == ".py"]
    found = [
        shown(path)
        for path in files
        if path.stem in (f"test_{module}", f"bench_{module}") or word.search(path.read_text())
    ]
    text = verification(module)
    cited = re.findall(r"`((?:tests|tb/benches)/[\w/]+\.py)`", text)
    found += [path for path in cited if (ROOT / path).is_file()]
    for bench, name in re.findall(r"`(bench_\w+)\.(\w+)`", text):
        path = ROOT / "tb" / "benches" / f"{bench}.py"
        if path.exists() and f"def {name}(" in path.read_text():
            found.append(f"{shown(path)}, {name}")
    return found


@pytest.mark.parametrize("module", sorted(MODULES))
def test_every_module_has_a_test(module):
    """It has one of its own, or its page leads to that of a module which it is part of."""
    pages_linked = re.findall(r"\]\((vq_\w+)\.md", verification(module))
    around = [name for name in pages_linked if name in MODULES and module in inside(name)]
    assert named_tests(module) or any(named_tests(name) for name in around), (
        f"{module}: no file under {' or '.join(TESTS)} names it, and the Verification part of its "
        "page names no test file, and links to no tested module that holds it"
    )


def test_every_planted_fault_fits_its_source():
    """What a fault replaces is in its file just once, and the runs that it names exist."""
    assert load()
