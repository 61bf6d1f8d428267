"""Parts of Mesos messages, as their JSON, with a secret in every place that may have one."""

import json
from typing import Any

from support.planted_secrets import SecretSource, to_base64


class PlantedMessages:
    """Builds messages with secrets of a source; `place` begins the names of their places."""

    def __init__(self, source: SecretSource) -> None:
        self.secret, self.password, self.token = source.secret, source.password, source.token

    def command(self, place: str) -> dict[str, Any]:
        """Return a CommandInfo."""
        return {
            "environment": {
                "variables": [
                    {"name": "A", "value": self.password(f"{place} environment")},
                    {
                        "name": "MESOS_X_TOKEN",
                        "value": self.secret(f"{place} environment named"),
                    },
                    {
                        "name": "B",
                        "type": "SECRET",
                        "secret": self.secret_value(f"{place} environment secret"),
                    },
                ]
            },
            "shell": True,
            "value": f"curl -u ops:{self.password(f'{place} command')} --header"
            f" 'X-Key: {self.secret(f'{place} command quoted')}' http://h/"
            f" && PGPASSWORD={self.secret(f'{place} command assignment')} psql",
            "arguments": ["run", "--key", self.secret(f"{place} argument")],
            "uris": [
                {"value": f"https://u:{self.secret(f'{place} uri password')}@h/a.tgz"},
                {"value": f"https://h/a.tgz?X-Sig={self.secret(f'{place} uri query')}&a=b"},
            ],
        }

    def secret_value(self, place: str) -> dict[str, Any]:
        """Return a Secret."""
        return {"type": "VALUE", "value": {"data": to_base64(self.password(place))}}

    def labels(self, place: str) -> dict[str, Any]:
        """Return Labels."""
        return {
            "labels": [
                {"key": "db.password", "value": self.password(f"{place} label")},
                {"key": "note", "value": f"uses {self.token(f'{place} label token')}"},
            ]
        }

    def container(self, place: str) -> dict[str, Any]:
        """Return a ContainerInfo."""
        credentials = to_base64("ops:" + self.secret(f"{place} docker config"))
        docker_config = json.dumps({"auths": {"h": {"auth": credentials}}})
        return {
            "type": "MESOS",
            "mesos": {
                "image": {
                    "type": "DOCKER",
                    "docker": {
                        "name": "alpine",
                        "credential": {
                            "principal": "p",
                            "secret": self.password(f"{place} docker credential"),
                        },
                        "config": {"type": "VALUE", "value": {"data": to_base64(docker_config)}},
                    },
                }
            },
            "docker": {
                "image": "alpine",
                "network": "HOST",
                "parameters": [
                    {
                        "key": "env",
                        "value": "A_TOKEN=" + self.secret(f"{place} parameter"),
                    },
                    {"key": "env", "value": "PLAIN=" + self.secret(f"{place} docker env")},
                    {"key": "hostname", "value": "h"},
                ],
            },
            "volumes": [
                {
                    "mode": "RW",
                    "container_path": "/s",
                    "source": {
                        "type": "SECRET",
                        "secret": self.secret_value(f"{place} volume secret"),
                    },
                },
                {
                    "mode": "RW",
                    "container_path": "/d",
                    "source": {
                        "type": "DOCKER_VOLUME",
                        "docker_volume": {
                            "name": "v",
                            "driver_options": {
                                "parameter": [
                                    {
                                        "key": "secretkey",
                                        "value": self.secret(f"{place} driver option"),
                                    }
                                ]
                            },
                        },
                    },
                },
            ],
            "network_infos": [{"name": "n", "labels": self.labels(f"{place} network")}],
        }

    def discovery(self, place: str) -> dict[str, Any]:
        """Return a DiscoveryInfo."""
        return {
            "visibility": "CLUSTER",
            "ports": {"ports": [{"number": 1, "labels": self.labels(f"{place} port")}]},
            "labels": self.labels(f"{place} discovery"),
        }

    def task(self) -> dict[str, Any]:
        """Return a TaskInfo."""
        return {
            "name": "t",
            "task_id": {"value": "t-1"},
            "agent_id": {"value": "a-1"},
            "executor": {
                "executor_id": {"value": "e-1"},
                "command": self.command("executor"),
                "container": self.container("executor"),
                "data": to_base64(self.secret("executor data")),
                "labels": self.labels("executor"),
                "discovery": self.discovery("executor"),
            },
            "command": self.command("task"),
            "container": self.container("task"),
            "health_check": {"type": "COMMAND", "command": self.command("health check")},
            "check": {"type": "COMMAND", "command": {"command": self.command("check")}},
            "data": to_base64(json.dumps({"a": self.password("task data")})),
            "labels": self.labels("task"),
            "discovery": self.discovery("task"),
        }

    def framework_info(self) -> dict[str, Any]:
        """Return a FrameworkInfo."""
        return {
            "user": "u",
            "name": "f",
            "webui_url": f"http://ops:{self.secret('webui password')}@h/"
            f"?token={self.secret('webui query')}",
            "labels": self.labels("framework"),
        }
