"""Pushes a file with the ORAS library and pulls it again: REGISTRY USER TOKEN REPOSITORY:TAG FILE FOLDER."""

import sys

import oras.client

registry, user, token, name, file, folder = sys.argv[1:]
target = f"{registry}/{name}"
client = oras.client.OrasClient(hostname=registry, insecure=True)
client.login(hostname=registry, username=user, password=token)
client.push(target=target, files=[file], disable_path_validation=True, manifest_annotations={"made": "here"})
assert "1.0" in client.get_tags(f"{registry}/{name.split(':')[0]}")
anybody = oras.client.OrasClient(hostname=registry, insecure=True)
assert anybody.get_manifest(anybody.get_container(target))["annotations"]["made"] == "here"
print("\n".join(anybody.pull(target=target, outdir=folder)))
