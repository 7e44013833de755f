#!/usr/bin/env python3
"""Fits the polynomials of src/emit/cpp/prelude_math.cpp (needs numpy and mpmath) and prints them.

Each is a weighted least-squares fit on Chebyshev nodes, iterated towards equal ripple (Lawson).
"""
import mpmath as mp
import numpy as np


def nodes(lo, hi, count=400):
    k = np.arange(count)
    return (lo + hi) / 2 + (hi - lo) / 2 * np.cos(np.pi * (k + 0.5) / count)


def fit(function, weight, lo, hi, degree, rounds=60):
    """Coefficients (lowest first) of the polynomial nearest to `function`, error times `weight`."""
    x = nodes(lo, hi)
    y = np.array([float(function(mp.mpf(v))) for v in x])
    w = np.array([float(weight(mp.mpf(v))) for v in x])
    basis = np.vander(x, degree + 1, increasing=True)
    lawson = np.ones_like(x)
    for _ in range(rounds):
        scale = w * np.sqrt(lawson)
        c = np.linalg.lstsq(basis * scale[:, None], y * scale, rcond=None)[0]
        error = np.abs(basis @ c - y) * w
        lawson *= error / error.mean() + 1e-3
        lawson /= lawson.mean()
    return c, error.max()


def show(name, result):
    c, error = result
    print(f"{name}: weighted error {error:.2e}")
    for v in c:
        print(f"    {np.float32(v):.9e}f")


mp.mp.dps = 30
root = mp.sqrt
show("exp(r) = 1 + r + r*r*P(r), |r| <= ln2/2",
     fit(lambda r: (mp.exp(r) - 1 - r) / (r * r), lambda r: r * r, -0.3470, 0.3470, 5))
show("erf(x) = x + x*P(x*x), |x| <= 0.93",
     fit(lambda s: mp.erf(root(s)) / root(s) - 1, lambda s: root(s) / mp.erf(root(s)), 1e-9, 0.8649, 5))
show("erf(x) = 1 - exp(-P(x)), 0.93 <= x <= 4",
     fit(lambda t: -mp.log(mp.erfc(t)), lambda t: mp.erfc(t) / mp.erf(t), 0.92, 4.0, 7))
show("tanh(x) = x + x*s*P(s), s = x*x, |x| <= 0.625",
     fit(lambda s: (mp.tanh(root(s)) / root(s) - 1) / s,
         lambda s: s * root(s) / mp.tanh(root(s)), 1e-9, 0.390625, 4))
show("log(1+f) = f - f*f/2 + f*f*f*P(f), 1+f in [sqrt(1/2), sqrt(2)]",
     fit(lambda f: (mp.log1p(f) - f + f * f / 2) / (f**3) if f != 0 else mp.mpf(1) / 3,
         lambda f: abs(f**3 / mp.log1p(f)) if f != 0 else mp.mpf(0), -0.29290, 0.41422, 8))
