"""Reads Kubernetes objects, as YAML or as a list in JSON, validates each against the schemas of the versions that are named, and prints
them as a list in JSON."""

import json
import sys

import kubernetes_validate
import yaml

documents = [document for document in yaml.safe_load_all(sys.stdin) if document]
objects = documents[0] if isinstance(documents[0], list) else documents
for version in sys.argv[1:]:
    for item in objects:
        try:
            kubernetes_validate.validate(item, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            name = f"{item['kind']} {item['metadata']['name']}"
            sys.exit(f"{name} is no object of Kubernetes {version}: {error.message} at {list(error.path)}")
json.dump(objects, sys.stdout)
