"""The website's own widget host, on a page made for the test."""

import html
import json
import sys
from pathlib import Path

import anywidget
import ipywidgets
import pytest
import traitlets
from ipywidgets.embed import dependency_state

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "_ext"))
import widget_host  # noqa: E402

COUNTER = """
let made = 0;
export default {
  initialize({ model }) { model.set("label", "no. " + ++made); },
  render({ model, el }) {
    const button = document.createElement("button");
    const draw = () => {
      const bytes = model.get("bytes");
      button.textContent = [
        model.get("label"), model.get("count"), bytes && bytes.getUint8(1),
      ].join(" / ");
    };
    button.onclick = () => {
      model.set("count", model.get("count") + 1);
      model.save_changes();
    };
    model.on("change:count", draw);
    draw();
    el.append(button);
  },
};
"""
STILL = "<svg viewBox='0 0 1 1'><title>still</title></svg>"


class Counter(anywidget.AnyWidget):
    _esm = COUNTER
    _css = ".counter { color: red }"
    count = traitlets.Int(0).tag(sync=True)
    label = traitlets.Unicode().tag(sync=True)
    bytes = traitlets.Bytes(b"\x01\x07\x09").tag(sync=True)
    alt = traitlets.Unicode("A 'counter' <b>").tag(sync=True)
    _picture = traitlets.Unicode(STILL).tag(sync=True)


class Broken(anywidget.AnyWidget):
    _esm = 'export default { render() { throw new Error("out of ink"); } };'
    alt = traitlets.Unicode("A broken figure").tag(sync=True)
    _picture = traitlets.Unicode(STILL).tag(sync=True)


class Unparsable(anywidget.AnyWidget):
    _esm = "export default {{{"


def view(widget):
    data = json.dumps({"version_major": 2, "model_id": widget.model_id})
    kind = "application/vnd.jupyter.widget-view+json"
    return f'<script type="{kind}">{data}</script>'


def page_of(*widgets):
    """A whole page with these views, as the Sphinx extension would write it."""
    states = dependency_state(widgets, drop_defaults=False)
    shown = []

    def place(match):
        key = json.loads(match[1])["model_id"]
        shown.append(key)
        return widget_host.host_element(states, key)

    body = widget_host.VIEW.sub(place, "\n".join(map(view, widgets)))
    script = widget_host.HOST.read_text()
    return (
        f"<!doctype html><meta charset=utf-8><title>t</title>{body}"
        f"{widget_host.script_element(states, shown)}"
        f"<script>{script}</script><script>{script}</script>"
    )


@pytest.fixture
def show(visit, tmp_path):
    def show(*widgets, **options):
        path = tmp_path / "page.html"
        path.write_text(page_of(*widgets))
        return visit(**options).open(path)

    return show


def test_binary_traits_arrive_as_data_views(show):
    page = show(Counter()).page
    assert page.get_by_role("button").inner_text() == "no. 1 / 0 / 7"


def test_two_views_of_one_model_stay_in_step_and_initialise_once(show):
    counter = Counter()
    page = show(counter, counter).page
    first, second = page.get_by_role("button").all()
    second.click()
    assert first.inner_text() == second.inner_text() == "no. 1 / 1 / 7"


def test_two_models_are_kept_apart(show):
    page = show(Counter(), Counter(count=5)).page
    page.get_by_role("button").first.click()
    texts = [b.inner_text() for b in page.get_by_role("button").all()]
    assert sorted(t.split(" / ")[1] for t in texts) == ["1", "5"]


def test_widgets_inside_boxes_are_shown(show):
    inner = ipywidgets.HBox([Counter(count=1), Counter(count=2)])
    page = show(ipywidgets.VBox([inner, Counter(count=3)])).page
    texts = [b.inner_text().split(" / ")[1] for b in page.get_by_role("button").all()]
    assert texts == ["1", "2", "3"]


def test_text_that_ends_a_script_does_not_end_ours(show):
    page = show(Counter(alt="</script><b>")).page
    page.get_by_role("button").click()
    assert page.get_by_role("button").inner_text() == "no. 1 / 1 / 7"


def test_a_module_is_written_once_for_many_widgets():
    page = page_of(Counter(), Counter(), Counter())
    assert page.count("let made = 0") == 1


@pytest.mark.parametrize("broken", [Broken, Unparsable])
def test_a_module_that_throws_says_so_and_the_others_live(show, broken):
    one = show(broken(), Counter())
    alert = one.page.get_by_role("alert")
    assert "could not start" in alert.inner_text()
    one.page.get_by_role("button").click()
    assert one.page.get_by_role("button").inner_text() == "no. 1 / 1 / 7"
    assert not [f for f in one.faults if f.startswith("error:")]


def test_a_broken_figure_keeps_its_still_picture(show):
    page = show(Broken()).page
    assert "out of ink" in page.get_by_role("alert").inner_text()
    assert page.locator(".cnn-still svg").count() == 1


def test_a_broken_child_leaves_the_rest_of_its_box_alive(show):
    page = show(ipywidgets.VBox([Broken(), Counter()])).page
    assert "out of ink" in page.get_by_role("alert").inner_text()
    assert page.get_by_role("button").count() == 1


def test_the_still_picture_gives_way_to_the_living_figure(show):
    assert show(Counter()).page.locator(".cnn-still").count() == 0


def test_without_javascript_the_still_picture_and_a_sentence_stand(visit, tmp_path):
    path = tmp_path / "page.html"
    path.write_text(page_of(Counter()))
    page = visit(java_script_enabled=False).page
    page.goto(path.as_uri())
    still = page.locator(".cnn-still")
    assert still.get_attribute("aria-label") == "A 'counter' <b>"
    assert still.locator("svg").count() == 1
    assert html.unescape(widget_host.SENTENCE) in page.locator("body").inner_text()


def test_a_widget_that_needs_a_kernel_is_refused_at_build():
    with pytest.raises(ValueError, match=r"IntSliderModel.*dead without a kernel"):
        page_of(ipywidgets.IntSlider())
