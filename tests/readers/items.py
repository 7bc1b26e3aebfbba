#!/usr/bin/env python3
"""Validates the items of the test cases against the schemas of the IPTC: ninjs, NewsML-G2 and NITF.

Usage: items.py FOLDER, where FOLDER has ninjs/, newsml/ and nitf/. Needs jsonschema and lxml.
"""

import json
import pathlib
import sys

import jsonschema
from lxml import etree

SCHEMAS = pathlib.Path(__file__).resolve().parent.parent / "schemas"
# The number in a file's name is the version of ninjs.
NINJS = {"1": "1.5", "2": "2.1", "3": "3.1"}
# These break the schema on purpose.
INVALID_NINJS = {"1-mixed.json", "3-cut-off.json"}


def ninjs(folder):
    for file in sorted(folder.glob("*.json")):
        if file.name in INVALID_NINJS:
            continue
        schema = json.loads((SCHEMAS / "ninjs" / f"ninjs-schema_{NINJS[file.name[0]]}.json").read_text())
        validator = jsonschema.validators.validator_for(schema)(schema)
        yield file, [error.message for error in validator.iter_errors(json.loads(file.read_text()))]


def xml(folder, schema):
    # The schemas include each other by file name; nothing is loaded from elsewhere.
    parser = etree.XMLParser(no_network=True)
    schema = etree.XMLSchema(etree.parse(str(SCHEMAS / "newsml-g2" / schema), parser))
    for file in sorted(folder.glob("*.xml")):
        schema.validate(etree.parse(str(file), parser))
        yield file, [f"line {error.line}: {error.message}" for error in schema.error_log]


def main():
    cases = pathlib.Path(sys.argv[1])
    results = [
        *ninjs(cases / "ninjs"),
        *xml(cases / "newsml", "NewsML-G2_2.24-spec-All-Core.xsd"),
        *xml(cases / "nitf", "nitf-3-6.xsd"),
    ]
    wrong = [(file, errors) for file, errors in results if errors]
    for file, errors in wrong:
        print(f"{file}:", *errors, sep="\n  ")
    if wrong or len(results) < 16:
        sys.exit(f"{len(wrong)} of {len(results)} items are not valid")
    print(f"{len(results)} items are valid")


main()
