"""The page in a browser: search, click, keyboard, two widths, and nothing that it complains of."""

from __future__ import annotations

import base64
import os
import shutil
import struct
from pathlib import Path

import pytest

pytest.importorskip("jinja2")
pytest.importorskip("matplotlib")
pytest.importorskip("selenium")

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from reported import NASTY, nasty_section
from sigel.report import write_report

BROWSER, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
# Pictures of the page are left here where somebody wants to look at them.
SHOTS = os.environ.get("SIGEL_SCREENSHOTS")
# What keeps a browser to itself, without a display.
QUIET = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    if not (BROWSER and DRIVER):
        pytest.skip("chromium and chromedriver are missing: install chromium and chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    for word in (*QUIET, f"--user-data-dir={tmp_path_factory.mktemp('browser')}"):
        options.add_argument(word)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return write_report(nasty_section(), tmp_path_factory.mktemp("report") / "report.html", method="pca")


@pytest.fixture
def page(browser, file):
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": 1440, "height": 900, "deviceScaleFactor": 1, "mobile": False},
    )
    browser.get(file.as_uri())
    yield browser
    said = [one["message"] for one in browser.get_log("browser")]
    # Reading a canvas is what the tests do, not the page.
    assert [one for one in said if "willReadFrequently" not in one] == []


def shown(page) -> str:
    return page.find_element(By.ID, "gene-name").text


def colours(page, selector: str) -> int:
    """How many colours a canvas has, clear ones not counted."""
    return page.execute_script(
        """const canvas = document.querySelector(arguments[0]);
        const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
        const found = new Set();
        for (let k = 0; k < data.length; k += 4) if (data[k + 3]) found.add(data.slice(k, k + 3).join());
        return found.size;""",
        selector,
    )


def test_a_gene_is_found_by_part_of_its_name_with_the_keyboard_alone(page):
    search = page.find_element(By.ID, "search")
    # By the key Tab from the top of the page: the skip link, the parts, what can be scrolled, the search.
    page.find_element(By.TAG_NAME, "body").click()
    for _ in range(40):
        page.switch_to.active_element.send_keys(Keys.TAB)
        if page.switch_to.active_element == search:
            break
    assert page.switch_to.active_element == search
    search.send_keys("ene00")
    found = page.find_elements(By.CSS_SELECTOR, "#results li")
    assert len(found) == 20
    second = found[1].text
    search.send_keys(Keys.ARROW_DOWN)
    assert found[1].get_attribute("aria-selected") == "true"
    assert search.get_attribute("aria-activedescendant") == found[1].get_attribute("id")
    search.send_keys(Keys.ENTER)
    assert shown(page) == second
    assert not page.find_element(By.ID, "results").is_displayed()
    assert colours(page, "#gene-image") > 3
    # On to the map: an arrow leads to another gene, Enter keeps it, Escape lets it go.
    search.send_keys(Keys.TAB)
    plane = page.switch_to.active_element
    assert plane.get_attribute("id") == "plane"
    plane.send_keys(Keys.ARROW_LEFT, Keys.ARROW_RIGHT, Keys.ARROW_UP)
    other = shown(page)
    assert other != second
    plane.send_keys(Keys.ENTER, Keys.ESCAPE)
    assert page.find_element(By.ID, "card-none").is_displayed()
    search.send_keys(Keys.CONTROL, "a", Keys.NULL, "nobody")
    assert "no gene of that name" in page.find_element(By.ID, "results").text


def test_names_that_are_markup_are_shown_as_they_are(page):
    search = page.find_element(By.ID, "search")
    for name in NASTY[:3]:
        page.execute_script("arguments[0].value = ''", search)
        search.send_keys(name[:12])
        search.send_keys(Keys.ENTER)
        assert shown(page) == name
    assert page.execute_script("return document.images.length") == 1 + len(
        page.find_elements(By.CSS_SELECTOR, "figure img")
    )


def test_a_click_in_a_table_or_among_nearest_genes_shows_the_gene(page):
    button = page.find_element(By.CSS_SELECTOR, "#spatial tbody tr:nth-child(6) button.gene")
    name = button.text
    page.execute_script("arguments[0].click()", button)
    assert shown(page) == name
    assert "rank 6 of " in page.find_element(By.ID, "gene-facts").text
    near = page.find_elements(By.CSS_SELECTOR, "#near button")
    assert len(near) == 6
    name = near[2].text
    page.execute_script("arguments[0].click()", near[2])
    assert shown(page) == name
    tiles = page.find_elements(By.CSS_SELECTOR, "canvas[data-tile]")
    assert len(tiles) > 20
    assert colours(page, "#groups canvas[data-tile]") > 3


def test_a_group_lights_up_its_genes_and_the_map_answers_the_pointer(page):
    group = page.find_element(By.CSS_SELECTOR, "button.group")
    before = colours(page, "#plane")
    page.execute_script("arguments[0].focus()", group)
    group.send_keys(Keys.ENTER)
    assert group.get_attribute("aria-pressed") == "true"
    assert colours(page, "#plane") != before
    group.send_keys(Keys.SPACE)
    assert group.get_attribute("aria-pressed") == "false"
    # Over the whole map until a gene answers.
    page.execute_script(
        """const plane = document.getElementById("plane");
        const box = plane.getBoundingClientRect();
        for (let x = 0; x < box.width; x += 6) for (let y = 0; y < box.height; y += 6)
          plane.dispatchEvent(
            new MouseEvent("mousemove", { clientX: box.left + x, clientY: box.top + y }));"""
    )
    assert shown(page)
    assert page.find_element(By.ID, "card-gene").is_displayed()


@pytest.mark.parametrize("width", [1440, 390])
def test_it_is_read_at_both_widths(page, width):
    override = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", override)
    page.find_element(By.ID, "search").send_keys("Gene0001", Keys.ENTER)
    # Nothing sticks out but what scrolls by itself, and small text is not too small.
    assert page.execute_script("return document.documentElement.scrollWidth") <= width
    sizes = page.execute_script(
        """return [...document.querySelectorAll("p, td, th, dd, dt, button, li, figcaption, label")]
        .map((one) => parseFloat(getComputedStyle(one).fontSize));"""
    )
    assert min(sizes) >= 13
    plane = page.find_element(By.ID, "plane").size
    assert plane["width"] > 300
    whole = page.execute_script("return document.documentElement.scrollHeight")
    # An even height, so that half of it is one.
    height = min(whole, 12_000) // 2 * 2
    clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": 0.5}
    shot = page.execute_cdp_cmd(
        "Page.captureScreenshot", {"format": "png", "captureBeyondViewport": True, "clip": clip}
    )
    png = base64.b64decode(shot["data"])
    assert struct.unpack(">II", png[16:24]) == (width // 2, height // 2)
    assert len(png) > 20_000
    if SHOTS:
        (Path(SHOTS) / f"report-{width}.png").write_bytes(png)
