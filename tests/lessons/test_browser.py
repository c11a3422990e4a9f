"""Lessons in a real browser: they open, pictures move, answers are judged, ladders open; by mouse and by keyboard."""

import os
import shutil
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from pp_ref.lessons.exercises import LESSONS
from pp_ref.lessons.judge import exercise, solutions, wrong_answer
from tests.tree import ROOT

webdriver = pytest.importorskip("selenium.webdriver", reason="pip install 'pp_ref[test]'")
Keys = pytest.importorskip("selenium.webdriver.common.keys").Keys
pytest.importorskip("marimo", reason="pip install 'pp_ref[lessons]'")
BROWSER, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(not (BROWSER and DRIVER), reason="no browser: apt-get install chromium chromium-driver")

PATIENCE = 240.0  # seconds, on a machine that does much besides
TO_THE_END = (1, 3)  # lessons that go to the last step in every run
# Elements of marimo keep what they show in shadow roots.
FIND = """
const selector = arguments[0], found = [];
function walk(root) {
    for (const element of root.querySelectorAll('*')) {
        if (element.matches(selector)) found.push(element);
        if (element.shadowRoot) walk(element.shadowRoot);
    }
}
walk(document);
return found;
"""


@contextmanager
def served(answers: Path, *command: str):
    """A program that serves pages, and its port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    program = [sys.executable, "-m", *command, "--headless", "--port", str(port)]
    environment = os.environ | {"PP_REF_LESSONS": str(answers), "PYTHONPATH": str(ROOT)}
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(program, cwd=ROOT, env=environment, start_new_session=True, **quiet)
    try:
        yield f"http://127.0.0.1:{port}/"
    finally:
        os.killpg(process.pid, 15)
        process.wait()


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """All lessons, from one program."""
    with served(
        tmp_path_factory.mktemp("answers"), "marimo", "run", "pp_ref/lessons/notebooks", "--no-check"
    ) as address:
        yield address


@pytest.fixture(scope="module")
def browser():
    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1300,1400"):
        options.add_argument(argument)
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    yield driver
    driver.quit()


def waited(condition):
    """What the condition gives, when it gives something."""
    started = time.monotonic()
    while time.monotonic() < started + PATIENCE:
        try:
            if found := condition():
                return found
        except Exception as error:  # the page is drawn anew meanwhile
            last = error
        time.sleep(0.1)
    raise AssertionError(f"nothing came in {PATIENCE:.0f} s: {locals().get('last')}")


def found(browser, selector):
    return browser.execute_script(FIND, selector)


def opened(browser, address, number):
    """The lesson, when its picture, its editors and what was said last time are there."""
    waited(lambda: not browser.get(address))
    exercises = LESSONS[number - 1][1]
    waited(lambda: len(found(browser, ".cm-content")) == len(exercises))
    waited(lambda: len(found(browser, ".pp-last")) == len(exercises))
    return waited(lambda: found(browser, "[role=slider]"))


def pictures(browser):
    return [image.get_attribute("src") for image in found(browser, "img[alt]")]


def moved(browser, slider, key):
    """Whether the pictures' bytes change when the slider does, by keyboard."""
    before = pictures(browser)
    browser.execute_script("arguments[0].focus()", slider)
    webdriver.ActionChains(browser).send_keys(key).perform()
    return waited(lambda: len(pictures(browser)) == len(before) and pictures(browser) != before)


def typed(browser, place, text, by_keyboard):
    """Put a text into an editor, and have it judged; return the card when it has changed."""
    before = [card.get_attribute("outerHTML") for card in found(browser, ".pp-card, .pp-last")]
    editor = found(browser, ".cm-content")[place]
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'}); arguments[0].focus()", editor)
    actions = webdriver.ActionChains(browser)
    actions.key_down(Keys.CONTROL).send_keys("a").key_up(Keys.CONTROL).send_keys(Keys.DELETE).perform()
    # Editors close brackets and indent by themselves: a pasted text is taken as it is.
    browser.execute_cdp_cmd("Input.insertText", {"text": text})
    time.sleep(1)  # the form is told of what was typed
    if by_keyboard:
        webdriver.ActionChains(browser).key_down(Keys.CONTROL).send_keys(Keys.ENTER).key_up(Keys.CONTROL).perform()
    else:
        button = [each for each in found(browser, "button") if each.text.startswith("Check")][place]
        browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", button)
        button.click()

    def changed():
        cards = found(browser, ".pp-card, .pp-last")
        now = [card.get_attribute("outerHTML") for card in cards]
        return cards[place] if len(now) == len(before) and now[place] != before[place] else None

    return waited(changed)


def climbed(browser, place, by_keyboard):
    """The texts of a card's ladder, each step opened inside the one before."""
    card = found(browser, ".pp-card, .pp-last")[place]
    said = []
    for summary in card.find_elements("css selector", "summary"):
        browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", summary)
        assert waited(summary.is_displayed)
        if by_keyboard:
            summary.send_keys(Keys.ENTER)
        else:
            summary.click()
        said.append((summary.text, summary.find_element("xpath", "following-sibling::p").text))
    return said


def to_the_end(browser, number, by_keyboard):
    """Three wrong answers, the ladder to its last step, then the right answer."""
    asked = LESSONS[number - 1][1][0]
    for tries, mistake in enumerate((asked.mistakes[1], asked.mistakes[0], asked.mistakes[1]), 1):
        card = typed(browser, 0, wrong_answer(asked, mistake.old, mistake.new) + asked.given, by_keyboard)
        assert "cases agree;" in card.text
        said = climbed(browser, 0, by_keyboard)
        assert [name for name, _ in said] == ["Where", "What kind", "Which term", "The repair"][
            : 4 if tries == 3 else 3
        ]
        assert said[1][1] == mistake.kind
    assert said[3][1] == mistake.repair
    assert found(browser, "td.pp-wrong")
    right = f"import numpy as np\n\n\n{solutions()[asked.function]}\n{asked.given}"
    assert "7 of 7 cases agree" in typed(browser, 0, right, by_keyboard).text


@pytest.mark.parametrize("number", range(1, len(LESSONS) + 1))
def test_a_lesson_opens_and_its_picture_moves(browser, server, number):
    sliders = opened(browser, f"{server}?file=lesson{number:02}.py", number)
    assert all(image.get_attribute("alt") for image in found(browser, "img"))
    assert moved(browser, sliders[0], Keys.ARROW_RIGHT)


@pytest.mark.parametrize(
    "number",
    [pytest.param(n, marks=[] if n in TO_THE_END else [pytest.mark.torture]) for n in range(1, len(LESSONS) + 1)],
)
def test_a_lesson_goes_to_the_last_step(browser, tmp_path, number):
    """As `pp-ref lesson` serves it; odd lessons by mouse, even ones and the third by keyboard alone."""
    with served(tmp_path / "answers", "pp_ref", "lesson", str(number)) as address:
        opened(browser, address, number)
        to_the_end(browser, number, by_keyboard=number % 2 == 0 or number == 3)
    assert exercise(f"{number}.1").function in (tmp_path / "answers" / f"{number}.1.py").read_text()
