# SPDX-License-Identifier: Apache-2.0
"""browser.py DIRECTORY: opens the HTML pages that write_samples wrote in headless Chromium and uses them as people do.

Chromium is driven over a pair of pipes (--remote-debugging-pipe), so that nothing but Python is needed.
"""

import base64
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

SAMPLES = pathlib.Path(sys.argv.pop(1)).resolve()
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
if BROWSER is None:
    print("skipped: no Chromium here", file=sys.stderr)
    sys.exit(125)


class Chromium:
    def __init__(self):
        self.profile = tempfile.mkdtemp(prefix="goldseal-browser-")
        commands, self.write_end = os.pipe()
        self.read_end, replies = os.pipe()

        def pipes_as_3_and_4():
            os.dup2(commands, 20)
            os.dup2(replies, 21)
            os.dup2(20, 3)
            os.dup2(21, 4)

        self.process = subprocess.Popen(
            [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--remote-debugging-pipe",
             f"--user-data-dir={self.profile}"],
            preexec_fn=pipes_as_3_and_4, close_fds=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(commands)
        os.close(replies)
        self.number = 0
        self.unread = b""
        self.events = []
        signal.alarm(240)
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = None
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log"):
            self.call(f"{domain}.enable")
        self.call("Page.setLifecycleEventsEnabled", enabled=True)

    def close(self):
        self.session = None
        self.call("Browser.close")
        self.process.wait(30)
        shutil.rmtree(self.profile, ignore_errors=True)

    def receive(self):
        while b"\0" not in self.unread:
            chunk = os.read(self.read_end, 1 << 16)
            if not chunk:
                raise EOFError("Chromium is gone")
            self.unread += chunk
        message, self.unread = self.unread.split(b"\0", 1)
        return json.loads(message)

    def call(self, method, **parameters):
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if getattr(self, "session", None):
            message["sessionId"] = self.session
        os.write(self.write_end, json.dumps(message).encode() + b"\0")
        while True:
            reply = self.receive()
            if reply.get("id") == self.number:
                if "error" in reply:
                    raise RuntimeError(f"{method}: {reply['error']}")
                return reply["result"]
            self.events.append(reply)

    def open(self, name, fragment="", width=1100, scheme="light", media="screen", script=True):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
        self.call("Emulation.setEmulatedMedia", media=media,
                  features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.call("Emulation.setScriptExecutionDisabled", value=not script)
        self.go("about:blank")
        self.events.clear()
        self.go((SAMPLES / name).as_uri() + fragment)

    def go(self, url):
        loader = self.call("Page.navigate", url=url)["loaderId"]

        def loaded(event):
            return (event["method"] == "Page.lifecycleEvent" and event["params"]["name"] == "load"
                    and event["params"]["loaderId"] == loader)

        while not any(map(loaded, self.events)):
            self.events.append(self.receive())

    def evaluate(self, expression):
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in result:
            raise AssertionError(result["exceptionDetails"])
        return result["result"].get("value")

    def key(self, key, text=""):
        codes = {"Tab": 9, "Enter": 13, "Escape": 27, "/": 191}
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, windowsVirtualKeyCode=codes[key],
                      **({"text": text} if text and kind == "keyDown" else {}))

    def type(self, text):
        self.call("Input.insertText", text=text)

    def complaints(self):
        """Errors of the console and of scripts, and requests for anything but the page itself."""
        self.evaluate("0")
        found = []
        for event in self.events:
            method, parameters = event["method"], event["params"]
            if method == "Runtime.exceptionThrown":
                found.append(parameters["exceptionDetails"]["text"])
            elif method == "Log.entryAdded" and parameters["entry"]["level"] in ("error", "warning"):
                found.append(parameters["entry"]["text"])
            elif method == "Runtime.consoleAPICalled":
                found.append(str(parameters["args"]))
            elif method == "Page.javascriptDialogOpening":
                found.append(parameters["message"])
            elif method == "Network.requestWillBeSent":
                url = parameters["request"]["url"].split("#")[0]
                if parameters["type"] != "Document" and not url.startswith("data:"):
                    found.append(url)
        return found


PAGES = sorted(path.name for path in SAMPLES.glob("*.html"))

# Text whose contrast with what lies behind it is below WCAG's 4.5, by the element's class.
CONTRAST = """(() => {
  const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const rgba = color => { canvas.clearRect(0,0,1,1); canvas.fillStyle = color; canvas.fillRect(0,0,1,1);
    return [...canvas.getImageData(0,0,1,1).data]; };
  const over = (top, below) => { const a = top[3]/255; return [0,1,2].map(i => top[i]*a + below[i]*(1-a)).concat(255); };
  const light = c => { const l = c.slice(0,3).map(v => (v/=255) <= .03928 ? v/12.92 : ((v+.055)/1.055)**2.4);
    return .2126*l[0] + .7152*l[1] + .0722*l[2]; };
  const behind = node => { const stack = []; for (let n = node; n; n = n.parentElement) stack.push(rgba(getComputedStyle(n).backgroundColor));
    return stack.reverse().reduce((below, top) => over(top, below), [255,255,255,255]); };
  const low = new Set();
  for (const node of document.body.querySelectorAll('*')) {
    if (!node.getClientRects().length || ![...node.childNodes].some(c => c.nodeType === 3 && c.data.trim())) continue;
    const style = getComputedStyle(node), back = behind(node);
    const front = over(rgba(node.closest('svg') ? style.fill : style.color), back);
    const [a, b] = [light(front), light(back)].sort((x, y) => y - x);
    if ((a + .05) / (b + .05) < 4.5) low.add(`${node.tagName}.${node.className} ${node.textContent.slice(0,20)} ${((a+.05)/(b+.05)).toFixed(2)}`);
  }
  return [...low]; })()"""


class Pages(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.browser = Chromium()

    @classmethod
    def tearDownClass(cls):
        cls.browser.close()

    def shown(self):
        return self.browser.evaluate("[...document.querySelectorAll('.finding')].filter(f => !f.hidden).map(f => f.id)")

    def test_no_page_complains_or_asks_for_anything(self):
        self.assertGreaterEqual(len(PAGES), 9)
        for page in PAGES:
            with self.subTest(page):
                self.browser.open(page)
                self.assertEqual(self.browser.complaints(), [])

    def test_yolov3_with_438_tensors_stays_below_300_kb(self):
        self.assertLess((SAMPLES / "numeric.html").stat().st_size, 300_000)
        self.browser.open("numeric.html")
        self.assertEqual(self.browser.evaluate("document.querySelectorAll('.map i').length"), 438)

    def test_filters_and_search_leave_what_they_say(self):
        self.browser.open("numeric.html")
        everything = self.shown()
        self.assertEqual(len(everything), 12)
        self.browser.evaluate("document.querySelector('.tools input[value=pass]').click()")
        self.assertEqual(len(self.shown()), 4)
        self.browser.key("/")
        self.assertEqual(self.browser.evaluate("document.activeElement.type"), "search")
        self.browser.type("tf32 noise")
        self.assertEqual(len(self.shown()), 1)
        self.assertIn("1 of 12 shown", self.browser.evaluate("document.querySelector('[role=status]').textContent"))
        self.browser.key("Escape")
        self.browser.evaluate("document.querySelector('.tools input[value=pass]').click()")
        self.assertEqual(self.shown(), everything)
        self.assertEqual(self.browser.complaints(), [])

    def test_what_passed_is_folded_until_it_is_wanted(self):
        self.browser.open("numeric.html")
        groups = "[...document.querySelectorAll('details.group')].filter(g => !g.hidden).map(g => g.open)"
        self.assertEqual(self.browser.evaluate(groups), [False, False])
        self.browser.evaluate("dispatchEvent(new Event('beforeprint'))")
        self.assertEqual(self.browser.evaluate(groups), [True, True])
        self.browser.evaluate("dispatchEvent(new Event('afterprint'))")
        self.assertEqual(self.browser.evaluate(groups), [False, False])
        self.browser.key("/")
        self.browser.type("one to one")
        self.assertEqual(self.browser.evaluate(groups), [True])
        self.browser.open("numeric.html", "#f0")
        self.assertTrue(self.browser.evaluate("document.getElementById('f0').closest('.group').open"))

    def test_the_cause_leads_to_its_finding_and_opens_it(self):
        self.browser.open("numeric.html")
        self.browser.evaluate("document.querySelector('.cause a').click()")
        self.browser.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        self.assertTrue(self.browser.evaluate("document.querySelector('.finding[data-status=fail]').open"))

    def test_keys_alone_reach_and_open_a_finding(self):
        self.browser.open("numeric.html")
        self.browser.key("Tab")
        self.assertEqual(self.browser.evaluate("document.activeElement.className"), "skip")
        for _ in range(60):
            self.browser.key("Tab")
            if self.browser.evaluate("document.activeElement.tagName") == "SUMMARY":
                break
        before = self.browser.evaluate("document.activeElement.parentElement.open")
        self.browser.key("Enter", "\r")
        self.assertNotEqual(self.browser.evaluate("document.activeElement.parentElement.open"), before)

    def test_a_cell_of_the_matrix_leads_into_its_report(self):
        self.browser.open("matrix.html")
        self.assertEqual(self.browser.evaluate("[...document.querySelectorAll('article')].filter(a => !a.hidden).length"), 0)
        rows = "[...document.querySelectorAll('.matrix tbody tr')].filter(r => !r.hidden).length"
        differing = self.browser.evaluate(rows)
        self.browser.evaluate("document.querySelector('.matrix-tools input').click()")
        self.assertGreater(self.browser.evaluate(rows), differing)
        self.browser.open("matrix.html", "#r2-f6")
        self.assertEqual(self.browser.evaluate("[...document.querySelectorAll('article')].filter(a => !a.hidden).map(a => a.id)"),
                         ["r2-"])
        link = "[...document.querySelectorAll('.matrix td.fail a')].find(a => a.hash.includes('f'))"
        hash_ = self.browser.evaluate(f"{link}.hash")
        self.browser.evaluate(f"{link}.click()")
        self.browser.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        self.assertTrue(self.browser.evaluate(f"document.querySelector('{hash_}').open"))
        self.assertEqual(self.browser.complaints(), [])

    def test_nothing_sticks_out_of_a_narrow_window(self):
        for page in PAGES:
            for width in (360, 768):
                with self.subTest(page, width=width):
                    self.browser.open(page, width=width)
                    self.assertLessEqual(self.browser.evaluate("document.documentElement.scrollWidth"), width)

    def test_text_can_be_read_in_light_dark_and_on_paper(self):
        for page in ("numeric.html", "keys.html", "inconclusive.html", "matrix.html"):
            for scheme, media in (("light", "screen"), ("dark", "screen"), ("dark", "print")):
                with self.subTest(page, scheme=scheme, media=media):
                    self.browser.open(page, "#r1-" if page == "matrix.html" else "", scheme=scheme, media=media)
                    self.assertEqual(self.browser.evaluate(CONTRAST), [])

    def test_charts_and_fields_have_names_and_headings_do_not_skip(self):
        for page in PAGES:
            with self.subTest(page):
                self.browser.open(page)
                self.assertEqual(self.browser.evaluate(
                    "[...document.querySelectorAll('[role=img],input[type=search],nav')].filter(n => !n.ariaLabel).length"), 0)
                self.assertEqual(self.browser.evaluate(
                    "[...document.querySelectorAll('svg')].filter(n => !n.ariaHidden && n.role !== 'img').length"), 0)
                levels = self.browser.evaluate("[...document.querySelectorAll('h1,h2,h3')].map(h => +h.tagName[1])")
                self.assertEqual(levels[0], 1)
                for before, after in zip(levels, levels[1:]):
                    self.assertLessEqual(after, before + 1)
                ids = self.browser.evaluate("[...document.querySelectorAll('[id]')].map(n => n.id)")
                self.assertEqual(len(ids), len(set(ids)))
                self.assertEqual(self.browser.evaluate(
                    "[...document.querySelectorAll('a')].filter(a => !document.getElementById(a.hash.slice(1))).length"), 0)

    def test_the_spread_of_errors_is_drawn_with_its_limit(self):
        self.browser.open("numeric.html")
        self.assertEqual(self.browser.evaluate("document.querySelectorAll('.multiples figure').length"), 6)
        self.assertEqual(self.browser.evaluate("document.querySelectorAll('.multiples .limit').length"), 6)
        # Only the native run has elements over the limit; every bar lies within its chart.
        self.assertEqual(self.browser.evaluate("document.querySelectorAll('.multiples .pass rect.fail').length"), 0)
        self.assertGreater(self.browser.evaluate("document.querySelectorAll('.multiples .fail rect.fail').length"), 0)
        for page in ("numeric.html", "hostile.html"):
            self.browser.open(page)
            self.assertEqual(self.browser.evaluate("""[...document.querySelectorAll('.multiples rect')].filter(bar => {
                const b = bar.getBoundingClientRect(), s = bar.closest('svg').getBoundingClientRect();
                return b.left < s.left - 1 || b.right > s.right + 1 || b.bottom > s.bottom || b.height < 1; }).length"""), 0)

    def test_sealed_picture_and_the_one_made_here_are_drawn(self):
        self.browser.open("numeric.html")
        self.assertEqual(self.browser.evaluate("[...document.images].map(i => i.naturalWidth)"), [48, 48, 48])
        self.assertTrue(self.browser.evaluate("[...document.images].every(i => i.alt)"))

    def test_without_script_everything_is_there(self):
        self.browser.open("matrix.html", script=False)
        self.browser.call("Emulation.setScriptExecutionDisabled", value=False)
        self.assertEqual(self.browser.evaluate("document.documentElement.className"), "")
        self.assertEqual(self.browser.evaluate("[...document.querySelectorAll('article,.finding')].filter(n => !n.getClientRects().length).length"), 0)

    def test_texts_from_files_stay_texts(self):
        self.browser.open("hostile.html")
        self.assertEqual(self.browser.evaluate("document.querySelectorAll('script').length"), 1)
        self.assertEqual(self.browser.evaluate("document.querySelectorAll('img,iframe,b:not(h1 b,.value b,figcaption b)').length"), 0)
        self.assertIn("<img src=x", self.browser.evaluate("document.querySelector('h1').textContent"))
        self.assertEqual(self.browser.complaints(), [])

    def test_it_prints(self):
        self.browser.open("numeric.html")
        paper = base64.b64decode(self.browser.call("Page.printToPDF", printBackground=False)["data"])
        self.assertTrue(paper.startswith(b"%PDF"))
        self.assertLessEqual(paper.count(b"/Type /Page\n"), 8)


unittest.main(verbosity=2)
