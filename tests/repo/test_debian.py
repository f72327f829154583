# SPDX-License-Identifier: Apache-2.0
"""Groups of Debian packages: what is found, unpacked, noted and told."""

import json

import pytest

from ci import debian, toolchain
from ci.debian import Group

GROUP = Group(
    packages=("tool", "library"),
    aside=("guest",),
    files={"tool": ("usr/bin/no-such-tool",)},
    guest={"guest": ("bin/guest",)},
)


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine without rights, on which unpacking makes the files of a package."""
    monkeypatch.setattr(debian, "BUILD", tmp_path)
    monkeypatch.setattr(debian, "TOOLS", tmp_path / "tools")
    monkeypatch.setattr(debian, "UNPACKED", tmp_path / "tools" / "root")
    monkeypatch.setitem(debian.GROUPS, "trial", GROUP)
    done = []

    class Debian(debian.Debian):
        def prefix(self):
            return None

        def unpack(self, *names):
            done.append(names)
            for name in names:
                path = {"tool": "usr/bin/no-such-tool", "guest": "bin/guest"}.get(name, "x")
                file = debian.UNPACKED / path
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(b"\x7fELF /lib64/ld-linux-x86-64.so.2" if name == "tool" else b"")
            return True

    monkeypatch.setattr(debian, "Debian", Debian)
    monkeypatch.setattr(debian, "output", lambda *command: "Inst needed (1)\nInst tool (2)\n")
    return done


def test_a_group_is_unpacked_with_what_it_needs_and_noted(machine, capsys):
    debian.add_group("trial")
    assert machine == [("needed", "tool"), ("guest",)]
    found = json.loads((debian.TOOLS / "trial.json").read_text())["files"]
    assert found["guest"] == str(debian.UNPACKED / "bin" / "guest")
    assert found["tool"] == str(debian.TOOLS / "bin" / "no-such-tool")  # with its libraries
    assert "LD_LIBRARY_PATH" in (debian.TOOLS / "bin" / "no-such-tool").read_text()
    assert capsys.readouterr().out.startswith("setup: trial: tool")


def test_a_second_run_does_nothing(machine, capsys):
    debian.add_group("trial")
    capsys.readouterr()
    debian.add_group("trial")
    assert len(machine) == 2 and not capsys.readouterr().out


def test_what_is_gone_is_had_again(machine):
    debian.add_group("trial")
    (debian.UNPACKED / "bin" / "guest").unlink()
    debian.add_group("trial")
    assert machine[2:] == [("guest",)]


def test_what_cannot_be_had_is_told_with_the_command(machine, monkeypatch):
    monkeypatch.setattr(debian.Debian, "unpack", lambda self, *names: False)
    with pytest.raises(SystemExit) as told:
        debian.add_group("trial")
    assert "of group trial there is no tool, guest" in str(told.value)
    assert "sudo apt-get install tool library guest" in str(told.value)


def test_a_group_that_is_not_set_up_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(toolchain, "BUILD", tmp_path)
    with pytest.raises(SystemExit, match=r"run 'python3 ci/setup\.py linux' first"):
        toolchain.group("linux")
