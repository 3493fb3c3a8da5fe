"""The pages in a real JupyterLab, where a kernel runs."""

import nbformat
import pytest

TRAITS = [
    "import numpy as np\n"
    "from cnncourse.widgets import ConvStepper\n"
    "w = ConvStepper(np.arange(1.0, 17).reshape(4, 4), [[1, 2], [3, 4]], position=8)",
    "w",
    "w.kernel = np.array([[0, 0], [0, 1]]); w.stride = 2",
    "print('kernel is', w.kernel, 'output is', w.output.tolist())",
]


def run_cell(page, number):
    """Run the cell with this number and wait until it has its prompt."""
    cell = page.locator(".jp-CodeCell").nth(number)
    prompt = cell.locator(".jp-InputArea-prompt")
    for tick in range(600):
        text = prompt.inner_text().strip("[]: ")
        if text.isdigit():
            return cell
        if text == "" and tick % 50 == 0:  # a kernel that just came up loses requests
            cell.locator(".cm-content").click()
            page.keyboard.press("Shift+Enter")
        page.wait_for_timeout(100)
    pytest.fail(f"cell {number} did not finish: {text!r}")


def test_the_convolution_page_runs_and_every_figure_is_alive(lab_page):
    assert lab_page.locator(".jp-RenderedText[data-mime-type*=error]").count() == 0
    for name in ("conv-stepper", "kernel-playground", "quiz"):
        assert lab_page.locator(f".cnn-{name}").count() >= 1, name


def test_traits_are_live_both_ways(lab, lab_tab):
    notebook = nbformat.v4.new_notebook()
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    notebook.cells = [nbformat.v4.new_code_cell(source) for source in TRAITS]
    nbformat.write(notebook, lab[1] / "traits.ipynb")
    page = lab_tab("traits", run=False)
    run_cell(page, 0)
    shown = run_cell(page, 1).locator(".cnn-conv-stepper")
    shown.wait_for()
    assert "44" in shown.inner_text()
    # from Python to the figure: the kernel that copies one entry, every other place
    run_cell(page, 2)
    output = shown.get_by_role("grid", name="output")
    output.get_by_text("16", exact=True).wait_for()
    assert "44" not in output.inner_text()
    # from the figure to Python
    shown.get_by_role("grid", name="kernel").get_by_role("textbox").last.fill("2")
    page.keyboard.press("Enter")
    output.get_by_text("32", exact=True).wait_for()
    text = run_cell(page, 3).locator(".jp-OutputArea-output").inner_text()
    assert "kernel is [[0, 0], [0, 2]]" in text.replace(".0", "")
    assert "[12, 16], [28, 32]" in text.replace(".0", "")
