"""What a user installs: the right names, and nothing heavy on import."""

from __future__ import annotations

import importlib
import pkgutil
import shutil
import subprocess
import sys
import venv
from pathlib import Path
from types import ModuleType

import pytest

import pyuniform

ROOT = Path(__file__).parent.parent


def python(interpreter: Path | str, code: str) -> str:
    return subprocess.run(
        [str(interpreter), "-c", code], capture_output=True, text=True, check=True, cwd="/"
    ).stdout.strip()


def test_one_version_and_types_for_users() -> None:
    assert f"\nversion: {pyuniform.__version__}\n" in (ROOT / "CITATION.cff").read_text()
    assert f"\n## {pyuniform.__version__}" in (ROOT / "CHANGELOG.md").read_text()
    assert (Path(pyuniform.__file__).parent / "py.typed").is_file()


def test_import_needs_no_extra() -> None:
    code = (
        "import sys; import pyuniform, pyuniform.cli.main, pyuniform.kernels; "
        "print(sorted({m.split('.')[0] for m in sys.modules} & "
        "{'torch', 'triton', 'cuda', 'cupy', 'ray', 'matplotlib', 'pandas', 'scipy'}))"
    )
    assert python(sys.executable, code) == "[]"


# Where the parts of an installed package are, a selection, and what else was installed.
PARTS = (
    "import importlib.util as u, pyuniform, pyuniform.kernels; "
    "print(pyuniform.kernels.__file__); print(pyuniform.__file__); "
    "print(u.find_spec('kernels')); print(pyuniform.select([[0.0], [2.0], [1.0]], 2).indices); "
    "from importlib import resources; "
    "print(sorted(p.suffix for p in resources.files('pyuniform.cuda').iterdir() if "
    "p.suffix in ('.cu', '.cuh'))); "
    "print(resources.files('pyuniform.report').joinpath('templates/page.html').is_file())"
)


def assert_whole(printed: str, home: Path) -> None:
    kernels, package, bare, indices, sources, template = printed.splitlines()
    assert Path(kernels).is_relative_to(home)
    assert Path(package).is_relative_to(home)
    assert bare == "None"
    assert indices == "[0 1]"
    assert {"'.cu'", "'.cuh'"} <= set(sources.strip("[]").split(", "))
    assert template == "True"


def test_kernels_and_templates_are_installed_under_the_package() -> None:
    package = Path(pyuniform.__file__).parent
    if package.parent == ROOT:
        pytest.skip("the tests run on the checkout itself")
    assert_whole(python(sys.executable, PARTS), package)


@pytest.mark.slow
def test_an_editable_install_has_them_too(tmp_path: Path) -> None:
    source = tmp_path / "source"
    wanted = ("csrc", "kernels", "pyuniform", "pyproject.toml", "setup.py", "README.md", "LICENSE")
    for name in wanted:
        if (ROOT / name).is_dir():
            skip = shutil.ignore_patterns("*.so", "__pycache__")
            shutil.copytree(ROOT / name, source / name, ignore=skip)
        else:
            shutil.copy(ROOT / name, source / name)
    # Dependencies come from the environment of the tests; the build itself is isolated.
    venv.create(tmp_path / "env", with_pip=True, system_site_packages=False)
    interpreter = tmp_path / "env" / "bin" / "python"
    install = [str(interpreter), "-m", "pip", "install", "--no-deps", "-q", "-e", str(source)]
    subprocess.run(install, check=True)
    # Borrowed dependencies must not bring the tests' own pyuniform along.
    site = next(p for p in sys.path if p.endswith("site-packages"))
    borrowed = (
        f"import sys; sys.path.append({site!r}); "
        "import numpy, pyarrow.parquet, click, tqdm, threadpoolctl; "
        f"sys.path.remove({site!r}); "
    )
    assert_whole(python(interpreter, borrowed + PARTS), source)


def modules() -> list[ModuleType]:
    folder = str(Path(pyuniform.__file__).parent)
    # The command line starts on import, and these need a library that tests do without.
    left_out = ["__main__", "kernels", "cuda", "pipelines.datatrove", "_engine.shards.device"]
    left_out.append("selection.cloud_op")
    names = [module.name for module in pkgutil.walk_packages([folder], "pyuniform.")]
    there = [n for n in names if not n.startswith(tuple(f"pyuniform.{name}" for name in left_out))]
    return [importlib.import_module(name) for name in there]


def test_no_name_hides_a_module() -> None:
    for module in modules():
        package, _, name = module.__name__.rpartition(".")
        assert getattr(sys.modules[package], name) is module, module.__name__


def test_modules_have_about_400_lines_at_most() -> None:
    for path in Path(pyuniform.__file__).parent.rglob("*.py"):
        assert len(path.read_text().splitlines()) <= 400, path
