# SPDX-License-Identifier: Apache-2.0
"""The bill of materials of a seal: `bom.py GOLDSEAL SAMPLE.seal`. With cyclonedx-python-lib its strict validator judges it."""

import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

GOLDSEAL = sys.argv[1]
SAMPLES = [pathlib.Path(p).resolve() for p in sys.argv[2:]]


def bom(seal, *options):
    done = subprocess.run([GOLDSEAL, "bom", str(seal), *map(str, options)], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


def validator():
    try:
        from cyclonedx.schema import SchemaVersion
        from cyclonedx.validation.json import JsonStrictValidator

        strict = JsonStrictValidator(SchemaVersion.V1_6)
        strict.validate_str("{}")
        return strict
    except Exception as missing:  # the package, or its optional parts
        print(f"passed over: {missing}")
        return None


def main():
    strict = validator()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for sample in SAMPLES:
            code, text, err = bom(sample)
            assert code == 0, err
            assert bom(sample)[1] == text  # the same seal, the same document
            document = json.loads(text)
            model = document["metadata"]["component"]
            assert document["specVersion"] == "1.6" and model["type"] == "machine-learning-model"
            files = [c for c in document["components"] if c["type"] == "file"]
            manifest = (sample / "manifest.toml").read_text()
            assert files and all(c["hashes"][0]["content"] in manifest for c in files)
            assert any(c["type"] == "framework" and c["purl"].startswith("pkg:pypi/torch@") for c in document["components"])
            assert model["modelCard"]["modelParameters"]["inputs"], model
            named = {c["bom-ref"] for c in document["components"]}
            assert set(document["dependencies"][0]["dependsOn"]) == named
            digest = hashlib.sha256((sample / "manifest.toml").read_bytes()).hexdigest()
            assert model["externalReferences"][0]["hashes"][0]["content"] == digest
            assert not {"supplier", "licenses"} & set(model)  # nothing that a seal cannot know
            if strict:
                assert strict.validate_str(text) is None, strict.validate_str(text)
        ours = pathlib.Path("ours.json")
        ours.write_text(json.dumps({"metadata": {"component": {"supplier": {"name": "Example"}, "licenses": [{"license": {"id": "MIT"}}],
                                                               "properties": [{"name": "x", "value": "y"}]}}}))
        code, text, err = bom(SAMPLES[-1], "--merge", ours)
        assert code == 0, err
        merged = json.loads(text)["metadata"]["component"]
        assert merged["supplier"] == {"name": "Example"} and merged["properties"][-1] == {"name": "x", "value": "y"}
        assert len(merged["properties"]) > 1
        if strict:
            assert strict.validate_str(text) is None, strict.validate_str(text)
        for words, content in (("/specVersion", {"specVersion": "1.5"}), ("/metadata/component/name", {"metadata": {"component": {"name": "x"}}}),
                               ("/metadata", {"metadata": []})):
            ours.write_text(json.dumps(content))
            code, _, err = bom(SAMPLES[-1], "--merge", ours)
            assert code == 2 and words in err, (code, err)
        ours.write_text("{")
        assert bom(SAMPLES[-1], "--merge", ours)[0] == 2
        copy = pathlib.Path("copy.seal")
        shutil.copytree(SAMPLES[-1], copy)
        code, _, err = bom(copy, "-o", copy / "manifest.toml")
        assert code == 2, err
        code, out, _ = bom(copy, "-o", "out.json")
        assert code == 0 and not out and json.loads(pathlib.Path("out.json").read_text())
        os.chdir("/")
    print("proved" + (" with the strict validator" if strict else ""))


main()
