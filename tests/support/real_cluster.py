"""A real Kubernetes cluster, reached as its users reach it: by kubectl and helm."""

import json
import os
import shutil
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "helm" / "gnssice-batch"
INSTANCE = "app.kubernetes.io/instance"
PATIENCE_S = 300


class CommandError(AssertionError):
    """A command that failed, with what it said."""


def command(*words, stdin=None, ok=True):
    """Run a command and return what it printed."""
    done = subprocess.run(words, input=stdin, capture_output=True, text=True, check=False)
    if ok and done.returncode:
        raise CommandError(f"{' '.join(words)}\n{done.stdout}{done.stderr}")
    return done.stdout + ("" if ok else done.stderr)


def pull_policy():
    """Return when images are pulled: a cluster that was handed its images has no other."""
    return os.environ.get("E2E_PULL_POLICY", "IfNotPresent")


def missing():
    """Return why there is no cluster to test on, None where there is one."""
    for tool in ("kubectl", "helm"):
        if shutil.which(tool) is None:
            return f"there is no {tool}"
    found = subprocess.run(["kubectl", "get", "nodes"], capture_output=True, text=True, check=False)
    return f"no cluster answers: {found.stderr.strip()}" if found.returncode else None


def until(found, what, seconds=PATIENCE_S, pause_s=1.0):
    """Return what a function finds, once it is true."""
    end = time.monotonic() + seconds
    while not (it := found()):
        if time.monotonic() > end:
            raise AssertionError(f"not in {seconds} s: {what}")
        time.sleep(pause_s)
    return it


@dataclass
class Namespace:
    """A namespace of its own for a test."""

    name: str
    image: str = field(default_factory=lambda: os.environ.get("E2E_IMAGE", "localhost/gnssice-batch:dev"))

    def kubectl(self, *words, **more):
        """Run kubectl here."""
        return command("kubectl", "-n", self.name, *words, **more)

    def all(self, kind, selector=""):
        """Return the objects of a kind."""
        chosen = ("-l", selector) if selector else ()
        return json.loads(self.kubectl("get", kind, *chosen, "-o", "json"))["items"]

    def get(self, kind, name):
        """Return one object, None where it is not there."""
        return next((each for each in self.all(kind) if each["metadata"]["name"] == name), None)

    def apply(self, *objects):
        """Create objects, or change them."""
        self.kubectl("apply", "-f", "-", stdin=yaml.safe_dump_all(objects))

    def values(self, *own):
        """Return the values of all releases: the image that is tested, and little memory."""
        repository, _, tag = self.image.rpartition(":")
        small = {"requests": {"cpu": "50m", "memory": "256Mi"}, "limits": {"memory": "1Gi"}}
        image = {"repository": repository, "tag": tag, "pullPolicy": pull_policy()}
        return merged({"image": image, "resources": small, "workers": {"count": 2}}, *own)

    def install(self, release, *own, verb="install"):
        """Install a release, or upgrade one."""
        text = json.dumps(self.values(*own))
        command("helm", verb, release, str(CHART), "-n", self.name, "-f", "-", stdin=text)
        return self

    def helm(self, *words):
        """Run helm here."""
        return command("helm", "-n", self.name, *words)

    def pods(self, selector):
        """Return the pods that a selector chooses."""
        return self.all("pods", selector)

    def job(self, release):
        """Return the newest Job of a release."""
        jobs = self.all("jobs", f"{INSTANCE}={release}")
        return max(jobs, key=lambda each: each["metadata"]["creationTimestamp"]) if jobs else None

    def ended(self, release, seconds=PATIENCE_S):
        """Return the type and the reason of the condition that a release's Job ended with."""
        return until(lambda: ending(self.job(release)), f"the end of the Job of {release}", seconds, pause_s=2)

    def story(self):
        """Return what there is to say of the namespace, for who looks for the cause of a failure."""
        lines = [
            self.kubectl("get", "all,cm", "-o", "wide", ok=False),
            self.kubectl("get", "events", "--sort-by=.lastTimestamp", ok=False),
        ]
        for pod in self.pods(""):
            name = pod["metadata"]["name"]
            lines += [f"--- {name} {pod['status'].get('phase')}", json.dumps(pod["status"].get("containerStatuses"))]
            lines.append(self.kubectl("logs", name, "--tail=60", ok=False))
        return "\n".join(lines)


def ending(job):
    """Return type and reason of the condition a Job ended with, None while it has not."""
    conditions = job["status"].get("conditions", []) if job else []
    return next(
        (
            (c["type"], c.get("reason", ""))
            for c in conditions
            if c["type"] in {"Complete", "Failed"} and c["status"] == "True"
        ),
        None,
    )


def terminations(pods):
    """Return the exit codes of pods that are over, each with its termination message."""
    states = [status["state"] for pod in pods for status in pod["status"].get("containerStatuses", [])]
    return [(s["terminated"]["exitCode"], s["terminated"].get("message", "")) for s in states if "terminated" in s]


def merged(*trees):
    """Return nested values put over one another, the last on top."""
    found = {}
    for tree in trees:
        for key, value in tree.items():
            both = isinstance(value, dict) and isinstance(found.get(key), dict)
            found[key] = merged(found[key], value) if both else value
    return found
