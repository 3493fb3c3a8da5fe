"""Host anywidget figures on the built site: no kernel, no require.js, no html-manager.

myst-nb leaves two things on a page: a view (which model to show where) and the state of
all models. Here the view becomes a ``<div class="cnn-host">`` that already holds the
widget's static picture, and the state becomes one JSON script that ``widget_host.js``
reads. Each JavaScript module is written once per page however many widgets use it.
"""

import hashlib
import html
import json
import re
from pathlib import Path

HOST = Path(__file__).with_suffix(".js")
VIEW = re.compile(
    r'<script type="application/vnd\.jupyter\.widget-view\+json">(.*?)</script>', re.S
)
BOXES = {"BoxModel", "VBoxModel", "HBoxModel", "GridBoxModel"}
# what only a kernel needs: the host leaves it out of the page
SKIPPED = {"_esm", "_css", "_picture", "_dom_classes", "_anywidget_id"}
SKIPPED |= {"layout", "tabbable", "tooltip"}
SKIPPED |= {f"_{a}_{b}" for a in ("model", "view") for b in ("module", "name")}
SKIPPED |= {f"_{a}_module_version" for a in ("model", "view")}
SENTENCE = "This figure is interactive; switch JavaScript on to use it."


def children(model):
    """The ids of the models that a box shows, in order."""
    refs = model["state"].get("children", [])
    return [ref.removeprefix("IPY_MODEL_") for ref in refs]


def pack(states, shown):
    """The models that a page shows, in the form that widget_host.js reads.

    Args:
        states: ``{id: {model_name, state, buffers}}`` as Jupyter saves it.
        shown: ids of the models that the page shows.

    Returns:
        ``{"modules": {digest: {esm, css}}, "models": {id: ...}}``; a model is
        ``{module, state, buffers}`` or, for a box, ``{children, row}``.

    Raises:
        ValueError: a model is shown that is neither an anywidget nor a box.
    """
    modules, models, queue = {}, {}, list(shown)
    while queue:
        key = queue.pop()
        if key in models:
            continue
        model = states[key]
        if model["model_name"] in BOXES:
            models[key] = {
                "children": children(model),
                "row": model["model_name"] == "HBoxModel",
            }
            queue += models[key]["children"]
        elif "_esm" in model["state"]:
            state = {k: v for k, v in model["state"].items() if k not in SKIPPED}
            code = {key: model["state"].get(f"_{key}", "") for key in ("esm", "css")}
            name = hashlib.sha256(json.dumps(code).encode()).hexdigest()[:12]
            modules[name] = code
            models[key] = {
                "module": name,
                "state": state,
                "buffers": model.get("buffers", []),
            }
        else:
            raise ValueError(
                f"the page shows a {model['model_name']}, which is dead without a "
                "kernel; use an anywidget, or a box of anywidgets"
            )
    return {"modules": modules, "models": models}


def host_element(states, key):
    """The place of one figure, holding what is shown until (or unless) it starts."""
    state = states[key]["state"]
    picture = state.get("_picture", "")
    label = html.escape(state.get("alt", ""), quote=True)
    return (
        f'<div class="cnn-host" data-model="{key}"><div class="cnn-still" role="group"'
        f' aria-label="{label}">{picture}</div>'
        f"<noscript><p>{SENTENCE}</p></noscript></div>"
    )


def script_element(states, shown):
    """The script that widget_host.js reads; no text in it can end it early."""
    data = json.dumps(pack(states, shown)).replace("</", "<\\/")
    return f'<script type="application/json" id="cnn-widgets">{data}</script>'


def _host(app, pagename, templatename, context, doctree):
    states = app.env.nb_metadata.get(pagename, {}).get("cnn_widgets")
    if not states or not context.get("body"):
        return
    shown = []

    def place(match):
        key = json.loads(match[1])["model_id"]
        shown.append(key)
        return host_element(states, key)

    body = VIEW.sub(place, context["body"])
    context["body"] = f"{body}\n{script_element(states, shown)}"
    app.add_js_file(HOST.name, loading_method="defer")


def _instead_of_html_manager(app, config):
    config.nb_ipywidgets_js = {}
    config.html_static_path.append(str(HOST))


def _take_over(app, env):
    """Move the state to where myst-nb does not write it to the page by itself."""
    for data in env.nb_metadata.values():
        entry = data.get("js_files", {}).pop("ipywidgets_state", None)
        if entry:
            data["cnn_widgets"] = json.loads(entry[1]["body"])["state"]


def setup(app):
    app.connect("config-inited", _instead_of_html_manager)
    app.connect("env-updated", _take_over)
    app.connect("html-page-context", _host)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
