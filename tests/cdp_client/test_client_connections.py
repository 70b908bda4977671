"""Answers that are lost on the way, hosts that are not there, and certificates that nobody vouches for."""

import datetime
import os
import re
import socket
import ssl
import subprocess
import threading
from pathlib import Path

import pytest
from urllib3.util import connection

from cdp_client import GaveUpError, NotFoundError, UnreachableError


@pytest.fixture
def closed_port():
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory) -> Path:
    """A key and a certificate for 127.0.0.1 that is signed by nobody but itself, made by the openssl command."""
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=sandbox",
            "-addext",
            "subjectAltName=IP:127.0.0.1",
            "-keyout",
            "key.pem",
            "-out",
            "certificate.pem",
        ],
        cwd=folder,
        check=True,
        capture_output=True,
    )
    (folder / "both.pem").write_text((folder / "key.pem").read_text() + (folder / "certificate.pem").read_text())
    return folder / "both.pem"


@pytest.fixture
def over_tls(scripted, certificate):
    """The scripted server behind that certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    scripted.connections = 0
    accept = scripted.get_request

    def get_request():
        scripted.connections += 1
        connection, address = accept()
        connection.settimeout(2)
        return context.wrap_socket(connection, server_side=True), address

    scripted.get_request = get_request
    return scripted


@pytest.mark.parametrize("how", ["cut", "reset", "late"])
def test_a_lost_answer_is_asked_for_again_and_doubtful(make_client, reply, how):
    client = make_client(timeout=0.2 if how == "late" else 5)
    client.script(reply(how=how, body=b'{"data": [1, 2'), reply())
    answer = client.get()
    assert answer.doubtful
    assert answer.body == b'{"data": []}'
    assert len(client.server.asked) == 2


@pytest.mark.parametrize("status", [408, 500, 502, 504])
def test_a_failed_answer_is_doubtful(client, reply, status):
    client.script(reply(status), reply())
    assert client.get().doubtful


@pytest.mark.parametrize("lost", [[], [504]])
def test_a_404_after_a_lost_answer_is_doubtful_too(client, reply, lost):
    # the end of a scroll may be a 404, and what was lost its last page
    client.script(*map(reply, lost), reply(404))
    with pytest.raises(NotFoundError) as error:
        client.get()
    assert error.value.doubtful == bool(lost)


def test_a_truncated_json_body_is_doubtful(client, reply):
    client.script(reply(200, b'{"data": [{"id":'), reply())
    assert client.get().doubtful


@pytest.mark.parametrize("status", [429, 503])
def test_a_refusal_moved_nothing_and_is_not_doubtful(client, reply, status):
    client.script(reply(status), reply(status), reply())
    assert not client.get().doubtful


def test_doubt_stays_when_a_refusal_follows(client, reply):
    client.script(reply(504), reply(429), reply(503), reply())
    assert client.get().doubtful


def test_doubt_is_of_one_request_only(client, reply):
    client.script(reply(504), reply(), reply())
    assert client.get().doubtful
    assert not client.get().doubtful


@pytest.mark.parametrize("how", ["cut", "reset", "late"])
def test_what_is_lost_every_time_ends_without_a_word_of_the_request(make_client, reply, gives_nothing_away, how):
    client = make_client(timeout=0.02 if how == "late" else 5)
    client.script(reply(how=how))
    with pytest.raises(GaveUpError) as caught:
        client.get()
    text = gives_nothing_away(caught.value)
    said = r"/v1/profiles/\{idType\}:\{id\}/traits failed again and again, at last with a broken connection \(\w+\): .*"
    assert re.fullmatch(said, text)
    assert client.statistics.requests == 10


def test_a_port_where_nobody_listens_is_told_quickly(make_client, closed_port, gives_nothing_away):
    client = make_client(f"http://127.0.0.1:{closed_port}/track/acme/secret_brand")
    with pytest.raises(UnreachableError) as caught:
        client.get()
    text = gives_nothing_away(caught.value)
    assert "127.0.0.1 cannot be reached" in text
    assert "secret_brand" not in text
    assert client.statistics.requests == 3
    assert sum(client.time.slept) < 1


def test_a_host_without_a_name_is_told_quickly(make_client, gives_nothing_away, monkeypatch):
    def unknown(*_args, **_kwargs):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    client = make_client("https://nowhere.invalid/track")
    with pytest.raises(UnreachableError, match=r"nowhere\.invalid cannot be reached") as caught:
        client.get()
    gives_nothing_away(caught.value)
    assert client.statistics.requests == 3


def test_an_address_that_is_none_is_told_at_once(make_client, gives_nothing_away):
    client = make_client("http://127.0.0.1:99999/track")
    with pytest.raises(UnreachableError) as caught:
        client.get()
    gives_nothing_away(caught.value)
    assert client.statistics.requests == 1


def test_a_host_that_has_answered_gets_all_its_attempts(make_client, scripted, reply, gives_nothing_away):
    client = make_client()
    client.script(reply(headers={"Connection": "close"}))
    client.get()
    scripted.shutdown()
    scripted.server_close()
    client.transport.close()
    with pytest.raises(GaveUpError) as caught:
        client.get()
    gives_nothing_away(caught.value)
    assert client.statistics.requests == 11


def test_a_request_that_was_never_sent_is_not_doubtful(make_client, closed_port, reply, scripted, monkeypatch):
    client = make_client()
    create = connection.create_connection
    failures = [2]

    def refused(address, *args, **kwargs):
        failures[0] -= 1
        return create(("127.0.0.1", closed_port) if failures[0] >= 0 else address, *args, **kwargs)

    monkeypatch.setattr(connection, "create_connection", refused)
    assert not client.get().doubtful
    assert client.statistics.as_dict()["by_status"] == {"200": 1, "NewConnectionError": 2}


def test_a_proxy_that_is_not_there_is_not_doubtful_and_told_quickly(
    make_client, closed_port, monkeypatch, gives_nothing_away
):
    monkeypatch.setenv("http_proxy", f"http://user:pass@127.0.0.1:{closed_port}")
    client = make_client("http://platform.example/track")
    with pytest.raises(UnreachableError) as caught:
        client.get()
    assert "pass" not in gives_nothing_away(caught.value).replace("passed", "")
    assert client.statistics.as_dict()["by_status"] == {"ProxyError": 3}


@pytest.mark.parametrize("scheme", ["http://", ""])
def test_the_environments_proxy_is_asked_with_its_password(make_client, scripted, monkeypatch, scheme):
    monkeypatch.setenv("http_proxy", f"{scheme}us%40er:pa%3Ass@127.0.0.1:{scripted.server_port}")
    client = make_client("http://platform.example/track")
    assert client.get().status == 200
    path, headers = scripted.asked[0]
    assert path.startswith("http://platform.example/track/v1/profiles/email:alice%40example.com/traits?")
    assert headers["proxy-authorization"] == "Basic dXNAZXI6cGE6c3M="


def test_no_proxy_is_respected(make_client, scripted, closed_port, monkeypatch):
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{closed_port}")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    assert make_client().get().status == 200


def test_a_self_signed_certificate_stops_at_once(make_client, over_tls, gives_nothing_away):
    client = make_client(over_tls.url.replace("http:", "https:"))
    with pytest.raises(UnreachableError) as caught:
        client.get()
    text = gives_nothing_away(caught.value)
    assert "certificate of 127.0.0.1 could not be verified (self-signed certificate)" in text
    assert "SSL_CERT_FILE" in text
    assert over_tls.connections == 1
    assert over_tls.asked == [], "the token was never sent"


def test_a_certificate_for_another_name_stops_at_once(make_client, over_tls, certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", os.fspath(certificate))
    client = make_client(over_tls.url.replace("http://127.0.0.1", "https://localhost"))
    with pytest.raises(UnreachableError, match="certificate of localhost could not be verified"):
        client.get()
    assert over_tls.asked == []


def test_an_organisations_own_authority_is_trusted_by_ssl_cert_file(make_client, over_tls, certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", os.fspath(certificate))
    client = make_client(over_tls.url.replace("http:", "https:"))
    assert client.get().status == 200


def test_http_behind_an_https_address_is_told_quickly(make_client, scripted, gives_nothing_away):
    client = make_client(scripted.url.replace("http:", "https:"))
    with pytest.raises(UnreachableError) as caught:
        client.get()
    gives_nothing_away(caught.value)
    assert client.statistics.requests <= 3
    assert scripted.asked == []


def test_a_tls_connection_that_breaks_later_is_only_a_retry(make_client, over_tls, certificate, monkeypatch, reply):
    # given a host that has answered once, whose next handshake is broken off, as load balancers do
    monkeypatch.setenv("SSL_CERT_FILE", os.fspath(certificate))
    client = make_client(over_tls.url.replace("http:", "https:"))
    client.script(reply(headers={"Connection": "close"}), reply())
    client.get()
    whole = over_tls.get_request
    broken = [1]

    def get_request():
        if broken.pop() if broken else 0:
            connection, _ = socket.socket.accept(over_tls.socket)
            connection.recv(10_000)
            connection.sendall(b"\x15\x03\x03\x00\x02\x02\x50")  # an alert: internal error
            connection.close()
            raise OSError
        return whole()

    over_tls.get_request = get_request
    # then the request goes through all the same
    assert client.get().status == 200
    assert client.statistics.as_dict()["by_status"] == {"200": 2, "SSLError": 1}


def test_many_threads_share_one_transport(make_client, reply):
    client = make_client()
    client.script(*[reply(status) for status in (500, 429, 503, 502) for _ in range(2)], reply())
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(client.get())) for _ in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert [answer.status for answer in answers] == [200] * 40
    assert client.statistics.requests == 48
    assert client.statistics.as_dict()["by_status"] == {"200": 40, "429": 2, "500": 2, "502": 2, "503": 2}


def test_the_platforms_clock_is_the_date_header(client, reply):
    client.script(reply(headers={"Date": "Thu, 01 Feb 2024 13:00:05 +0100"}), reply(headers={"Date": ""}))
    noon = datetime.datetime(2024, 2, 1, 12, 0, 5, tzinfo=datetime.UTC)
    assert client.get().now == int(noon.timestamp() * 1000)
    assert client.get().now is None


@pytest.mark.parametrize("date", ["garbage", "Thu, 01 Feb 2024 12:00:00 +99999999999999"])
def test_a_date_that_cannot_be_read_is_as_if_it_were_not_there(client, reply, date):
    client.script(reply(headers={"Date": date}))
    assert client.get().now is None
