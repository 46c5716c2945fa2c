"""What the site has beside docs/: the README as its first page, contributing, changes; decisions in the navigation."""

from __future__ import annotations

import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

DOCS = Path(__file__).resolve().parent
PAGES = {"README.md": "index.md", "CONTRIBUTING.md": "CONTRIBUTING.md", "CHANGELOG.md": "CHANGELOG.md"}
DECISIONS = "decisions/index.md"


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Every decision stands under Explanation."""
    pages = [f"decisions/{path.name}" for path in sorted((DOCS / "decisions").glob("*.md"))]
    config.nav = [*(config.nav or []), {"Explanation": [{"Decisions": [DECISIONS, *pages]}]}]
    return config


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Pages from the repository's root, and files there that pages link to."""
    for name, page in PAGES.items():
        files.append(
            File.generated(config, page, content=_as_in_docs((DOCS.parent / name).read_text(encoding="utf-8")))
        )
    titles = {path.name: path.read_text(encoding="utf-8").splitlines()[0] for path in (DOCS / "decisions").glob("*.md")}
    listed = "".join(f"- [{title.removeprefix('# ')}]({name})\n" for name, title in sorted(titles.items()))
    files.append(File.generated(config, DECISIONS, content=f"# Why things are as they are\n\n{listed}"))
    said = "".join(path.read_text(encoding="utf-8") for path in DOCS.glob("*.md"))
    for name in sorted(set(re.findall(r"\]\(\.\./([^)#]+)\)", said)) - set(PAGES)):
        files.append(File.generated(config, name, abs_src_path=str(DOCS.parent / name)))
    return files


def on_page_markdown(markdown: str, *, page: Page, **_: object) -> str:
    """Links of a page of docs/ to files beside docs/, as the site has them; a decision links to pages of the site."""
    if "/" in page.file.src_uri:
        return markdown
    markdown = markdown.replace("](../README.md", "](index.md")
    return re.sub(r"\]\(\.\./([^)]+)\)", r"](\1)", markdown)


def _as_in_docs(text: str) -> str:
    """A page of the root with its links as docs/ sees them."""
    text = re.sub(r"\]\(docs/decisions/?\)", f"]({DECISIONS})", text)
    return text.replace("](docs/", "](").replace("](README.md", "](index.md")
