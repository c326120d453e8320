"""A report in a browser: nothing is cut off, nothing is asked for, nothing runs."""

from __future__ import annotations

import re
import shutil
import subprocess
from html import escape
from pathlib import Path

import numpy as np
import pytest

matplotlib = pytest.importorskip("matplotlib")

pytest.importorskip("jinja2")

from matplotlib.colors import to_rgb  # noqa: E402
from matplotlib.image import imread  # noqa: E402

from pyuniform.report import figures  # noqa: E402

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "chrome"))), None)


def browse(page: Path, *options: str) -> tuple[str, list[str]]:
    """Standard output of a headless browser that opened a page, and what its console said."""
    assert CHROMIUM
    done = subprocess.run(
        [
            CHROMIUM,
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            "--enable-logging=stderr",
            f"--user-data-dir={page.parent / 'profile'}",
            *options,
            page.as_uri(),
        ],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line]


needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium (Debian: chromium)")


@needs_browser
@pytest.mark.parametrize(
    ("width", "scheme", "paper"),
    [(1200, 1, (255, 255, 255)), (400, 0, (15, 19, 25))],
)
def test_in_a_browser(
    width: int,
    scheme: int,
    paper: tuple[int, ...],
    path: Path,
    tmp_path: Path,
) -> None:
    height = 3000
    shot = tmp_path / "shot.png"
    page = tmp_path / "page.html"
    shutil.copy(path, page)
    _, console = browse(
        page,
        f"--screenshot={shot}",
        f"--window-size={width},{height}",
        f"--blink-settings=preferredColorScheme={scheme}",
    )
    assert console == []
    pixels = np.round(imread(shot)[..., :3] * 255).astype(int)
    assert pixels.shape == (height, width, 3)
    assert (pixels[2, 2] == paper).all()
    drawn = (np.abs(pixels - paper) > 40).any(axis=2)
    # Something is to be seen all the way down, and the margins are empty.
    assert all(part.mean() > 0.005 for part in np.array_split(drawn, 10))
    assert not drawn[:, :12].any()
    assert not drawn[:, -12:].any()
    # Lines and bars are in their colour, which is the same on both.
    picks = np.round(255 * np.array(to_rgb(figures.PICKS)))
    assert (pixels == picks).all(axis=2).sum() > 300


@needs_browser
def test_nothing_runs_and_nothing_runs_over(path: Path, tmp_path: Path) -> None:
    # Without the page's policy, to see that the texts could not do anything without it either.
    inner = re.sub(r"<meta http-equiv[^>]*>", "", path.read_text(encoding="utf-8"))
    measure = """
        const page = this.contentDocument, root = page.documentElement;
        const over = [...page.querySelectorAll("main *")]
          .filter(e => e.getBoundingClientRect().right > root.clientWidth + 0.5);
        this.dataset.measured = [
          root.clientWidth, root.scrollWidth, over.length, page.images.length,
          page.querySelectorAll("h1").length, page.title.length].join(" ");"""
    page = tmp_path / "outer.html"
    page.write_text(
        "".join(
            f"<iframe width={width} height=900 style='border:0' srcdoc='{escape(inner)}' "
            f"onload='{escape(measure)}'></iframe>"
            for width in (400, 320)
        ),
        encoding="utf-8",
    )
    dom, _ = browse(page, "--dump-dom")
    title = len("<i>A title</i> & more")
    assert re.findall(r'data-measured="([^"]*)"', dom) == [
        f"{width} {width} 0 0 1 {title}" for width in (400, 320)
    ]


@needs_browser
def test_the_policy_refuses_requests_and_the_console_tells(path: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    html = path.read_text(encoding="utf-8")
    page.write_text(html.replace("</main>", '<img src="http://127.0.0.1:9/x"></main>'))
    _, console = browse(page, f"--screenshot={tmp_path / 'shot.png'}")
    assert any("Content Security Policy" in line for line in console)
