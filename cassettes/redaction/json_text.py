"""Looking into JSON: what is in the fields of Mesos messages, and under the names of secrets.

The text is read token by token and only strings are replaced, so everything else stays as it is:
white space, numbers, the order of members. Rules are known by the name of a member and of the
object it is in:

    {"variables": [{"name": "A", "value": "…"}]}     value in variables: environment
    {"secret": {"value": {"data": "…"}}}             data in value: secret-value

These are the names of fields in the .proto files, so messages in protobuf are redacted as the JSON
that shows them.
"""

import json
import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

from .command_lines import redact_command
from .names import words
from .text import Suspects, TextRedactor
from .urls import redact_url

_TOKEN = re.compile(r'"([^"\\]*+(?:\\.[^"\\]*+)*+)"(\s*+:)?|[{}\[\]]', re.DOTALL)

KEYWORDS = tuple(
    f'"{name}"'
    for name in ("variables", "command", "arguments", "uris", "data", "flags", "secret", "env")
)
"""Every member that has a rule is in JSON with one of these, in lower case."""

_LABELS = ("key", "name", "Key", "Name")
_VALUES = ("value", "Value")
_OPAQUE_OWNERS = ("message", "read_file", "data")
"""Members whose `data` is a message of a framework, a part of a file, or output of a container."""

_PLAIN_VARIABLE = re.compile(r"MESOS_(?!.*(?:TOKEN|SECRET|PASSWORD|CREDENTIAL))\w+|LIBPROCESS_\w+")
_PLAIN_VALUE = re.compile(r".{0,3}|[0-9.,:]{1,21}|(?i:true|false|yes|none|null|localhost|default)")
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
    csi_plugin_config_dir
    """
)


class _Member(NamedTuple):
    """A string in a container, and its position if that is a list: `raw` starts at `begin`."""

    begin: int
    raw: str
    key: str
    owner: str
    position: int


class _OpenValue:
    """An object or a list that is open. `key` is the name of the member that has it.

    `owner` is the key of the object in which that member is. `label` is the name that an object
    gives to its value, as `{"name": "PATH", "value": "/bin"}` does; it may come after the value.
    """

    __slots__ = ("is_list", "key", "label", "members", "owner")

    def __init__(self, key: str, owner: str, *, is_list: bool) -> None:
        self.key = key
        self.owner = owner
        self.is_list = is_list
        self.label: str | None = None
        self.members: list[_Member] = []

    def add(self, key: str, begin: int, raw: str) -> None:
        if self.is_list:
            member = _Member(begin, raw, self.key, self.owner, len(self.members))
        else:
            member = _Member(begin, raw, key, self.key, 0)
            if key in _LABELS:
                self.label = _unescape(raw)
        self.members.append(member)


type _Rule = Callable[[str, str | None, _Member], str]


class JsonRedactor:
    """Redacts strings in JSON by where they are."""

    def __init__(self, text: TextRedactor) -> None:
        self._text = text
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
        self._empties_task_data = "task-data" in on

    def redact_json(self, source: str) -> str:
        """Return JSON without the secrets in it; the same object if there are none.

        What is not JSON is redacted as far as it looks like it.
        """
        suspects = self._text.find_suspects(source)
        edits: list[tuple[int, int, str]] = []
        stack = [_OpenValue("", "", is_list=False)]
        key = ""
        for token in _TOKEN.finditer(source):
            raw, colon = token.group(1, 2)
            container = stack[-1]
            if raw is None:
                if token.group() in "{[":
                    name = container.key if container.is_list else key
                    owner = container.owner if container.is_list else container.key
                    stack.append(_OpenValue(name, owner, is_list=token.group() == "["))
                elif len(stack) > 1:
                    edits += self._edits(stack.pop(), suspects)
            elif colon is not None:
                key = _unescape(raw)
            else:
                container.add(key, token.start(1), raw)
        for container in reversed(stack):  # what was not closed, if it is not JSON
            edits += self._edits(container, suspects)
        if not edits:
            return source
        return _apply(source, sorted(edits))

    def _edits(self, container: _OpenValue, suspects: Suspects) -> Iterator[tuple[int, int, str]]:
        """Iterate over the replacements in a container: begin, end, and the new text."""
        label = container.label
        for member in container.members:
            end = member.begin + len(member.raw)
            rule = self._rules.get((member.owner, member.key))
            if rule is None and member.key == "data":
                rule = self._any_data
            named = None
            if rule is None and suspects.has_names:
                is_labelled = label is not None and member.key in _VALUES
                named = self._text.name_rule(label if is_labelled else member.key)
            if rule is None and named is None and not suspects.is_between(member.begin, end):
                continue
            value = _unescape(member.raw)
            if not value:
                continue
            if rule is not None:
                redacted = self._text.redact_text(rule(value, label, member))
            elif named is not None and not _PLAIN_VALUE.fullmatch(value):
                redacted = self._text.replace(named, value)
            else:
                redacted = self._text.redact_text(value)
            if redacted != value:
                yield member.begin, end, _escape(redacted)

    def _variable(self, value: str, label: str | None, member: _Member) -> str:
        is_plain = label is not None and _PLAIN_VARIABLE.fullmatch(label)
        if is_plain or _PLAIN_VALUE.fullmatch(value):
            return value
        is_named = label is not None and self._text.name_rule(label) is not None
        return self._text.replace("environment", value, is_certain=is_named)

    def _uri(self, value: str, label: str | None, member: _Member) -> str:
        if "://" in value or value.startswith("/"):
            replace = partial(self._text.replace, "uri")
            return redact_url(value, replace, keeps_query=False)
        if _FILE_NAME.fullmatch(value):
            return value
        return self._text.replace("uri", value, is_certain=False)

    def _command(self, value: str, label: str | None, member: _Member) -> str:
        return redact_command(value, partial(self._text.replace, "command-line", is_certain=False))

    def _argument(self, value: str, label: str | None, member: _Member) -> str:
        # argv[0] is the program; an argument may be a command line for a shell.
        before = "" if member.position == 0 else "sh "
        redacted = redact_command(
            before + value, partial(self._text.replace, "command-line", is_certain=False)
        )
        return redacted[len(before) :]

    def _flag(self, value: str, label: str | None, member: _Member) -> str:
        if label in _HARMLESS_FLAGS or _PLAIN_VALUE.fullmatch(value):
            return self._text.redact_text(value)
        if "://" in value and not value.lstrip().startswith(("{", "[")):
            return redact_url(value, partial(self._text.replace, "flag"))
        return self._text.replace("flag", value, is_certain=False)

    def _any_data(self, value: str, label: str | None, member: _Member) -> str:
        is_opaque = member.owner in _OPAQUE_OWNERS and not self._text.rules.empties_data
        if is_opaque or not self._empties_task_data:
            return self._text.redact_base64(value)
        return self._data("task-data", value, label, member)

    def _data(self, rule: str, value: str, label: str | None, member: _Member) -> str:
        """Replace base64 by the base64 of a placeholder; secrets in it are known from now on."""
        try:
            data = b64decode(value, validate=True)
        except ValueError:
            return self._text.replace(rule, value)
        self._text.redact_bytes(data)
        return b64encode(self._text.replace_bytes(rule, data)).decode()


def _unescape(raw: str) -> str:
    if "\\" not in raw:
        return raw
    try:
        value = json.loads(f'"{raw}"', strict=False)
    except ValueError:
        return raw
    return value if isinstance(value, str) else raw


def _escape(text: str) -> str:
    """Return the inside of a JSON string; what is not in Unicode is written as an escape."""
    return json.dumps(text, ensure_ascii=not text.isprintable())[1:-1]


def _apply(source: str, edits: list[tuple[int, int, str]]) -> str:
    pieces: list[str] = []
    position = 0
    for begin, end, text in edits:
        pieces += [source[position:begin], text]
        position = end
    return "".join([*pieces, source[position:]])
