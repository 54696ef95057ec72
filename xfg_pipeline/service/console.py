"""What `xfg up` and long commands say: rich on a terminal, plain lines in a log."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


class Console:
    """Lines for a person. `title` is what the line is about: shown as the first column."""

    def __init__(self) -> None:
        self._terminal = sys.stdout.isatty()

    def line(self, title: str, text: str = "", *, strong: bool = False) -> None:
        """One line: what, and how it went."""
        if self._terminal:
            from rich.console import Console as Rich
            from rich.markup import escape

            style = "bold" if strong else "default"
            Rich(highlight=False, soft_wrap=True).print(f"[bold cyan]{escape(title):<10}[/] [{style}]{escape(text)}[/]")
        else:
            print(f"{title:<10} {text}".rstrip(), flush=True)

    @contextmanager
    def working(self, text: str) -> Iterator[None]:
        """Something that takes a while; a spinner on a terminal."""
        if self._terminal:
            from rich.console import Console as Rich

            with Rich().status(text):
                yield
        else:
            yield
