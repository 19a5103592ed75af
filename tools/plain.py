"""Texts of others for a terminal."""


def plain(text):
    """The text without control characters, by which a job or a host could change what is shown of
    others, or what the terminal does."""
    return "".join(c if c.isprintable() else "?" for c in text)
