"""Trees of text and elements."""

from xml.etree import ElementTree

from pp_ref.oracle.reports.elements import element


def test_text_and_elements_keep_their_order():
    made = element("p", "a", element("b", "c"), "d", "e", element("i"), "f", class_="x", aria_label="y", width=3)
    assert ElementTree.tostring(made) == b'<p class="x" aria-label="y" width="3">a<b>c</b>de<i />f</p>'


def test_what_may_not_be_shown_is_replaced_everywhere():
    made = element("p", "\0", element("b"), "\x1b", title="\ud800")
    assert [made.text, made[0].tail, made.get("title")] == ["\ufffd"] * 3
