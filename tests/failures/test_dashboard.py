"""A local cluster without a dashboard: no warning of a port that is taken, no address told to anybody."""

import contextlib
import socket

from gnssice_batch import config
from gnssice_batch.cluster.executor import Task, executor


def test_without_a_dashboard_nothing_is_asked_of_its_usual_port():
    chosen = config.Cluster(kind="local", workers=1, dashboard_port=None)
    with socket.socket() as taken:
        with contextlib.suppress(OSError):
            taken.bind(("127.0.0.1", 8787))
            taken.listen()
        with executor(chosen, 1) as tasks:
            assert tasks.dashboard is None
            assert [finished.result for finished in tasks.run([Task("one", abs, (-1,))])] == [1]


def test_with_one_its_address_is_told():
    with executor(config.Cluster(kind="local", workers=1), 1) as tasks:
        assert tasks.dashboard.startswith("http://127.0.0.1:")
