"""Checks of cloud-init scripts, as text and as the object a deploy carries. Nothing is executed here.

A script comes from outside, so every step is bounded: the length of the text, its nesting, what a
compressed file may grow to, and the time the shell gets to look at a command's syntax.
"""

import base64
import binascii
import re
import shutil
import subprocess
import zlib
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import yaml

ScriptType = Literal["instant-vm", "vm", "baremetal"]
Path = tuple[str | int, ...]

LONGEST_TEXT = 64 * 1024
_DEEPEST = 40
_LARGEST_FILE = 16 * 1024**2
_SHELL_SECONDS = 2.0
# What the deploys of the API can carry; a script for a whole "vm" may use any cloud-config module.
_API_KEYS = ("packages", "write_files", "runcmd")
_CLOUD_CONFIG_KEYS = frozenset(
    """
    apk_repos apt apt_pipelining apt_reboot_if_required apt_sources apt_update apt_upgrade ansible
    autoinstall bootcmd byobu_by_default ca_certs ca-certs chef chpasswd cloud_config_modules
    cloud_final_modules cloud_init_modules create_hostname_file datasource datasource_list debug
    default_locale device_aliases disable_ec2_metadata disable_root disable_root_opts disk_setup drivers
    fan final_message fqdn fs_setup groups growpart grub_dpkg grub-dpkg hostname keyboard landscape
    locale locale_configfile lxd manage_etc_hosts manage_resolv_conf mcollective merge_how merge_type
    migrate mount_default_fields mounts network no_ssh_fingerprints ntp output
    package_reboot_if_required package_update package_upgrade packages password phone_home power_state
    prefer_fqdn_over_hostname preserve_hostname puppet random_seed reporting resize_rootfs resolv_conf
    rh_subscription rpi rsyslog runcmd salt_minion snap spacewalk ssh ssh_authorized_keys ssh_deletekeys
    ssh_fp_console_blacklist ssh_genkeytypes ssh_import_id ssh_key_console_blacklist ssh_keys ssh_pwauth
    ssh_publish_hostkeys ssh_quiet_keygen swap syslog_fix_perms system_info timezone ubuntu_advantage
    ubuntu_pro ubuntu_autoinstall unverified_modules updates user users vendor_data version wireguard
    write_files yum_repo_dir yum_repos zypper
    """.split()  # noqa: SIM905
)
_FILE_KEYS = ("path", "content", "encoding", "owner", "permissions", "append", "defer", "source")
_ENCODINGS = ("text/plain", "b64", "base64", "gz", "gzip", "gz+b64", "gzip+b64", "gz+base64", "gzip+base64")
_OWNER = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*\$?(:[A-Za-z_][A-Za-z0-9_.-]*\$?)?")


class _Fault(Exception):
    """What is wrong, and where: a path into the script, or a place in the text."""

    def __init__(self, path: Path, sentence: str) -> None:
        super().__init__(sentence)
        self.path = path
        self.sentence = sentence

    def __str__(self) -> str:
        where = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in self.path)
        return f"{where.removeprefix('.')[:200]}: {self.sentence}" if where else self.sentence


def check_text(content: str, type: ScriptType) -> str | None:
    """The first thing wrong with a script's text, with its line; None where nothing is."""
    if len(content) > LONGEST_TEXT:
        return f"The script is longer than {LONGEST_TEXT} characters."
    try:
        root = _compose(content)
        if root is None:
            return None
        _check(_value(root, (), {}), type)
    except yaml.reader.ReaderError as unreadable:
        # Given text and not bytes, its position counts characters.
        line = content.count("\n", 0, unreadable.position) + 1
        return f"line {line}: the character {_shown(chr(int(unreadable.character)))} cannot stand in YAML"
    except yaml.MarkedYAMLError as wrong:
        return _yaml_sentence(wrong)
    except _Fault as fault:
        return f"line {_line_of(root, fault.path)}: {fault}" if root else str(fault)
    return None


def check_script(script: Mapping[str, Any], type: ScriptType) -> str | None:
    """The same for the object a deploy carries; no lines there, so the path says where."""
    try:
        _check(script, type)
    except _Fault as fault:
        return str(fault)
    return None


def _check(script: Any, type: ScriptType) -> None:
    if not isinstance(script, Mapping):
        raise _Fault((), "a cloud-init script is a mapping such as 'packages: [git]'")
    for key in script:
        if type != "vm" and key not in _API_KEYS:
            raise _Fault((key,), f"not possible for {type}: it takes {', '.join(_API_KEYS)}")
        if key not in _CLOUD_CONFIG_KEYS:
            raise _Fault((key,), "cloud-init has no such key")
    for key, check in (("packages", _packages), ("write_files", _files), ("runcmd", _commands)):
        value = script.get(key)
        if value is not None:
            if not isinstance(value, list):
                raise _Fault((key,), "must be a list")
            check(value)


def _packages(packages: list[Any]) -> None:
    for i, package in enumerate(packages):
        # cloud-init also takes [name, version].
        names = package if isinstance(package, list) and len(package) == 2 else [package]
        if not all(isinstance(name, str) and name.strip() for name in names):
            raise _Fault(("packages", i), "a package is a name that is not empty (put numbers in quotes)")


def _files(files: list[Any]) -> None:
    seen: set[str] = set()
    for i, file in enumerate(files):
        at: Path = ("write_files", i)
        if not isinstance(file, Mapping):
            raise _Fault(at, "must be a mapping with at least a path")
        for key in file:
            if key not in _FILE_KEYS:
                raise _Fault((*at, key), f"unknown: a file has {', '.join(_FILE_KEYS)}")
        path = file.get("path")
        if not isinstance(path, str) or not path.startswith("/") or "\0" in path:
            raise _Fault((*at, "path") if "path" in file else at, "needs an absolute path such as /etc/motd")
        if path in seen:
            raise _Fault((*at, "path"), f"{_shown(path)} is written twice")
        seen.add(path)
        _file_details(file, at)


def _file_details(file: Mapping[str, Any], at: Path) -> None:
    permissions = file.get("permissions")
    if permissions is not None and not (
        isinstance(permissions, str) and re.fullmatch(r"(0o?)?[0-7]{3,4}", permissions)
    ):
        raise _Fault((*at, "permissions"), "must be octal and in quotes, such as '0644'")
    owner = file.get("owner")
    if owner is not None and not (isinstance(owner, str) and _OWNER.fullmatch(owner)):
        raise _Fault((*at, "owner"), "must be user or user:group")
    content, encoding = file.get("content"), file.get("encoding")
    if content is not None and not isinstance(content, str | bytes):
        raise _Fault((*at, "content"), "must be text (put numbers and dates in quotes)")
    if encoding is None:
        return
    if not isinstance(encoding, str) or encoding.lower() not in _ENCODINGS:
        raise _Fault((*at, "encoding"), f"unknown: one of {', '.join(_ENCODINGS)}")
    try:
        decoded(content or "", encoding.lower())
    except ValueError as undecodable:
        raise _Fault((*at, "content"), str(undecodable)) from None


def decoded(content: str | bytes, encoding: str) -> bytes:
    """What a file of that encoding holds; ValueError, with the reason, where it is something else."""
    raw = content if isinstance(content, bytes) else content.encode(errors="surrogatepass")
    if "b64" in encoding or "base64" in encoding:
        try:
            raw = base64.b64decode(b"".join(raw.split()), validate=True)
        except binascii.Error:
            raise ValueError(f"is not base64, but the encoding says {encoding}") from None
    if not encoding.startswith("gz") or not raw:
        return raw
    unpack, pieces, grown = zlib.decompressobj(wbits=31), list[bytes](), 0
    try:
        while not unpack.eof:
            piece = unpack.decompress(raw, 1024**2)
            pieces.append(piece)
            raw, grown = unpack.unconsumed_tail, grown + len(piece)
            if grown > _LARGEST_FILE:
                raise ValueError(f"unpacks to more than {_LARGEST_FILE} bytes")
            if not piece and not raw and not unpack.eof:
                raise ValueError("is cut off: the gzip data has no end")
    except zlib.error:
        raise ValueError(f"is not gzip, but the encoding says {encoding}") from None
    return b"".join(pieces)


def _commands(commands: list[Any]) -> None:
    for i, command in enumerate(commands):
        words = command if isinstance(command, list) else [command]
        if not words or not all(isinstance(word, str) for word in words):
            raise _Fault(("runcmd", i), "a command is a string or a list of strings")
    # cloud-init writes the strings into one script, one after the other, so together they must parse.
    # (A list is quoted word by word and cannot break anything.)
    shell = [(i, command) for i, command in enumerate(commands) if isinstance(command, str)]
    reason = _shell_fault("\n".join(command for _, command in shell))
    if reason:
        for i, command in shell[:20]:
            alone = _shell_fault(command)
            if alone:
                raise _Fault(("runcmd", i), f"the shell cannot parse this: {alone}")
        raise _Fault(("runcmd",), f"together, the shell cannot parse these: {reason}")


def _shell_fault(script: str) -> str | None:
    """What `sh -n` (read, never execute) says about it; None where it is fine or there is no sh."""
    shell = shutil.which("sh")
    if shell is None or not script or len(script) > LONGEST_TEXT:
        return None
    try:
        run = subprocess.run(  # noqa: S603 the shell reads the script from stdin and executes none of it
            [shell, "-n"],
            input=script.encode(errors="surrogatepass"),
            capture_output=True,
            timeout=_SHELL_SECONDS,
            cwd="/",
            env={},
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    if run.returncode == 0:
        return None
    said = run.stderr.decode(errors="replace").strip().partition("\n")[0]
    return re.sub(r"^.*?: (?=line|\d)", "", said)[:200] or "syntax error"


def _compose(content: str) -> yaml.Node | None:
    """The text as a tree of nodes. Aliases stay what they are, shared nodes, so nothing multiplies."""
    depth = 0
    for event in yaml.parse(content, Loader=yaml.SafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST:
            raise yaml.MarkedYAMLError(None, None, f"nested deeper than {_DEEPEST} levels", event.start_mark)  # type: ignore[arg-type]  # the C parser has marks of its own
    node: yaml.Node | None = yaml.compose(content, Loader=yaml.SafeLoader)
    return node


def _value(node: yaml.Node, path: Path, known: dict[int, Any]) -> Any:
    """The plain value of a node. A node met again gives the same object again, so aliases cost nothing."""
    if id(node) in known:
        return known[id(node)]
    if isinstance(node, yaml.MappingNode):
        mapping: dict[Any, Any] = {}
        known[id(node)] = mapping
        for key_node, value_node in node.value:
            key = _scalar(key_node, path) if isinstance(key_node, yaml.ScalarNode) else None
            if key is None:
                raise _Fault(path, "a key must be a plain word")
            if key in mapping:
                raise yaml.MarkedYAMLError(
                    None, None, f"the key {_shown(key)} stands here twice", key_node.start_mark
                )
            mapping[key] = _value(value_node, (*path, key), known)
        return mapping
    if isinstance(node, yaml.SequenceNode):
        items: list[Any] = []
        known[id(node)] = items
        items.extend(_value(child, (*path, i), known) for i, child in enumerate(node.value))
        return items
    return _scalar(node, path)


def _scalar(node: yaml.Node, path: Path) -> Any:
    # "<<" is a key like any other here: merging is what lets a small text grow without end.
    if node.tag in ("tag:yaml.org,2002:str", "tag:yaml.org,2002:merge", "tag:yaml.org,2002:value"):
        return node.value
    loader = yaml.SafeLoader("")
    try:
        return loader.construct_object(node)
    except (ValueError, LookupError, TypeError, AttributeError):  # PyYAML on "!!bool x", "!!timestamp x", ...
        raise _Fault(path, f"{_shown(node.value)} cannot be read: put it in quotes") from None
    finally:
        loader.dispose()


def _line_of(root: yaml.Node, path: Path) -> int:
    """The line of what a path leads to, or of the nearest thing on the way."""
    node, line = root, root.start_mark.line
    for step in path:
        for key, child in _children(node):
            if key == step:
                node, line = child, child.start_mark.line
                break
        else:
            break
    return line + 1


def _children(node: yaml.Node) -> Iterator[tuple[str | int, yaml.Node]]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield key.value, value
    elif isinstance(node, yaml.SequenceNode):
        yield from enumerate(node.value)


def _yaml_sentence(wrong: yaml.MarkedYAMLError) -> str:
    problem = (wrong.problem or "not valid YAML").partition("\n")[0][:200]
    if r"'\t'" in problem:
        problem = "YAML is indented with spaces, never with tabs"
    mark = wrong.problem_mark or wrong.context_mark
    return f"line {mark.line + 1}, column {mark.column + 1}: {problem}" if mark else problem


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
