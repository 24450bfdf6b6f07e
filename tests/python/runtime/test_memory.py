"""What memory there is: limits of control groups, the machine, a GPU."""

import psutil
import pytest
import torch

from sigel.runtime import memory
from sigel.runtime.memory import available_memory, cgroup_room

CPU = torch.device("cpu")
GB = 2**30


@pytest.fixture
def tree(tmp_path):
    """Writes files of control groups and answers what they leave."""

    def room(groups, **files):
        (tmp_path / "cgroup").write_text(groups)
        for name, content in files.items():
            path = tmp_path / "fs" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        return cgroup_room(tmp_path / "cgroup", tmp_path / "fs")

    return room


def test_version_2_leaves_the_limit_less_what_is_used(tree):
    stat = f"anon {GB}\nfile {GB}\ninactive_file {GB // 2}\nslab 0\n"
    files = {"memory.max": f"{8 * GB}\n", "memory.current": f"{3 * GB}\n", "memory.stat": stat}
    assert tree("0::/\n", **files) == 5 * GB + GB // 2


def test_version_2_takes_the_tightest_group_above(tree):
    files = {
        "job/memory.max": str(4 * GB),
        "job/memory.current": str(GB),
        "job/step/memory.max": "max\n",
        "job/step/memory.current": str(GB),
    }
    assert tree("0::/job/step\n", **files) == 3 * GB
    assert tree("0::/job/step\n", **{"job/step/memory.max": str(2 * GB)}) == GB


def test_version_1_reads_the_memory_controller(tree):
    files = {
        "memory/slurm/memory.limit_in_bytes": str(6 * GB),
        "memory/slurm/memory.usage_in_bytes": str(5 * GB),
        "memory/slurm/memory.stat": f"cache 1\ninactive_file 7\ntotal_inactive_file {GB}\n",
        "memory.max": "1",  # that of version 2 does not count
    }
    groups = "5:devices:/\n4:cpu,memory:/slurm/task_0\n1:name=systemd:/x\n"
    assert tree(groups, **files) == 2 * GB


def test_a_group_under_a_name_that_is_not_there_is_read_at_the_top(tree):
    files = {"memory.max": str(2 * GB), "memory.current": str(3 * GB)}
    assert tree("0::/docker/0123\n", **files) == 0
    assert tree("0::/../../other\n", **files) == 0


@pytest.mark.parametrize("groups", ["", "\n", "no colons", "0::/\n", "4:memory:/\n", "::::\n", "\0:memory\n"])
def test_without_a_limit_there_is_no_answer(tree, groups):
    assert tree(groups) is None
    assert tree(groups, **{"memory.max": "max\n", "memory/memory.limit_in_bytes": "-1\n"}) is None


def test_files_that_are_not_there_or_damaged_are_no_error(tree, tmp_path):
    assert cgroup_room(tmp_path / "none", tmp_path) is None
    assert tree("0::/\n", **{"memory.max": str(GB)}) == GB
    files = {"memory.current": "?", "memory.stat": "\ninactive_file\ninactive_file many\n"}
    assert tree("0::/\n", **files) == GB


def test_the_cpu_has_what_machine_and_group_leave(monkeypatch):
    assert 0 <= available_memory(CPU) <= psutil.virtual_memory().total
    monkeypatch.setattr(memory, "cgroup_room", lambda: 5)
    assert available_memory(CPU) == 5
    monkeypatch.setattr(memory, "cgroup_room", lambda: None)
    assert available_memory(CPU) > 5


def test_a_gpu_has_what_is_free_and_what_torch_holds_unused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (10 * GB, 80 * GB))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device: 3 * GB)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda device: GB)
    assert available_memory(torch.device("cuda", 1)) == 12 * GB
