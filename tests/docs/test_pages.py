"""What the pages tell people to type works: blocks run in order, a page in a folder of its own."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import av
import click
import numpy as np
import pytest
import soundfile
from click.testing import CliRunner
from pages import PAGES, PLAIN, ROOT, RUN_ELSEWHERE, Block, blocks, parse, simple_commands, smaller

from a2ibench import config, registry
from a2ibench.cli import main

ALL = [block for page in PAGES for block in blocks(page)]
MARKS = {"sh": {"run", "plan", "parsed", *RUN_ELSEWHERE}, "python": {"run", "parsed", "file"}}
MARKS["yaml"] = {"file"}
STORIES = [page for page in PAGES if any(b.page == page and b.mark == "run" for b in ALL)]


@pytest.fixture
def plugins_are_forgotten() -> Iterator[None]:
    """Those of a page's files are of no other test."""
    before = {one.kind: dict(one._registered) for one in registry.ALL}
    modules = set(sys.modules)
    yield
    for one in registry.ALL:
        one._registered.clear()
        one._registered.update(before[one.kind])
    for name in set(sys.modules) - modules:
        if name.startswith("a2ibench_plugin_"):
            del sys.modules[name]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What a reader has: a sound, a folder of films by class, and a table of them."""
    monkeypatch.chdir(tmp_path)
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 30_000)
    soundfile.write(tmp_path / "sound.wav", noise, 22_050)
    return tmp_path


def make_films(folder: Path) -> None:
    """Scenes of ``synthetic`` that pan, nine seconds each, and ``list.csv``."""
    from a2ibench_plugins.datasets.synthetic import Synthetic

    options = {"train": 8, "test": 1, "pairs_per_source": 1, "seconds": 9.0}
    lines = ["path,label"]
    scenes = Synthetic(config.build(Synthetic.Config, options, "synthetic"))
    for pair in scenes.pairs():
        path = folder / "VIDEOS" / pair.label / f"{pair.source.rpartition('/')[2]}.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        with av.open(str(path), "w") as out:
            video = out.add_stream("libx264", rate=10)
            video.width = video.height = 64
            sound = out.add_stream("aac", rate=scenes.sample_rate, layout="mono")
            for number in range(90):
                picture = np.ascontiguousarray(np.roll(pair.image, number // 3, axis=1))
                out.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            out.mux(video.encode(None))
            samples = av.AudioFrame.from_ndarray(pair.audio[None], format="fltp", layout="mono")
            samples.sample_rate = scenes.sample_rate
            out.mux(sound.encode(samples))
            out.mux(sound.encode(None))
        lines.append(f"{path.relative_to(folder)},{pair.label}")
    (folder / "list.csv").write_text("\n".join(lines) + "\n")


def call(words: list[str]) -> str:
    done = CliRunner().invoke(main, words)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0, f"a2ibench {' '.join(words)}\n{done.output}"
    return done.output


@pytest.mark.parametrize("block", ALL, ids=str)
def test_every_block_says_what_becomes_of_it(block: Block) -> None:
    if block.language in PLAIN:
        assert not block.mark, f"{block}: {block.mark} of a block that nobody runs"
    else:
        assert block.mark in MARKS[block.language], f"{block}: {block.mark!r}"
        assert bool(block.why) == (block.mark in ("plan", "parsed", "file"))


@pytest.mark.integration
@pytest.mark.parametrize("page", STORIES, ids=lambda page: page.name)
def test_the_blocks_of_a_page_run_in_order(
    page: Path, folder: Path, plugins_are_forgotten: None
) -> None:
    if page.name == "data.md":
        make_films(folder)
    for block in blocks(page):
        if block.mark == "file":
            (folder / block.why).write_text(block.code, encoding="utf-8")
        elif block.mark == "run" and block.language == "python":
            exec(compile(block.code, str(block), "exec"), {"__name__": block.page.stem})
        elif block.mark == "run":
            typed = [words for line in block.lines for words in simple_commands(line)]
            assert len(typed) == len(block.commands), f"{block}: only a2ibench is run here"
            for words in block.commands:
                call(smaller(words))


@pytest.mark.parametrize("block", [b for b in ALL if b.mark == "plan"], ids=str)
def test_what_is_too_large_for_a_test_can_be_planned(block: Block, folder: Path) -> None:
    for words in block.commands:
        assert words[0] == "run"
        assert "trials of" in " ".join(call([*words, "--dry-run"]).split())
    assert not [path for path in folder.iterdir() if path.name != "sound.wav"]


@pytest.mark.parametrize("block", [b for b in ALL if b.language == "sh"], ids=str)
def test_commands_and_options_exist(block: Block) -> None:
    for words in block.commands:
        try:
            parse(words)
        except click.UsageError as error:
            pytest.fail(f"{block}: a2ibench {' '.join(words)}: {error.format_message()}")
    subprocess.run(["bash", "-n"], input=block.code, text=True, check=True)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_in_a_sentence_exist(page: Path) -> None:
    text = " ".join(page.read_text(encoding="utf-8").split())
    for command in re.findall(r"`a2ibench ([^`]+)`", text):
        try:
            parse(next(simple_commands(command)))
        except click.UsageError as error:
            pytest.fail(f"{page.name}: a2ibench {command}: {error.format_message()}")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_options_of_plugins_exist_and_take_the_value(page: Path) -> None:
    plugins = {
        name: one
        for one in (registry.datasets, registry.encoders, registry.models, registry.executors)
        for name in one.names()
    }
    found = re.findall(r"--set (\w+)\.(\w+)=([^\s`;|)]+)", page.read_text(encoding="utf-8"))
    for owner, option, value in found:
        if value.isupper():  # it stands for a file or a folder of the reader's
            assert option in plugins[owner].get(owner).Config.__dataclass_fields__
        else:
            config.build(plugins[owner].get(owner).Config, {option: value}, owner)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_tables_of_results_are_those_of_the_report(page: Path) -> None:
    marked = re.findall(r"<!-- from: (\S+) -->\n((?:\|.*\n)+)", page.read_text(encoding="utf-8"))
    assert marked or page.name != "README.md", "the first screen has a table"
    for source, table in marked:
        report = [one for path in ROOT.glob(source) for one in tables(path.read_text("utf-8"))]
        (told,) = tables(table)
        for place, cell in told.items():
            assert cell in {one[place] for one in report if place in one}, (
                f"{page.name}: {cell!r} of {place} is not in {source}"
            )
        headings = {heading for _, heading in told}
        wanted = {row for one in report for row, heading in one if heading in headings}
        assert {row for row, _ in told} == wanted, "a row is left out"


def tables(text: str) -> list[dict[tuple[str, str], str]]:
    """The tables of a page, (row, heading) → cell."""
    found = []
    for block in re.findall(r"(?:^\|.*\n?)+", text, re.MULTILINE):
        head, _, *rows = map(cells, block.splitlines())
        pairs = (zip(head[1:], row[1:], strict=True) for row in rows)
        found.append(
            {
                (row[0], heading): cell
                for row, one in zip(rows, pairs, strict=True)
                for heading, cell in one
            }
        )
    return found


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def test_a_renamed_option_would_be_noticed() -> None:
    parse(["run", "--model", "ours", "--seeds", "2"])
    for wrong in (
        ["run", "--model", "ours", "--seed", "2", "--no-such"],
        ["run", "--model", "ours", "--scale", "huge"],
        ["report", "studies/a", "studies/b"],
        ["no-such-command"],
    ):
        with pytest.raises(click.UsageError):
            parse(wrong)


def test_the_first_picture_is_small_enough_to_load_quickly() -> None:
    assert (ROOT / "docs" / "images" / "samples.png").stat().st_size < 500_000
