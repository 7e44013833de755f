#!/usr/bin/env python3
"""Times a training step against PyTorch in lockstep: one process each, turn by turn; per round the ratio of the two, and
of the ratios the median. Runs under .venv-zoo (`make long` installs it) with the package of build/python.

    training.py                                  ResNet-18, MobileNetV2, BERT (2 layers), SGD
    training.py --only resnet18 --threads 1 --rounds 9 --profile 12

ratio: Smeaton's time over PyTorch's (eager); below 1 Smeaton is ahead. --profile N: the N slowest kernels of ours.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median, quantiles

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests" / "long"), str(ROOT / "build" / "python")]

ENGINES = ("smeaton", "pytorch")
RATE = 1e-4


def trials():
    import whole_gradients as long

    make = {name: long.TRIALS[name] for name in ("resnet18", "mobilenet_v2", "bert_2")}
    images, tokens = long._images(8, 64), long._tokens(4, 30522, 128)
    return {
        "resnet18": make["resnet18"]._replace(inputs=images),
        "mobilenet_v2": make["mobilenet_v2"]._replace(inputs=images),
        "bert_2": make["bert_2"]._replace(inputs=tokens),
    }


def open_smeaton(name, trial, folder, threads):
    import smeaton
    import whole_gradients as long

    path, feeds, _ = long.prepare(name, trial, folder)
    trainer = smeaton.Trainer(path, loss=trial.loss, learning_rate=RATE, threads=threads)
    return trainer, feeds, lambda: trainer.step(feeds)


def open_pytorch(name, trial, folder, threads):
    import torch
    import whole_gradients as long
    from torch.nn import functional

    torch.set_num_threads(threads)
    _, feeds, module = long.prepare(name, trial, folder)
    module.train()
    optimizer = torch.optim.SGD(module.parameters(), lr=RATE)
    target = torch.from_numpy(feeds.pop("target"))
    inputs = [torch.from_numpy(value) for value in feeds.values()]
    loss_of = functional.mse_loss if trial.loss == "mse" else functional.cross_entropy

    def step():
        optimizer.zero_grad()
        loss = loss_of(module(*inputs), target)
        loss.backward()
        optimizer.step()
        return loss.item()

    return None, feeds, step


def serve(engine, name, threads, profile):
    """A side of the race: answers each line with the seconds of a step."""
    with tempfile.TemporaryDirectory() as folder:
        opened = {"smeaton": open_smeaton, "pytorch": open_pytorch}[engine]
        trainer, feeds, step = opened(name, trials()[name], Path(folder), threads)
        for _ in range(3):
            step()
        print("ready", flush=True)
        for line in sys.stdin:
            if line.strip() == "profile" and trainer is not None:
                rows = sorted(trainer._profile(feeds, 9), key=lambda row: -row["time_us"])
                total = sum(row["time_us"] for row in rows)
                text = [f"{r['time_us']:9.1f} us {100 * r['time_us'] / total:5.1f}%  {r['name']}" for r in rows[:profile]]
                print(f"{total / 1e3:.2f} ms in {len(rows)} kernels|" + "|".join(text), flush=True)
                continue
            begin = time.perf_counter()
            step()
            print(time.perf_counter() - begin, flush=True)


class Side:
    def __init__(self, engine, name, threads, profile):
        command = [sys.executable, "-W", "ignore", __file__, "--serve", engine, "--only", name]
        command += ["--threads", str(threads), "--profile", str(profile)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        while (line := self.process.stdout.readline()) != "ready\n":
            if not line:
                sys.exit(f"training.py: {engine} on {name} ended")

    def ask(self, word):
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def stop(self):
        self.process.kill()
        self.process.wait()


def race(name, threads, rounds, profile):
    sides = [Side(engine, name, threads, profile) for engine in ENGINES]
    times = [[], []]
    for turn in range(rounds):
        for k in (0, 1) if turn % 2 == 0 else (1, 0):
            times[k].append(float(sides[k].ask("step")))
    ratios = [a / b for a, b in zip(*times)]
    low, _, high = quantiles(ratios, n=4)
    print(
        f"{name:14} {threads} threads: smeaton {1e3 * median(times[0]):8.2f} ms, pytorch {1e3 * median(times[1]):8.2f} ms,"
        f" ratio {median(ratios):.3f} ({low:.3f} to {high:.3f})",
        flush=True,
    )
    if profile:
        print("  " + sides[0].ask("profile").replace("|", "\n  "), flush=True)
    for side in sides:
        side.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="resnet18,mobilenet_v2,bert_2", help="names with commas")
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--profile", type=int, default=0, help="kernels to list")
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.rounds < 2:
        parser.error(f"--rounds {arguments.rounds}: expected 2 or more, for there are quartiles")
    if arguments.serve:
        return serve(arguments.serve, arguments.only, int(arguments.threads), arguments.profile)
    for name in arguments.only.split(","):
        for threads in (int(text) for text in arguments.threads.split(",")):
            race(name, threads, arguments.rounds, arguments.profile)


if __name__ == "__main__":
    main()
