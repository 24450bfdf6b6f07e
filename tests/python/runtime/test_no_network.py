"""No call talks to a network, starts a program, brings a pickle to life, or leaves temporary files."""

from __future__ import annotations

import os
import sys
import tempfile

import pytest

from writers import VERBS, WRITERS, ended

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
QUICK = ("embed.h5ad", "values.zarr", "report.html")
FORBIDDEN = (
    *("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto", "socket.bind"),
    *("urllib.Request", "os.system", "subprocess.Popen", "os.exec", "os.posix_spawn", "pickle.find_class"),
)


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=() if n in QUICK else pytest.mark.nightly) for n in (*WRITERS, *VERBS)],
)
def test_a_call_keeps_to_itself(inputs, tmp_path, monkeypatch, name):
    (tmp_path / "temporary").mkdir()

    def forbid(event, _arguments):
        if event in FORBIDDEN:
            raise AssertionError(event)

    def work():
        os.environ["TMPDIR"] = str(tmp_path / "temporary")
        tempfile.tempdir = None
        sys.addaudithook(forbid)
        if name in WRITERS:
            WRITERS[name](tmp_path / name, inputs)
        else:
            VERBS[name](inputs.embedded.copy(), inputs)

    assert ended(work) == 0
    assert list((tmp_path / "temporary").iterdir()) == []
