"""The demo in a browser: the command serves, Chromium clicks, Ctrl-C ends."""

import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from browsers import browser_and_driver
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

pytestmark = pytest.mark.integration

PATIENCE = 60


@pytest.fixture(scope="module")
def browser() -> Iterator[webdriver.Chrome]:
    program, driver = browser_and_driver()
    options = webdriver.ChromeOptions()
    options.binary_location = program
    for argument in (
        "--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1200,1600",
        "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",
    ):  # fmt: skip
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    with webdriver.Chrome(options, webdriver.ChromeService(driver)) as chrome:
        yield chrome


@pytest.fixture(scope="module")
def address(
    browser: webdriver.Chrome,
    small_study: Path,
    job_of: Callable[[str, Path], Path],
    tmp_path_factory: Any,
) -> Iterator[str]:
    """Where the command serves; asked to, it ends with 0."""
    second = job_of("wan2019", tmp_path_factory.mktemp("second") / "job")
    command = [sys.executable, "-m", "a2ibench.cli", "demo", str(small_study), str(second)]
    with subprocess.Popen(
        [*command, "--port", "0"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        try:
            line = server.stdout.readline()
            found = re.search(r"http://127\.0\.0\.1:\d+", line)
            assert found, line
            yield found[0]
            server.send_signal(signal.SIGINT)
            said, errors = server.communicate(timeout=PATIENCE)
            assert server.returncode == 0
            assert said == "ended\n"
            assert errors == ""
        finally:
            server.kill()


@pytest.fixture
def page(browser: webdriver.Chrome, address: str) -> Iterator[webdriver.Chrome]:
    """Open and fresh; the console stays empty."""
    browser.get_log("browser")
    browser.get(address)
    yield browser
    assert browser.get_log("browser") == []


def at(page: webdriver.Chrome, id_: str) -> Any:
    return page.find_element(By.ID, id_)


def wait(page: webdriver.Chrome, until: Callable[[webdriver.Chrome], Any]) -> Any:
    return WebDriverWait(page, PATIENCE).until(until)


def drawn(page: webdriver.Chrome) -> Any:
    """A model, whether each of its pictures is there."""
    # In one go: between two looks the page may put new pictures in the place of these.
    return page.execute_script(
        "return [...document.querySelectorAll('.model')].map((box) =>"
        " [...box.querySelectorAll('img')].map((i) => i.complete && i.naturalWidth === 32))"
    )


def test_a_file_becomes_pictures_of_two_models(page: webdriver.Chrome, tmp_path: Path) -> None:
    sound = tmp_path / "tone.wav"
    soundfile.write(sound, 0.5 * np.sin(np.arange(22_050) / 9), 22_050)
    assert not at(page, "draw").is_enabled()
    at(page, "file").send_keys(str(sound))
    wait(page, lambda p: at(p, "draw").is_enabled())
    assert at(page, "chosen").text == "tone.wav, 45 kB"
    boxes = page.find_elements(By.NAME, "model")
    assert [box.is_selected() for box in boxes] == [True, True]
    at(page, "count").clear()
    at(page, "count").send_keys("3")
    at(page, "draw").click()
    wait(page, lambda p: at(p, "result").is_displayed())
    wait(page, lambda p: drawn(p) == [[True] * 3] * 2)
    assert at(page, "result-title").text == "6 pictures for tone.wav: 1.00 s at 22050 Hz"
    assert at(page, "player").get_attribute("src").startswith("blob:")
    wait(page, lambda p: p.execute_script("return player.duration") == pytest.approx(1, abs=0.01))
    wait(page, lambda p: p.execute_script("return spectrogram.naturalHeight") == 64)
    assert at(page, "curve").find_element(By.TAG_NAME, "path").get_attribute("d")
    assert not at(page, "error").is_displayed()

    boxes[1].click()
    at(page, "draw").click()
    wait(page, lambda p: drawn(p) == [[True] * 3])
    boxes[0].click()
    assert not at(page, "draw").is_enabled(), "no model is chosen"


def test_a_recording_becomes_pictures(page: webdriver.Chrome) -> None:
    at(page, "record").click()
    wait(page, lambda p: at(p, "record").text == "■ Stop")
    wait(page, lambda p: re.match("[2-9]", at(p, "record-hint").text))
    at(page, "record").click()
    wait(page, lambda p: at(p, "draw").is_enabled())
    assert at(page, "chosen").text.startswith("recording, ")
    at(page, "draw").click()
    wait(page, lambda p: at(p, "result").is_displayed())
    wait(page, lambda p: drawn(p) == [[True] * 4] * 2)


def test_a_second_click_while_a_recording_starts_begins_no_other(page: webdriver.Chrome) -> None:
    page.execute_script(
        "window.tracks = []; const media = navigator.mediaDevices, real = media.getUserMedia;"
        "media.getUserMedia = async (what) => {"
        "  const stream = await real.call(media, what);"
        "  window.tracks.push(...stream.getTracks()); return stream; };"
        "const button = document.getElementById('record'); button.click(); button.click();"
    )
    wait(page, lambda p: at(p, "record").text == "■ Stop")
    at(page, "record").click()
    wait(page, lambda p: at(p, "draw").is_enabled())
    states = page.execute_script("return window.tracks.map((track) => track.readyState)")
    assert states == ["ended"]


def test_an_empty_file_is_refused_before_it_is_sent(page: webdriver.Chrome, tmp_path: Path) -> None:
    (tmp_path / "empty.wav").touch()
    at(page, "file").send_keys(str(tmp_path / "empty.wav"))
    wait(page, lambda p: at(p, "error").text == "empty.wav is empty (0 bytes).")
    assert not at(page, "draw").is_enabled()


def test_pictures_do_not_outlive_a_refusal(
    browser: webdriver.Chrome, address: str, tmp_path: Path
) -> None:
    good, bad = tmp_path / "tone.wav", tmp_path / "bad.wav"
    soundfile.write(good, 0.5 * np.sin(np.arange(22_050) / 9), 22_050)
    bad.write_bytes(b"no sound at all")
    (tmp_path / "empty.wav").touch()
    browser.get(address)
    for refused, draws in ((bad, True), (tmp_path / "empty.wav", False)):
        at(browser, "file").send_keys(str(good))
        at(browser, "draw").click()
        wait(browser, lambda p: at(p, "result").is_displayed())
        assert len(drawn(browser)) == 2
        at(browser, "file").send_keys(str(refused))
        if draws:
            at(browser, "draw").click()
        wait(browser, lambda p: at(p, "error").is_displayed())
        assert not at(browser, "result").is_displayed()
        assert drawn(browser) == []
    browser.get_log("browser")  # Chromium's line on the answer of 400


def test_a_bad_file_gets_a_message(browser: webdriver.Chrome, address: str, tmp_path: Path) -> None:
    bad = tmp_path / "<img src=x onerror=alert(1)>.wav"
    bad.write_bytes(b"no sound at all")
    browser.get(address)
    at(browser, "file").send_keys(str(bad))
    wait(browser, lambda p: at(p, "draw").is_enabled())
    assert at(browser, "chosen").text.startswith("<img src=x")
    at(browser, "draw").click()
    wait(browser, lambda p: at(p, "error").is_displayed())
    assert at(browser, "error").text.startswith("The file is not a sound that can be decoded")
    assert not at(browser, "result").is_displayed()
    # Chromium itself writes a line on each answer of 400; nothing else may stand there.
    said = [entry["message"] for entry in browser.get_log("browser")]
    assert all("400 (Bad Request)" in message for message in said), said
