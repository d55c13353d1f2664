"""The browser of the tests of pages."""

import shutil

import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


def browser_and_driver() -> tuple[str, str]:
    """Return the paths of both; skip the test where one is not there."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    driver = shutil.which("chromedriver")
    if browser is None or driver is None:
        pytest.skip(f"needs chromedriver and a browser on the PATH: one of {', '.join(BROWSERS)}")
    return browser, driver
