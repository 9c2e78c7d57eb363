"""The Kubernetes API, as far as a run needs it."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, cast

import httpx
import kr8s
from kr8s.objects import Pod, new_class

from gnssice_batch.config.manifest import API_VERSION

_VERSIONS: Final = {"DaskCluster": API_VERSION, "DaskAutoscaler": API_VERSION, "Pod": "v1", "Event": "v1"}
_UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND, _CONFLICT, _TOO_MANY, _SERVER = 401, 403, 404, 409, 429, 500


class ApiError(Exception):
    """The API has refused a request, or did not answer.

    Parameters
    ----------
    code
        HTTP status; 0 where there was no answer.
    """

    def __init__(self, message: str, code: int = 0) -> None:
        self.code = code
        super().__init__(message)

    @property
    def forbidden(self) -> bool:
        """Whether the service account has no right to it."""
        return self.code in {_UNAUTHORIZED, _FORBIDDEN}

    @property
    def missing(self) -> bool:
        """Whether there is no such thing, or no such kind of thing."""
        return self.code == _NOT_FOUND

    @property
    def passing(self) -> bool:
        """Whether the same request may be granted later."""
        return self.code in {0, _CONFLICT, _TOO_MANY} or self.code >= _SERVER


class NoAccessError(Exception):
    """This process has neither a service account's token nor a kubeconfig."""


class Namespace:
    """The objects of one namespace.

    Every method raises `ApiError`, the making of it `NoAccessError` too.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        try:
            with _translated():
                self._api = kr8s.api(namespace=name)
        except ValueError as error:
            raise NoAccessError(str(error)) from error

    def create(self, resource: dict[str, Any]) -> None:
        """Create an object."""
        with _translated():
            _class_of(resource["kind"])(resource, namespace=self.name, api=self._api).create()

    def delete(self, kind: str, name: str) -> None:
        """Delete an object, if it is there."""
        with _translated():
            try:
                _class_of(kind)({"metadata": {"name": name}}, namespace=self.name, api=self._api).delete()
            except kr8s.NotFoundError:
                return

    def listed(self, kind: str, labels: str = "", fields: str = "") -> list[dict[str, Any]]:
        """The objects that selectors choose, as the API gives them."""
        with _translated():
            found = self._api.get(
                _class_of(kind),
                namespace=self.name,
                label_selector=labels or None,
                field_selector=fields or None,
                raw=True,
            )
            return [dict(cast("dict[str, Any]", each)) for each in found]

    def last_lines(self, pod: str, lines: int) -> list[str]:
        """The last lines that a pod has logged."""
        with _translated():
            logs = Pod({"metadata": {"name": pod}}, namespace=self.name, api=self._api).logs(tail_lines=lines)
            return list(itertools.islice(logs, lines))


def _class_of(kind: str) -> Any:
    return new_class(kind, _VERSIONS[kind], asyncio=False)


@contextmanager
def _translated() -> Iterator[None]:
    """Turn what kr8s raises into an error of ours."""
    try:
        yield
    except kr8s.ServerError as error:
        raise ApiError(str(error), error.response.status_code if error.response is not None else 0) from error
    except (kr8s.APITimeoutError, httpx.HTTPError, OSError) as error:
        raise ApiError(f"the Kubernetes API does not answer: {error}") from error
