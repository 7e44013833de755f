"""emit --as pytorch: what is written, and what is refused. What the source computes is held where PyTorch is
(tests/zoo/pytorch.py, tests/long/pytorch_operators.py)."""

import ast
import json
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
from models import F32, model, node, smeaton, tensor  # noqa: E402

LIGHT = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light"
FILES = {"model.py", "clusters.py", "check.py", "model_map.json", "weights.safetensors", "README.md", "ruff.toml"}


def emitted(path, folder, *more):
    ended = smeaton("emit", path, "--as", "pytorch", "--output-dir", folder, *more)
    assert ended.code == 0, ended.err
    return folder


def saved(folder, nodes, shape, output):
    path = folder / "model.onnx"
    onnx.save(model(nodes, {"x": (F32, shape)}, {output: (F32, shape)}), path)
    return path


@pytest.fixture(scope="module")
def resnet(tmp_path_factory):
    return emitted(LIGHT / "light_resnet50.onnx", tmp_path_factory.mktemp("pytorch") / "resnet50")


def functions(file):
    return [n for n in ast.walk(ast.parse(file.read_text())) if isinstance(n, ast.FunctionDef)]


def test_all_files_are_there_and_nothing_else(resnet):
    assert {file.name for file in resnet.iterdir()} == FILES
    assert [f.name for f in resnet.parent.iterdir()] == ["resnet50"]


@pytest.mark.parametrize("words", [["check"], ["format", "--check"]], ids=" ".join)
def test_ruff_has_nothing_to_say(resnet, words):
    done = subprocess.run(
        [sys.executable, "-m", "ruff", *words, "--no-cache", resnet], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("file", ["model.py", "clusters.py", "check.py"])
def test_no_function_is_over_80_lines_and_torch_is_all_that_is_imported(resnet, file):
    for function in functions(resnet / file):
        assert function.end_lineno - function.lineno < 80, function.name
    for n in ast.walk(ast.parse((resnet / file).read_text())):
        names = [a.name for a in n.names] if isinstance(n, ast.Import) else []
        names += [n.module] if isinstance(n, ast.ImportFrom) else []
        for name in names:
            top = name.split(".")[0]
            assert top == "torch" or top in sys.stdlib_module_names or name == "model"


def test_resnet50_is_a_few_classes_and_loops(resnet):
    tree = ast.parse((resnet / "model.py").read_text())
    classes = [n for n in tree.body if isinstance(n, ast.ClassDef)]
    assert len(classes) <= 4
    model_class = classes[-1]
    assert model_class.name == "Model"
    assert any(isinstance(n, ast.For) for n in ast.walk(model_class))
    text = (resnet / "model.py").read_text()
    assert len(text.splitlines()) < 200
    assert isinstance(next(n for n in tree.body if isinstance(n, ast.ClassDef | ast.FunctionDef)), ast.ClassDef)
    assert "ResidualBlock(64, 64, 256, stride=1)" in text  # channels first, without their names
    assert "self.relu = nn.ReLU(inplace=True)" in text


def test_weights_are_a_safetensors_file_of_the_model(resnet):
    data = (resnet / "weights.safetensors").read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    del header["__metadata__"]
    end = 0
    for entry in header.values():
        begin, stop = entry["data_offsets"]
        assert begin == end
        assert stop - begin == np.prod(entry["shape"], dtype=np.int64) * (8 if entry["dtype"] == "I64" else 4)
        end = stop
    assert len(data) == 8 + length + end
    elements = sum(int(np.prod(e["shape"])) for e in header.values() if e["dtype"] == "F32")
    assert 25_500_000 < elements < 25_700_000


def test_the_map_names_every_operator_and_its_lines(resnet):
    places = json.loads((resnet / "model_map.json").read_text())
    assert 176 <= len(places["nodes"]) <= 180  # large weights that the file computes among them
    lines = (resnet / "model.py").read_text().splitlines()
    clusters = (resnet / "clusters.py").read_text().splitlines()
    for row in places["nodes"].values():
        assert "=" in lines[row["line"] - 1]
        assert "=" in clusters[row["clusters_line"] - 1]


def test_two_runs_write_the_same_bytes(resnet, tmp_path):
    again = emitted(LIGHT / "light_resnet50.onnx", tmp_path / "again")
    for name in FILES:
        assert (again / name).read_bytes() == (resnet / name).read_bytes()


class Convolutions:
    """A graph of 3x3 convolutions, made line by line."""

    def __init__(self):
        self.rng, self.nodes, self.weights = np.random.default_rng(5), [], []

    def line(self, last, name, layers, width, group=1):
        for k in range(layers):
            filters = self.rng.standard_normal((width, width // group, 3, 3)).astype(np.float32)
            self.weights.append(tensor(f"{name}_conv{k}_weight", filters))
            made, more = f"{name}_conv{k}", {"pads": [1, 1, 1, 1], "group": group}
            self.nodes.append(node("Conv", [last, f"{made}_weight"], [made], made, **more))
            last = made
        return last

    def join(self, op, ends, name, **attributes):
        self.nodes.append(node(op, ends, [name], f"{name}_join", **attributes))
        return name

    def save(self, path, shape, joined):
        graph = model(self.nodes, {"x": (F32, shape)}, {"y": (F32, joined)}, self.weights)
        onnx.save(graph, path)


def branches_of_convolutions(path, branches=4, layers=6, width=32, size=28):
    made = Convolutions()
    made.join("Concat", [made.line("x", f"branch{b}", layers, width) for b in range(branches)], "y", axis=1)
    made.save(path, [1, width, size, size], [1, branches * width, size, size])


def trunks_and_branches(path, width=64, size=28):
    """Four large convolutions, two branches of many depthwise ones, and both again."""
    made, last, shape = Convolutions(), "x", [1, width, size, size]
    for part in range(3):
        last = made.line(last, f"trunk{part}", 4, width)
        ends = [made.line(last, f"branch{part}_{b}", 12, width, width) for b in range(2)]
        last = made.join("Add", ends, "y" if part == 2 else f"sum{part}")
    made.save(path, shape, shape)


def test_more_cores_make_more_clusters(tmp_path):
    path = tmp_path / "branches.onnx"
    branches_of_convolutions(path)
    for cores in (1, 2, 4):
        folder = emitted(path, tmp_path / str(cores), "--cores", cores)
        names = {f.name for f in functions(folder / "clusters.py")}
        assert f"cluster_{cores - 1}" in names and f"cluster_{cores}" not in names


def test_what_no_plan_makes_faster_is_one_cluster(tmp_path):
    """Small branches: to hand values over takes longer than they do."""
    path = tmp_path / "branches.onnx"
    branches_of_convolutions(path, layers=1, width=8, size=14)
    folder = emitted(path, tmp_path / "out", "--cores", 2)
    assert [f.name for f in functions(folder / "clusters.py") if f.name.startswith("cluster_")] == ["cluster_0"]


def steps_of(folder):
    """By cluster: ("put" | "get", name), ("cores", number), ("run", text), in order."""
    by_name = {f.name: f for f in functions(folder / "clusters.py")}

    def steps(function):
        for line in function.body:
            calls = [n for n in ast.walk(line) if isinstance(n, ast.Call)]
            told = [c for c in calls if ast.unparse(c.func).startswith("channel.")]
            parts = [c for c in calls if ast.unparse(c.func) in by_name]
            if parts:
                yield from steps(by_name[parts[0].func.id])
            elif told:
                yield told[0].func.attr, told[0].args[0].value
            elif calls:
                yield "run", ast.unparse(line)

    count = sum(name.startswith("cluster_") and "part" not in name for name in by_name)
    return [list(steps(by_name[f"cluster_{c}"])) for c in range(count)]


def test_what_is_split_over_all_cores_runs_beside_nothing(tmp_path):
    path = tmp_path / "trunks.onnx"
    trunks_and_branches(path)
    folder = emitted(path, tmp_path / "out", "--cores", 2)
    clusters = steps_of(folder)
    assert len(clusters) == 2
    # By cluster and step: how many steps of each cluster have ended before it begins. Two rounds
    # of replay, as `get` waits for a `put` that may stand in a cluster that comes later.
    put = {}
    for c, steps in enumerate(clusters):
        put.update((text, (c, k)) for k, (what, text) in enumerate(steps) if what == "put")
    ended = [[[0, 0] for _ in steps] for steps in clusters]
    for _ in range(max(len(steps) for steps in clusters)):
        before = json.dumps(ended)
        for c, steps in enumerate(clusters):
            known = [0, 0]
            for k, (what, text) in enumerate(steps):
                if what == "get":
                    other, at = put[text]
                    known = [max(a, b) for a, b in zip(known, ended[other][at])]
                    known[other] = max(known[other], at + 1)
                known[c] = k
                ended[c][k] = list(known)
        if json.dumps(ended) == before:
            break
    runs, wide = [], []
    for c, steps in enumerate(clusters):
        cores = 1
        for k, (what, text) in enumerate(steps):
            cores = text if what == "cores" else cores
            if what == "run":
                runs.append((c, k))
                wide += [(c, k)] if cores == 2 else []
    assert 10 < len(wide) < len(runs)
    for c, k in wide:
        for other, at in runs:
            if other != c:
                assert ended[c][k][other] > at or ended[other][at][c] > k


def test_a_chain_is_split_over_the_cores_of_its_one_cluster(tmp_path):
    folder = emitted(LIGHT / "light_vgg19.onnx", tmp_path / "out", "--cores", 2)
    (steps,) = steps_of(folder)
    assert [text for what, text in steps if what == "cores"] == [2]
    assert not [text for what, text in steps if what == "get"]
    assert "CORES = 2" in (folder / "clusters.py").read_text()


def test_1500_nodes_take_under_a_second(tmp_path):
    nodes, last = [], "x"
    for k in range(500):
        nodes += [
            node("Relu", [last], [f"a{k}"], f"Relu_{k}"),
            node("Tanh", [last], [f"b{k}"], f"Tanh_{k}"),
            node("Add", [f"a{k}", f"b{k}"], [f"c{k}"], f"Add_{k}"),
        ]
        last = f"c{k}"
    path = saved(tmp_path, nodes, [4, 4], last)
    ended = smeaton("emit", path, "--as", "pytorch", "--output-dir", tmp_path / "out")
    assert ended.code == 0, ended.err
    assert ended.seconds < 3  # under a second on an idle machine
    for function in functions(tmp_path / "out" / "clusters.py") + functions(tmp_path / "out" / "model.py"):
        assert function.end_lineno - function.lineno < 80


def test_what_cannot_be_emitted_is_one_message_and_no_file(tmp_path):
    nodes = [
        node("LRN", ["x"], ["a"], size=2, name="first"),
        node("Relu", ["a"], ["b"]),
        node("LRN", ["b"], ["y"], size=4, name="second"),
    ]
    path = saved(tmp_path, nodes, [1, 2, 4, 4], "y")
    ended = smeaton("emit", path, "--as", "pytorch", "--output-dir", tmp_path / "out")
    assert ended.code == 1
    assert "node 'first' (LRN)" in ended.err and "node 'second' (LRN)" in ended.err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "options, words",
    [
        (("--cores", "0"), "--cores"),
        (("--algorithm", "best"), "best"),
        (("--machine", "nowhere.yaml"), "nowhere.yaml"),
    ],
)
def test_bad_options_are_one_message(tmp_path, options, words):
    path = LIGHT / "light_squeezenet.onnx"
    ended = smeaton("emit", path, "--as", "pytorch", "--output-dir", tmp_path / "out", *options)
    assert ended.code == 1
    assert words in ended.err
    assert not (tmp_path / "out").exists()


def test_it_needs_a_folder_and_a_language(tmp_path):
    ended = smeaton("emit", LIGHT / "light_squeezenet.onnx", "--as", "basic")
    assert ended.code == 1
    assert "cpp or pytorch" in ended.err
    ended = smeaton("emit", LIGHT / "light_squeezenet.onnx", "--as", "pytorch")
    assert ended.code == 1
    assert "--output-dir" in ended.err
    (tmp_path / "file").write_text("kept")
    ended = smeaton(
        "emit", LIGHT / "light_squeezenet.onnx", "--as", "pytorch", "--output-dir", tmp_path / "file"
    )
    assert ended.code == 1
    assert (tmp_path / "file").read_text() == "kept"


def test_a_folder_that_cannot_be_made_is_named_as_it_was_given(tmp_path):
    (tmp_path / "file").write_text("kept")
    path = LIGHT / "light_squeezenet.onnx"
    ended = smeaton("emit", path, "--as", "pytorch", "--output-dir", tmp_path / "file" / "sub")
    assert ended.code == 1 and ended.err.count("\n") == 1
    assert f"{tmp_path / 'file' / 'sub'}: cannot make the folder" in ended.err


def test_a_folder_that_cannot_take_every_file_gets_none(tmp_path):
    (tmp_path / "out" / "model.py").mkdir(parents=True)
    ended = smeaton(
        "emit", LIGHT / "light_squeezenet.onnx", "--as", "pytorch", "--output-dir", tmp_path / "out"
    )
    assert ended.code == 1
    assert "model.py: cannot write: it is a folder" in ended.err
    assert [f.name for f in (tmp_path / "out").iterdir()] == ["model.py"]
    assert [f.name for f in tmp_path.iterdir()] == ["out"]


def tied_model(path):
    """An embedding that is the last matrix too, one layer called twice, and two norms filled alike."""
    rng = np.random.default_rng(1)
    words = rng.standard_normal((20, 12)).astype(np.float32)
    layer = rng.standard_normal((12, 12)).astype(np.float32)
    nodes = [
        node("Gather", ["words", "ids"], ["e"], "embed"),
        node("MatMul", ["e", "layer"], ["a"], "first"),
        node("LayerNormalization", ["a", "ones", "zeros"], ["n"], "norm_a"),
        node("MatMul", ["n", "layer"], ["b"], "second"),
        node("LayerNormalization", ["b", "ones", "zeros"], ["m"], "norm_b"),
        node("Transpose", ["words"], ["turned"], "turn", perm=[1, 0]),
        node("MatMul", ["m", "turned"], ["y"], "head"),
    ]
    weights = {"words": words, "layer": layer, "ones": np.ones(12, "f4"), "zeros": np.zeros(12, "f4")}
    onnx.save(
        model(
            nodes,
            {"ids": (onnx.TensorProto.INT64, [1, 5])},
            {"y": (F32, [1, 5, 20])},
            [tensor(n, w) for n, w in weights.items()],
        ),
        path,
    )


def test_what_the_model_has_once_is_one_parameter(tmp_path):
    tied_model(tmp_path / "tied.onnx")
    folder = emitted(tmp_path / "tied.onnx", tmp_path / "out")
    tree = ast.parse((folder / "model.py").read_text())
    (table,) = [n.value for n in tree.body if isinstance(n, ast.Assign) and n.targets[0].id == "TIED"]
    pairs = ast.literal_eval(table)
    assert len(pairs) == 2  # the norms are apart: exporters write what is filled alike once
    assert all("norm" not in name for pair in pairs.items() for name in pair)
    assert "tie(self)" in (folder / "model.py").read_text()
    (length,) = struct.unpack("<Q", (folder / "weights.safetensors").read_bytes()[:8])
    header = json.loads((folder / "weights.safetensors").read_bytes()[8 : 8 + length])
    for name, same_as in pairs.items():
        assert header[name]["shape"] == header[same_as]["shape"]
    resnet_like = emitted(LIGHT / "light_squeezenet.onnx", tmp_path / "plain")
    assert "TIED" not in (resnet_like / "model.py").read_text()


def test_a_training_script_is_written_when_asked(tmp_path):
    path = LIGHT / "light_squeezenet.onnx"
    folder = emitted(path, tmp_path / "out", "--train", "--optimizer", "adamw")
    assert {file.name for file in folder.iterdir()} == FILES | {"train.py"}
    text = (folder / "train.py").read_text()
    assert "torch.optim.AdamW(" in text and "F.cross_entropy(" in text and "--sizes" in text
    for function in functions(folder / "train.py"):
        assert function.end_lineno - function.lineno < 80


@pytest.fixture(scope="module")
def scripts(tmp_path_factory):
    """check.py and train.py of a model of open sizes, beside a torch that has all names and does nothing."""
    folder = tmp_path_factory.mktemp("scripts")
    path = saved(folder, [node("Relu", ["x"], ["y"], "relu")], ["batch", 3, "height", "width"], "y")
    emitted(path, folder / "out", "--train", "--loss", "mse")
    (folder / "torch" / "nn").mkdir(parents=True)
    (folder / "torch" / "__init__.py").write_text("def __getattr__(name):\n    return lambda *given: None\n")
    (folder / "torch" / "nn" / "functional.py").write_text("")
    for script in ("check.py", "train.py"):
        (folder / script).write_text((folder / "out" / script).read_text())
    (folder / "model.py").write_text("class Model:\n    load = print\n")
    return folder


@pytest.mark.parametrize("script", [["check.py"], ["train.py", "--sizes"]], ids=" ".join)
@pytest.mark.parametrize("word", ["height", "height=", "height=tall", "height=-1", "depth=3", "=3"])
def test_a_word_that_gives_no_size_is_named(scripts, script, word):
    command = [sys.executable, scripts / script[0], *script[1:], "width=4", word]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr == (
        f"size '{word}': expected NAME=NUMBER, a whole number for a size that the model leaves open: "
        "batch, height, width\n"
    )


def test_sizes_are_read_by_name(scripts):
    read = "import check; print(check.sizes_of(['height=12', 'width=4']))"
    done = subprocess.run([sys.executable, "-c", read], capture_output=True, text=True, cwd=scripts)
    assert done.stdout == "{'height': 12, 'width': 4}\n", done.stderr


@pytest.mark.parametrize(
    "options, words",
    [
        (("--loss", "mse"), "--train"),
        (("--train", "--loss", "hinge"), "cross-entropy, mse or output:NAME"),
        (("--train", "--loss", "output:none"), "there is no output 'none'"),
        (("--train", "--optimizer", "lion"), "lion"),
        (("--workers", "fibres"), "threads or processes"),
    ],
)
def test_bad_options_of_training_and_workers_write_nothing(tmp_path, options, words):
    path = LIGHT / "light_squeezenet.onnx"
    ended = smeaton("emit", path, "--as", "pytorch", "--output-dir", tmp_path / "out", *options)
    assert ended.code == 1
    assert words in ended.err
    assert not (tmp_path / "out").exists()


def test_clusters_on_processes_know_who_reads_what(tmp_path):
    folder = emitted(LIGHT / "light_inception_v1.onnx", tmp_path / "out", "--workers", "processes")
    tree = ast.parse((folder / "clusters.py").read_text())
    (table,) = [n.value for n in tree.body if isinstance(n, ast.AnnAssign) and n.target.id == "READERS"]
    readers = ast.literal_eval(table)
    calls = [n for n in ast.walk(tree) if isinstance(n, ast.Call) and isinstance(n.func, ast.Attribute)]
    named = [n for n in calls if n.args and isinstance(n.args[0], ast.Constant)]
    put, got = ({n.args[0].value for n in named if n.func.attr == word} for word in ("put", "get"))
    assert put == set(readers) and got <= put
