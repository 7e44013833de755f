"""Real trained models that PyPI packages carry as ONNX files, with real inputs. Nothing is downloaded:
the packages are in requirements.txt (installed without what they depend on)."""

import importlib.util
import json
import shutil
from pathlib import Path

import numpy as np

TEXT = "Smeaton measured the mills"


def package_folder(package):
    spec = importlib.util.find_spec(package)
    if spec is None:
        raise SystemExit(f"package '{package}' is not installed; run tools/setup")
    return Path(spec.submodule_search_locations[0])


def drawn_text(text, height, padding=8):
    """The text, black on white, as a Pillow image `height` pixels high."""
    from PIL import Image, ImageDraw, ImageFont

    font = ImageFont.load_default(size=int(height * 0.62))
    left, top, right, bottom = font.getbbox(text)
    image = Image.new("RGB", (right - left + 2 * padding, height), "white")
    position = (padding - left, (height - (bottom - top)) // 2 - top)
    ImageDraw.Draw(image).text(position, text, fill="black", font=font)
    return image


def as_text_input(image):
    """[1, 3, h, w] from -1 to 1, the channels in blue, green, red, as the recogniser was trained."""
    pixels = np.asarray(image, np.float32)[:, :, ::-1] / 127.5 - 1.0
    return np.ascontiguousarray(pixels.transpose(2, 0, 1)[None])


def read_characters(probabilities, characters):
    """Text from [1, steps, classes]: the best class of each step, repeats merged, class 0 dropped."""
    table = ["", *characters, " "]
    best = probabilities[0].argmax(axis=1)
    kept = [int(c) for k, c in enumerate(best) if c != 0 and (k == 0 or c != best[k - 1])]
    return "".join(table[c] for c in kept)


def _rapidocr(file):
    return package_folder("rapidocr_onnxruntime") / "models" / file


def text_recogniser(folder):
    shutil.copy(_rapidocr("ch_PP-OCRv4_rec_infer.onnx"), folder / "model.onnx")
    return {"x": as_text_input(drawn_text(TEXT, 48))}


def text_detector(folder):
    from PIL import Image

    shutil.copy(_rapidocr("ch_PP-OCRv4_det_infer.onnx"), folder / "model.onnx")
    page = Image.new("RGB", (640, 480), "white")
    for k, line in enumerate(("Models of water mills", "1759", TEXT)):
        page.paste(drawn_text(line, 40), (40 + 30 * k, 60 + 130 * k))
    pixels = np.asarray(page, np.float32)[:, :, ::-1] / 255.0
    unit = (pixels - np.float32([0.485, 0.456, 0.406])) / np.float32([0.229, 0.224, 0.225])
    return {"x": np.ascontiguousarray(unit.transpose(2, 0, 1)[None], np.float32)}


def text_orientation(folder):
    shutil.copy(_rapidocr("ch_ppocr_mobile_v2.0_cls_infer.onnx"), folder / "model.onnx")
    upright = drawn_text("Smeaton 1724", 48).resize((192, 48))
    pictures = [as_text_input(upright), as_text_input(upright.rotate(180))]
    return {"x": np.concatenate(pictures)}


def file_type(folder):
    """The first and last 1,024 bytes of a file, 256 where it is shorter."""
    package = package_folder("magika")
    shutil.copy(package / "models" / "standard_v3_3" / "model.onnx", folder / "model.onnx")
    files = [
        (Path(__file__).read_bytes()).strip(),
        json.dumps({"mills": list(range(600)), "name": "Smeaton"}, indent=2).encode(),
    ]
    rows = np.full((len(files), 2048), 256, np.int32)
    for row, content in zip(rows, files):
        head, tail = content[:1024], content[-1024:]
        row[: len(head)] = list(head)
        row[2048 - len(tail) :] = list(tail)
    return {"bytes": rows}


def sound_to_notes(folder):
    """About two seconds at 22,050 Hz: three struck notes and a little noise."""
    package = package_folder("basic_pitch")
    shutil.copy(package / "saved_models" / "icassp_2022" / "nmp.onnx", folder / "model.onnx")
    samples, rate = 43844, 22050
    time = np.arange(samples) / rate
    sound = 0.01 * np.random.default_rng(1759).standard_normal(samples)
    for k, frequency in enumerate((220.0, 277.18, 329.63)):
        start = 0.3 + 0.5 * k
        envelope = np.where(time >= start, np.exp(-2.0 * (time - start)), 0.0)
        for harmonic in range(1, 6):
            sound += 0.2 / harmonic * envelope * np.sin(2 * np.pi * harmonic * frequency * time)
    return {"serving_default_input_2:0": sound.astype(np.float32).reshape(1, samples, 1)}


MODELS = {
    "text_recogniser": text_recogniser,
    "text_detector": text_detector,
    "text_orientation": text_orientation,
    "file_type": file_type,
    "sound_to_notes": sound_to_notes,
}
