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

PATIENCE, PAUSE = 240.0, 0.25  # seconds, on a machine that does much besides
TO_THE_END = (1, 3)  # lessons that go to the last step in every run
COMMANDED = 1  # the lesson that `pp-ref lesson` serves; one server has all others
# Elements of marimo keep what they show in shadow roots. What is compared stays in the page: pictures are long texts.
SCRIPT = """
function all(selector) {
    const found = [];
    function walk(root) {
        for (const element of root.querySelectorAll('*')) {
            if (element.matches(selector)) found.push(element);
            if (element.shadowRoot) walk(element.shadowRoot);
        }
    }
    walk(document);
    return found;
}
const texts = {
    pictures: () => all('img[alt]').map(each => each.src),
    cards: () => all('.pp-card, .pp-last').map(each => each.outerHTML),
};
function changed(kind, place) {
    const now = texts[kind](), before = window.before;
    return now.length == before.length && now.some((text, i) => text != before[i] && (place == null || place == i));
}
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
    """All lessons, from one program: the address, and the folder of answers."""
    answers = tmp_path_factory.mktemp("answers")
    with served(answers, "marimo", "run", "pp_ref/lessons/notebooks", "--no-check") as address:
        yield address, answers


@pytest.fixture
def served_lesson(request, tmp_path, number):
    """The address of a lesson, and the folder of its answers."""
    if number == COMMANDED:
        with served(tmp_path, "pp_ref", "lesson", str(number)) as address:
            yield address, tmp_path
    else:
        address, answers = request.getfixturevalue("server")
        yield f"{address}?file=lesson{number:02}.py", answers


@pytest.fixture(scope="module")
def browser():
    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    for argument in (
        "headless=new",
        "no-sandbox",
        "disable-gpu",
        "window-size=1300,1400",
        "force-prefers-reduced-motion",
    ):
        options.add_argument(f"--{argument}")
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
        time.sleep(PAUSE)
    raise AssertionError(f"nothing came in {PATIENCE:.0f} s: {locals().get('last')}")


def asked_of(browser, script, *given):
    return browser.execute_script(SCRIPT + script, *given)


def found(browser, selector):
    return asked_of(browser, "return all(arguments[0])", selector)


def remembered(browser, kind):
    """Keep what the page shows now, for `changes`."""
    asked_of(browser, "window.before = texts[arguments[0]]()", kind)


def changes(browser, kind, place=None):
    """Wait until the page shows as many of a kind as before, and others: any, or the one at a place."""
    waited(lambda: asked_of(browser, "return changed(arguments[0], arguments[1])", kind, place))


def opened(browser, address, number):
    """The lesson, when its picture, its editors and what was said last time are there."""
    waited(lambda: not browser.get(address))
    there = """return ['.cm-content', '.pp-last'].every(each => all(each).length == arguments[0])
        && all('[role=slider]').length && all('img[alt]').length"""
    waited(lambda: asked_of(browser, there, len(LESSONS[number - 1][1])))


def moved(browser, key):
    """The pictures' bytes change when the first slider does, by keyboard."""
    remembered(browser, "pictures")
    browser.execute_script("arguments[0].focus()", found(browser, "[role=slider]")[0])
    webdriver.ActionChains(browser).send_keys(key).perform()
    changes(browser, "pictures")


def typed(browser, place, text, by_keyboard):
    """Put a text into an editor, and have it judged; return the card when it has changed."""
    remembered(browser, "cards")
    editor = found(browser, ".cm-content")[place]
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'}); arguments[0].focus()", editor)
    actions = webdriver.ActionChains(browser)
    actions.key_down(Keys.CONTROL).send_keys("a").key_up(Keys.CONTROL).send_keys(Keys.DELETE).perform()
    # Editors close brackets and indent by themselves: a pasted text is taken as it is.
    browser.execute_cdp_cmd("Input.insertText", {"text": text})
    time.sleep(1)  # the form is told of what was typed; nothing of the page shows it
    if by_keyboard:
        webdriver.ActionChains(browser).key_down(Keys.CONTROL).send_keys(Keys.ENTER).key_up(Keys.CONTROL).perform()
    else:
        button = [each for each in found(browser, "button") if each.text.startswith("Check")][place]
        browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", button)
        button.click()
    changes(browser, "cards", place)
    return found(browser, ".pp-card, .pp-last")[place]


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


# Each lesson, and whether it goes to the end: all open in every run, and some go on; in `make torture` the others do.
COURSES = [pytest.param(n, n in TO_THE_END, id=str(n)) for n in range(1, len(LESSONS) + 1)] + [
    pytest.param(n, True, id=f"{n} to the end", marks=pytest.mark.torture)
    for n in range(1, len(LESSONS) + 1)
    if n not in TO_THE_END
]


@pytest.mark.parametrize(("number", "to_the_last_step"), COURSES)
def test_a_lesson_opens_and_its_picture_moves(browser, served_lesson, number, to_the_last_step):
    """Odd lessons go on by mouse, even ones and the third by keyboard alone."""
    address, answers = served_lesson
    opened(browser, address, number)
    assert all(image.get_attribute("alt") for image in found(browser, "img"))
    moved(browser, Keys.ARROW_RIGHT)
    if to_the_last_step:
        to_the_end(browser, number, by_keyboard=number % 2 == 0 or number == 3)
        assert exercise(f"{number}.1").function in (answers / f"{number}.1.py").read_text()
