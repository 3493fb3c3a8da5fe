"""The figures in a real browser: once on the built site, once in JupyterLab.

A test that takes ``conv_stepper`` (or another figure's name) runs twice and gets a
Playwright Locator of the figure's root element, rendered and Reset.
"""

import functools
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SITE = Path(os.environ.get("CNNCOURSE_SITE") or ROOT / "_build" / "html")
CONVOLUTION = "02_convolution"
NAMES = ("chromium", "chromium-browser", "google-chrome")
UNSENT = {"_esm", "_css", "_picture", "layout", "tabbable", "tooltip"}
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def pytest_collection_modifyitems(items):
    for item in items:
        if "browser" in Path(item.fspath).parts:
            item.add_marker(pytest.mark.browser)


def missing(what):
    """Skip for want of a tool; on CI that is a failure."""
    if os.environ.get("CI"):
        pytest.fail(f"{what} is missing, and CI must not skip")
    pytest.skip(f"{what} is missing")


@pytest.fixture(scope="session")
def browser():
    from playwright.sync_api import sync_playwright

    path = next(filter(None, map(shutil.which, NAMES)), None)
    with sync_playwright() as playwright:
        if path is None and not Path(playwright.chromium.executable_path).exists():
            missing("Chromium")
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def site():
    """The folder of the built site."""
    if not (SITE / "index.html").exists():
        missing("the built site (make book)")
    if "CNNCOURSE_SITE" not in os.environ:
        for page in (ROOT / "chapters").glob("*.ipynb"):
            built = SITE / "chapters" / f"{page.stem}.html"
            if not built.exists() or built.stat().st_mtime < page.stat().st_mtime:
                pytest.fail(f"the site is older than {page.name}: run make book")
    return SITE


class Visit:
    """A page in the browser that notes every fault and every request to elsewhere."""

    def __init__(self, browser, allowed=("file:", "data:", "blob:"), **options):
        self.context = browser.new_context(**options)
        self.page = self.context.new_page()
        self.faults, self.strangers = [], []
        self.page.on("pageerror", lambda e: self.faults.append(f"error: {e}"))
        self.page.on("console", self._console)
        self.allowed = allowed
        self.context.route("**/*", self._route)

    def _console(self, message):
        if message.type in ("error", "warning"):
            self.faults.append(f"{message.type}: {message.text}")

    def _route(self, route):
        if route.request.url.startswith(self.allowed):
            route.continue_()
        else:
            self.strangers.append(route.request.url)
            route.abort()

    def open(self, path):
        self.page.goto(Path(path).as_uri())
        if self.page.locator(".cnn-host").count():
            self.page.wait_for_selector("html[data-cnn-widgets=ready]")
        return self

    def close(self):
        self.context.close()


@pytest.fixture(scope="session")
def visit(browser):
    """Make a Visit; all are closed at the end."""
    visits = []

    def make(**options):
        visits.append(Visit(browser, **options))
        return visits[-1]

    yield make
    for one in visits:
        one.close()


@pytest.fixture(scope="session")
def site_tab(visit, site):
    """Open a page of the built site once, with every other host blocked."""

    @functools.cache
    def open_tab(name):
        one = visit(viewport={"width": 1280, "height": 900})
        return one.open(site / "chapters" / f"{name}.html").page

    return open_tab


@pytest.fixture(scope="session")
def site_page(site_tab):
    """The convolution page of the built site."""
    return site_tab(CONVOLUTION)


def _free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def _settings(folder):
    """JupyterLab without news and with every cell drawn, also off the screen."""
    for name, values in {
        "apputils-extension/notification": {
            "fetchNews": "false",
            "checkForUpdates": False,
        },
        "notebook-extension/tracker": {"windowingMode": "none"},
    }.items():
        path = folder / "@jupyterlab" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values))


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    """The address of a JupyterLab on a copy of the pages, with a home of its own."""
    home = tmp_path_factory.mktemp("lab")
    _settings(home / "settings")
    shutil.copytree(ROOT / "chapters", home / "chapters")
    shutil.copytree(ROOT / "results", home / "results")
    (home / "data").mkdir()
    env = {
        **os.environ,
        "HOME": str(home),
        "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"),
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_DATA_DIR": str(home / "share"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "IPYTHONDIR": str(home / "ipython"),
        "OMP_NUM_THREADS": "1",
        "CNNCOURSE_DATA": str(home / "data"),
        "CNNCOURSE_OFFLINE": "1",
    }
    port = _free_port()
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"]
    command += [
        f"--port={port}",
        "--IdentityProvider.token=",
        "--ServerApp.ip=127.0.0.1",
    ]
    command += [f"--ServerApp.root_dir={home / 'chapters'}"]
    log = (home / "lab.log").open("w")
    server = subprocess.Popen(command, env=env, stdout=log, stderr=log)
    for _ in range(300):
        with socket.socket() as sock:
            if sock.connect_ex(("127.0.0.1", port)) == 0:
                break
        if server.poll() is not None:
            pytest.fail((home / "lab.log").read_text()[-2000:])
        time.sleep(0.2)
    yield f"http://127.0.0.1:{port}", home / "chapters"
    server.terminate()
    server.wait(20)
    log.close()


@pytest.fixture(scope="session")
def lab_tab(visit, lab):
    """Open a notebook in a JupyterLab of its own tab, and run all its cells."""
    address, _ = lab

    def open_tab(name, run=True):
        one = visit(
            viewport={"width": 1280, "height": 1000},
            allowed=(address, address.replace("http", "ws"), "data:", "blob:"),
        )
        page = one.page
        page.set_default_timeout(60_000)
        # a fresh JupyterLab may ask something first: say yes whenever it does
        yes = page.locator(".jp-Dialog .jp-mod-accept").first
        page.add_locator_handler(yes, lambda button: button.click())
        page.goto(f"{address}/lab/tree/{name}.ipynb?reset")
        page.wait_for_selector(".jp-Notebook .jp-Cell")
        page.wait_for_selector('.jp-Notebook-ExecutionIndicator[data-status="idle"]')
        first = page.locator(".jp-CodeCell .jp-InputArea-prompt").first
        for _ in range(20 if run else 0):
            # a kernel that just came up loses requests: ask until it has started
            if first.inner_text().strip("[]: ") != "":
                break
            page.get_by_role("menuitem", name="Run", exact=True).click()
            page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
            page.wait_for_timeout(4000)
        return page

    return open_tab


@pytest.fixture(scope="session")
def lab_done(lab_tab):
    """Open a notebook in JupyterLab once, with all its cells run."""

    @functools.cache
    def open_done(name):
        page = lab_tab(name)
        last = page.locator(".jp-CodeCell .jp-InputArea-prompt").last
        for _ in range(1800):  # the last cell's prompt is [12], not [ ] or [*]
            if last.inner_text().strip("[]: ").isdigit():
                break
            page.wait_for_timeout(100)
        return page

    return open_done


@pytest.fixture(scope="session")
def lab_page(lab_done):
    """The convolution page in JupyterLab, all cells run."""
    return lab_done(CONVOLUTION)


HOSTS = ["site", "lab"]


def _figure(request, name, page=CONVOLUTION):
    """The first figure of this name on its page, in the host that the test is in."""
    opener = {"site": "site_tab", "lab": "lab_done"}[request.param]
    root = request.getfixturevalue(opener)(page).locator(f".cnn-{name}").first
    root.scroll_into_view_if_needed()
    root.get_by_role("button", name="Reset", exact=True).click()
    return root


@pytest.fixture(params=HOSTS)
def conv_stepper(request):
    return _figure(request, "conv-stepper")


@pytest.fixture(params=HOSTS)
def kernel_playground(request):
    return _figure(request, "kernel-playground")


@pytest.fixture(params=HOSTS)
def quiz(request):
    return _figure(request, "quiz")


@pytest.fixture(params=HOSTS)
def pooling_grid(request):
    return _figure(request, "pooling-grid", "03_stride_padding_pooling")


@pytest.fixture(params=HOSTS)
def layer_stack(request):
    return _figure(request, "layer-stack", "03_stride_padding_pooling")


@pytest.fixture(params=HOSTS)
def backprop_stepper(request):
    return _figure(request, "backprop-stepper", "05_backprop_by_hand")


@pytest.fixture(params=HOSTS)
def kernel_learner(request):
    return _figure(request, "kernel-learner", "06_learning_a_kernel")


@pytest.fixture(params=HOSTS)
def digit_lab(request):
    return _figure(request, "digit-lab", "09_why_dense_networks_fail")


@pytest.fixture(params=HOSTS)
def feature_maps(request):
    return _figure(request, "feature-maps", "07_a_cnn_in_numpy")


@pytest.fixture(params=HOSTS)
def training_monitor(request):
    return _figure(request, "training-monitor", "07_a_cnn_in_numpy")


TWICE = """([state, source]) => {
  const listeners = new Map();
  if (state._pixels)
    state._pixels = new DataView(Uint8Array.from(state._pixels).buffer);
  window.saves = 0;
  window.model = {
    get: (name) => state[name],
    set(name, value) {
      state[name] = value;
      for (const fn of [...(listeners.get(`change:${name}`) ?? [])]) fn();
    },
    on: (e, fn) => listeners.set(e, [...(listeners.get(e) ?? []), fn]),
    off: (e, fn) => listeners.set(e, listeners.get(e).filter((f) => f !== fn)),
    save_changes: () => { window.saves += 1; window.saved = structuredClone(state); },
  };
  window.heard = () => [...listeners.values()].flat().length;
  const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  return import(url).then(({ default: widget }) => {
    window.views = [0, 1].map(() => {
      const el = document.createElement("div"); // not in the document yet
      const undo = widget.render({ model: window.model, el });
      document.body.append(el);
      return undo;
    });
  });
}"""


@pytest.fixture
def hosted(browser, request):
    """Show any figure twice on a bare page, without a kernel; no error may occur.

    The page has ``model``, ``saved`` (the state last saved), ``saves``, ``heard()``
    (how many listen to the model) and ``views`` (their clean-ups).
    """
    width = getattr(request.module, "HOSTED_WIDTH", 790)
    page = browser.new_page(viewport={"width": width, "height": 900})
    faults = []
    page.on("pageerror", lambda error: faults.append(str(error)))

    def show(widget, theme="light"):
        state = {k: v for k, v in widget.get_state().items() if k not in UNSENT}
        if "_pixels" in state:
            state["_pixels"] = [*state["_pixels"]]
        page.set_content(
            f"<html lang=en data-theme={theme}><title>A page</title><main>"
            f"<style>{widget._css} body {{ background: var(--cnn-paper) }}</style>"
        )
        page.evaluate(TWICE, [json.loads(json.dumps(state)), widget._esm])
        name = re.sub("(?<!^)(?=[A-Z])", "-", type(widget).__name__).lower()
        return page.locator(f".cnn-{name}").first

    yield show
    page.close()
    assert not faults
