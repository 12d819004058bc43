"""What a stranger, a page elsewhere, or a reader may not do: asked of the pages directly."""

import hashlib
import json
import stat
from pathlib import Path
from typing import Any

import httpx
import pytest
from page_client import HOST
from scene import NOW, Scene
from web_kit import PASSWORD, Steps, client_for, sign_in, small_scene, token_in, users_in

from lifeboat.foundation.secret import Secret
from lifeboat.services.web.users import DashboardUserRefused, DashboardUsersUnreadable, Role, Users

PAGES = ("/", "/history", "/history/1000", "/snapshots", "/sizes", "/alerts", "/drills", "/audit", "/jobs/db")
LIVE = ("/live/first", "/live/jobs/db")


@pytest.fixture
def clock() -> Steps:
    return Steps()


@pytest.fixture
def scene() -> Scene:
    return small_scene()


@pytest.fixture
def users(tmp_path: Path) -> Users:
    return users_in(tmp_path)


@pytest.fixture
def client(scene: Scene, users: Users, clock: Steps) -> httpx.Client:
    return client_for(scene, users, clock)


def start(client: httpx.Client, job: str = "db", **more: str) -> Any:
    token = token_in(client.get("/").text)
    return client.post("/start", data={"job": job, "token": token, **more})


def test_nothing_is_shown_to_somebody_who_is_not_signed_in(client: httpx.Client) -> None:
    for page in PAGES:
        answer = client.get(page)
        assert (answer.status_code, answer.headers["location"], answer.text) == (303, "/signin", ""), page
    for page in LIVE:
        assert (client.get(page).status_code, client.get(page).text) == (401, ""), page
    assert client.post("/start", data={"job": "db"}).headers["location"] == "/signin"
    assert "shop-backups" not in client.get("/nowhere").text


def test_every_page_is_shown_to_a_reader(client: httpx.Client) -> None:
    assert sign_in(client, "bob").headers["location"] == "/"
    for page in (*PAGES, *LIVE):
        assert client.get(page).status_code == 200, page
    assert "Run now" not in client.get("/").text


def test_without_any_user_it_shows_only_how_to_make_one(scene: Scene, tmp_path: Path, clock: Steps) -> None:
    client = client_for(scene, Users(tmp_path), clock)
    assert client.get("/").headers["location"] == "/signin"
    text = client.get("/signin").text
    assert "lifeboat dashboard user add" in text and "password" not in text.replace("asks for a password", "")
    assert client.post("/signin", data={"name": "alice", "password": "x"}).headers["location"] == "/signin"


def test_every_answer_carries_the_headers(client: httpx.Client) -> None:
    sign_in(client)
    for page in ("/", "/signin", "/static/style.css", "/static/none", "/nowhere", "/live/first"):
        headers = client.get(page).headers
        assert headers["content-security-policy"].startswith("default-src 'self'"), page
        assert headers["x-frame-options"] == "DENY" and headers["x-content-type-options"] == "nosniff", page
        assert ("no-store" in headers["cache-control"]) is (page != "/static/style.css"), page
    refused = client.get("/", headers={"host": "evil.example"})
    assert refused.headers["x-frame-options"] == "DENY"


def test_no_page_needs_what_its_own_policy_forbids(client: httpx.Client) -> None:
    sign_in(client)
    for page in PAGES:
        text = client.get(page).text
        assert " style=" not in text and "<style" not in text and " onclick" not in text, page
        assert text.count("<script") == 1 and "://" not in text.replace("s3://shop-backups", ""), page


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "shop:8765", "", "localhost, evil.example"])
def test_a_name_that_was_pointed_here_gets_nothing(client: httpx.Client, host: str) -> None:
    sign_in(client)
    answer = client.get("/", headers={"host": host})
    assert answer.status_code == 421 and "Safe" not in answer.text


@pytest.mark.parametrize("host", ["localhost:8765", "127.0.0.1", "[::1]:8765", "Backup.Example.com"])
def test_it_answers_to_its_own_names(scene: Scene, users: Users, clock: Steps, host: str) -> None:
    client = client_for(scene, users, clock, hosts=["backup.example.com"])
    assert client.get("/signin", headers={"host": host}).status_code == 200


def test_cookies_are_kept_from_scripts_and_other_sites(scene: Scene, users: Users, clock: Steps) -> None:
    plain = sign_in(client_for(scene, users, clock)).headers["set-cookie"]
    assert "HttpOnly" in plain and "SameSite=strict" in plain and "Secure" not in plain
    behind_https = client_for(scene, users, clock)
    behind_https.base_url = "https://127.0.0.1"  # type: ignore[assignment]
    cookie = sign_in(behind_https).headers["set-cookie"]
    assert cookie.startswith("__Host-lifeboat-session=") and "Secure" in cookie
    assert "max-age" in behind_https.get("/").headers["strict-transport-security"]


def test_an_operator_begins_a_job_and_it_is_known_who_did(client: httpx.Client, scene: Scene) -> None:
    sign_in(client)
    answer = start(client)
    assert (answer.status_code, answer.headers["location"]) == (303, "/jobs/db")
    assert scene.began == [("db", "alice", HOST)]


def test_a_reader_begins_nothing(client: httpx.Client, scene: Scene) -> None:
    sign_in(client, "bob")
    token = token_in(client.get("/").text)
    assert client.post("/start", data={"job": "db", "token": token}).status_code == 403
    assert not scene.began


@pytest.mark.parametrize("job", ["prune", "../etc", "", "stream", "db; rm -rf /"])
def test_what_takes_something_away_or_is_no_job_is_not_begun(client: httpx.Client, scene: Scene, job: str) -> None:
    sign_in(client)
    assert start(client, job).status_code == 400
    assert not scene.began


@pytest.mark.parametrize("token", ["", "x", "é"])
def test_a_form_without_the_sessions_token_begins_nothing(client: httpx.Client, scene: Scene, token: str) -> None:
    sign_in(client)
    assert client.post("/start", data={"job": "db", "token": token}).status_code == 403
    assert client.post("/signout", data={"token": token}).status_code == 403
    assert client.post("/start", json={"job": "db"}).status_code == 403
    assert client.get("/start").status_code in (404, 405)
    assert not scene.began


def test_another_users_token_begins_nothing(scene: Scene, users: Users, clock: Steps) -> None:
    alice, bob = client_for(scene, users, clock), client_for(scene, users, clock)
    sign_in(alice)
    sign_in(bob, "bob")
    assert alice.post("/start", data={"job": "db", "token": token_in(bob.get("/").text)}).status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
def test_a_form_of_another_site_begins_nothing(client: httpx.Client, scene: Scene, headers: dict[str, str]) -> None:
    sign_in(client)
    token = token_in(client.get("/").text)
    assert client.post("/start", data={"job": "db", "token": token}, headers=headers).status_code == 403
    assert not scene.began


def test_a_sign_in_that_another_site_made_is_refused(client: httpx.Client) -> None:
    token = token_in(client.get("/signin").text)
    client.cookies.clear()
    answer = client.post("/signin", data={"name": "alice", "password": PASSWORD.reveal(), "token": token})
    assert answer.status_code == 403


def test_a_session_ends_after_half_an_hour_without_a_click(client: httpx.Client, clock: Steps) -> None:
    sign_in(client)
    clock.sleep(29 * 60)
    assert client.get("/").status_code == 200
    clock.sleep(29 * 60)
    assert client.get("/live/first").status_code == 200, "a page that looks by itself is no click"
    clock.sleep(2 * 60)
    assert client.get("/").status_code == 303


def test_a_session_ends_after_twelve_hours_whatever_happens(client: httpx.Client, clock: Steps) -> None:
    sign_in(client)
    for _ in range(12 * 3):
        clock.sleep(20 * 60 - 1)
        assert client.get("/").status_code == 200
    clock.sleep(60)
    assert client.get("/").status_code == 303


def test_signing_out_ends_the_session_for_whoever_has_the_cookie(client: httpx.Client) -> None:
    sign_in(client)
    cookies = dict(client.cookies)
    client.post("/signout", data={"token": token_in(client.get("/").text)})
    client.cookies.update(cookies)
    assert client.get("/").status_code == 303


def test_who_is_removed_or_gets_another_password_is_out_at_once(client: httpx.Client, users: Users) -> None:
    sign_in(client)
    users.remove("alice")
    assert client.get("/").status_code == 303
    users.add("alice", Role.OPERATOR, PASSWORD, NOW)
    assert client.get("/").status_code == 303
    assert sign_in(client).status_code == 303 and client.get("/").status_code == 200


def test_a_session_is_new_after_each_sign_in(client: httpx.Client) -> None:
    sign_in(client)
    first = client.cookies["lifeboat-session"]
    client.cookies.delete("lifeboat-session")
    sign_in(client)
    assert client.cookies["lifeboat-session"] != first


def test_wrong_passwords_have_to_wait_twice_as_long_each_time(client: httpx.Client, clock: Steps, scene: Scene) -> None:
    waits = []
    for _ in range(7):
        answer = sign_in(client, password="not this one at all")
        waits.append(int(answer.headers.get("retry-after", 0)))
        clock.sleep(waits[-1])
    assert waits == [0, 0, 1, 2, 4, 8, 16]
    sign_in(client, password="not this one at all")
    blocked = sign_in(client)
    assert blocked.status_code == 429, "the right password, too early, tells nobody that it is right"
    assert len(scene.noted) == 8 and not any(good for *_, good in scene.noted)
    clock.sleep(60)
    assert sign_in(client).status_code == 303


def test_a_name_that_nobody_has_waits_as_well_is_told_the_same_and_not_kept(client: httpx.Client, scene: Scene) -> None:
    known = sign_in(client, "bob", "not this one at all").text
    unknown = sign_in(client, "eve", "not this one at all").text
    assert "Name or password is wrong" in known and "Name or password is wrong" in unknown
    for _ in range(5):
        answer = sign_in(client, "eve", "not this one at all")
    assert answer.status_code == 429
    assert {name for _, name, _, _ in scene.noted} == {"bob", "a name that nobody has"}


def test_no_secret_is_shown_wherever_it_comes_from(users: Users, clock: Steps) -> None:
    scene = Scene(hours=5, secret="mongodb://root:hunter2")
    client = client_for(scene, users, clock)
    sign_in(client)
    text = client.get("/history/1000").text
    assert "hunter2" not in text and "[secret] cannot be reached" in text


def test_what_others_named_is_text_and_never_a_tag(users: Users, clock: Steps) -> None:
    scene = small_scene()
    scene.trouble = '<script>alert("x")</script>'
    client = client_for(scene, users, clock)
    sign_in(client)
    assert "<script>alert" not in client.get("/").text and "&lt;script&gt;" in client.get("/").text


@pytest.mark.parametrize(
    "path",
    ["/static/../users.py", "/static/..%2fusers.py", "/static/%2e%2e/pages.py", "/static//etc/passwd", "/static/"],
)
def test_no_file_is_to_be_had_by_its_name(client: httpx.Client, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code in (303, 404) and "import" not in answer.text


def test_large_bodies_and_addresses_are_refused(client: httpx.Client) -> None:
    def much() -> Any:
        for _ in range(100):
            yield b"a" * 1000

    form = {"content-type": "application/x-www-form-urlencoded"}
    assert client.post("/signin", content=b"a" * 20_000, headers=form).status_code == 413
    assert client.post("/signin", content=much(), headers=form).status_code == 413
    assert client.get("/signin?" + "a" * 5000).status_code == 414
    assert client.request("DELETE", "/").status_code == 405


def test_a_password_is_stored_as_a_slow_hash_in_a_private_file(tmp_path: Path) -> None:
    users = Users(tmp_path)
    users.add("alice", Role.OPERATOR, PASSWORD, NOW)
    assert stat.S_IMODE(users.path.stat().st_mode) == 0o600
    text = users.path.read_text()
    assert PASSWORD.reveal() not in text
    one = json.loads(text)["users"]["alice"]
    made = hashlib.scrypt(
        PASSWORD.reveal().encode(), salt=bytes.fromhex(one["salt"]), n=one["n"], r=8, p=1, maxmem=2**27, dklen=32
    )
    assert made.hex() == one["hash"] and one["n"] >= 2**15
    assert users.check("alice", PASSWORD) and not users.check("alice", Secret("x")) and not users.check("eve", PASSWORD)


def test_a_file_of_users_that_others_can_read_is_refused(tmp_path: Path) -> None:
    users = users_in(tmp_path)
    users.path.chmod(0o644)
    with pytest.raises(DashboardUsersUnreadable, match="open to other users"):
        Users(tmp_path).list()
    users.path.write_text("{")
    users.path.chmod(0o600)
    with pytest.raises(DashboardUsersUnreadable, match="damaged"):
        Users(tmp_path).list()


def test_a_damaged_file_of_users_lets_nobody_in_and_tells_strangers_nothing(client: httpx.Client, users: Users) -> None:
    sign_in(client)
    users.path.write_text("{")
    for page in ("/", "/signin"):
        answer = client.get(page)
        assert answer.status_code == 500 and str(users.path) not in answer.text, page
        assert "dashboard-users-unreadable" in answer.text


@pytest.mark.parametrize("password", ["short", "aaaaaaaaaaaaaaaaaa", "x" * 2000])
def test_a_password_that_is_quickly_guessed_is_refused(tmp_path: Path, password: str) -> None:
    with pytest.raises(DashboardUserRefused):
        Users(tmp_path).add("alice", Role.READER, Secret(password), NOW)


def test_a_user_is_added_once_and_removed_once(tmp_path: Path) -> None:
    users = users_in(tmp_path)
    with pytest.raises(DashboardUserRefused, match="already"):
        users.add("alice", Role.READER, PASSWORD, NOW)
    users.remove("alice")
    with pytest.raises(DashboardUserRefused, match="no user"):
        users.remove("alice")
    assert [one.name for one in Users(tmp_path).list()] == ["bob"]
    with pytest.raises(DashboardUserRefused):
        users.add("<b>", Role.READER, PASSWORD, NOW)
