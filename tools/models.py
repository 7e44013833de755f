#!/usr/bin/env python3
"""Writes the models that Smeaton is tested and measured on, with inputs and reference outputs.

    tools/models.py                         all that this Python can build
    tools/models.py --only a,b              these, or whole kinds: plain, branches, light, trained,
                                            exported
    tools/models.py --list                  names and kinds
    tools/models.py --force ...             anew, though they are there

They go to $SMEATON_MODELS, or ~/.cache/smeaton/models; zoo/store.py tells the layout.
"""

import argparse
import importlib
import importlib.util
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from zoo import store  # noqa: E402

# kind -> module, and the package without which it cannot be built
KINDS = {
    "plain": ("zoo.plain", None),
    "branches": ("zoo.branches", None),
    "light": ("zoo.light", None),
    "trained": ("zoo.trained", None),
    "exported": ("zoo.exported", "torch"),
}


def catalogue():
    """name -> (kind, build function); build is None where a package is missing."""
    models = {}
    for kind, (module, needs) in KINDS.items():
        if needs and importlib.util.find_spec(needs) is None:
            continue
        for name, build in importlib.import_module(module).MODELS.items():
            models[name] = (kind, build)
    return models


def chosen(models, only):
    if not only:
        return list(models)
    names = []
    for word in only.split(","):
        found = [n for n, (kind, _) in models.items() if word in (n, kind)]
        if not found:
            raise SystemExit(
                f"models.py: no model or kind '{word}' here; --list shows them"
                " (the exported ones need the packages of requirements-zoo.txt)"
            )
        names += [n for n in found if n not in names]
    return names


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", help="names or kinds, with commas")
    parser.add_argument("--force", action="store_true", help="write even what is there")
    parser.add_argument("--list", action="store_true", help="print names and kinds")
    arguments = parser.parse_args()
    models = catalogue()
    names = chosen(models, arguments.only)
    if arguments.list:
        for name in names:
            print(f"{models[name][0]:9} {name}")
        return 0
    failed = []
    for name in names:
        kind, build = models[name]
        if not arguments.force and store.read_case(store.cache_root() / name):
            continue
        start = time.monotonic()
        try:
            store.write_case(name, kind, build)
        except (Exception, SystemExit) as error:  # one bad model must not hide the others
            failed.append(name)
            first = str(error).strip().splitlines()[:1]
            print(f"{name}: FAILED: {type(error).__name__}: {''.join(first)[:300]}", flush=True)
            continue
        print(f"{name}: written in {time.monotonic() - start:.1f} s", flush=True)
    cases = store.write_index()
    print(f"{len(cases)} models in {store.cache_root()}, {len(failed)} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
