"""Passwords in URLs, and how a URL is shown without them. Loads next to nothing: a command line is cleaned first."""

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

_HIDDEN: Final = "***"
_IN_FRONT: Final = re.compile(r"(:/{1,2}[^:/]*:).*(?=@)", re.DOTALL)
"""user:password@ of a URL, also where a slash is missing; to the last @, should a password have one in it."""

_AS_A_SETTING: Final = re.compile(r"([?&](?:ssl)?password=)[^&]*", re.DOTALL | re.IGNORECASE)
_SETTINGS: Final = ("password", "sslpassword")


def masked(text: str) -> str:
    """Return a text, perhaps a URL, with *** for each password of a URL in it."""
    return _AS_A_SETTING.sub(rf"\1{_HIDDEN}", _IN_FRONT.sub(rf"\1{_HIDDEN}", text))


def shown(url: "URL") -> str:
    """Return a URL as people may see it."""
    return masked(url.render_as_string(hide_password=True))


def to_type(url: "URL") -> str:
    """Return a URL for a line to type: without its passwords, which are for the environment or ~/.pgpass."""
    return url.set(password=None).difference_update_query(_SETTINGS).render_as_string()
