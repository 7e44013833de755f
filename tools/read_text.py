#!/usr/bin/env python3
"""Draws a line of text into a picture and reads it with the trained recogniser, through the smeaton package.

read_text.py [--text "…"] [--picture FILE.png]     exits 1 when another text was read than was drawn
"""

import argparse
import sys
from pathlib import Path

import onnx
import smeaton

sys.path.insert(0, str(Path(__file__).resolve().parent))
from zoo import trained  # noqa: E402


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--text", default=trained.TEXT)
    parser.add_argument("--picture", help="where to keep the picture")
    arguments = parser.parse_args()
    picture = trained.drawn_text(arguments.text, 48)
    if arguments.picture:
        picture.save(arguments.picture)
    path = trained.package_folder("rapidocr_onnxruntime") / "models" / "ch_PP-OCRv4_rec_infer.onnx"
    metadata = onnx.load(str(path), load_external_data=False).metadata_props
    characters = next(p.value for p in metadata if p.key == "character").splitlines()
    session = smeaton.Session(path)
    (probabilities,) = session.run(None, {"x": trained.as_text_input(picture)})
    read = trained.read_characters(probabilities, characters).strip()
    print(f"drawn: {arguments.text}\nread:  {read}")
    return 0 if read == arguments.text else 1


if __name__ == "__main__":
    sys.exit(main())
