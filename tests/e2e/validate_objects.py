"""Reads a list of Kubernetes objects as JSON and validates each against the schemas of the versions that are named."""

import json
import sys

import kubernetes_validate

objects = json.load(sys.stdin)
for version in sys.argv[1:]:
    for item in objects:
        try:
            kubernetes_validate.validate(item, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            name = f"{item['kind']} {item['metadata']['name']}"
            sys.exit(f"{name} is no object of Kubernetes {version}: {error.message} at {list(error.path)}")
print(len(objects))
