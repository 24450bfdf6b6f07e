"""torch inside R: loaded with its own symbols first, and nothing else changed."""

import os
import subprocess
import sys

import pytest

INSIDE_R = """
import sys, types
sys.modules["rpycall"] = types.ModuleType("rpycall")
flags, seen = sys.getdlopenflags(), []
original = sys.setdlopenflags
sys.setdlopenflags = lambda value: (seen.append(value), original(value))
import sigel, os, torch
assert seen[0] & os.RTLD_DEEPBIND, seen
assert sys.getdlopenflags() == flags
a = torch.ones(3, 4, 5)
assert torch.bmm(a, a.mT).eq(5).all()
print("isolated")
"""

OUTSIDE_R = """
import sys
def refuse(value):
    raise AssertionError("flags were changed")
sys.setdlopenflags = refuse
from sigel._load_torch import load_torch
load_torch()
print("untouched")
"""


@pytest.mark.skipif(not hasattr(os, "RTLD_DEEPBIND"), reason="needs glibc")
@pytest.mark.parametrize(("code", "words"), [(INSIDE_R, "isolated"), (OUTSIDE_R, "untouched")])
def test_the_linkers_flags_are_set_inside_r_only_and_put_back(code, words):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert words in done.stdout
