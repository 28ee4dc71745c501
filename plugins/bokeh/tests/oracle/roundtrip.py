"""Loads documents into Python's Bokeh, validates them and writes them back.

usage: roundtrip.py SCHEMA.json DOCUMENT.json...
Prints one JSON object: for each file what differs, and what validation says. An attribute that equals its default is
not written by Bokeh; that alone is no difference.
"""
import json
import sys
import warnings

from bokeh.util.warnings import BokehDeprecationWarning, BokehUserWarning

warnings.simplefilter("error", BokehUserWarning)
warnings.simplefilter("error", BokehDeprecationWarning)

import bokeh.models  # noqa: E402,F401  (registers the models)
from bokeh.core.validation import check_integrity  # noqa: E402
from bokeh.document import Document  # noqa: E402

MODELS = json.load(open(sys.argv[1]))["models"]


def default(model, name):
    """The default of a property, looked up along the bases."""
    while model:
        own = MODELS.get(model, {})
        if name in own.get("props", {}):
            return own["props"][name].get("default", ...)
        model = own.get("base")
    return ...


def canonical(value):
    """1.0 is 1."""
    if isinstance(value, dict):
        return {key: canonical(one) for key, one in value.items()}
    if isinstance(value, list):
        return [canonical(one) for one in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def is_default(model, name, value):
    """Whether Bokeh leaves this out when writing."""
    return canonical(default(model, name)) in (value, {"type": "value", "value": value})


def models(value, found):
    """All models by id, with models inside them as references; the value as a reference if it is a model."""
    if isinstance(value, list):
        return [models(one, found) for one in value]
    if not isinstance(value, dict):
        return value
    if value.get("type") == "object" and "id" in value:
        found[value["id"]] = (value["name"], {})
        attributes = {name: models(one, found) for name, one in value.get("attributes", {}).items()}
        found[value["id"]] = (value["name"], attributes)
        return {"id": value["id"]}
    return {key: models(one, found) for key, one in value.items()}


def compare(ours, theirs):
    """What we wrote and did not get back. Bokeh may add models it makes by default, whose ids are its own."""
    found = []
    for id_, (name, attributes) in ours.items():
        if id_ not in theirs:
            found.append(f"{id_}: lost")
            continue
        back_name, back = theirs[id_]
        if back_name != name:
            found.append(f"{id_}: {name} became {back_name}")
        for key, value in attributes.items():
            if key not in back and not is_default(name, key, value):
                found.append(f"{id_}.{key}: lost {value!r}")
            elif key in back and back[key] != value:
                found.append(f"{id_}.{key}: {value!r} became {back[key]!r}")
        for key, value in back.items():
            made = isinstance(value, dict) and value.get("id") in theirs and value.get("id") not in ours
            if key not in attributes and not made and not is_default(name, key, value):
                found.append(f"{id_}.{key}: appeared {value!r}")
    return found


def check(file):
    """Everything wrong with one document."""
    ours = json.load(open(file))
    document = Document.from_json(json.loads(json.dumps(ours)))
    document.validate()
    issues = check_integrity(list(document.models))
    found = [f"{issue.code} {issue.name}: {issue.text}" for issue in [*issues.error, *issues.warning]]
    back = json.loads(json.dumps(document.to_json(deferred=False)))
    our_models, their_models = {}, {}
    for key in ("version", "title", "config", "roots"):
        if models(canonical(ours[key]), our_models) != models(canonical(back[key]), their_models):
            found.append(f"{key} changed")
    return found + compare(our_models, their_models)


print(json.dumps({file: check(file) for file in sys.argv[2:]}))
