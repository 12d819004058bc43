"""Keys come and go by the installed command: a writer stops until it is told, the new key reads all, and who was erased stays erased."""

import subprocess
import sys
from pathlib import Path

from machine import KEY, Machine, fill_some, grow_some, read_database, tree_differences

from lifeboat.crypto.identity import Identity
from lifeboat.rescue import rescue_script


def rescue(folder: Path, key: Path, *typed: str) -> str:
    script = folder / "rescue.py"
    script.write_text(rescue_script())
    done = subprocess.run(
        [sys.executable, str(script), *typed, "--key-file", str(key)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_a_second_key_takes_over_and_the_first_is_taken_away(make_machine, tmp_path: Path) -> None:
    host: Machine = make_machine(tmp_path / "host")
    fill_some(host.collections)
    grow_some(host.uploads)
    host.run("init", "--guarded", "--yes")
    host.variables.pop("BACKUP_ENCRYPTION_KEY")
    host.run("backup", "all")
    keeper = host.elsewhere(tmp_path / "keeper", BACKUP_ENCRYPTION_KEY=KEY)
    keeper.run("verify", "--level", "full")
    gone = sorted(one for one in host.uploads.rglob("*") if one.is_file())[0]
    gone.unlink()
    keeper.run("erase", "record", "--file", str(gone))

    keeper.run("keygen", "--out", "safe.key")
    (keeper.folder / "safe.pub").write_text(keeper.run("keygen", "--recipient", "--from", "safe.key"))
    assert "--yes" in keeper.refuses(2, "cannot-ask", "recipient", "add", "safe", "safe.pub")
    done = keeper.json("recipient", "add", "safe", "safe.pub", "--yes")
    assert done["opened"]["keys"] >= 2 and done["opened"]["closed"] == 0
    everybody = [one["fingerprint"][:16] for one in done["recipients"]]

    # The host, which has no key, seals for nobody whom nobody there has accepted.
    assert "recipient accept" in host.refuses(11, "recipients-changed", "backup", "all")
    stranger = Identity.generate().recipient.fingerprint_short
    host.refuses(11, "recipients-changed", "recipient", "accept", everybody[0])
    host.refuses(11, "recipients-changed", "recipient", "accept", everybody[0], stranger)
    host.refuses(11, "recipients-changed", "recipient", "accept", *everybody, stranger)
    host.refuses(11, "recipients-changed", "backup", "all")
    host.run("recipient", "accept", *everybody)
    host.run("backup", "all")

    # The first key is taken away with the second alone; that machine has no other.
    safe = host.elsewhere(tmp_path / "safe", LIFEBOAT_KEY_FILE=str(keeper.folder / "safe.key"))
    safe.run("recipient", "remove", "key", "--yes")
    keeper.refuses(11, "key-not-a-recipient", "snapshots")
    host.run(
        "recipient",
        "accept",
        Identity.from_text((keeper.folder / "safe.key").read_text().splitlines()[-1]).recipient.fingerprint_short,
    )
    (host.uploads / "later").write_text("a later contract")
    host.run("backup", "all")

    assert all(one["keys_closed"] == 0 for one in safe.json("recipient", "list", "--look")["recipients"])
    safe.run("verify", "--level", "full")
    assert [one for one in safe.json("snapshots")["snapshots"] if one["proved"]], (
        "what the first key had proved is proved"
    )
    expected = read_database(host.client, host.database, accounts=False)
    safe.run(
        "restore", "db", "latest", "--to", f"{host.database}_back", "--yes", MONGODB_URI=host.variables["MONGODB_URI"]
    )
    assert read_database(host.client, f"{host.database}_back", accounts=False) == expected
    host.client.drop_database(f"{host.database}_back")
    oldest = safe.snapshots("files")[-1]["snapshot"]
    safe.run("restore", "files", oldest, "--to", str(tmp_path / "back"), "--yes")
    back = {one.name for one in (tmp_path / "back").rglob("*") if one.is_file()}
    assert gone.name not in back and "later" not in back and len(back) > 3
    newest = tmp_path / "newest"
    safe.run("restore", "files", "latest", "--to", str(newest), "--yes")
    assert tree_differences(host.uploads, newest) == ""

    # So it is for who has nothing but the script and the key.
    key = keeper.folder / "safe.key"
    rescue(tmp_path, key, "files", str(host.repository), oldest, str(tmp_path / "rescued"))
    found = {one.name for one in (tmp_path / "rescued").rglob("*") if one.is_file()}
    assert gone.name not in found and found == back
    assert "erasure" not in rescue(tmp_path, key, "files", str(host.repository), "latest", str(tmp_path / "rescued 2"))


def test_a_new_key_in_the_place_of_the_one_in_use(make_machine, tmp_path: Path) -> None:
    host: Machine = make_machine(tmp_path / "shop")
    grow_some(host.uploads)
    host.run("init", "--yes")
    host.run("backup", "files")
    host.run("keygen", "--out", "new.key")
    done = host.json("recipient", "replace", "key", "--by", "new.key", "--yes", "--stolen")
    assert len(done["recipients"]) == 1 and done["recipients"][0]["name"].startswith("key 20")
    host.refuses(11, "key-not-a-recipient", "backup", "files")
    host.variables.pop("BACKUP_ENCRYPTION_KEY")
    host.variables["LIFEBOAT_KEY_FILE"] = str(host.folder / "new.key")
    host.run("backup", "files", "--new-generation")
    host.run("restore", "files", "latest", "--to", str(tmp_path / "back"), "--yes")
    assert tree_differences(host.uploads, tmp_path / "back") == ""
    # Typed again, it says that it is done.
    again = host.json("recipient", "replace", done["recipients"][0]["name"], "--by", "new.key", "--yes")
    assert again["opened"]["keys"] == 0
    said = host.run("recipient", "list")
    assert "the key in use here" in said and "recipient add" in said
