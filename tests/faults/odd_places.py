# SPDX-License-Identifier: Apache-2.0
"""Places, neighbours and texts that are unlike the developer's: each is named for what it is, and hides nothing (issues 20, 25
and 26).

Kinds: directories that may be listed and not entered, by verb; what lies in a fleet's directory and cannot be looked at; two
runs that write to one seal; what a killed run left in it; files that are the user's own word and make no sense (foreign, too
large, with zero bytes), which are slips and no damage; OpenSSL's settings; signals that batch systems and containers send,
ignored and blocked ones."""

import os
import shutil
import signal
import socket
import subprocess
import threading
import time

import bench
import tiny_worker

NOBODY = 65534


def as_another_user(b):
    """For Bench.run: root may enter whatever it likes. None where the command cannot be run by another user."""
    if os.geteuid() != 0:
        return {}
    for directory in (b.home.parent, b.home, b.work):
        directory.chmod(0o755)
    b.temporary.chmod(0o1777)
    options = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
    try:
        return options if b.run(["--version"], **options)[0] == 0 else None
    except PermissionError:
        return None


def test_a_seal_that_may_not_be_entered_is_named_and_was_not_changed(b):
    b.seal()
    keys = make_keys(b)
    other = as_another_user(b)
    if other is None:
        return
    (b.work / "net.seal").chmod(0o644)
    try:
        for arguments in (["check", "net.seal"], ["verify", "net.seal"], ["bom", "net.seal"], ["sign", "net.seal", "--pae", "/dev/null"],
                          *([["check", "net.seal", "--signed-by", keys[1]]] if keys else [])):
            said = b.expect(2, arguments, ["net.seal/", "Permission denied"], **other)
            assert "while it was read" not in said and "amaged" not in said, said
    finally:
        (b.work / "net.seal").chmod(0o755)


def test_what_may_not_be_entered_hides_no_node_from_a_fleet(b):
    b.seal()
    b.must(["check", "net.seal", "--report-dir", "one", "--node", "n1"])
    b.must(["check", "net.seal", "--report-dir", "two", "--node", "n2"])
    b.expect(0, ["merge", "one", "two"])
    other = as_another_user(b)
    if other is None:
        return
    (b.work / "two").chmod(0o644)
    try:
        b.expect(3, ["merge", "one", "two"], ["unreadable", "n2: two/n2: Permission denied"], **other)
        b.expect(2, ["merge", "one", "--baseline", "two"], ["none that can be read: Permission denied"], **other)
    finally:
        (b.work / "two").chmod(0o755)
    os.symlink(b.work / "two" / "n2", b.work / "one" / "n2")
    b.expect(0, ["merge", "one"], "1 link to a directory was not followed (name the directory itself): n2")


def test_what_calls_itself_a_report_is_never_left_out(b):
    """A version that is none, and a member that a flipped bit renamed."""
    b.seal()
    b.must(["check", "net.seal", "--report-dir", "nodes", "--node", "n1"])
    text = next((b.work / "nodes" / "n1").iterdir()).read_text()
    (b.work / "nodes" / "n2").mkdir()
    victim = b.work / "nodes" / "n2" / "r.json"
    for version in ("0", "", "1.5", "1x", "1/1", "99999999999999999999", "2"):
        victim.write_text(text.replace("goldseal.report/1", "goldseal.report/" + version))
        b.expect(3, ["merge", "nodes"], "1 stale")
    for changed in (text.replace('"schema"', '"schemb"'), text.replace("goldseal.report/1", "goldsecl.report/1"), text.replace('"schema": "', '"schema": "x')):
        victim.write_text(changed)
        b.expect(4, ["merge", "nodes"], "1 damaged")
    for foreign in ('{"schema": "mine/1"}', "[1]", '{"report_sha256_of": "x"}'):
        victim.write_text(foreign)
        b.expect(0, ["merge", "nodes"], "1 JSON files are not reports")


def test_a_short_list_of_nodes_that_means_trillions_ends_at_once(b):
    b.seal()
    b.must(["check", "net.seal", "--report-dir", "nodes", "--node", "n1"])
    (b.work / "list").write_text("n[0-999998]," * 10000)
    for expected in ("n[0,0]" + "[0,0]" * 60, "@list", "n[0-999998]" * 3):
        began = time.monotonic()
        b.expect(2, ["merge", "nodes", "--expect", expected], "more than 1000000 nodes")
        assert time.monotonic() - began < 50, expected[:40]
    (b.work / "list").write_bytes(b"\xef\xbb\xbfn1\r\n# as an editor of another system writes it\r\n")
    b.expect(0, ["merge", "nodes", "--expect", "@list"])


def make_keys(b):
    """(private, public), or None without openssl."""
    if shutil.which("openssl") is None:
        return None
    for command in (["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", "k.pem"],
                    ["pkey", "-in", "k.pem", "-pubout", "-out", "k.pub"]):
        subprocess.run(["openssl", *command], cwd=b.work, check=True, capture_output=True)
    return "k.pem", "k.pub"


def test_a_signature_in_the_making_is_neither_signed_nor_an_intruder(b):
    """Two who sign at once, one who signs while another judges, and what a killed one left."""
    keys = make_keys(b)
    if keys is None:
        return
    b.seal()
    sign, judge = ["sign", "net.seal", "--key", keys[0], "--force"], ["check", "net.seal", "--signed-by", keys[1]]
    b.must(sign)
    left = b.work / "net.seal" / ".model.sig.0123456789abcdef.partial"
    left.write_text("half")
    b.expect(0, judge)
    b.must(sign)
    b.expect(0, judge)
    left.unlink()
    b.expect(0, judge)  # nobody signed it
    for name in (".model.sig.0123456789abcdef.partial.sh", ".model.sig.0123456789abcdeX.partial", ".model.sig..partial", "model.sig.partial"):
        (b.work / "net.seal" / name).write_text("an intruder")
        b.expect(4, judge, "the signature does not cover it")
        (b.work / "net.seal" / name).unlink()
    os.symlink("manifest.toml", b.work / "net.seal" / ".model.sig")
    b.expect(4, judge, "a symbolic link")
    (b.work / "net.seal" / ".model.sig").unlink()
    left.write_text("half")
    b.seal("net.seal", "--force")
    b.must(sign)

    stop = threading.Event()
    codes = []

    def signs():
        while not stop.is_set():
            codes.append(b.run(sign)[0])

    threads = [threading.Thread(target=signs) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        judged = [b.run(judge) for _ in range(15)]
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert {code for code, _ in judged} <= {0, 2}, [said for code, said in judged if code not in (0, 2)][0]
    assert set(codes) <= {0, 2} and 0 in codes, codes
    b.expect(0, judge)
    b.leaves_no_litter()


def test_what_cannot_be_signed_is_a_slip_and_no_damage(b):
    keys = make_keys(b)
    if keys is None:
        return
    b.seal()
    for make in (lambda path: path.symlink_to("manifest.toml"), os.mkfifo, lambda path: path.symlink_to("/nonexistent")):
        make(b.work / "net.seal" / "more")
        b.expect(2, ["sign", "net.seal", "--key", keys[0]], "expected files and directories alone")
        assert not (b.work / "net.seal" / "model.sig").exists()
        (b.work / "net.seal" / "more").unlink()


def test_a_users_own_file_that_makes_no_sense_is_a_slip_and_no_damage(b):
    b.seal()
    b.must(["check", "net.seal", "--report", "json=run.json", "--report-dir", "nodes"])
    b.must(["probe", "-o", "m.toml"])
    keys = make_keys(b)
    report = (b.work / "run.json").read_text()
    uses = [["check", "net.seal", "--policy", "f"], ["check", "net.seal", "--target", "f"], ["diff", "f", "m.toml"], ["report", "f"],
            ["attest", "f", "--pae", "/dev/null"], ["attest", "run.json", "--bom", "f", "--pae", "/dev/null"], ["merge", "nodes", "--expect", "@f"],
            ["check", "net.seal", "--signed-by", "f"], ["check", "net.seal", "--config", "f"]]
    if keys:
        uses += [["check", "net.seal", "--require-attestation", "f", "--signed-by", keys[1]], ["sign", "net.seal", "--key", "f"],
                 ["sign", "net.seal", "--key", keys[0], "--certificate", "f"]]
    given = b.work / "f"
    for arguments in uses:
        with open(given, "wb") as file:
            file.truncate(100 << 20)
        b.expect(2, arguments)
        for text in (b'{"a": 1}', b"[1, 2]", b"null", b"hello", b"", "{}".encode("utf-16"), b"[" * 100_000, b'{"schema": "goldseal.fleet/1"}'):
            given.write_bytes(text)
            code, said = b.run(arguments)
            # An attestation that is none is a check that fails; an empty policy or file of settings sets nothing.
            # `null` may be the name of a node, and is then one that left no report.
            right = {2} | ({3} if "@f" in arguments and text.isalpha() else set()) | ({1} if "--require-attestation" in arguments else set()) | ({0} if text == b"" and "--config" in arguments else set())
            assert code in right, f"{arguments} of {text[:20]}: exit code {code}\n{said}"
            assert "a defect" not in said and len(said) < 4000, said
    # A report that was changed is damaged, wherever that shows.
    for changed in (report.replace('"findings"', '"finding"', 1), report + "\0", report + "\0{}", report.replace("{", "{\0", 1)):
        given.write_text(changed)
        for arguments in (["report", "f"], ["attest", "f", "--pae", "/dev/null"]):
            b.expect(4, arguments)


def test_the_hosts_settings_of_openssl_change_nothing(b):
    keys = make_keys(b)
    if keys is None:
        return
    b.seal()
    b.must(["sign", "net.seal", "--key", keys[0]])
    (b.work / "evil.so").write_bytes(b"not even a library")
    start = "openssl_conf = all\n[all]\nproviders = these\nalg_section = how\n[these]\n"
    for text in (start + "legacy = one\n[one]\nactivate = 1\n[how]\n", start + "[how]\ndefault_properties = fips=yes\n",
                 start + f"own = one\n[one]\nmodule = {b.work / 'evil.so'}\nactivate = 1\n[how]\n", "not = [a setting\n"):
        (b.work / "openssl.cnf").write_text(text)
        theirs = b.environment(OPENSSL_CONF=str(b.work / "openssl.cnf"), OPENSSL_MODULES=str(b.work))
        b.expect(0, ["check", "net.seal", "--signed-by", keys[1]], environment=theirs)
        b.expect(0, ["verify", "net.seal", "--signed-by", keys[1]], environment=theirs)
        b.expect(0, ["sign", "net.seal", "--key", keys[0], "--force"], environment=theirs)


# --- signals -----------------------------------------------------------------------------------------------------------------


def slow_worker():
    """One that takes its time over a step."""

    class Slow(tiny_worker.TinyWorker):
        def on_digest(self, request):
            time.sleep(2)
            return super().on_digest(request)

    ours, theirs = socket.socketpair()
    Slow(ours).start()
    return theirs


REQUESTS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGALRM, signal.SIGUSR1, signal.SIGUSR2, signal.SIGXCPU)


def test_every_signal_that_would_end_a_run_ends_it_without_litter(b):
    b.seal()
    for number in REQUESTS:
        for arguments in ([*b.capture, "-o", "net.seal", "--force"], ["verify", "net.seal", "--save-results", "results"]):
            before = {path.name: path.read_bytes() for path in (b.work / "net.seal").iterdir()}
            process = b.start(arguments, worker=slow_worker())
            time.sleep(0.7)
            assert process.poll() is None, process.communicate()
            code = bench.signalled(process, number, within=5)
            assert code == -number, f"{arguments[0]}: {number.name}: {code}"
            assert {path.name: path.read_bytes() for path in (b.work / "net.seal").iterdir()} == before
            assert not (b.work / "results").exists()
            b.leaves_no_litter()


def test_what_a_parent_ignores_stays_ignored_and_what_it_blocks_is_heard(b):
    b.seal()
    for number in (signal.SIGHUP, signal.SIGINT):  # nohup; a job that a script started in the background
        process = b.start(["verify", "net.seal"], worker=slow_worker(), preexec_fn=lambda number=number: signal.signal(number, signal.SIG_IGN))
        time.sleep(0.7)
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
        assert process.returncode == 0, (number.name, process.returncode, out, err)
    process = b.start(["verify", "net.seal"], worker=slow_worker(),
                      preexec_fn=lambda: signal.pthread_sigmask(signal.SIG_BLOCK, {*REQUESTS, signal.SIGCHLD, signal.SIGBUS}))
    time.sleep(0.7)
    assert bench.signalled(process, signal.SIGTERM, within=5) == -signal.SIGTERM


if __name__ == "__main__":
    bench.main(dict(globals()))
