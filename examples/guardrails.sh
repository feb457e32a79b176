#!/bin/sh
# The rules of an organisation, as settings of the policy `guardrails`: run it again after every change.
set -eu

chandlery configure guardrails \
    --set images=digest \
    --set 'registries=["ghcr.io/acme", "nvcr.io/nvidia"]' \
    --set 'gpus={"research": 16, "*": 2}' \
    --set 'gpu_prices={"h100": 250, "*": 100}' \
    --set 'spend={"research": 4000, "*": 300}'
