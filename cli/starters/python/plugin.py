"""Serves a folder over HTTP, with the target's own Python or from a container image."""

import json

from chandlery import reported
from componentize_py_types import Err
from wit_world import WitWorld as World
from wit_world.imports.plan_types import *
from wit_world.imports.template_types import Facts, Problem, Request, RuntimeKind


class WitWorld(World):
    @reported
    def plan(self, request: Request) -> Plan:
        # As chandlery.toml describes them.
        parameters = json.loads(request.parameters)
        replicas = parameters["replicas"]
        web = Workload(
            name="web",
            kind=WorkloadKind.SERVICE,
            runtime=runtime(request.target, parameters.get("image")),
            # One word each, never a text that is split: a parameter's value is then one argument. Refuse one that begins
            # with a dash, and write its $ as $$.
            command=["python3", "-m", "http.server", "$(PORT)"],
            env=[EnvVar("PORT", EnvValue_Port("http"))],
            resources=Resources(cpu_millis=500, memory_mib=128, gpu=None, scratch_mib=0),
            scale=Scale(replicas_min=replicas, replicas_max=replicas, target=None, nodes_per_replica=1, spot_ok=False),
            ports=[Port("http", parameters["port"], Protocol.HTTP)],
            readiness=Probe(Check_Http(HttpCheck("http", "/")), period_seconds=1, timeout_seconds=30),
            volumes=[],
            restart=Restart.ALWAYS,
            grace_seconds=10,
        )
        return Plan([web], ["Look at it: curl http://ADDRESS/"])


def runtime(target: Facts, image: str | None) -> Runtime:
    if image and RuntimeKind.CONTAINER in target.runtimes:
        return Runtime_Container(image)
    if RuntimeKind.HOST in target.runtimes:
        return Runtime_Host()
    message = f"target '{target.name}' runs containers: name an image"
    raise Err([Problem("/image", message)])
