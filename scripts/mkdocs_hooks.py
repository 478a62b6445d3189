"""What mkdocs asks when it builds the site: all decisions are in the navigation, unlisted."""

from pathlib import Path
from typing import Any


def on_config(config: Any) -> Any:
    """Puts a page for each decision in the place of the directory."""
    docs = Path(config["docs_dir"])
    for entry in config["nav"]:
        for title, target in entry.items():
            if isinstance(target, str) and target.endswith("/"):
                pages = sorted((docs / target).glob("*.md"))
                entry[title] = [page.relative_to(docs).as_posix() for page in pages]
    return config
