"""Documents are true: their Python runs, their commands print what they show, their files and links exist.

A block of ```python runs in the order of the page, all blocks of a page in one namespace. ```python file=NAME and
```yaml file=NAME are written to NAME. In ```console, a line after `$ ` is run, must end with 0 (or with N where it
ends in `# exit N`), and must print every line shown below it; `...` in a line stands for any text. What costs
minutes or changes a machine is marked no-run. A process that a page leaves running writes its id to NAME.pid.
"""

import os
import re
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
FENCE = re.compile(r"^```(?P<language>\w+)(?P<info>[^\n]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?:|#|mailto:)([^)#\s]+)")


@dataclass(frozen=True)
class Block:
    language: str
    info: str
    text: str
    line: int


def blocks(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    return [
        Block(found["language"], found["info"].strip(), found["text"], text.count("\n", 0, found.start()) + 2)
        for found in FENCE.finditer(text)
    ]


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def carry_out(block: Block, page: Path, namespace: dict[str, object]) -> None:
    if "no-run" in block.info:
        return
    if target := re.search(r"file=(\S+)", block.info):
        Path(target[1]).write_text(block.text, encoding="utf-8")
    elif block.language == "python":
        padded = "\n" * (block.line - 1) + block.text  # so that a traceback shows the page's own line
        exec(compile(padded, name(page), "exec"), namespace)
    elif block.language == "console":
        for command in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
            run(*command.split("\n", 1))


def run(command: str, shown: str) -> None:
    expected = re.search(r"\s+# exit (\d+)$", command)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", command],
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    printed = done.stdout + done.stderr
    assert done.returncode == int(expected[1] if expected else 0), f"{command}\n{printed}"
    told = " ".join(printed.split())
    for line in filter(str.strip, shown.splitlines()):
        wanted = ".*".join(re.escape(" ".join(part.split())) for part in line.split("..."))
        assert re.search(wanted, told), f"{command}\ndoes not print\n{line}\nbut\n{printed}"


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page)], ids=name)
def test_what_a_page_shows_is_what_happens(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, object] = {"__name__": "__main__"}
    try:
        for block in blocks(page):
            carry_out(block, page, namespace)
    finally:
        for file in tmp_path.glob("*.pid"):
            with suppress(OSError):  # ended by the page, as it should be; its id may be another's by now
                process = file.read_text().strip()
                if Path(f"/proc/{process}/cwd").resolve(strict=True) == tmp_path:
                    os.kill(int(process), signal.SIGKILL)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page: Path) -> None:
    broken = [link for link in LINK.findall(page.read_text(encoding="utf-8")) if not (page.parent / link).exists()]
    assert broken == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_commands_and_targets_that_are_named_exist(page: Path) -> None:
    from candlewick.cli import main

    text = page.read_text(encoding="utf-8")
    commands = {command for group in main._COMMANDS.values() for command in group}
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"(?:`|^\$ )candlewick ([a-z][a-z-]*)", text, re.MULTILINE)) <= commands
    assert set(re.findall(r"(?:`|^\$ )make ([a-z]+)", text, re.MULTILINE)) <= targets


def test_every_benchmark_of_speed_has_a_target() -> None:
    named = re.findall(r"^(?:bench|rivals): MEASURED := (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    files = (ROOT / "benchmarks" / "speed").glob("*.py")
    programs = [file.stem for file in files if 'if __name__ == "__main__"' in file.read_text(encoding="utf-8")]
    assert sorted(" ".join(named).split()) == sorted(programs)


def test_the_readme_example_is_about_twenty_lines() -> None:
    examples = [block.text for block in blocks(ROOT / "README.md") if block.language == "python"]
    assert 10 <= max(len(text.strip().splitlines()) for text in examples) <= 25


def test_every_family_has_a_recipe() -> None:
    from candlewick.cli.families import FAMILIES

    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").lower()
    singular = {"policies": "policy", "losses": "loss"}
    missing = [family for family in FAMILIES if f"## a new {singular.get(family, family.rstrip('s'))}" not in text]
    assert missing == []
