"""A page in headless Chromium, spoken to through the pipe of its DevTools protocol: nothing but the standard library."""

import base64
import json
import os
import select
import shutil
import subprocess
import tempfile
import time

# What a page must not do, for each element that is seen: stick out of the page or of a box that does not scroll.
STICKS_OUT = """(() => {
  const wrong = [], wide = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth > wide) wrong.push("the page scrolls sideways");
  for (const e of document.body.querySelectorAll("*")) {
    if (e.closest("script, style, .wide, pre") || !e.checkVisibility()) continue;
    const box = e.getBoundingClientRect();
    if (box.width > 0 && (box.right > wide + 0.5 || box.left < -0.5)) wrong.push(e.outerHTML.slice(0, 120));
  }
  return wrong;
})()"""
# Texts of charts that lie on each other, are cut off, or are too small to read.
CHARTS = """(() => {
  const wrong = [];
  for (const svg of document.querySelectorAll(".chart svg")) {
    const seen = [...svg.querySelectorAll("text")].filter((t) => getComputedStyle(t).display !== "none");
    const boxes = seen.map((t) => [t.textContent, t.getBoundingClientRect()]);
    const outer = svg.parentElement.getBoundingClientRect();
    boxes.forEach(([text, a], i) => {
      if (a.height < 11) wrong.push(`small: ${text}`);
      if (a.left < outer.left - 1 || a.right > outer.right + 1) wrong.push(`cut: ${text}`);
      for (const [other, b] of boxes.slice(i + 1))
        if (a.left < b.right - 1 && b.left < a.right - 1 && a.top + 2 < b.bottom - 2 && b.top + 2 < a.bottom - 2)
          wrong.push(`${text} on ${other}`);
    });
  }
  return wrong;
})()"""
# Ratio of luminances of texts to what is behind them, the least of the page.
CONTRAST = """(() => {
  const light = (c) => {
    const [r, g, b] = c.match(/[\\d.]+/g).map(Number).map((v) => v / 255)
      .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  let least = [99, ""];
  for (const e of document.body.querySelectorAll("p, td, th, a, b, span, summary, pre, h1, h2, h3")) {
    if (![...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim())) continue;
    let back = e;
    while (back && getComputedStyle(back).backgroundColor.endsWith(", 0)")) back = back.parentElement;
    const [a, b] = [light(getComputedStyle(e).color), light(getComputedStyle(back || document.body).backgroundColor)];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < least[0]) least = [ratio, e.outerHTML.slice(0, 120)];
  }
  return least;
})()"""


class Browser:
    """One tab. `with Browser() as tab: tab.open(path, width=390)`."""

    def __init__(self):
        program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
        assert program, "no chromium on PATH: `tools/setup test` installs it"
        self.folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        to_read, self.to = os.pipe()
        self.answers, answers_write = os.pipe()
        command = [program, "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--remote-debugging-pipe"]
        command += ["--disable-dev-shm-usage", "--no-first-run", f"--user-data-dir={self.folder.name}", "about:blank"]

        def pipes():  # Chromium reads from 3 and writes to 4
            held = os.dup(to_read), os.dup(answers_write)
            os.dup2(held[0], 3)
            os.dup2(held[1], 4)

        self.process = subprocess.Popen(
            command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL, close_fds=False, preexec_fn=pipes
        )
        os.close(to_read)
        os.close(answers_write)
        self.left, self.number, self.events, self.session = b"", 0, [], None
        tab = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.ask("Target.attachToTarget", targetId=tab, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.ask(f"{domain}.enable")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        os.close(self.to)
        os.close(self.answers)
        self.folder.cleanup()

    def message(self, limit_s=120):
        end = time.monotonic() + limit_s
        while b"\0" not in self.left:
            ready, _, _ = select.select([self.answers], [], [], end - time.monotonic())
            assert ready, "Chromium does not answer"
            self.left += os.read(self.answers, 1 << 20)
        line, self.left = self.left.split(b"\0", 1)
        return json.loads(line)

    def ask(self, method, **parameters):
        self.number += 1
        request = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            request["sessionId"] = self.session
        text = json.dumps(request).encode() + b"\0"
        while text:
            text = text[os.write(self.to, text) :]
        while True:
            answer = self.message()
            if answer.get("id") == self.number:
                assert "error" not in answer, answer["error"]
                return answer["result"]
            self.events.append(answer)

    def open(self, path, width=1280, height=900, dark=False):
        """Loads the file and waits until it is there."""
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.ask("Emulation.setEmulatedMedia", features=[scheme])
        self.events.clear()
        self.ask("Page.navigate", url=f"file://{path}")
        while not any(e.get("method") == "Page.loadEventFired" for e in self.events):
            self.events.append(self.message())

    def value(self, script):
        """Of a JavaScript expression."""
        answer = self.ask("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def complaints(self):
        """What the page wrote to the console or threw since it was opened."""
        kinds = ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded")
        return [e for e in self.events if e.get("method") in kinds]

    def picture(self, path):
        """The whole page as a PNG."""
        shot = self.ask("Page.captureScreenshot", captureBeyondViewport=True, format="png")
        with open(path, "wb") as file:
            file.write(base64.b64decode(shot["data"]))


def assert_readable(tab, width):
    """What the tab shows at this width: nothing cut off, no texts on each other, contrast enough; on a wide page no table scrolls."""
    assert tab.value(STICKS_OUT) == []
    assert tab.value(CHARTS) == []
    least, where = tab.value(CONTRAST)
    assert least >= 4.5, where
    if width == 1280:
        assert tab.value("[...document.querySelectorAll('.wide')].filter((w) => w.scrollWidth > w.clientWidth).length") == 0
