"""Writes the plain manifests from the chart; `make chart` runs it, tests hold them to it."""

import copy
import json
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import helm_python
import yaml

FOLDER = Path(__file__).resolve().parent
CHART = FOLDER.parent / "helm" / "gnssice-batch"
NAME, NAMESPACE = "gnssice-batch", "default"
OF_HELM = ("helm.sh/chart", "app.kubernetes.io/managed-by")
BASE_VALUES = {
    "image": {"registry": "my-registry/gnss", "tag": "0.1.0"},
    "settings": {
        "site": "rosalia",
        "archive": {"url": "s3://my-archive/rosalia"},
        "store": {"url": "s3://my-stores/gnss"},
    },
}
KUSTOMIZATION = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization"}
MADE = "# Made by k8s/make_manifests.py from the chart, {}: `make chart`.\n"

Manifest = dict[str, Any]
Key = tuple[str, str]


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as they are, and no anchors."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def rendered(values: Manifest) -> list[Manifest]:
    """Return the objects that the chart renders, without those of `helm test`."""
    texts = helm_python.Chart.load(CHART).render(values, name=NAME, namespace=NAMESPACE)
    found = [each for name in sorted(texts) if name.endswith(".yaml") for each in yaml.safe_load_all(texts[name])]
    return [each for each in found if each and "helm.sh/hook" not in each["metadata"].get("annotations", {})]


def plain(manifest: Manifest) -> Manifest:
    """Return an object of the chart without what is Helm's: two labels, its annotations, the digest in a Job's name."""
    found = copy.deepcopy(manifest)
    for metadata in _metadata(found):
        for label in OF_HELM:
            metadata.get("labels", {}).pop(label, None)
    annotations = found["metadata"].get("annotations", {})
    if annotations.pop("helm.sh/resource-policy", None) and not annotations:
        del found["metadata"]["annotations"]
    if found["kind"] == "Job":
        found["metadata"]["name"] = re.sub(r"-[0-9a-f]{8}$", "", found["metadata"]["name"])
    return found


def _metadata(tree: Any) -> Iterator[Manifest]:
    for key, value in tree.items() if isinstance(tree, dict) else ():
        if key == "metadata":
            yield value
        yield from _metadata(value)


def key_of(manifest: Manifest) -> Key:
    """Return what tells an object from the others."""
    return manifest["kind"], manifest["metadata"]["name"]


def difference(old: Any, new: Any, path: str = "") -> Iterator[Manifest]:
    """Yield the JSON patch (RFC 6902) that makes one tree of another; lists are replaced as a whole."""
    if not (isinstance(old, dict) and isinstance(new, dict)):
        if old != new:
            yield {"op": "replace", "path": path, "value": new}
        return
    for key in [*old, *(key for key in new if key not in old)]:
        below = f"{path}/{key.replace('~', '~0').replace('/', '~1')}"
        if key not in new:
            yield {"op": "remove", "path": below}
        elif key not in old:
            yield {"op": "add", "path": below, "value": new[key]}
        else:
            yield from difference(old[key], new[key], below)


def flavours() -> dict[str, Manifest]:
    """Return the values of every flavour that the chart has an example of."""
    paths = sorted((CHART / "ci").glob("*-values.yaml"))
    return {path.name.removesuffix("-values.yaml"): yaml.safe_load(path.read_text(encoding="utf-8")) for path in paths}


def files() -> dict[str, str]:
    """Return the text of every manifest by its path below this folder."""
    base = {key_of(each): each for each in map(plain, rendered(BASE_VALUES | {"job": {"enabled": False}}))}
    found = {f"base/{_file_name(key)}": _yaml([each]) for key, each in base.items()}
    found["base/kustomization.yaml"] = _yaml([KUSTOMIZATION | {"resources": [_file_name(key) for key in base]}])
    run = next(each for each in map(plain, rendered(BASE_VALUES)) if each["kind"] == "Job")
    run["metadata"] = {"generateName": f"{run['metadata'].pop('name')}-"} | run["metadata"]
    found["run.yaml"] = _yaml([run])
    found = {name: MADE.format("with the least values") + text for name, text in found.items()}
    for flavour, values in flavours().items():
        made = MADE.format(f"with ci/{flavour}-values.yaml")
        found |= {f"overlays/{flavour}/{name}": made + text for name, text in _overlay(base, values).items()}
    return found


def _overlay(base: dict[Key, Manifest], values: Manifest) -> dict[str, str]:
    """Return the files of an overlay: what the base lacks, and patches of what it has otherwise or too much."""
    wanted = {key_of(each): each for each in map(plain, rendered(values))}
    more = {_file_name(key): _yaml([each]) for key, each in wanted.items() if key not in base}
    patches = [_patch(key, each, wanted.get(key)) for key, each in base.items() if wanted.get(key) != each]
    tree = KUSTOMIZATION | {"resources": ["../../base", *more]} | ({"patches": patches} if patches else {})
    return more | {"kustomization.yaml": _yaml([tree])}


def _patch(key: Key, old: Manifest, new: Manifest | None) -> Manifest:
    """Return the entry of a kustomization that changes an object, or takes it away."""
    kind, name = key
    if new is None:
        gone = {"$patch": "delete", "apiVersion": old["apiVersion"], "kind": kind, "metadata": {"name": name}}
        return {"patch": _yaml([gone])}
    return {"target": {"kind": kind, "name": f"^{name}$"}, "patch": _yaml([list(difference(old, new))])}


def _file_name(key: Key) -> str:
    kind, name = key
    return f"{kind.lower()}{name.removeprefix(NAME)}.yaml"


def _yaml(documents: list[Any]) -> str:
    return yaml.dump_all(documents, Dumper=_Dumper, sort_keys=False, width=120, allow_unicode=True)


def main() -> None:
    """Write the manifests, and remove those that are not made any more."""
    written = files()
    for name in ("base", "overlays"):
        shutil.rmtree(FOLDER / name, ignore_errors=True)
    for name, text in written.items():
        (FOLDER / name).parent.mkdir(parents=True, exist_ok=True)
        (FOLDER / name).write_text(text, encoding="utf-8")
    sys.stdout.write(json.dumps({"manifests": len(written), "folder": FOLDER.name}) + "\n")


if __name__ == "__main__":
    main()
