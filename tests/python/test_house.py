"""tools/check_layers and tools/check_duplicates find what they are there to find, and compare.difference too."""

import importlib.machinery
import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests"))
from compare import difference  # noqa: E402

TABLE = """
smeaton_folder(base MAY_USE LIBS fmt::fmt)
smeaton_folder(model MAY_USE base)
smeaton_folder(gir MAY_USE base)
smeaton_folder(gir/text MAY_USE gir base TESTS_USE gir/deep)
smeaton_folder(gir/deep MAY_USE gir)
smeaton_program(cli NAME smeaton MAY_USE model base LIBS x)
"""


def tool(name):
    """The script tools/NAME as a module."""
    loader = importlib.machinery.SourceFileLoader(name, str(ROOT / "tools" / name))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(name, loader))
    sys.dont_write_bytecode = True
    loader.exec_module(module)
    return module


@pytest.fixture
def layers(tmp_path):
    """check_layers over a small tree of its own; call with {file: text} to get its faults."""
    module = tool("check_layers")
    module.ROOT = tmp_path

    def faults(files, table=TABLE):
        (tmp_path / "CMakeLists.txt").write_text(table)
        for name, text in files.items():
            file = tmp_path / "src" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        return list(module.layer_faults(*module.allowed_folders())) + list(module.length_faults())

    faults.module = module
    return faults


def test_allowed_includes_are_no_fault(layers):
    assert layers({"gir/a.cpp": '#include "gir/a.h"\n#include "base/b.h"\n#include <vector>\n'}) == []


def test_an_include_against_the_table_is_found(layers):
    (fault,) = layers({"gir/a.cpp": '#include "base/b.h"\n#include "model/graph.h"\n'})
    assert fault == "src/gir/a.cpp:2: 'gir' may not include 'model' (model/graph.h)"


def test_a_part_of_a_folder_has_rules_of_its_own(layers):
    assert layers({"gir/text/a.cpp": '#include "gir/a.h"\n#include "gir/text/a.h"\n'}) == []
    (fault,) = layers({"gir/text/a.cpp": '#include "gir/deep/b.h"\n'})
    assert fault == "src/gir/text/a.cpp:1: 'gir/text' may not include 'gir/deep' (gir/deep/b.h)"
    (fault,) = layers({"gir/text/a.cpp": "", "gir/a.cpp": '#include "gir/text/a.h"\n'})
    assert fault == "src/gir/a.cpp:1: 'gir' may not include 'gir/text' (gir/text/a.h)"


def test_tests_may_include_what_tests_use(layers):
    wide = '#include "gir/deep/b.h"\n'
    assert layers({"gir/text/a_test.cpp": wide, "gir/text/test_programs.h": wide}) == []
    assert len(layers({"gir/text/a_test.cpp": '#include "model/graph.h"\n'})) == 1


def test_a_relative_include_and_an_unknown_folder_are_found(layers):
    assert len(layers({"gir/a.cpp": '#include "a.h"\n#include "../base/b.h"\n#include "odd/b.h"\n'})) == 3
    assert "not in the table" in layers({"odd/a.cpp": ""})[-1]


def test_gir_may_not_name_the_model_even_without_an_include(layers):
    assert len(layers({"gir/a.cpp": "// model::Graph is fine here\nint f(model::Graph&);\n"})) == 1


def test_a_long_function_is_a_fault_and_a_long_table_is_not(layers):
    rows = "".join(f"    add({k});\n" for k in range(220))
    assert layers({"base/table.cpp": "void fill() {\n" + rows + "}\n"}) == []
    text = '    add(R"(if (x) {\n)", "for");\n'
    assert layers({"base/table.cpp": "void fill() {\n" + text + rows + "}\n"}) == []
    branch = "    if (rows) add(1);\n"
    (fault,) = layers({"base/long.cpp": "void long_one() {\n" + branch + rows + "}\n"})
    assert "long_one has 223 lines" in fault


def test_a_long_file_is_a_fault(layers):
    (fault,) = layers({"base/big.h": "int a;\n" * 701})
    assert "701 lines" in fault


def test_a_cycle_in_the_table_is_found(layers):
    table = {"a": {"a", "b"}, "b": {"b", "c"}, "c": {"c", "a"}}
    assert layers.module.cycle_in(table) == ["a", "b", "c", "a"]
    del table["c"]
    assert layers.module.cycle_in(table) is None


def test_six_equal_lines_in_two_places_are_a_pair_and_five_are_none(tmp_path):
    module = tool("check_duplicates")

    def lengths(*files):
        found = []
        for lines in files:
            path = tmp_path / f"{len(found)}.cpp"
            path.write_text("\n".join(lines))
            found.append(module.code_lines(path))
        return [run[4] for run in module.without_shifted(module.pairs_of_runs(found))]

    calls = [f"call({k});" for k in range(7)]
    assert lengths(calls[:6], ["other();", *calls[:6]]) == [6]
    assert lengths(calls[:5], calls[:5]) == []
    assert lengths([*calls[:3], "// aside", "", "}", *calls[3:]], calls) == [7]
    assert lengths([*calls[:6], "other();", *calls[:6]]) == [6]


def test_difference_accepts_noise_and_names_what_is_wrong():
    expected = np.linspace(-1, 1, 101, dtype=np.float32)
    assert difference(expected * np.float32(1 + 1e-5), expected) == ""
    off = expected.copy()
    off[7] += 0.01
    assert difference(off, expected).startswith("1 of 101 elements differ")
    assert "shape" in difference(expected[:50], expected)
    assert "element type" in difference(expected.astype(np.float64), expected)
    assert difference(np.int64([1, 2]), np.int64([1, 3])) == "1 of 2 elements differ"


def test_difference_wants_nan_and_infinity_in_their_places():
    odd = np.float32([1, np.nan, np.inf, -np.inf])
    assert difference(odd, odd) == ""
    assert difference(np.float32([1, np.nan, np.inf, np.inf]), odd) != ""
    assert difference(np.float32([1, 2, np.inf, -np.inf]), odd) != ""
