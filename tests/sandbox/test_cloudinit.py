"""What the validation of cloud-init scripts finds, and that no script does it harm."""

import base64
import gzip
import time

import pytest

from vp_jupyter.sandbox.cloudinit import check_script, check_text

GZIP = base64.b64encode(gzip.compress(b"hello")).decode()

GOOD = f"""#cloud-config
packages:
  - git
  - [htop, "3.2"]
write_files:
  - path: /etc/motd
    content: hello
    permissions: '0644'
    owner: root:root
  - {{path: /a, encoding: b64, content: aGVsbG8=}}
  - {{path: /b, encoding: gz+b64, content: {GZIP}}}
runcmd:
  - echo "ready" > /tmp/x
  - [touch, "it's here"]
"""


@pytest.mark.parametrize("type", ["instant-vm", "vm", "baremetal"])
def test_a_good_script_is_good_with_and_without_its_header(type):
    assert check_text(GOOD, type) is None
    assert check_text(GOOD.removeprefix("#cloud-config\n"), type) is None
    assert check_text("", type) is None


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("packages: [git\nruncmd: []\n", "line 2, column"),
        ("packages:\n\t- git\n", "line 2, column 1: YAML is indented with spaces"),
        ("- a\n- b\n", "line 1: a cloud-init script is a mapping"),
        ("just words\n", "is a mapping"),
        (
            "packages: [a]\nruncmd: []\npackages: [b]\n",
            "line 3, column 1: the key 'packages' stands here twice",
        ),
        ("packages: [a]\nusers: [b]\n", "line 2: users: not possible for instant-vm"),
        ("packages: git\n", "line 1: packages: must be a list"),
        ("packages:\n- git\n- 12\n", "line 3: packages[1]: a package is a name"),
        ("packages: ['']\n", "packages[0]"),
        ("write_files:\n- content: x\n", "line 2: write_files[0]: needs an absolute path"),
        ("write_files:\n- path: etc/motd\n", "line 2: write_files[0].path: needs an absolute path"),
        ("write_files:\n- path: /a\n- path: /a\n", "line 3: write_files[1].path: '/a' is written twice"),
        (
            "write_files:\n- path: /a\n  permissions: '0888'\n",
            "line 3: write_files[0].permissions: must be octal",
        ),
        ("write_files:\n- path: /a\n  permissions: 0644\n", "in quotes"),
        ("write_files:\n- path: /a\n  owner: 'root:'\n", "line 3: write_files[0].owner"),
        ("write_files:\n- path: /a\n  encoding: rot13\n", "line 3: write_files[0].encoding: unknown"),
        (
            "write_files:\n- path: /a\n  encoding: b64\n  content: '!!'\n",
            "line 4: write_files[0].content: is not base64",
        ),
        ("write_files:\n- path: /a\n  encoding: gz+b64\n  content: aGVsbG8=\n", "is not gzip"),
        ("write_files:\n- path: /a\n  mode: '0644'\n", "line 3: write_files[0].mode: unknown"),
        ("write_files: [/a]\n", "must be a mapping"),
        ("runcmd:\n- ls\n- {a: b}\n", "line 3: runcmd[1]: a command is a string"),
        ("runcmd:\n- [echo, 1]\n", "runcmd[0]"),
        ("runcmd:\n- ls\n- echo 'open\n", "line 3: runcmd[1]: the shell cannot parse this"),
        ("runcmd: ['for x in a; do', 'echo', 'fi']", "cannot parse"),
        ("packages: [!!python/name:os.system ]\n", "line 1, column"),
        ("packages: [2024-13-45]\n", "packages[0]: '2024-13-45' cannot be read"),
        ("packages: [\0]\n", "cannot stand in YAML"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(script, says):
    assert says in check_text(script, "instant-vm")


def test_a_whole_vm_takes_every_cloud_config_key_but_no_invented_one():
    assert check_text("users: [default]\nntp: {enabled: true}\n", "vm") is None
    assert "users" in check_text("users: [default]\n", "baremetal")
    assert check_text("ntp: {}\nmagic: 1\n", "vm") == "line 2: magic: cloud-init has no such key"


def test_commands_that_only_parse_together_are_fine():
    assert check_text("runcmd: ['if true; then', 'ls', 'fi']", "vm") is None


def test_nothing_in_a_script_is_ever_run(tmp_path):
    mark = tmp_path / "ran"
    commands = [f"touch {mark}", f"$(touch {mark})", f"`touch {mark}`", f"<(touch {mark})"]
    for command in commands:
        check_script({"runcmd": [command]}, "vm")
    assert not mark.exists()


LAUGHS = "a0: &a0 [ha]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 40))
MERGED = "users:\n- &a0 {x: y}\n" + "".join(f"- &a{n} {{<<: [*a{n - 1}, *a{n - 1}]}}\n" for n in range(1, 40))
BOMB = base64.b64encode(gzip.compress(b"\0" * 40_000_000)).decode()


@pytest.mark.parametrize(
    ("script", "says"),
    [
        (LAUGHS, "no such key"),
        (MERGED, None),
        ("users: &a [*a]\n", None),
        ("[" * 60_000, "nested deeper"),
        ("x: " + "- " * 30_000, None),
        ("a" * 70_000, "longer than"),
        (f"write_files: [{{path: /a, encoding: gz+b64, content: {BOMB}}}]", "unpacks to more"),
        ("runcmd:\n" + "- echo $(\n" * 6000, "cannot parse"),
    ],
)
def test_hostile_scripts_are_harmless(script, says):
    began = time.monotonic()
    message = check_text(script, "vm")
    assert time.monotonic() - began < 5
    assert says is None or says in message


def test_deploys_get_the_same_judgement_with_a_path_instead_of_a_line():
    script = {"write_files": [{"path": "/a"}, {"path": "/b", "permissions": "rwx"}]}
    assert check_script(script, "instant-vm").startswith("write_files[1].permissions: must be octal")
    assert check_script({}, "baremetal") is None


def test_the_endpoint_says_error_and_message(api):
    bad = {"type": "instant-vm", "content": "packages: git"}
    assert api.post("/validate/cloudinit", json=bad).json() == {
        "error": True,
        "message": "line 1: packages: must be a list",
    }
    good = {"type": "vm", "content": GOOD}
    assert api.post("/validate/cloudinit", json=good).json() == {"error": False, "message": None}
    assert api.post("/validate/cloudinit", json={"type": "pod", "content": ""}).status_code == 422
