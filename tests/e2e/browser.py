"""Debian's Chromium without a network, driven by Selenium."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import axe_core_python
import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"),
)
AXE = Path(axe_core_python.__file__).with_name("axe.min.js")
WIDE, NARROW = 1280, 390


class Page:
    """One open page."""

    def __init__(self, driver: webdriver.Chrome) -> None:
        self.driver = driver

    def show(self, path: Path, *, dark: bool = False, width: int = WIDE, script: bool = True) -> None:
        """Open a file in a theme and a width."""
        theme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._cdp("Emulation.setEmulatedMedia", features=[theme])
        self._cdp(
            "Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 500
        )
        self._cdp("Emulation.setScriptExecutionDisabled", value=not script)
        self.driver.get_log("browser")
        self.driver.get(path.resolve().as_uri())

    def run(self, script: str, *arguments: object) -> Any:
        """The result of ``script`` in the page."""
        return self.driver.execute_script(script, *arguments)

    def complaints(self) -> list[str]:
        """What the console holds since the page was opened, and every request for something outside it."""
        said = [f"{entry['level']}: {entry['message']}" for entry in self.driver.get_log("browser")]
        asked = self.run("return performance.getEntriesByType('resource').map((entry) => entry.name)")
        return [*said, *(f"asked for {name}" for name in asked if not name.startswith("data:"))]

    def violations(self) -> list[str]:
        """Serious and critical findings of axe-core."""
        self.run(AXE.read_text(encoding="utf-8") + "; window.axe = axe;")
        found = self.driver.execute_async_script(
            "const done = arguments[0]; axe.run(document).then((result) => done(result.violations))"
        )
        return [
            f"{each['id']}: {each['nodes'][0]['html'][:200]} {each['nodes'][0].get('failureSummary', '')}"
            for each in found
            if each["impact"] in ("serious", "critical")
        ]

    def _cdp(self, command: str, **arguments: object) -> None:
        self.driver.execute_cdp_cmd(command, arguments)


@contextmanager
def opened_browser(profile: Path) -> Iterator[Page]:
    """A browser with a fresh profile and no network; skipped where there is none, which CI does not allow."""
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or driver is None:
        reason = "chromium and chromedriver must be installed (apt-get install chromium chromium-driver)"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    with webdriver.Chrome(options=options, service=Service(driver)) as running:
        # axe takes half a minute on the largest page, and several where the machine is busy with other tests.
        running.set_script_timeout(400)
        running.command_executor.client_config.timeout = 420
        running.execute_cdp_cmd("Network.enable", {})
        running.execute_cdp_cmd(
            "Network.emulateNetworkConditions",
            {"offline": True, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0},
        )
        yield Page(running)
