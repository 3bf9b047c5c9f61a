"""Make docs/picture.png, the README's picture, from the report of a run: `python docs/make_picture.py runs/NAME`.

Needs playwright and Debian's chromium. The picture is the report itself: its verdicts and two of its charts.
"""

import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

PICTURE = Path(__file__).with_name("picture.png")
SHOWN = """
    nav, #forecast-against-truth figure + figure { display: none }
    section:not(#forecast-against-truth, #equity-and-drawdown) { display: none }
    section { margin: 24px 0 } main { padding-bottom: 8px }
"""


def main(run: Path) -> None:
    """Write the picture of the report in the folder `run`."""
    with sync_playwright() as engine:
        browser = engine.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1080, "height": 800}, device_scale_factor=1.5)
        page.goto((run / "report.html").resolve().as_uri())
        page.add_style_tag(content=SHOWN)
        page.screenshot(path=PICTURE, full_page=True)
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
