"""House rules that no linter knows: layers, lengths, versions, docstrings, randomness, what is committed."""

from __future__ import annotations

import ast
import inspect
import os
import re
import statistics
import subprocess
import sys
import typing
from pathlib import Path

import pytest

from sigel._version import __version__

ROOT = Path(__file__).resolve().parents[3]
LIBRARY = ROOT / "python" / "sigel"

# From the ground up. A module may import from its own layer (without a cycle) and from those before it.
LAYERS = (
    "errors _version _load_torch",
    "keys config runtime datasets",
    "images",
    "nn stats",
    "training",
    "model",
    "tasks",
    "tl pl bridge io report",
    "sigel",
    "cli",
    "__main__",
)
LAYER = {room: depth for depth, rooms in enumerate(LAYERS) for room in rooms.split()}

MODULES = sorted(LIBRARY.rglob("*.py"))
R_FILES = sorted((ROOT / "R").glob("*.R"))


def name_of(path: Path) -> str:
    """Dotted name of a library file, `sigel.nn.encoder.masked_autoencoder` for example."""
    parts = path.relative_to(LIBRARY.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room_of(module: str) -> str:
    """First part after `sigel`, or `sigel` itself for the package's front."""
    return (module.split(".") + ["sigel"])[1] if "." in module else "sigel"


TREES = {name_of(path): ast.parse(path.read_text(encoding="utf-8")) for path in MODULES}


def only_for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def walk(tree: ast.AST) -> typing.Iterator[ast.AST]:
    """All nodes that run, those inside functions too."""
    for node in ast.iter_child_nodes(tree):
        if not only_for_types(node):
            yield node
            yield from walk(node)


def imported(module: str) -> set[str]:
    """Full names of what a module imports: `sigel.images` for `from sigel.images import GeneImages`."""
    names = set()
    for node in walk(TREES[module]):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: relative import; write the full name"
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                names.add(full if full in TREES else str(node.module))
    return names


def calls(module: str) -> typing.Iterator[tuple[str, ast.Call]]:
    """Every call as (text of what is called, node)."""
    for node in walk(TREES[module]):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


# --- layers ----------------------------------------------------------------------------------------------


def test_every_room_has_a_layer():
    unknown = {room_of(module) for module in TREES} - set(LAYER)
    assert not unknown, f"give {sorted(unknown)} a place in LAYERS"


@pytest.mark.parametrize("module", TREES)
def test_rooms_import_only_from_their_layer_and_those_before_it(module):
    own = room_of(module)
    upward = {
        name
        for name in imported(module)
        if name.split(".")[0] == "sigel" and room_of(name) != own and LAYER[room_of(name)] > LAYER[own]
    }
    assert not upward, f"{module} (layer {LAYER[own]}) reaches up to {sorted(upward)}"


def test_imports_have_no_cycle():
    graph = {module: {n for n in imported(module) if n in TREES and n != module} for module in TREES}
    remaining = dict(graph)
    while remaining:
        free = {module for module, needs in remaining.items() if not needs & set(remaining)}
        assert free, f"a cycle among {sorted(remaining)}"
        remaining = {module: needs for module, needs in remaining.items() if module not in free}


@pytest.mark.parametrize(
    ("package", "rooms"),
    [
        ("matplotlib", {"pl", "report", "cli"}),
        ("anndata", {"datasets", "tl", "bridge", "io", "cli"}),
    ],
)
def test_packages_stay_in_their_rooms(package, rooms):
    users = {
        module
        for module in TREES
        if any(n.split(".")[0] == package for n in imported(module)) and room_of(module) not in rooms
    }
    assert not users


def test_only_mclust_calls_r():
    users = {module for module in TREES if any(n.split(".")[0] == "rpy2" for n in imported(module))}
    assert users == {"sigel.tasks.domains.mclust"}


def test_the_nn_room_knows_nothing_of_sections():
    banned = {
        "anndata",
        "pandas",
        *(f"sigel.images.{one}" for one in ("gene_images", "tensors", "section", "counts")),
    }
    for module in TREES:
        if room_of(module) == "nn":
            assert not imported(module) & banned, module


# --- lengths ---------------------------------------------------------------------------------------------


def lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def both_test_suites() -> list[Path]:
    return [path for path in (ROOT / "tests").rglob("*") if path.suffix in {".py", ".R"}]


def test_no_file_is_long():
    long = {
        str(path.relative_to(ROOT)): lines(path)
        for path in [*MODULES, *R_FILES, *both_test_suites()]
        if lines(path) > 600
    }
    assert not long


@pytest.mark.parametrize("files", [MODULES, R_FILES], ids=["python", "R"])
def test_the_median_file_is_short(files):
    assert statistics.median(map(lines, files)) < 180


def test_there_is_at_least_half_as_much_test_as_source():
    source = sum(map(lines, [*MODULES, *R_FILES]))
    assert sum(map(lines, both_test_suites())) >= source / 2


# --- versions --------------------------------------------------------------------------------------------


def test_both_packages_carry_the_same_version_and_the_news_tells_of_it():
    description = (ROOT / "DESCRIPTION").read_text(encoding="utf-8")
    found = re.search(r"^Version: *(\S+)$", description, flags=re.MULTILINE)
    assert found
    assert found.group(1) == __version__
    assert f"# sigel {__version__}" in (ROOT / "NEWS.md").read_text(encoding="utf-8").splitlines()


# --- the public surface ----------------------------------------------------------------------------------


def public() -> dict[str, object]:
    """Functions and classes that a user reaches from `sigel` and its doors."""
    found: dict[str, object] = {}
    import sigel.pl

    doors = {"sigel": sigel, "sigel.tl": sigel.tl, "sigel.pl": sigel.pl, "sigel.io": sigel.io}
    doors |= {"sigel.datasets": sigel.datasets, "sigel.report": sigel.report}
    for door, module in doors.items():
        names = getattr(module, "__all__", [n for n in vars(module) if not n.startswith("_")])
        for name in names:
            thing = getattr(module, name)
            own = str(getattr(thing, "__module__", "")).startswith("sigel")
            listed = hasattr(module, "__all__") or thing.__module__ == door if own else False
            if listed and (inspect.isclass(thing) or inspect.isfunction(thing)):
                found[f"{door}.{name}"] = thing
    return found


PUBLIC = public()


def test_the_public_surface_is_found():
    assert {"sigel.SIGEL", "sigel.GeneImages", "sigel.tl.embed", "sigel.pl.gene_map"} <= set(PUBLIC)
    assert "sigel.datasets.simulated_section" in PUBLIC


@pytest.mark.parametrize("name", PUBLIC)
def test_public_things_are_documented(name):
    thing = PUBLIC[name]
    assert thing.__doc__, f"{name} has no docstring"
    if inspect.isfunction(thing):
        described = documented_parameters(thing.__doc__)
        missing = set(inspect.signature(thing).parameters) - described
        assert not missing, f"{name} does not say what {sorted(missing)} are"
        return
    for member, method in vars(thing).items():
        if inspect.isfunction(method) and not member.startswith("_"):
            assert method.__doc__, f"{name}.{member} has no docstring"


def documented_parameters(doc: str) -> set[str]:
    """Names on the lines of a numpydoc Parameters section: `seed, device` gives two."""
    section = inspect.cleandoc(doc).partition("Parameters\n----------\n")[2]
    section = re.split(r"\n\n\w+\n-{3,}\n", section)[0]
    heads = re.findall(r"^(\w[\w, ]*?)(?: *:.*)?$", section, flags=re.MULTILINE)
    return {name.strip() for head in heads for name in head.split(",")}


@pytest.mark.parametrize(
    "name", [n for n in PUBLIC if n.startswith(("sigel.tl.", "sigel.pl.", "sigel.report."))]
)
def test_doors_take_options_by_name(name):
    """After the object only arguments without a default may go by position, such as the genes of a query.

    The levels of a pattern go with its regions, and are left out where the regions are numbers; pairs are
    what is asked about, if genes are not; the number of domains is what is asked for, and left out where it
    shall be chosen.
    """
    first, *others = inspect.signature(PUBLIC[name]).parameters.values()
    lawful = {("sigel.tl.pattern_genes", "levels"), ("sigel.tl.domains", "n_domains")}
    lawful |= {("sigel.tl.gene_interactions", "pairs")}
    others = [p for p in others if (name, p.name) not in lawful]
    assert first.default is inspect.Parameter.empty
    loose = [
        p.name for p in others if p.kind is not p.KEYWORD_ONLY and p.default is not inspect.Parameter.empty
    ]
    assert not loose
    if name.startswith("sigel.tl."):
        assert all(p.kind is p.KEYWORD_ONLY for p in others[1:])


# --- what library code does not do -----------------------------------------------------------------------


@pytest.mark.parametrize("module", TREES)
def test_the_library_prints_nothing_and_pickles_nothing(module):
    called = {name for name, _ in calls(module)}
    if room_of(module) != "cli":
        assert "print" not in called
    assert not called & {"torch.save", "torch.load", "eval", "exec", "os.system"}
    assert not {name.split(".")[0] for name in imported(module)} & {"pickle", "joblib", "dill", "cloudpickle"}
    for name, node in calls(module):
        assert all(k.arg != "allow_pickle" for k in node.keywords), f"{name} in {module}"


SEEDING = {
    "torch.manual_seed",
    "torch.seed",
    "torch.cuda.manual_seed",
    "torch.cuda.manual_seed_all",
    "np.random.seed",
    "random.seed",
    "seed_everything",
}
# A peer seeds and uses the global state; the module puts it back, which a test of its own shows.
PUTS_BACK = {"sigel.tasks.domains.spagcn"}
NUMPY_RANDOM = {"default_rng", "Generator", "SeedSequence", "PCG64", "Philox"}
TORCH_DRAWS = {
    f"torch.{name}"
    for name in ["rand", "randn", "randint", "randperm", "normal", "bernoulli", "binomial", "multinomial"]
}


@pytest.mark.parametrize("module", TREES)
def test_randomness_is_passed_never_global(module):
    if module in PUTS_BACK:
        return
    for name, node in calls(module):
        assert name not in SEEDING, f"{module}: {name}"
        assert "dropout" not in name.lower(), f"{module}: {name} draws from the global state"
        if name.startswith("np.random."):
            assert re.split(r"\W", name)[2] in NUMPY_RANDOM, f"{module}: {name}"
        if name in TORCH_DRAWS:
            assert "generator" in {k.arg for k in node.keywords}, f"{module}: {name} without a generator"


@pytest.mark.parametrize("module", TREES)
def test_tasks_draw_from_spawned_streams_and_all_warn_in_one_way(module):
    called = {name for name, _ in calls(module)}
    if module != "sigel.errors":
        assert "warnings.warn" not in called
    if room_of(module) in ("tasks", "tl", "pl", "bridge"):
        assert "np.random.default_rng" not in called


def test_r_code_leaves_seed_search_path_and_options_alone():
    banned = re.compile(r"\b(set\.seed|library|require|attach|setwd|mclapply)\(")
    for path in R_FILES:
        code = "\n".join(line.partition("#")[0] for line in path.read_text(encoding="utf-8").splitlines())
        found = set(banned.findall(code))
        if {".Random.seed", "on.exit"} <= set(re.findall(r"\.Random\.seed|on\.exit", code)):
            found.discard("set.seed")  # the state is put back afterwards
        assert not found, f"{path.name}: {found}"


# --- what is committed -----------------------------------------------------------------------------------


def tracked() -> list[Path]:
    """Tracked files that exist; a checkout owned by somebody else is read as well."""
    command = ["git", "-c", "safe.directory=*", "ls-files", "-z"]
    out = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout
    paths = [ROOT / os.fsdecode(name) for name in out.split(b"\0") if name]
    return [path for path in paths if path.is_file() and not path.is_symlink()]


@pytest.fixture(scope="module")
def texts() -> dict[str, str]:
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    found = {}
    for path in tracked():
        data = path.read_bytes()
        if b"\0" not in data[:8000]:
            found[str(path.relative_to(ROOT))] = data.decode("utf-8")
    return found


def test_no_path_of_one_machine_is_committed(texts):
    # Put together here so that this file does not find itself.
    machine = re.compile(
        "|".join(rf"(?<![\w.])/{head}/{tail}" for head, tail in [("root", ""), ("work", ""), ("home", r"\w")])
    )
    hits = {name: found.group() for name, text in texts.items() if (found := machine.search(text))}
    assert not hits


def test_no_index_or_mirror_is_committed(texts):
    """Where packages come from is the machine's own business; links are for readers."""
    hosts = {"doi.org", "genomebiology.biomedcentral.com", "opensource.org", "github.com"}
    pattern = re.compile(r"https?://(?:[^/\s@]*@)?([\w.-]+\.\w+)")
    hits = {
        (name, host)
        for name, text in texts.items()
        for host in pattern.findall(text)
        if host.removeprefix("www.") not in hosts
    }
    assert not hits


def test_no_large_file_is_committed():
    assert not [str(path.relative_to(ROOT)) for path in tracked() if path.stat().st_size > 500_000]


def test_text_ends_with_a_newline_and_has_no_tabs_in_python(texts):
    # What a version wrote is kept as it wrote it.
    written = {name: text for name, text in texts.items() if not name.startswith("tests/archives/")}
    assert not [name for name, text in written.items() if text and not text.endswith("\n")]
    assert not [name for name, text in texts.items() if name.endswith(".py") and "\t" in text]


# --- the README is true ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def readme() -> str:
    return (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(text: str, language: str) -> str:
    return "\n".join(re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL))


def test_readme_names_only_what_exists_in_python(readme):
    code = blocks(readme, "python")
    ast.parse(code)
    imports = [line for line in code.splitlines() if line.startswith(("import ", "from "))]
    names = sorted(set(re.findall(r"\bsigel(?:\.\w+)+", code)))
    assert names
    # In a fresh interpreter: a name must be reachable by the README's own imports, not by some test's.
    subprocess.run([sys.executable, "-c", "\n".join([*imports, *names])], check=True)


def test_readme_names_only_what_exists_in_r(readme):
    exported = set(re.findall(r"^export\((\w+)\)", (ROOT / "NAMESPACE").read_text(), flags=re.MULTILINE))
    used = set(
        re.findall(
            r"\b((?:[A-Z]\w*SIGEL|\w*sigel\w*|Simulate\w+|Gene\w+Plot|Training\w+))\(", blocks(readme, "r")
        )
    )
    assert used - {"library"} <= exported
    assert "RunSIGEL" in used


def test_readme_links_and_targets_exist(readme):
    for link in re.findall(r"\]\(([^)#]+?)\)", readme):
        assert link.startswith("http") or (ROOT / link).exists(), link
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in set(re.findall(r"\bmake ([a-z][a-z-]+)", readme)):
        assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE), f"make {target}"
