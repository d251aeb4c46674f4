# SPDX-License-Identifier: Apache-2.0
"""A file that a network's code reads is sealed with it, whichever library opens it, by whatever name it is found, and whether it is
read while the code is imported, while the network is built or in a forward pass."""
import importlib
import io
import json
import os
import pickle
import sqlite3
import sys
import unittest
import zipfile

try:
    import numpy
    import torch
except ImportError:
    print("skipped: this Python has no torch or no numpy")
    sys.exit(125)

from goldseal.factory_trial import objection_to
from goldseal.worker.networks.network import Network
from goldseal.worker.networks.python_builder import build_python
from goldseal.worker.user_code import files_read
from goldseal.worker.user_code.opened import opened
from in_directory import InDirectory

HELP = """import configparser, csv, json, linecache, mmap, os, pathlib, pickle, pkgutil, runpy, sqlite3, subprocess, zipfile
import importlib.util
import numpy, torch
from torch import nn
PLACE = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'da' + 'ta')


def at(name):
    return os.path.join(PLACE, name)


def by_descriptor(name):
    descriptor = os.open(name, os.O_RDONLY)
    try:
        return os.read(descriptor, 99)
    finally:
        os.close(descriptor)


def by_map(name):
    with open(name, 'rb') as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)[:]


def text_of(name, *arguments):
    with open(name, *arguments) as file:
        return file.read()


def by_database(name):
    connection = sqlite3.connect(name)
    try:
        return connection.execute('select s from t').fetchone()[0]
    finally:
        connection.close()


def by_path(name):
    spec = importlib.util.spec_from_file_location('of_a_path', name)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.s


def by_config(name):
    config = configparser.ConfigParser()
    config.read(name)
    return config.getfloat('a', 's')


"""
AT = {
    "import": "S = {}\n\n\nclass Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n        self.line = nn.Linear(3, 2)\n\n"
              "    def forward(self, x):\n        return self.line(x) * S\n",
    "init": "class Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n        self.line = nn.Linear(3, 2)\n        self.s = {}\n\n"
            "    def forward(self, x):\n        return self.line(x) * self.s\n",
    "forward": "class Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n        self.line = nn.Linear(3, 2)\n\n"
               "    def forward(self, x):\n        return self.line(x) * {}\n",
}
# The file, what is in it, how the code reads it.
READ = {
    "json": ("s.json", b'{"s": 2.0}', "json.loads(text_of(at('s.json')))['s']"),
    "numpy": ("s.npy", numpy.float32(2), "float(numpy.load(at('s.npy')))"),
    "raw": ("s.bin", numpy.float32(2).tobytes(), "float(numpy.fromfile(at('s.bin'), 'f4')[0])"),
    "a table": ("s.csv", b"2.0\n", "float(list(csv.reader(text_of(at('s.csv')).splitlines()))[0][0])"),
    "pickle": ("s.pkl", pickle.dumps(2.0), "pickle.loads(text_of(at('s.pkl'), 'rb'))"),
    "pathlib": ("s.txt", b"2.0", "float(pathlib.Path(at('s.txt')).read_text())"),
    "linecache": ("s.txt", b"2.0\n", "float(linecache.getline(at('s.txt'), 1))"),
    "a descriptor": ("s.txt", b"2.0", "float(by_descriptor(at('s.txt')))"),
    "a map": ("s.txt", b"2.0", "float(by_map(at('s.txt')))"),
    "a picture": ("s.png", b"2.0", "float(text_of(at('s.png')))"),
    "torch.load": ("s.pt", {"s": torch.tensor(2.0)}, "float(torch.load(at('s.pt'))['s'])"),
    "a database": ("s.db", sqlite3, "by_database(at('s.db'))"),
    "configparser": ("s.ini", b"[a]\ns = 2.0\n", "by_config(at('s.ini'))"),
    "a text of code": ("s.py", b"s = 2.0\n", "eval(text_of(at('s.py'))[4:])"),
    "runpy": ("s.py", b"s = 2.0\n", "runpy.run_path(at('s.py'))['s']"),
    "a module by its path": ("s.py", b"s = 2.0\n", "by_path(at('s.py'))"),
    "an archive": ("s.zip", zipfile, "json.loads(zipfile.ZipFile(at('s.zip')).read('s.json'))['s']"),
    "a package's data": ("s.json", b'{"s": 2.0}', "json.loads(pkgutil.get_data('da' + 'ta', 's' + '.json'))['s']"),
    "a program": ("s.txt", b"2.0", "float(subprocess.check_output(['cat', at('s.txt')]))"),
    "a line of a shell": ("s.txt", b"2.0", "float(subprocess.check_output('cat ' + at('s.txt'), shell=True))"),
    "a listing": ("s.json", b'{"s": 2.0}', "[json.loads(text_of(at(name)))['s'] for name in sorted(os.listdir(PLACE)) if name.endswith('n')][-1]"),
}


def write(path, content):
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    if content is sqlite3:
        connection = sqlite3.connect(path)
        connection.execute("create table t (s real)")
        connection.execute("insert into t values (2.0)")
        connection.commit()
        connection.close()
    elif content is zipfile:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("s.json", '{"s": 2.0}')
    elif isinstance(content, dict):
        torch.save(content, path)
    elif isinstance(content, numpy.float32):
        numpy.save(path, content)
    else:
        with open(path, "wb") as file:
            file.write(content if isinstance(content, bytes) else content.encode())


class OpenedTest(InDirectory):
    def setUp(self):
        super().setUp()
        sys.path.insert(0, os.getcwd())

    def tearDown(self):
        sys.path.remove(os.getcwd())
        super().tearDown()

    def network(self, name, file, content, expression, place):
        """A module of that name that reads the file."""
        folder = f"{name}_/"
        write(folder + "data/__init__.py", "")
        write(folder + "data/" + file, content)
        write(f"{name}.py", HELP.replace("os.path.dirname(os.path.abspath(__file__))", f"os.path.join(os.path.dirname(os.path.abspath(__file__)), '{name}_')")
              + AT[place].format(expression.replace("'da' + 'ta'", f"'{name}_.da' + 'ta'")))
        importlib.invalidate_caches()
        return folder + "data/" + file

    def told(self, network):
        """The sealed files after a run, as paths from here; a module's are told with its name."""
        network.module.eval()
        with torch.no_grad():
            network.run({"x": torch.rand(2, 3)}, None)
        sealed = [source["path"] for source in network.sources()] + network.files_of_runs()
        return {os.path.relpath(path, os.getcwd()) for path in sealed}

    def test_whatever_opens_it_and_whenever(self):
        for number, (what, (file, content, expression)) in enumerate(READ.items()):
            for place in AT:
                with self.subTest(f"{what}, {place}"):
                    name = f"net{number}{place}"
                    path = self.network(name, file, content, expression, place)
                    built = build_python(f"{name}:Net", {})
                    told = self.told(built.with_values() if built.with_values else built)
                    self.assertIn(path, told)

    def test_a_live_model_whose_module_was_imported_before(self):
        """As a training script does: its modules are imported, its model is built, then it is sealed."""
        for number, what in enumerate(("numpy", "linecache", "a package's data", "a database")):
            for place in AT:
                with self.subTest(f"{what}, {place}"):
                    name = f"live{number}{place}"
                    path = self.network(name, *READ[what], place)
                    model = importlib.import_module(name).Net().eval()
                    self.assertIsNone(objection_to(f"python:{name}:Net", model, torch.no_grad))
                    network = Network(model)
                    network.files_read = files_read.known(f"{name}:Net")
                    self.assertIn(path, self.told(network))

    def test_a_checkpoint_of_the_network_is_no_description_of_it(self):
        state = {"line.weight": torch.zeros(2, 3), "line.bias": torch.zeros(2)}
        for number, content in enumerate((state, {"model": state}, {"state_dict": {f"module.{name}": each for name, each in state.items()}})):
            path = self.network(f"start{number}", "s.pt", content, "len(torch.load(at('s.pt')))", "init")
            self.assertNotIn(path, self.told_built(f"start{number}"))

    def test_what_it_writes_shows_or_reads_elsewhere_is_none(self):
        write("data/log.txt", "old")
        write("data/shown.py", "raise ValueError\n")
        elsewhere = os.path.realpath("/etc/hostname")
        text = ("[text_of(%r) if os.path.exists(%r) else '', open(at('log.txt'), 'a').close(), linecache.getline(at('shown.py'), 1)]" % (elsewhere, elsewhere)).replace("at('", "(os.getcwd() + '/data/' + '")
        self.network("writes", "s.txt", "2.0", text, "init")
        told = self.told_built("writes")
        self.assertEqual(told, {"writes.py"})

    def told_built(self, name):
        return self.relative(build_python(f"{name}:Net", {}))

    def test_another_threads_files_are_none_of_a_run(self):
        import threading

        write("mine.txt", "1")
        write("theirs.txt", "1")
        with opened() as paths:
            thread = threading.Thread(target=lambda: io.open("theirs.txt").close())
            thread.start()
            thread.join()
            io.open("mine.txt").close()
        self.assertEqual([os.path.basename(path) for path in paths], ["mine.txt"])

    def test_what_locals_gave_is_left_as_it_is(self):
        write("own.txt", "1")
        write("asks.py", "import json\nfrom torch import nn\n\n\nclass Net(nn.Module):\n    def __init__(self, width=4):\n        given = locals()\n"
              "        del given['self']\n        super(Net, __import__('sys')._getframe().f_back and self).__init__()\n".replace("super(Net, __import__('sys')._getframe().f_back and self).__init__()", "nn.Module.__init__(self)")
              + "        open('own.txt').close()\n        self.given = sorted(given)\n        self.line = nn.Linear(3, 2)\n")
        importlib.invalidate_caches()
        model = importlib.import_module("asks").Net()
        self.assertEqual(model.given, ["width"])
        self.assertEqual(self.relative(Network(model)), {"asks.py", "own.txt"})

    def test_a_data_sets_files_are_none_of_a_network_in_the_same_module(self):
        write("samples.txt", "1")
        write("both.py", "from torch import nn\n\n\nclass Data:\n    def __init__(self):\n        with open('samples' + '.txt') as file:\n            file.read()\n\n\n"
              "class Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n        self.line = nn.Linear(3, 2)\n")
        importlib.invalidate_caches()
        both = importlib.import_module("both")
        both.Data()
        self.assertEqual(self.relative(Network(both.Net())), {"both.py"})

    @staticmethod
    def relative(network):
        return {os.path.relpath(source["path"], os.getcwd()) for source in network.sources()}

    def test_what_the_hook_is_told_of_never_fails_for_it(self):
        with opened() as paths:
            with self.assertRaises(FileNotFoundError):
                open(b"\xff\xfe-none", "rb")
            with self.assertRaises(ValueError):
                open("a\0b", "rb")
            os.close(os.open(os.curdir, os.O_RDONLY))
        self.assertEqual(files_read.describing(paths, [os.getcwd()]), [])


if __name__ == "__main__":
    unittest.main()
