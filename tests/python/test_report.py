"""The HTML report of `study`: nothing cut off at any width, light or dark; every figure stands in the JSON too."""

import html.parser
import json
import math
import re
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
from browser import STICKS_OUT, Browser, assert_readable  # noqa: E402
from models import F32, model, node, smeaton, tensor  # noqa: E402


def layered(layers=3, size=64):
    """A stem, equal layers with names, a head: what folds, what repeats, long names, several classes of work."""
    make = np.random.default_rng(3)
    weights, nodes, last = [], [], "image"

    def weight(name, *shape):
        weights.append(tensor(name, (make.normal(size=shape) / np.sqrt(np.prod(shape[1:]))).astype(np.float32)))
        return name

    nodes.append(node("Conv", [last, weight("stem.weight", 16, 3, 3, 3)], ["stem"], name="/stem/Conv", pads=[1, 1, 1, 1]))
    last = "stem"
    for i in range(layers):
        at = f"/encoder/layer.{i}"
        conv = node("Conv", [last, weight(f"w{i}", 16, 16, 3, 3)], [f"c{i}"], name=f"{at}/a_rather_long_name_of_a_convolution/Conv", pads=[1, 1, 1, 1])
        nodes += [conv, node("Relu", [f"c{i}"], [f"r{i}"], name=f"{at}/Relu"), node("Add", [last, f"r{i}"], [f"s{i}"], name=f"{at}/Add")]
        last = f"s{i}"
    nodes.append(node("GlobalAveragePool", [last], ["pooled"], name="/head/pool"))
    nodes.append(node("Flatten", ["pooled"], ["flat"], name="/head/flatten"))
    nodes.append(node("MatMul", ["flat", weight("head.weight", 16, 10)], ["logits"], name="/head/MatMul"))
    nodes.append(node("Softmax", ["logits"], ["y"], name="/head/<softmax> & \"more\"", axis=-1))
    return model(nodes, {"image": (F32, [1, 3, size, size])}, {"y": (F32, [1, 10])}, weights)


@pytest.fixture(scope="module")
def studied(tmp_path_factory):
    """(path of the page, its text, the JSON)"""
    folder = tmp_path_factory.mktemp("report")
    onnx.save(layered(), str(folder / "layered.onnx"))
    ended = smeaton(
        "study", "layered.onnx", "--runs", 5, "--machine", "server-cpu", "--machine", "edge-cpu", "--json", cwd=folder, limit_s=300
    )
    assert ended.code == 0, ended.err
    page = folder / "layered.html"
    return page, page.read_text(), json.loads(ended.out)


def numbers_of(value):
    if isinstance(value, dict):
        value = value.values()
    if isinstance(value, (dict, list)) or hasattr(value, "__iter__") and not isinstance(value, str):
        for part in value:
            yield from numbers_of(part)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield float(value)


def texts_of(value):
    if isinstance(value, dict):
        for key, part in value.items():
            yield key
            yield from texts_of(part)
    elif isinstance(value, list):
        for part in value:
            yield from texts_of(part)
    elif isinstance(value, str):
        yield value


class Page(html.parser.HTMLParser):
    """Figures (raw, text), words, and all other text that a reader sees."""

    UNSEEN = ("style", "script", "title", "svg", "pre", "th")
    VOID = ("meta", "link", "br")

    def __init__(self, text):
        super().__init__()
        self.figures, self.words, self.rest, self.pres, self.open = [], [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        if tag in self.VOID:
            return
        attributes = dict(attributes)
        kind = "figure" if tag == "data" else "word" if "word" in attributes.get("class", "").split() else tag
        if kind == "figure":
            self.figures.append([float(attributes["value"]), ""])
        if kind == "word":
            self.words.append("")
        if kind == "pre":
            self.pres.append("")
        self.open.append((tag, kind))

    def handle_endtag(self, tag):
        while self.open.pop()[0] != tag:
            pass

    def handle_data(self, text):
        kinds = [kind for _, kind in self.open]
        if "figure" in kinds:
            self.figures[-1][1] += text
        elif "word" in kinds:
            self.words[-1] += text
        elif "pre" in kinds:
            self.pres[-1] += text
        elif not any(kind in self.UNSEEN for kind in kinds):
            self.rest.append(text)


def test_every_figure_of_the_page_is_in_the_json(studied):
    _, text, result = studied
    page, known = Page(text), set(numbers_of(result))
    # "nodes" of the file and the time of this machine against itself are of the page alone.
    known |= {float(sum(result["summary"]["operators"].values())), 1.0}
    assert len(page.figures) > 150
    assert [f for f in page.figures if f[0] not in known] == []
    for raw, shown in page.figures:
        shown = shown.replace("−", "-")
        number = float(re.match(r"[-+]?[\d.]+(e[-+]?\d+)?", shown)[0])
        if raw == 0 or number == 0:
            places = len(re.match(r"[-+]?\d*\.?(\d*)", shown)[1])
            assert abs(raw) <= max(0.5 * 10**-places, 0.005) and number == 0, (raw, shown)
            continue
        power = math.log10(abs(number / raw))
        # Rounded to what is shown: a unit of the last digit at most.
        digits = len(re.match(r"[-+]?([\d.]+)", shown)[1].replace(".", "").lstrip("0"))
        assert abs(power - round(power)) < 0.5 * 10 ** (1 - digits), (raw, shown)


def test_what_is_no_figure_has_no_digits(studied):
    _, text, result = studied
    page, known = Page(text), "\n".join(texts_of(result))
    assert [w for w in page.words if w not in known and w != "ai.onnx"] == []
    said = " ".join(result["verdict"]["sentences"])
    rest = " ".join(page.rest).replace(said, "")
    assert said in " ".join(page.rest) and re.findall(r"\S*\d\S*", rest.replace("f32 is not rated", "")) == []
    for kernel in result["kernels"]:
        assert kernel["gir"] in page.pres and kernel["ledger"] in page.pres


def test_the_shares_add_up_and_the_layers_are_those_of_the_graph(studied):
    result = studied[2]
    for groups in ("operators", "layers", "shapes"):
        assert math.isclose(sum(g["share"] for g in result[groups]), 1, rel_tol=1e-9)
        assert sum(g["time_us"] for g in result[groups]) == pytest.approx(result["prediction"]["measured_us"])
    assert {"stem", "encoder/layer.0", "encoder/layer.1", "encoder/layer.2"} <= {g["layer"] for g in result["layers"]}
    boxes = result["graph"]["boxes"]
    beside = sum(g["share"] for g in result["layers"] if g["layer"] == "(made by the compiler)")
    assert sum(box["share"] for box in boxes) + beside == pytest.approx(1)
    assert max(box["blocks"] for box in boxes) >= 2
    assert all(0 <= end < len(boxes) for edge in result["graph"]["edges"] for end in edge)


def test_what_if_has_a_row_for_each_level_the_cores_and_the_peak(studied):
    result = studied[2]
    rows = {row["level"] or row["twice"]: row for row in result["what_if"]["rows"]}
    assert {level["name"] for level in result["levels"]} | {"cores", "peak"} == set(rows)
    for row in rows.values():
        assert row["gain"] == pytest.approx(1 - row["time_ms"] / result["what_if"]["base_ms"]) and row["gain"] >= 0
    assert rows["cores"]["gain"] > 0 or rows["peak"]["gain"] > 0


def test_the_header_names_what_it_ran_on(studied):
    _, text, result = studied
    head = text[: text.index("<p class=\"verdict\">")]
    assert all(result["host"].values())
    for key in ("cpu", "compiler", "version"):
        assert result["host"][key].split("(")[0] in head


@pytest.fixture(scope="module")
def tab():
    with Browser() as opened:
        yield opened


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_is_cut_off(studied, tab, width, dark):
    tab.open(studied[0], width=width, dark=dark)
    assert tab.complaints() == []
    assert_readable(tab, width)
    assert tab.value("document.querySelectorAll('svg.graph').length") == 1


def test_tables_sort_and_kernels_open(studied, tab):
    page, _, result = studied
    tab.open(page)
    column = """(name) => [...document.querySelectorAll('#kernels tbody')].map((body) => {
      const heads = [...document.querySelectorAll('#kernels th')].map((h) => h.textContent);
      return Number(body.rows[0].cells[heads.indexOf(name)].querySelector('data').value);
    })"""
    press = "(name) => [...document.querySelectorAll('#kernels th button')].find((b) => b.textContent === name).click()"
    assert tab.value(f"({column})('time')") == sorted((k["time_us"] for k in result["kernels"]), reverse=True)
    tab.value(f"({press})('least')")
    least = [k["compulsory_bytes"] for k in result["kernels"]]
    assert tab.value(f"({column})('least')") == sorted(least, reverse=True)
    tab.value(f"({press})('least')")
    assert tab.value(f"({column})('least')") == sorted(least)
    tab.value("document.querySelector('#kernels summary').click()")
    opened = tab.value("[...document.querySelectorAll('#kernels details[open] pre')].map((p) => p.textContent)")
    assert any(opened == [k["ledger"], k["gir"]] for k in result["kernels"])
    assert tab.value(STICKS_OUT) == [] and tab.complaints() == []


def test_without_graphviz_the_page_says_so(studied, tmp_path):
    """A PATH with the compiler and without dot."""
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("g++", "ld", "as"):
        found = next(Path(p) / name for p in ("/usr/bin", "/usr/local/bin") if (Path(p) / name).exists())
        (tools / name).symlink_to(found.resolve())
    ended = smeaton(
        "study", studied[0].parent / "layered.onnx", "--out", tmp_path / "r.html", "--no-onnx-runtime", "--runs", 1, "--machine",
        "edge-cpu", "--json", cwd=tmp_path, env={"PATH": str(tools)}, limit_s=300,
    )  # fmt: skip
    assert ended.code == 0, ended.err
    assert "no `dot` on PATH" in json.loads(ended.out)["graph"]["missing"]
    assert "No picture: <span class=\"word\">Graphviz draws it, and there is no `dot` on PATH" in (tmp_path / "r.html").read_text()
