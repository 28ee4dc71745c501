"""Loads documents with lists and the same packed into arrays; prints for each pair which columns differ.

usage: unpack.py LISTS.json PACKED.json ...
Packed numbers may differ by what six figures do not show.
"""
import json
import sys

import bokeh.models  # noqa: F401  (registers the models)
import numpy as np
from bokeh.document import Document
from bokeh.models import ColumnDataSource


def sources(file):
    """All columns by source and name."""
    document = Document.from_json(json.load(open(file)))
    document.validate()
    found = document.select({"type": ColumnDataSource})
    return {(source.id, name): column for source in found for name, column in source.data.items()}


def differences(lists, packed):
    """The columns that are not the same."""
    lists, packed = sources(lists), sources(packed)
    arrays = sum(isinstance(column, np.ndarray) for column in packed.values())
    found = [str(key) for key, column in lists.items() if not same(column, packed.get(key))]
    return {"arrays": arrays, "differ": found + [str(key) for key in packed if key not in lists]}


def same(column, other):
    """Whether two columns show the same."""
    if isinstance(other, np.ndarray):
        return len(column) == len(other) and all(map(shows_the_same, column, other))
    return other is not None and repr(list(column)) == repr(list(other))


def shows_the_same(number, other):
    """Whole numbers are the same; of others six figures are."""
    number, other = float(number), float(other)
    return number == other if number.is_integer() else f"{number:.6g}" == f"{other:.6g}"


files = sys.argv[1:]
print(json.dumps({lists: differences(lists, packed) for lists, packed in zip(files[::2], files[1::2])}))
