"""The demo's server: what it draws, what it refuses, and what it does not let in."""

import asyncio
import base64
import contextlib
import io
import json
import re
import shutil
import socket
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import av
import misbehaving
import numpy as np
import pytest
import soundfile
from click.testing import CliRunner
from PIL import Image
from starlette.testclient import TestClient

from a2ibench.cli import main
from a2ibench.demo.app import HEADERS, UPLOAD, make_app
from a2ibench.demo.serve import allowed_hosts, is_loopback, listen, open_models
from a2ibench.demo.sound import MAX_BYTES, MAX_SECONDS
from a2ibench.demo.studio import FAILED, Model
from a2ibench.generator.generator import Generator
from a2ibench.media.sound_file import read_sound

RATE = 48_000
WAVE = 0.4 * np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE) * np.linspace(0, 1, RATE)
BOTH = "model=0&model=1&n=2&volume=1&seed=3"


def encoded(kind: str, wave: Any = WAVE, rate: int = RATE) -> bytes:
    stream = io.BytesIO()
    if kind != "webm":
        soundfile.write(stream, wave, rate, format=kind)
        return stream.getvalue()
    with av.open(stream, "w", format="webm") as container:
        track = container.add_stream("libopus", rate=rate, layout="mono")
        samples = wave.astype(np.float32)[np.newaxis]
        frame = av.AudioFrame.from_ndarray(samples, format="flt", layout="mono")
        frame.sample_rate = rate
        for packet in (*track.encode(frame), *track.encode(None)):
            container.mux(packet)
    return stream.getvalue()


def silent_film() -> bytes:
    stream = io.BytesIO()
    with av.open(stream, "w", format="matroska") as container:
        track = container.add_stream("mpeg4", rate=10)
        track.width = track.height = 32
        track.pix_fmt = "yuv420p"
        frame = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), format="rgb24")
        for packet in (*track.encode(frame), *track.encode(None)):
            container.mux(packet)
    return stream.getvalue()


@pytest.fixture(scope="module")
def models(
    small_study: Path, job_of: Callable[[str, Path], Path], tmp_path_factory: Any
) -> list[Model]:
    second = job_of("wan2019", tmp_path_factory.mktemp("second") / "job")
    said: list[str] = []
    found = open_models([small_study, second], 0, said.append)
    assert [model.name for model in found] == ["study: vae", "wan2019 (job)"]
    assert not said
    assert found[0].generator._run.encoder is found[1].generator._run.encoder
    return found


def own_hosts() -> list[str]:
    with listen("127.0.0.1", 0) as listening:
        return allowed_hosts(listening, "127.0.0.1")


@pytest.fixture
def client(
    models: list[Model], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[TestClient]:
    """After each test nothing that was sent lies in the folder for temporary files."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    app = make_app(models, own_hosts())
    with TestClient(app, base_url="http://127.0.0.1") as client:
        yield client
    assert not list(tmp_path.iterdir())


def post(client: TestClient, content: bytes, query: str = BOTH) -> Any:
    return client.post(f"/draw?{query}", content=content, headers={"content-type": UPLOAD})


def pictures(model: dict[str, Any]) -> np.ndarray:
    parts = [base64.b64decode(uri.partition(",")[2]) for uri in model["pictures"]]
    return np.stack([np.asarray(Image.open(io.BytesIO(part))) for part in parts])


@pytest.mark.parametrize("kind", ["wav", "flac", "ogg", "mp3", "webm"])
def test_every_model_draws_a_sound_as_it_does_elsewhere(
    client: TestClient, models: list[Model], tmp_path_factory: Any, kind: str
) -> None:
    content = encoded(kind)
    answer = post(client, content)
    assert answer.status_code == 200, answer.text
    shown = answer.json()
    assert shown["sound"]["seconds"] == pytest.approx(1, abs=0.1)
    curve = np.array(shown["sound"]["curve"])
    assert curve.shape == (800, 2)
    assert curve[:100].max() < 0.1 < 0.3 < curve[-100:].max()
    spectrogram = pictures({"pictures": [shown["sound"]["spectrogram"]]})[0]
    loudest = spectrogram[:, -20:].sum(axis=(1, 2)).argmax()
    assert 64 - loudest == pytest.approx(9, abs=3), "440 Hz is near the bottom"
    path = tmp_path_factory.mktemp("sent") / f"a.{kind}"
    path.write_bytes(content)
    waveform, rate = read_sound(path)
    for model, one in zip(shown["models"], models, strict=True):
        assert model["name"] == one.name
        drawn = one.generator.generate(waveform, rate, 2, 3)
        np.testing.assert_array_equal(pictures(model), drawn)
    assert shown["models"][0]["notes"] == []
    assert shown["models"][1]["notes"] == ["it uses no noise: all pictures are the same"]


def test_the_choice_counts(client: TestClient) -> None:
    content = encoded("wav")
    one = post(client, content, "model=1&n=1&volume=1&seed=0").json()["models"]
    assert [len(model["pictures"]) for model in one] == [1]
    louder = post(client, content, "model=1&n=1&volume=2&seed=0").json()["models"]
    assert (pictures(louder[0]) != pictures(one[0])).any()
    first, second = (
        post(client, content, f"model=0&n=1&volume=1&seed={seed}").json()["models"][0]
        for seed in (0, 1)
    )
    assert (pictures(first) != pictures(second)).any()


PLAYLIST = b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "the file is empty (0 bytes)"),
        (b"no sound at all", "not a sound that can be decoded"),
        (bytes(range(256)) * 40, "not a sound that can be decoded"),
        (encoded("wav")[:20], "not a sound that can be decoded"),
        (PLAYLIST, "not a sound that can be decoded"),
        (silent_film(), "there is no sound in the file"),
        (encoded("wav", np.zeros(0)), "the sound is empty: it has no samples"),
        (encoded("wav", WAVE[:30]), "needs at least 0.05 s"),
        (encoded("wav", np.ones((MAX_SECONDS + 1) * 1000), 1000), f"longer than {MAX_SECONDS} s"),
    ],
    ids=["empty", "text", "bytes", "cut", "playlist", "film", "none", "short", "long"],
)
def test_a_bad_file_gets_a_message(
    client: TestClient, tmp_path: Path, content: bytes, expected: str
) -> None:
    answer = post(client, content)
    assert answer.status_code == 400, answer.text
    assert expected in answer.json()["error"]
    assert "Traceback" not in answer.text
    assert str(tmp_path) not in answer.text


def test_silence_is_drawn_as_the_command_draws_it(
    client: TestClient, small_study: Path, tmp_path_factory: Any
) -> None:
    folder = tmp_path_factory.mktemp("silence")
    (folder / "a.wav").write_bytes(encoded("wav", np.zeros(RATE)))
    shown = post(client, encoded("wav", np.zeros(RATE)), "model=0&n=2&volume=1&seed=0").json()
    arguments = ["generate", str(small_study), str(folder / "a.wav"), "-n", "2", "--out", folder]
    done = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert done.exit_code == 0, done.output
    assert "note: a.wav is silent: all of its samples are 0" in done.output
    drawn = np.stack([np.asarray(Image.open(folder / "a" / f"0{i}.png")) for i in range(2)])
    np.testing.assert_array_equal(pictures(shown["models"][0]), drawn)
    assert shown["models"][0]["notes"] == ["the sound is silent: all of its samples are 0"]


def test_a_sound_much_longer_than_the_training_s_is_said_to_be(client: TestClient) -> None:
    shown = post(client, encoded("wav", np.tile(WAVE[:8000], 3), 8000)).json()["models"]
    expected = "the sound lasts 3.0 s, and the model was trained on segments of 1 s"
    assert shown[0]["notes"][0].startswith(expected)


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (misbehaving.crash_on, "the decoder died of SIGSEGV (Segmentation fault)"),
        (misbehaving.sleep_on, "the decoder took longer than 1 s"),
        (misbehaving.allocate_on, "the decoder needed more than 0.5 GiB of memory"),
    ],
)
def test_a_decoder_that_crashes_costs_one_request(
    client: TestClient,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    function: Callable[[Path], None],
    expected: str,
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("a2ibench.demo.sound._decode", function)
        patch.setattr("a2ibench.demo.sound.SECONDS", 1.0)
        patch.setattr("a2ibench.demo.sound.MEMORY", 2**29)
        answer = post(client, encoded("wav"))
    assert answer.status_code == 400
    assert answer.json()["error"].startswith(expected)
    assert not list(tmp_path.rglob("sound*")), "what was sent is removed"
    assert post(client, encoded("wav")).status_code == 200


def small_file_of_many_channels(seconds: int) -> bytes:
    stream = io.BytesIO()
    second = np.full((655_350, 8), 1000, np.int16)
    with soundfile.SoundFile(stream, "w", 655_350, 8, "PCM_16", format="FLAC") as file:
        for _ in range(seconds):
            file.write(second)
    return stream.getvalue()


@pytest.mark.parametrize("whole", [True, False], ids=["whole", "damaged at the beginning"])
def test_a_small_file_cannot_fill_the_memory(client: TestClient, whole: bool) -> None:
    content = bytearray(small_file_of_many_channels(14))
    assert len(content) < 2**18
    if not whole:  # libav gives up there, libsndfile goes on
        content[8400:8500] = bytes(100)
    answer = post(client, bytes(content))
    assert answer.status_code == 400
    assert "more than 67,108,864 samples in its channels" in answer.json()["error"]


def test_a_file_that_is_too_big_is_not_read_to_its_end(models: list[Model]) -> None:
    most = MAX_BYTES >> 20
    read: list[int] = []

    async def receive() -> Any:
        read.append(2**20)
        return {"type": "http.request", "body": bytes(2**20), "more_body": len(read) < 2 * most}

    status, body = drawn(models, receive)
    assert status == 413
    assert json.loads(body)["error"] == f"the file is larger than {most} MiB"
    assert len(read) == most + 1


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", "choose at least one model"),
        ("model=0&model=0&n=1&volume=1&seed=0", "none of them twice"),
        ("model=2&n=1&volume=1&seed=0", "model: expected a whole number, 0 to 1, got '2'"),
        ("model=vae&n=1&volume=1&seed=0", "model: expected a whole number"),
        ("model=0&n=0&volume=1&seed=0", "n: expected a whole number, 1 to 16, got '0'"),
        ("model=0&n=1.5&volume=1&seed=0", "n: expected a whole number"),
        ("model=0&n=1&volume=0&seed=0", "volume: expected a number, 0.1 to 10.0, got '0'"),
        ("model=0&n=1&volume=nan&seed=0", "volume: expected a number"),
        ("model=0&n=1&volume=1&seed=-1", "seed: expected a whole number, 0 to 2147483647"),
        ("model=0&n=1&volume=1", "seed: expected once, got 0 times"),
        ("model=0&n=1&n=2&volume=1&seed=0", "n: expected once, got 2 times"),
        ("model=0&n=1&volume=1&seed=0&name=../../x.wav", "unknown parameter 'name'"),
    ],
)
def test_a_bad_parameter_gets_a_message(client: TestClient, query: str, expected: str) -> None:
    answer = post(client, encoded("wav"), query)
    assert answer.status_code == 400
    assert expected in answer.json()["error"]


@pytest.mark.parametrize(
    "path",
    [
        "/../../../../etc/passwd",
        "/%2e%2e/%2e%2e/app.py",
        "/page.js/../../app.py",
        "/..%2fapp.py",
        "/page.html.j2",
        "/page/page.css",
        "//etc/passwd",
    ],
)
def test_nothing_but_the_page_is_read(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 404


def test_names_of_files_reach_nobody(
    client: TestClient,
    tmp_path_factory: pytest.TempPathFactory,
    caplog: pytest.LogCaptureFixture,
) -> None:
    out = tmp_path_factory.mktemp("out")
    headers = {
        "content-type": UPLOAD,
        "content-disposition": f'attachment; filename="../../..{out}/secret.wav"',
    }
    answer = client.post(f"/draw?{BOTH}", content=encoded("wav"), headers=headers)
    assert answer.status_code == 200
    assert "secret" not in f"{answer.text} {answer.headers} {caplog.text}"
    assert list(out.iterdir()) == []


def test_the_page_is_strict_and_names_every_model_escaped(models: list[Model]) -> None:
    generator = models[0].generator
    methods = [("<b>bold</b> − x", 1_000), ("<b>bold</b> − x", 3_000), ("y", None)]
    offered = [Model(method, budget, generator) for method, budget in methods]
    app = make_app(offered, own_hosts())
    with TestClient(app, base_url="http://localhost:8000") as client:
        page = client.get("/")
        assert page.status_code == 200
        assert "&lt;b&gt;bold&lt;/b&gt; − x" in page.text
        assert page.text.count('name="model"') == len(offered)
        assert page.text.index("1,000 images") < page.text.index("3,000 images")
        assert "<b>" not in page.text
        assert not re.search(r"<script(?! src=)|<style| style=| on\w+=", page.text)
        assert "//" not in page.text, "an address elsewhere"
        for path in ("/", "/page.js", "/page.css", "/nothing"):
            policy = client.get(path).headers["content-security-policy"]
            assert policy.startswith("default-src 'none'; script-src 'self';")
            assert "unsafe" not in policy


def test_other_pages_of_the_browser_cannot_use_it(client: TestClient) -> None:
    assert client.get("/", headers={"host": "evil.example:8000"}).status_code == 400
    # What a form or a script of another origin can send without being asked about.
    for kind in ("text/plain", "multipart/form-data; boundary=x", None):
        headers = {} if kind is None else {"content-type": kind}
        answer = client.post(f"/draw?{BOTH}", content=encoded("wav"), headers=headers)
        assert answer.status_code == 415
    answer = client.options("/draw", headers={"origin": "http://evil.example"})
    assert "access-control-allow-origin" not in answer.headers
    assert client.get("/draw").status_code == 405


def test_requests_at_the_same_time_wait_for_each_other(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    generate, at_work, most = Generator.generate, [], []

    def watched(*given: Any) -> Any:
        at_work.append(given)
        most.append(len(at_work))
        time.sleep(0.05)
        try:
            return generate(*given)
        finally:
            at_work.pop()

    monkeypatch.setattr(Generator, "generate", watched)
    content = encoded("wav")
    queries = [f"model={i % 2}&n=3&volume=1&seed={i}" for i in range(4)]
    alone = [post(client, content, query).json() for query in queries]
    with ThreadPoolExecutor(len(queries)) as pool:
        together = list(pool.map(lambda query: post(client, content, query).json(), queries))
    assert together == alone
    assert most == [1] * 2 * len(queries)


def test_nothing_is_drawn_for_who_has_gone(models: list[Model]) -> None:
    arriving = [
        {"type": "http.request", "body": encoded("wav"), "more_body": False},
        {"type": "http.disconnect"},
    ]

    async def receive() -> Any:
        return arriving.pop(0)

    assert drawn(models, receive) == (400, b"")


def drawn(models: list[Model], receive: Callable[[], Awaitable[Any]]) -> tuple[int, bytes]:
    """The status and the body of the answer to what arrives, without a server between."""
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/draw",
        "query_string": BOTH.encode(),
        "headers": [(b"host", b"localhost"), (b"content-type", UPLOAD.encode())],
    }
    asyncio.run(make_app(models, ["*"])(scope, receive, send))
    begin, *rest = sent
    return begin["status"], b"".join(message["body"] for message in rest)


@pytest.mark.parametrize("failure", [ValueError("NaN or infinite pixels"), SystemExit(0)])
def test_a_model_that_fails_does_not_hide_the_others(
    models: list[Model], caplog: pytest.LogCaptureFixture, failure: BaseException
) -> None:
    class Failing:
        notes = ()

        def generate(self, *arguments: Any) -> Any:
            raise failure

    failing = Model("failing", None, Failing())  # type: ignore[arg-type]
    app = make_app([models[0], failing], ["*"])
    with TestClient(app) as client:
        shown = post(client, encoded("wav")).json()["models"]
    assert len(shown[0]["pictures"]) == 2
    assert (shown[1]["name"], shown[1]["error"]) == ("failing", FAILED)
    assert type(failure).__name__ in caplog.text


def test_a_failure_of_the_server_is_as_strict_as_its_other_answers() -> None:
    app = make_app([Model("broken", None, None)], ["*"])  # type: ignore[arg-type]
    with TestClient(app, raise_server_exceptions=False) as client:
        answer = post(client, encoded("wav"), "model=0&n=1&volume=1&seed=0")
    assert answer.status_code == 500
    assert "see its terminal" in answer.json()["error"]
    assert HEADERS.items() <= dict(answer.headers).items()


def test_every_budget_of_a_study_is_offered_or_the_one_that_is_asked_for(
    small_study: Path, tmp_path: Path
) -> None:
    study = tmp_path / "study"
    shutil.copytree(small_study, study)
    about = json.loads((study / "study.json").read_text())
    about["smaller"] = {"48": {"vae": about["jobs"]["vae"]}}
    (study / "study.json").write_text(json.dumps(about))
    said: list[str] = []
    both = open_models([study], 0, said.append)
    assert [model.name for model in both] == ["vae, 48 images", "vae, 96 images"]
    (one,) = open_models([study], 0, said.append, 48)
    assert (one.name, said) == ("vae, 48 images", [])
    with TestClient(make_app(both, ["*"])) as client:
        shown = post(client, encoded("wav")).json()["models"]
    assert [(one["method"], one["budget"]) for one in shown] == [("vae", 48), ("vae", 96)]


def test_an_arm_without_a_result_is_left_out_and_named(small_study: Path, tmp_path: Path) -> None:
    study = tmp_path / "study"
    shutil.copytree(small_study, study)
    about = json.loads((study / "study.json").read_text())
    about["arms"]["vae − x"] = about["arms"]["vae"]
    about["jobs"]["vae − x"] = ["0" * 20]
    (study / "study.json").write_text(json.dumps(about))
    said: list[str] = []
    assert [model.name for model in open_models([study], 0, said.append)] == ["vae"]
    reason = f"{study}: vae − x, seed 0, has no result; run the study again"
    assert said == [f"note: left out: {reason}"]


def has_ipv6() -> bool:
    with contextlib.suppress(OSError), socket.create_server(("::1", 0), family=socket.AF_INET6):
        return True
    return False


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("localhost", True),
        ("Localhost", True),
        ("127.1", True),
        ("0x7f000001", True),
        ("127.0.0.5", True),
        ("::1", True),
        ("0.0.0.0", False),
        ("::", False),
    ],
)
def test_loopback_is_told_by_the_address_that_is_bound_however_the_host_is_written(
    host: str, loopback: bool
) -> None:
    if ":" in host and not has_ipv6():
        pytest.skip("this machine has no IPv6")
    with listen(host, 0) as listening:
        assert is_loopback(listening) is loopback
        hosts = allowed_hosts(listening, host)
        assert ("*" in hosts) is not loopback
        assert not loopback or listening.getsockname()[0] in hosts


@pytest.mark.parametrize("host", ["a..b", "a" * 70, "", "nobody.invalid"])
def test_a_host_that_is_none_gets_a_message(small_study: Path, host: str) -> None:
    done = CliRunner().invoke(main, ["demo", str(small_study), "--host", host])
    assert done.exit_code == 2
    assert done.output.startswith("error: ")


def test_a_port_in_use_is_named(small_study: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = CliRunner().invoke(main, ["demo", str(small_study), "--port", str(port)])
    assert done.exit_code == 2
    assert f"error: port {port} of 127.0.0.1 is in use" in done.output
    done = CliRunner().invoke(main, ["demo", str(small_study), "--host", "203.0.113.1"])
    assert done.exit_code == 2
    assert "cannot listen to port 8000 of 203.0.113.1" in done.output
