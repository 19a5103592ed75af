"""The one exception by which a part of the demo says that it cannot go on, and why."""


class DemoError(Exception):
    """A failure that a person can read: the first line says what, the others tell more."""

    def __init__(self, headline: str, *details: str):
        super().__init__("\n".join((headline, *details)))
