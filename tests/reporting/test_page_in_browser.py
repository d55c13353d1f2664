"""Pages in a real browser: players play, tables sort, filters filter, nothing is fetched."""

import base64
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browsers import browser_and_driver
from made_up import run, study
from selenium.webdriver import Chrome, ChromeOptions, Keys
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select, WebDriverWait

from a2ibench.reporting.between_encoders import Between
from a2ibench.reporting.cells import Label, Mean
from a2ibench.reporting.html_page import write_html
from a2ibench.reporting.page.parts import Part, render_section
from a2ibench.reporting.page.sections.pictures import Pictures
from a2ibench.reporting.table import Column, Table
from a2ibench.results.drawings import AtBudget, Drawing, Drawings, Sound

pytestmark = pytest.mark.integration

PHONE = 360
PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9"
    "awAAAABJRU5ErkJggg=="
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Chrome]:
    found, program = browser_and_driver()
    options = ChromeOptions()
    options.binary_location = found
    for argument in (
        "--headless=new", "--autoplay-policy=no-user-gesture-required", "--mute-audio",
        "--disable-dev-shm-usage", "--window-size=1280,900",
    ):  # fmt: skip
        options.add_argument(argument)
    if os.geteuid() == 0:
        options.add_argument("--no-sandbox")  # which root cannot have
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = Chrome(options, Service(program))
    driver.set_script_timeout(60)
    yield driver
    driver.quit()


@pytest.fixture
def page(browser: Chrome, small_study: Path) -> Chrome:
    return opened(browser, small_study / "report.html")


def opened(browser: Chrome, path: Path) -> Chrome:
    for emulated in ("Emulation.clearDeviceMetricsOverride", "Emulation.setEmulatedMedia"):
        browser.execute_cdp_cmd(emulated, {})
    for kind in ("browser", "performance"):
        browser.get_log(kind)  # of the page before
    browser.get(path.resolve().as_uri())
    return browser


def column(page: Chrome, name: str, at: int) -> list[float]:
    """The numbers in a column of the reference rows, top down."""
    cells = page.find_elements(
        By.CSS_SELECTOR, f"#table-{name} tbody:first-of-type tr > :nth-child({at + 1})"
    )
    return [float(cell.get_attribute("data-order") or "nan") for cell in cells]


def test_nothing_is_fetched_and_nothing_goes_wrong(page: Chrome) -> None:
    page.execute_script("document.querySelectorAll('audio').forEach((one) => one.load())")
    messages = [json.loads(entry["message"])["message"] for entry in page.get_log("performance")]
    asked = [
        message["params"]["request"]["url"]
        for message in messages
        if message["method"] == "Network.requestWillBeSent"
    ]
    assert any(url.startswith("file:") for url in asked), "the page itself is seen to be asked for"
    assert [url[:80] for url in asked if not url.startswith(("data:", "file:"))] == []
    assert len([url for url in asked if url.startswith("file:")]) == 1
    assert page.get_log("browser") == []


def test_a_player_plays_and_stops_the_one_before(page: Chrome) -> None:
    first, second = page.find_elements(By.CSS_SELECTOR, "audio")[:2]

    def at(player: Any) -> float:
        return float(page.execute_script("return arguments[0].currentTime", player))

    for player in (first, second):
        page.execute_async_script(
            "const done = arguments[1]; arguments[0].play().then(() => done(), (e) => done(e))",
            player,
        )
        WebDriverWait(page, 30).until(lambda _, player=player: at(player) > 0.05)
    assert page.execute_script("return arguments[0].paused", first)


def test_tables_are_sorted_by_click_and_by_key_and_back(page: Chrome) -> None:
    head = page.find_elements(By.CSS_SELECTOR, "#table-quality thead th")[-1]
    at = len(page.find_elements(By.CSS_SELECTOR, "#table-quality thead th")) - 1
    before = column(page, "quality", at)
    assert before != sorted(before)
    button = head.find_element(By.TAG_NAME, "button")
    # The page scrolls smoothly, and the driver would click before it has come to rest.
    page.execute_script(
        "arguments[0].scrollIntoView({behavior: 'instant', block: 'center'})", button
    )
    button.click()
    assert column(page, "quality", at) == sorted(before)
    assert head.get_attribute("aria-sort") == "ascending"
    button.send_keys(Keys.ENTER)
    assert column(page, "quality", at) == sorted(before, reverse=True)
    assert head.get_attribute("aria-sort") == "descending"
    button.send_keys(Keys.SPACE)
    assert column(page, "quality", at) == before
    assert head.get_attribute("aria-sort") is None


def test_the_keyboard_goes_from_the_skip_link_to_the_verdict(page: Chrome) -> None:
    page.find_element(By.TAG_NAME, "body").send_keys(Keys.TAB)
    link = page.switch_to.active_element
    assert link.text == "To the verdict"
    assert link.rect["y"] >= 0
    outline = link.value_of_css_property("outline-style")
    assert outline == "solid"
    link.send_keys(Keys.ENTER)
    assert page.current_url.endswith("#verdict")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_follow_the_readers_choice_and_are_legible(page: Chrome, scheme: str) -> None:
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    ground = luminance(page.execute_script(COLOUR, "background-color", "body"))
    assert (ground > 0.5) == (scheme == "light")
    for where in ("body", ".soft", ".notes", "a", "td .beside", "svg text"):
        text = luminance(page.execute_script(COLOUR, "color", where))
        light, dark = max(ground, text), min(ground, text)
        assert (light + 0.05) / (dark + 0.05) >= 4.5, where


def test_a_phone_shows_the_page_without_sideways_scrolling(page: Chrome) -> None:
    page.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": PHONE, "height": 740, "deviceScaleFactor": 2, "mobile": True},
    )
    assert page.execute_script("return window.innerWidth") == PHONE
    assert page.execute_script("return document.documentElement.scrollWidth") <= PHONE
    boxes = page.find_elements(By.CSS_SELECTOR, ".wide")
    scrolled = page.execute_script(
        "return arguments[0].filter((box) => box.scrollWidth > box.clientWidth).length", boxes
    )
    assert scrolled, "wide tables scroll in boxes of their own"


def test_the_page_can_be_printed(page: Chrome) -> None:
    printed = page.execute_cdp_cmd("Page.printToPDF", {"preferCSSPageSize": True})
    assert base64.b64decode(printed["data"]).startswith(b"%PDF")
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    shown = page.execute_script("return getComputedStyle(document.querySelector('nav')).display")
    assert shown == "none"


COLOUR = "return getComputedStyle(document.querySelector(arguments[1]))[arguments[0]]"


def luminance(colour: str) -> float:
    """The luminance of ``rgb(r, g, b)``, as WCAG 2 defines it."""
    levels = [int(part) / 255 for part in colour[colour.index("(") + 1 : -1].split(",")[:3]]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in levels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_a_slider_shows_the_pictures_of_each_budget_by_key(browser: Chrome, tmp_path: Path) -> None:
    sound = Sound("dog", "clip, 0.00 s", "data:audio/mpeg;base64,", PIXEL)
    budgets = tuple(
        AtBudget(f"{images} images", (Drawing("ours", 0, (PIXEL,)), Drawing("vae", 0, ())))
        for images in (1, 3, 9)
    )
    drawn = Drawings((sound,), (), budgets, 2)
    values: dict[str, Any] = {"drawn": drawn, "unseen": "", "several": [], "budget": ""}
    html = render_section(Pictures, marks={"ours": 1}, longest=10.0, **values)
    path = tmp_path / "report.html"
    head = {"name": "one", "about": "made up", "facts": (), "key": ""}
    parts = [Part("verdict", "Verdict", html)]
    write_html("study.html.j2", path, script="study.js", parts=parts, **head)

    def shown() -> list[str]:
        bodies = browser.find_elements(By.CSS_SELECTOR, "tbody[data-budget]")
        return [str(one.get_attribute("data-budget")) for one in bodies if one.is_displayed()]

    opened(browser, path)
    assert shown() == ["9 images"]
    slider = browser.find_element(By.CSS_SELECTOR, ".slider input")
    assert slider.accessible_name == "Training"
    for key, said in ((Keys.ARROW_LEFT, "3 images"), (Keys.HOME, "1 images")):
        slider.send_keys(key)
        assert (shown(), slider.get_attribute("aria-valuetext")) == ([said], said)
    mark = "return getComputedStyle(document.querySelector('.arm'), '::before').backgroundColor"
    assert browser.execute_script(mark) == "rgb(11, 95, 165)"


def test_the_overview_sorts_its_tables_as_well(browser: Chrome, tmp_path: Path) -> None:
    rows = ((Label("a"), Mean(2.0)), (Label("b"), Mean(1.0)))
    scores = Table("encoders-x", "Scores", (Column("method"), Column("KID")), (rows,))
    listed = {"name": "x-mfcc", "link": "x-mfcc/report.html", "dataset": "x"}
    listed |= {"encoder": "mfcc", "lead": "Nothing is tested."}
    path = tmp_path / "report.html"
    between = [Between("x", "Nothing.", (), (scores,))]
    head = {"name": "two", "studies": [listed], "between": between, "notes": [], "charts": []}
    write_html("overview.html.j2", path, script="study.js", **head)
    opened(browser, path)
    button = browser.find_elements(By.CSS_SELECTOR, "#table-encoders-x thead button")[1]
    button.send_keys(Keys.ENTER)
    rows = browser.find_elements(By.CSS_SELECTOR, "#table-encoders-x tbody th")
    assert [row.text for row in rows] == ["b", "a"]
    assert browser.get_log("browser") == []


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Leaderboards of two sets of pairs, exported from four folders."""
    root = tmp_path_factory.mktemp("board")
    made = {
        "a": study(root / "a", {"vae": 0.0, "flow": 0.0004}),
        "b": study(root / "b", {"ours": 0.05}, seeds=3),
        "c": study(root / "c", {"vae": 0.0}, store="pairs2"),
        "d": study(root / "d", {"<b>ours<b>": 0.05}, store="pairs2", encoder="heard2"),
    }
    files = [root / f"{name}.json" for name in made]
    for folder, file in zip(made.values(), files, strict=True):
        assert run("results", "export", folder, "--out", file, "--name", folder.name)[0] == 0
    code, text = run("leaderboard", *files, "--out", root / "board")
    assert code == 0, text
    return root / "board" / "index.html"


@pytest.fixture
def boards(browser: Chrome, board: Path) -> Chrome:
    return opened(browser, board)


def shown(boards: Chrome) -> list[str]:
    found = boards.find_elements(By.CSS_SELECTOR, "section.board h2")
    return [one.text for one in found if one.is_displayed()]


def test_leaderboards_are_filtered_and_shown_again(boards: Chrome) -> None:
    assert len(shown(boards)) == 3
    choice = Select(boards.find_element(By.CSS_SELECTOR, "#filters select[name=dataset]"))
    assert [one.text for one in choice.options] == ["all", "a / b", "c / d"]
    choice.select_by_visible_text("a / b")
    assert shown(boards) == ["a / b, logmel, 96 training images"]
    assert boards.find_element(By.ID, "shown").text == "1 of 3 shown"
    links = boards.find_elements(By.CSS_SELECTOR, "nav a[href^='#board']")
    assert sum(link.is_displayed() for link in links) == 1
    boards.find_element(By.CSS_SELECTOR, "#filters button").send_keys(Keys.ENTER)
    WebDriverWait(boards, 10).until(lambda _: len(shown(boards)) == 3)


def test_ranks_are_intervals_and_sort_by_the_first_place(boards: Chrome) -> None:
    cells = "#table-ranks-1 tbody:first-of-type tr"
    rows = [one.text.split() for one in boards.find_elements(By.CSS_SELECTOR, cells)]
    kid = [one.text for one in boards.find_elements(By.CSS_SELECTOR, "#table-ranks-1 th button")]
    at = next(i for i, head in enumerate(kid) if "KID" in head)
    assert {row[0]: row[at] for row in rows} == {"ours": "1", "vae": "2–3", "flow": "2–3"}
    assert "ours is first of 3" in boards.find_element(By.CSS_SELECTOR, "#board-1 .notes").text


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_leaderboard_fetches_nothing_and_fits_a_phone(boards: Chrome, scheme: str) -> None:
    boards.execute_cdp_cmd(
        "Emulation.setEmulatedMedia",
        {"features": [{"name": "prefers-color-scheme", "value": scheme}]},
    )
    boards.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": PHONE, "height": 740, "deviceScaleFactor": 2, "mobile": True},
    )
    assert boards.execute_script("return document.documentElement.scrollWidth") <= PHONE
    ground = luminance(boards.execute_script(COLOUR, "background-color", "#filters select"))
    text = luminance(boards.execute_script(COLOUR, "color", "#filters select"))
    assert (max(ground, text) + 0.05) / (min(ground, text) + 0.05) >= 4.5
    messages = [json.loads(entry["message"])["message"] for entry in boards.get_log("performance")]
    asked = [
        message["params"]["request"]["url"]
        for message in messages
        if message["method"] == "Network.requestWillBeSent"
    ]
    assert len([url for url in asked if not url.startswith("data:")]) == 1
    assert boards.get_log("browser") == []
