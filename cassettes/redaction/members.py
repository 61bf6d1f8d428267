"""What is in the members of Mesos messages, and under the names of secrets.

Rules are known by the name of a member and of the object it is in:

    {"variables": [{"name": "A", "value": "…"}]}     value in variables: environment
    {"secret": {"value": {"data": "…"}}}             data in value: secret-value

These are the names of fields in the .proto files, so the rules hold for JSON and for messages.
"""

import re
from base64 import b64decode, b64encode
from collections.abc import Callable
from functools import cache, partial
from typing import NamedTuple

from .command_lines import redact_command
from .names import words
from .text import TextRedactor
from .urls import redact_url

ENVIRONMENTS = frozenset(("env", "Env", "environ", "environment", "Environment"))
"""Members that are environments, as objects or lists: of Docker, Marathon, and v0 JSON."""

KEYWORDS = tuple(
    f'"{name}"'
    for name in (
        *("variables", "command", "arguments", "uris", "data", "flags", "secret"),
        *sorted({name.lower() for name in ENVIRONMENTS}),
    )
)
"""Every member that has a rule is in JSON with one of these, in lower case."""

LABELS = ("key", "name", "Key", "Name")
VALUES = ("value", "Value")
_OPAQUE_OWNERS = ("message", "read_file", "data")
"""Members whose `data` is a message of a framework, a part of a file, or output of a container."""

_PLAIN_VARIABLE = re.compile(r"MESOS_(?!.*(?:TOKEN|SECRET|PASSWORD|CREDENTIAL))\w+|LIBPROCESS_\w+")
_PLAIN_VALUE = re.compile(
    r".{0,3}|[0-9.,:]{1,21}|(?i:true|false|yes|none|null|localhost|default)"
    r"|[0-9.]{1,12}(?:[num]s|secs|mins|hrs|days|weeks|[KMGT]?B)"  # as stout writes times and sizes
)
_FILE_NAME = re.compile(
    r"[\w.-]{1,64}\.(?:tgz|tar|tar\.[a-z0-9]{1,3}|zip|jar|whl|sh|py|json|ya?ml)"
)

_HARMLESS_FLAGS = words(
    """
    acls_path agent_ping_timeout agent_removal_rate_limit agent_reregister_timeout
    allocation_interval allocator appc_simple_discovery_uri_prefix appc_store_dir
    authenticate_agents authenticate_frameworks authenticate_http_executors
    authenticate_http_frameworks authenticate_http_readonly authenticate_http_readwrite
    authenticate_v0_frameworks authentication_backoff_factor authentication_timeout
    authentication_timeout_max authentication_timeout_min authenticatee authenticators
    authorizers cgroups_cpu_enable_pids_and_tids_count cgroups_destroy_timeout
    cgroups_enable_cfs cgroups_hierarchy cgroups_limit_swap cgroups_root
    check_agent_port_range_only container_disk_watch_interval containerizers create_default_role
    credential credentials default_role disallow_sharing_agent_ipc_namespace
    disallow_sharing_agent_pid_namespace disk_watch_interval docker docker_ignore_runtime
    docker_kill_orphans docker_registry docker_remove_delay docker_socket docker_stop_timeout
    docker_store_dir docker_volume_checkpoint_dir docker_volume_chown
    enforce_container_disk_quota executor_registration_timeout executor_reregistration_timeout
    executor_shutdown_grace_period fetcher_cache_dir fetcher_cache_size fetcher_stall_timeout
    filter_gpu_resources framework_sorter frameworks_home gc_delay gc_disk_headroom
    gc_non_executor_container_sandboxes help hostname hostname_lookup http_authenticators
    http_command_executor http_credentials http_framework_authenticators http_heartbeat_interval
    image_provisioner_backend initialize_driver_logging isolation jwt_secret_key launcher
    launcher_dir log_auto_initialize log_dir logbufsecs logging_level max_completed_frameworks
    max_completed_tasks_per_framework max_executors_per_agent
    max_operator_event_stream_subscribers max_unreachable_tasks_per_framework memory_profiling
    min_allocatable_resources network_cni_metrics network_cni_root_dir_persist
    oversubscribed_resources_interval perf_duration perf_interval port
    publish_per_framework_metrics qos_controller qos_correction_interval_min quiet quorum
    reconfiguration_policy recover recovery_agent_removal_limit recovery_timeout
    registration_backoff_factor registry registry_fetch_timeout registry_gc_interval
    registry_max_agent_age registry_max_agent_count registry_store_timeout registry_strict
    require_agent_domain resource_provider_config_dir resource_provider_registrar
    revocable_cpu_low_priority role_sorter root_submissions runtime_dir sandbox_directory strict
    switch_user systemd_enable_support systemd_runtime_directory user_sorter version
    volume_gid_range webui_dir work_dir zk_session_timeout ip advertise_ip advertise_port
    cluster max_agent_ping_timeouts roles weights agent_subsystems nvidia_gpu_devices
    xfs_kill_containers xfs_project_range host_path_volume_force_creation default_shm_size
    attributes csi_plugin_config_dir resources
    """
)


class Member(NamedTuple):
    """A string in an object, or in a list that is a member of an object.

    `owner` is the name of the member whose value that object is. `label` is the name that the
    object gives to its value, as `{"name": "PATH", "value": "/bin"}` does. `position` is that in a
    list.
    """

    key: str
    owner: str
    value: str
    label: str | None = None
    position: int = 0


type _Rule = Callable[[Member], str]

_NOTHING = "(?!)"


@cache
def _harmless_pair(owner: str) -> str:
    """Return the expression of an object of two or three texts of which the rule replaces none.

    It has no other `{` than its own, so that objects in a row are counted fast.
    """
    # Where a plain value seems to end at a later quote, it is shorter, and so plain as well.
    plain = rf'(?=(?:{_PLAIN_VALUE.pattern})")'
    text = r'[^"\\{]*+"'
    pair = rf'"{text}\s*+,\s*+(?:"type"\s*+:\s*+"{text}\s*+,\s*+)?"value"\s*+:\s*+"{plain}{text}'
    if owner == "flags":
        names = "|".join(sorted(_HARMLESS_FLAGS))
        pair += rf'|"(?:{names})"\s*+,\s*+"value"\s*+:\s*+"{text}'
    return rf'\{{\s*+"name"\s*+:\s*+(?:{pair})\s*+\}}'


class MemberRedactor:
    """Redacts strings by where they are, and what is not known by its place by what it is."""

    def __init__(self, text: TextRedactor) -> None:
        self.text = text
        on = text.rules.ids
        rules: dict[tuple[str, str], tuple[str, _Rule]] = {
            ("variables", "value"): ("environment", self._variable),
            ("uris", "value"): ("uri", self._uri),
            ("command", "value"): ("command-line", self._command),
            ("command", "arguments"): ("command-line", self._argument),
            ("value", "data"): ("secret-value", partial(self._data, "secret-value")),
            ("flags", "value"): ("flag", self._flag),
        }
        self._rules = {place: redact for place, (rule, redact) in rules.items() if rule in on}
        self._ruled_owners = {owner for owner, _ in self._rules} | ENVIRONMENTS
        self._replaces_environments = "environment" in on
        self._empties_task_data = "task-data" in on

    def has_rule(self, owner: str, key: str) -> bool:
        """Return whether a place has a rule of its own."""
        return (
            key == "data"
            or owner in ENVIRONMENTS
            or key in ENVIRONMENTS
            or (owner, key) in self._rules
        )

    def harmless_pair(self, owner: str) -> str | None:
        """Return the expression of an object in which the rule of its place replaces nothing.

        Returns None if the place has no rule.
        """
        if owner not in self._ruled_owners:
            return None
        return _harmless_pair(owner) if owner in ("flags", "variables") else _NOTHING

    def redact(self, member: Member) -> str:
        """Return the value of a member without secrets."""
        rule = self._rules.get((member.owner, member.key))
        if rule is None:
            rule = self._rule_of_name(member)
        if rule is not None:
            return self.text.redact_text(rule(member))
        name = member.key
        if member.label is not None and member.key in VALUES:
            name = member.label
        named = self.text.name_rule(name)
        if named is not None and not _PLAIN_VALUE.fullmatch(member.value):
            return self.text.replace(named, member.value)
        return self.text.redact_text(member.value)

    def _rule_of_name(self, member: Member) -> _Rule | None:
        """Return the rule of a member that has the same name in all messages."""
        if member.key == "data":
            return self._any_data
        if not self._replaces_environments:
            return None
        if member.key in ENVIRONMENTS or (member.key in VALUES and member.label in ENVIRONMENTS):
            return self._assignment
        return self._entry if member.owner in ENVIRONMENTS else None

    def _entry(self, member: Member) -> str:
        """Redact a member of an object that is an environment."""
        return self._variable(member._replace(label=member.key))

    def _assignment(self, member: Member) -> str:
        """Redact `NAME=VALUE`."""
        name, sign, value = member.value.partition("=")
        if not sign:
            return member.value
        return name + sign + self._variable(member._replace(label=name, value=value))

    def _variable(self, member: Member) -> str:
        is_plain = member.label is not None and _PLAIN_VARIABLE.fullmatch(member.label)
        if is_plain or _PLAIN_VALUE.fullmatch(member.value):
            return member.value
        is_named = member.label is not None and self.text.name_rule(member.label) is not None
        return self.text.replace("environment", member.value, is_certain=is_named)

    def _uri(self, member: Member) -> str:
        if "://" in member.value or member.value.startswith("/"):
            replace = partial(self.text.replace, "uri")
            return redact_url(member.value, replace, keeps_query=False)
        if _FILE_NAME.fullmatch(member.value):
            return member.value
        return self.text.replace("uri", member.value, is_certain=False)

    def _command(self, member: Member) -> str:
        return redact_command(
            member.value, partial(self.text.replace, "command-line", is_certain=False)
        )

    def _argument(self, member: Member) -> str:
        # argv[0] is the program; an argument may be a command line for a shell.
        before = "" if member.position == 0 else "sh "
        redacted = redact_command(
            before + member.value, partial(self.text.replace, "command-line", is_certain=False)
        )
        return redacted[len(before) :]

    def _flag(self, member: Member) -> str:
        if member.label in _HARMLESS_FLAGS or _PLAIN_VALUE.fullmatch(member.value):
            return member.value
        if "://" in member.value and not member.value.lstrip().startswith(("{", "[")):
            return redact_url(member.value, partial(self.text.replace, "flag"))
        return self.text.replace("flag", member.value, is_certain=False)

    def _any_data(self, member: Member) -> str:
        is_opaque = member.owner in _OPAQUE_OWNERS and not self.text.rules.empties_data
        if is_opaque or not self._empties_task_data:
            return self.text.redact_base64(member.value)
        return self._data("task-data", member)

    def _data(self, rule: str, member: Member) -> str:
        """Replace base64 by the base64 of a placeholder; secrets in it are known from now on."""
        try:
            data = b64decode(member.value, validate=True)
        except ValueError:
            return self.text.replace(rule, member.value)
        self.text.redact_bytes(data)
        return b64encode(self.text.replace_bytes(rule, data)).decode()
