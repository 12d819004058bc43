"""A connection string is honoured, spoken of without its password, and every failure says what to do."""

import subprocess
import sys
from pathlib import Path

import pytest
from mongod import private_server
from mongodb_samples import Client

from lifeboat.foundation.clock import SystemClock
from lifeboat.foundation.secret import Secret
from lifeboat.sources.mongodb.capture import preflight
from lifeboat.sources.mongodb.connect import address_of, connect, database_of
from lifeboat.sources.mongodb.errors import DatabaseUnreachable, DatabaseUriInvalid
from lifeboat.sources.mongodb.private_server import TlsFiles


@pytest.mark.parametrize(
    ("uri", "address", "database"),
    [
        ("mongodb://db1:27017,db2/shop?replicaSet=rs0", "db1:27017,db2", "shop"),
        ("mongodb+srv://u:p%40ss@cluster0.example.net/", "cluster0.example.net", None),
        ("mongodb://root:pw@db/admin", "db", None),
        ("mongodb://u:p@ss/word@db:1/shop%20two", "db:1", "shop two"),
        ("mongodb://u:p@db/?authSource=x@y", "y", None),
        ("mongodb://db", "db", None),
        ("nonsense", "(no host)", None),
    ],
)
def test_the_address_names_hosts_and_never_a_password(uri: str, address: str, database: str | None) -> None:
    assert address_of(Secret(uri)) == address
    assert database_of(Secret(uri)) == database


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "http://db/shop",
        "mongodb://",
        "mongodb://u:s3cret@x@db/shop",
        "mongodb://db:notaport/",
        "mongodb://u:s3cret@db/?tls=true&tlsInsecure=true&tlsAllowInvalidCertificates=true",
        "mongodb://u:s3cret/@db/shop",
    ],
)
def test_a_string_that_cannot_be_read_is_refused_without_showing_it(uri: str) -> None:
    with pytest.raises(DatabaseUriInvalid) as raised:
        connect(Secret(uri))
    assert raised.value.hint and "s3cret" not in raised.value.message + raised.value.hint


def test_nobody_there_and_no_such_host_are_told_apart_by_their_hints() -> None:
    with pytest.raises(DatabaseUnreachable, match=r"127\.0\.0\.1:1") as refused:
        connect(Secret("mongodb://u:s3cret@127.0.0.1:1/"), wait_seconds=0.3)
    assert "is mongod running" in refused.value.hint and "s3cret" not in refused.value.message
    with pytest.raises(DatabaseUnreachable) as unknown:
        connect(Secret("mongodb://no-such-host.invalid/"), wait_seconds=0.3)
    assert "spelt right" in unknown.value.hint


def test_srv_without_dnspython_says_what_to_install() -> None:
    program = (
        "import sys; sys.modules['dns'] = None\n"
        "from lifeboat.foundation.secret import Secret\n"
        "from lifeboat.sources.mongodb.connect import connect\n"
        "from lifeboat.sources.mongodb.errors import DatabaseUriInvalid\n"
        "try:\n    connect(Secret('mongodb+srv://u:p@cluster0.example.net/'))\n"
        "except DatabaseUriInvalid as error:\n    print(error.message, error.hint)"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert "dnspython" in said and "lifeboat[srv]" in said


def test_a_server_with_tls_is_reached_with_its_authority_and_not_without(tmp_path: Path) -> None:
    files = make_certificates(tmp_path)
    with private_server(tls=files) as server:
        with connect(Secret(server.uri)) as client:
            assert client.admin.command("ping")["ok"]
        with pytest.raises(DatabaseUnreachable) as raised:
            connect(Secret(server.uri.split("&tlsCAFile")[0]), wait_seconds=0.5)
        assert "tlsCAFile" in raised.value.hint


def test_a_preflight_finds_nothing_wrong_with_a_good_server(client: Client, database: str) -> None:
    client[database].orders.insert_one({})
    facts, findings = preflight(client, [database], clock=SystemClock())
    assert (facts.release, facts.set_name, facts.feature_version, findings) == ((6, 0), "lifeboat", "6.0", [])


def make_certificates(folder: Path) -> TlsFiles:
    """An authority, and a server certificate for 127.0.0.1."""

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=test", "-keyout", "ca.key", "-out", "ca.pem")
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=db", "-keyout", "db.key", "-out", "db.csr")
    (folder / "names").write_text("subjectAltName=IP:127.0.0.1")
    sign = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "names", "-out", "db.crt"]
    openssl("x509", "-req", "-in", "db.csr", *sign)
    (folder / "db.pem").write_text((folder / "db.key").read_text() + (folder / "db.crt").read_text())
    return TlsFiles(server=folder / "db.pem", authority=folder / "ca.pem")
