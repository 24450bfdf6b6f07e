"""The page: templates filled, everything that a caller brings escaped."""

from __future__ import annotations

import base64
import hashlib
import json
from importlib.resources import files
from typing import Any

from sigel.runtime.requires import requires

_TEMPLATES = "templates"


def page(**parts: Any) -> str:
    """Fill the template.

    Parameters
    ----------
    parts
        What it names; `data` becomes the JSON that the script reads.
    """
    jinja = requires("jinja2", "sigel.report", "a report")
    environment = jinja.Environment(
        loader=jinja.DictLoader({"report.html": _text("report.html"), "macros.html": _text("macros.html")}),
        autoescape=True,
        undefined=jinja.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    script = _text("report.js")
    digest = base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")
    made: str = environment.get_template("report.html").render(
        **{name: value for name, value in parts.items() if name != "data"},
        # The package's own files, and JSON without a character that could end the element around it.
        style=_safe(jinja, _text("report.css")),
        script=_safe(jinja, script),
        script_hash=f"'sha256-{digest}'",
        data=_safe(jinja, as_json(parts["data"])),
    )
    return made


def as_json(value: Any) -> str:
    r"""JSON that may stand within an element of a page: no character of it is markup.

    Parameters
    ----------
    value
        Plain values.

    Examples
    --------
    >>> as_json({"name": "</script>&"})
    '{"name":"\\u003c/script\\u003e\\u0026"}'
    """
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _safe(jinja: Any, text: str) -> Any:
    """Text that is not escaped again."""
    return jinja.utils.markupsafe.Markup(text)


def _text(name: str) -> str:
    return files("sigel.report").joinpath(_TEMPLATES, name).read_text(encoding="utf-8")
