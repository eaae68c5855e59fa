"""Study files taken apart and put together again, honest ones and others."""

import hashlib
import json
import zipfile


def unpacked(path):
    """The members of a study file but for its manifest, by name."""
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist() if name != "manifest.json"}


def packed(path, members, compression=zipfile.ZIP_DEFLATED, about=None):
    """Write a study file of these members, with a manifest that fits them but for what is said `about` it."""
    told = {
        name: {
            "rows": data.count(b"\n") if name.endswith("l") else 0,
            "bytes": len(data),
            "sha256": hashlib.sha256(data).hexdigest(),
        }
        for name, data in members.items()
    }
    manifest = {"format": 1, "schema_version": "0003", "members": told} | (about or {})
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name), data, compression)
        archive.writestr("manifest.json", json.dumps(manifest))
    return path


def rows(data):
    """The rows of a member."""
    return [json.loads(line) for line in data.splitlines()]


def lines(rows):
    """A member of these rows."""
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def changed(members, table, change, at=0):
    """The members with one row changed: by a dict, or by a function of it; None takes it away."""
    name = f"{table}.jsonl"
    found = rows(members[name])
    if change is None:
        del found[at]
    elif callable(change):
        found[at] = change(found[at])
    else:
        found[at] |= change
    return members | {name: lines(found)}
