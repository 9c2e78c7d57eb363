"""The proxy: what it counts, how it delays, and each of its faults as clients of every kind see it."""

import http.client
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import icechunk
import pytest

from tests.support.object_stores.faults import Fault, Rule, schedule
from tests.support.object_stores.proxy import Proxy
from tests.support.object_stores.stores import filesystem, icechunk_storage

pytestmark = pytest.mark.processes

CONTENT = bytes(range(256)) * 256
FAULTS_OF_READING = [
    Rule(Fault.SLOW_DOWN, ("GET",), count=2, seconds=1),
    Rule(Fault.RESET, ("GET",)),
    Rule(Fault.TRUNCATE, ("GET",)),
    Rule(Fault.STALL, ("GET",), seconds=0.3),
    Rule(Fault.LOST_ANSWER, ("GET",)),
]
SERVERS = pytest.mark.parametrize("object_stores", ["s3", "azure"], indirect=True)


@pytest.fixture
def stored(object_stores):
    """A place on a server, in which there is one object."""
    files, path = filesystem(object_stores)
    files.pipe_file(f"{path}/name", CONTENT)
    return object_stores


class Plain(BaseHTTPRequestHandler):
    """A server that answers by the path: with a length, in chunks, or with neither; it notes what it was asked."""

    protocol_version = "HTTP/1.1"
    asked = ()

    def do_GET(self):
        type(self).asked = (*self.asked, self.headers["Host"])
        self.send_response(200)
        if self.path == "/chunks":
            self.send_header("Transfer-Encoding", "chunked")
        elif self.path == "/whole":
            self.send_header("Content-Length", str(len(CONTENT)))
        else:
            self.send_header("Connection", "close")
        self.end_headers()
        for at in range(0, len(CONTENT), 10_000):
            part = CONTENT[at : at + 10_000]
            self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part) if self.path == "/chunks" else part)
        self.wfile.write(b"0\r\n\r\n" if self.path == "/chunks" else b"")

    def do_PUT(self):
        content = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200 if content == CONTENT else 400)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def plain():
    """A connection through a proxy to a plain server, with the proxy."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Plain) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        with Proxy(f"127.0.0.1:{server.server_address[1]}") as proxy:
            connection = http.client.HTTPConnection(proxy.address, timeout=20)
            yield connection, proxy
            connection.close()
        server.shutdown()
        thread.join()


def ask(connection, method, path, **more):
    connection.request(method, path, **more)
    answer = connection.getresponse()
    return answer.status, answer.read()


def test_messages_go_through_as_they_are_whatever_says_where_they_end(plain):
    connection, proxy = plain
    for path in ("/chunks", "/whole", "/chunks", "/until_the_end", "/whole"):
        assert ask(connection, "GET", path) == (200, CONTENT)
    assert ask(connection, "PUT", "/a", body=CONTENT) == (200, b"")
    assert ask(connection, "PUT", "/a", body=CONTENT, headers={"Expect": "100-continue"}) == (200, b"")
    assert set(Plain.asked) == {proxy.address}, "the Host header is part of what is signed"
    counts = proxy.counts()
    assert counts.requests == {"GET": 5, "PUT": 2}
    assert counts.objects == {"GET /chunks": 2, "GET /whole": 2, "GET /until_the_end": 1, "PUT /a": 2}
    assert counts.answers == {"200": 7}
    assert counts.received_bytes > 5 * len(CONTENT)
    assert 2 * len(CONTENT) < counts.sent_bytes < 2 * len(CONTENT) + 2000
    assert (counts.under_way, counts.most_under_way) == (0, 1)


@pytest.mark.alone
def test_latency_is_once_per_request_however_large_it_is(plain):
    connection, proxy = plain
    proxy.begin(latency_s=0.2)
    started = time.monotonic()
    ask(connection, "GET", "/whole")
    ask(connection, "PUT", "/a", body=CONTENT)
    assert 0.4 <= time.monotonic() - started < 0.8


@pytest.mark.alone
def test_a_stall_is_as_long_as_it_should_be_and_in_the_middle(plain):
    connection, proxy = plain
    proxy.begin(rules=[Rule(Fault.STALL, seconds=0.5)])
    connection.request("GET", "/whole")
    answer = connection.getresponse()
    answer.read(len(CONTENT) // 4)
    started = time.monotonic()
    assert len(answer.read()) == len(CONTENT) * 3 // 4
    assert 0.3 < time.monotonic() - started < 1.5


def test_cut_answers(plain):
    connection, proxy = plain
    proxy.begin(rules=[Rule(Fault.TRUNCATE), Rule(Fault.RESET, first=1), Rule(Fault.LOST_ANSWER, first=2)])
    with pytest.raises(http.client.IncompleteRead) as cut:
        ask(connection, "GET", "/whole")
    assert len(cut.value.partial) == len(CONTENT) // 2
    connection.close()
    connection.request("GET", "/whole")
    with pytest.raises(ConnectionResetError):
        connection.getresponse().read()
    connection.close()
    with pytest.raises(ConnectionResetError):
        ask(connection, "PUT", "/a", body=CONTENT)
    connection.close()
    assert ask(connection, "GET", "/whole") == (200, CONTENT)
    assert proxy.counts().faults == {"truncate": 1, "reset": 1, "lost_answer": 1}
    assert proxy.counts().answers == {"200": 4}, "the server has answered all"


def test_refusals_say_what_the_server_would(plain):
    connection, proxy = plain
    proxy.begin(rules=[Rule(Fault.SLOW_DOWN, seconds=3), Rule(Fault.EXPIRED, holding="Token: old", count=None)])
    connection.request("PUT", "/a", body=CONTENT)
    answer = connection.getresponse()
    assert (answer.status, answer.headers["Retry-After"]) == (503, "3")
    assert b"<Code>SlowDown</Code>" in answer.read()
    assert ask(connection, "GET", "/whole", headers={"X-Token": "new"}) == (200, CONTENT)
    for _ in range(2):
        status, said = ask(connection, "GET", "/whole", headers={"X-Token": "old"})
        assert (status, b"<Code>ExpiredToken</Code>" in said) == (403, True)
    assert proxy.counts().answers == {"503": 1, "403": 2, "200": 1}


def test_a_server_that_is_gone_refuses_connections_and_comes_back(plain):
    connection, proxy = plain
    proxy.begin(rules=[Rule(Fault.GONE, seconds=0.5)])
    with pytest.raises(ConnectionResetError):
        ask(connection, "GET", "/whole")
    connection.close()
    with pytest.raises(ConnectionRefusedError):
        ask(connection, "GET", "/whole")
    connection.close()
    time.sleep(0.7)
    assert ask(connection, "GET", "/whole") == (200, CONTENT)


def test_one_seed_gives_one_schedule():
    assert schedule(7, 100) == schedule(7, 100)
    assert len({schedule(seed, 100) for seed in range(20)}) == 20
    assert {rule.fault for seed in range(20) for rule in schedule(seed, 100)} == set(Fault)


@SERVERS
def test_a_get_is_counted_as_one(stored, proxy):
    way = proxy(stored)
    files, path = filesystem(stored.through(way.address))
    assert files.cat_file(f"{path}/name") == CONTENT
    assert way.counts().requests["GET"] == 1
    assert sum(count for name, count in way.counts().objects.items() if name.startswith("GET ")) == 1
    assert [name.rpartition("/")[2] for name in files.find(path)] == ["name"]
    assert way.counts().requests["LIST"] == 1


@pytest.mark.heavy
@SERVERS
@pytest.mark.alone
def test_latency_is_there(stored, proxy):
    way = proxy(stored)
    files, path = filesystem(stored.through(way.address))
    files.cat_file(f"{path}/name")
    way.begin(latency_s=0.3)
    started = time.monotonic()
    files.cat_file(f"{path}/name")
    seconds, requests = time.monotonic() - started, sum(way.counts().requests.values())
    assert 0.3 * requests <= seconds < 0.3 * requests + 0.5


@pytest.mark.parametrize("rule", FAULTS_OF_READING, ids=lambda rule: rule.fault.value)
@pytest.mark.parametrize("object_stores", ["s3"], indirect=True)
def test_a_client_of_s3_meets_each_fault(stored, proxy, rule):
    way = proxy(stored, rule)
    files, path = filesystem(stored.through(way.address))
    assert files.cat_file(f"{path}/name") == CONTENT
    assert way.counts().faults == {rule.fault: rule.count}


@pytest.mark.parametrize("rule", FAULTS_OF_READING[1:], ids=lambda rule: rule.fault.value)
@pytest.mark.parametrize("object_stores", ["azure"], indirect=True)
def test_a_client_of_azure_meets_each_fault(stored, proxy, rule):
    """Not a 503: Azure's own client waits 15 seconds and more before it asks again."""
    way = proxy(stored, rule)
    files, path = filesystem(stored.through(way.address))
    assert files.cat_file(f"{path}/name") == CONTENT
    assert way.counts().faults == {rule.fault: 1}


@SERVERS
def test_a_client_is_told_that_its_token_has_expired(stored, proxy):
    way = proxy(stored, Rule(Fault.EXPIRED, count=None))
    files, path = filesystem(stored.through(way.address))
    with pytest.raises(Exception, match=r"(?i)token|expir|forbidden"):
        files.cat_file(f"{path}/name")
    assert way.counts().answers["403"] >= 1


@pytest.mark.parametrize(
    "rule",
    [Rule(Fault.SLOW_DOWN, count=3), Rule(Fault.STALL, first=1, seconds=0.3), Rule(Fault.GONE, seconds=0.3)],
    ids=lambda rule: rule.fault.value,
)
@SERVERS
def test_icechunk_asks_again_by_itself(object_stores, proxy, rule):
    icechunk.Repository.create(icechunk_storage(object_stores))
    way = proxy(object_stores, rule)
    opened = icechunk.Repository.open(icechunk_storage(object_stores.through(way.address)))
    assert opened.list_branches() == {"main"}
    assert way.counts().faults == {rule.fault: rule.count}


@pytest.fixture(params=[Fault.RESET, Fault.TRUNCATE])
def opened_by_halves(request, object_stores, proxy):
    """Open a repository whose first object comes by half, once; return the function that does it, and the proxy."""
    icechunk.Repository.create(icechunk_storage(object_stores))
    way = proxy(object_stores, Rule(request.param, ("GET",), holding=f"/{object_stores.prefix}/repo"))
    return lambda: icechunk.Repository.open(icechunk_storage(object_stores.through(way.address))), way


@pytest.mark.parametrize("object_stores", ["s3"], indirect=True)
def test_icechunk_does_not_ask_s3_again_after_half_an_answer(opened_by_halves):
    opening, way = opened_by_halves
    with pytest.raises(icechunk.StorageError, match="reading a body"):
        opening()
    assert way.counts().faults.total() == 1
    assert opening().list_branches() == {"main"}


@pytest.mark.parametrize("object_stores", ["azure"], indirect=True)
def test_icechunk_asks_azure_again_after_half_an_answer(opened_by_halves):
    opening, way = opened_by_halves
    assert opening().list_branches() == {"main"}
    assert way.counts().faults.total() == 1


@SERVERS
def test_icechunk_finds_its_commit_whose_answer_was_lost(object_stores, proxy):
    icechunk.Repository.create(icechunk_storage(object_stores))
    way = proxy(object_stores)
    repository = icechunk.Repository.open(icechunk_storage(object_stores.through(way.address)))
    session = repository.writable_session("main")
    way.begin(rules=[Rule(Fault.LOST_ANSWER, ("PUT",), conditional=True, holding=f"/{object_stores.prefix}/repo")])
    snapshot = session.commit("empty", allow_empty=True)
    assert way.counts().faults == {"lost_answer": 1}
    assert icechunk.Repository.open(icechunk_storage(object_stores)).lookup_branch("main") == snapshot


@pytest.mark.heavy
@pytest.mark.parametrize("object_stores", ["s3"], indirect=True)
def test_no_client_is_left_without_an_end_when_the_server_goes(stored, proxy):
    rule, ended = Rule(Fault.GONE, seconds=0.05), []
    way = proxy(stored, rule)
    host, port = way.address.split(":")

    def ask():
        try:
            with socket.create_connection((host, int(port)), 10) as connection:
                connection.sendall(b"GET /bucket/name HTTP/1.1\r\nHost: there\r\n\r\n")
                connection.recv(1)
        except OSError as error:
            ended.append(not isinstance(error, TimeoutError))
        else:
            ended.append(True)

    for _ in range(40):
        askers = [threading.Thread(target=ask) for _ in range(30)]
        for each in askers:
            each.start()
        for each in askers:
            each.join()
        time.sleep(0.1)
        way.begin(rules=[rule])
    assert ended == [True] * 1200
