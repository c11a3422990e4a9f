"""What the notebooks are put together from: equations, pictures, and an exercise with its card. Needs marimo."""

import base64
import html
from io import BytesIO, StringIO
from typing import Any

from pp_ref.errors import import_extra
from pp_ref.lessons import progress
from pp_ref.lessons.card import Card
from pp_ref.lessons.judge import check, exercise

import_extra("marimo", "lessons")  # its error names the missing extra; that of the next lines would not
import marimo as mo
import matplotlib as mpl
from matplotlib.figure import Figure

__all__ = ["card", "equation", "figure", "picture", "shown", "task", "text"]

STUB = "pp-stub"  # the class of what is on paper in place of an editor


def equation(tex: str, words: str) -> mo.Html:
    """A formula as a drawing, which needs no network; ``words`` say it to who does not see."""
    from matplotlib.mathtext import math_to_image

    drawn = StringIO()
    with mpl.rc_context({"svg.fonttype": "path", "mathtext.fontset": "cm", "svg.hashsalt": tex}):
        math_to_image(f"${tex}$", drawn, format="svg", dpi=110)
    return _image(drawn.getvalue().encode(), "svg+xml", words, "height: 2.2em; margin: 0.4em 1em;")


def figure(width: float = 9.0, height: float = 3.2) -> Figure:
    """An empty drawing that belongs to no window."""
    return Figure(figsize=(width, height), layout="constrained")


def picture(drawn: Figure, words: str) -> mo.Html:
    """A drawing in the page; ``words`` say what it shows. It is moved sideways where there is no room for it."""
    file = BytesIO()
    drawn.savefig(file, format="png", dpi=100)
    image = _image(file.getvalue(), "png", words, "max-width: 100%; min-width: 34em;")
    return mo.Html(f'<div style="overflow-x: auto">{image.text}</div>')


def _image(content: bytes, kind: str, words: str, style: str) -> mo.Html:
    data = base64.b64encode(content).decode()
    return mo.Html(f'<img alt="{html.escape(words)}" style="{style}" src="data:image/{kind};base64,{data}">')


def task(identity: str) -> Any:
    """The editor of an exercise, in a form: its value is the answer when "Check" was pressed, None before."""
    asked = exercise(identity)
    editor = mo.ui.code_editor(
        progress.answer(asked), language="python", min_height=180, label=f"Your {asked.function}"
    )
    return editor.form(submit_button_label=f"Check {identity}", bordered=False)


def text(identity: str) -> mo.Html:
    """What is to be written; on paper the stub besides."""
    asked = exercise(identity)
    words = mo.md(f"### Exercise {asked.id}: {asked.title}\n\n{asked.text}")
    stub = f'<pre class="{STUB}" hidden>{html.escape(asked.begun)}</pre>'
    return mo.vstack([words, mo.Html(stub)])


def shown(identity: str, form: Any) -> mo.Html:
    """The text on the left, and the editor on the right; one below the other where there is no room."""
    return mo.Html(f"<div class='pp-task'>{LAYOUT}<div>{text(identity).text}</div><div>{form.text}</div></div>")


LAYOUT = """<style>
.pp-task { display: grid; grid-template-columns: minmax(0, 2fr) minmax(0, 3fr); gap: 1.5em; }
.pp-task > div { min-width: 0; overflow-x: auto; }
@media (max-width: 800px) { .pp-task { grid-template-columns: minmax(0, 1fr); } }
</style>"""


def card(identity: str, answer: str | None) -> mo.Html:
    """The card of an answer, which is judged and kept; before one, what was said last time."""
    asked = exercise(identity)
    if answer is None:
        last = progress.record(identity)
        said = f"Last time: {last['first']}" if "first" in last else "Not judged yet."
        return mo.Html(f'<p class="pp-last">{html.escape(str(said))}</p>')
    found: Card = check(identity, answer)
    return mo.Html(found.html(progress.save(asked, answer, found)))
