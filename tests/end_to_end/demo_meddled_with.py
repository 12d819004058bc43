"""``lifeboat demo`` with a hand in it: what comes back is spoiled in five ways before it is compared."""

import os
from pathlib import Path

from lifeboat.app import demo
from lifeboat.app.demo_scene import DATABASE, Look, Scene
from lifeboat.cli.main import main


def _one_field(scene: Scene) -> None:
    scene._client[DATABASE]["invoices"].update_one({}, {"$set": {"open": "meddled"}})


def _one_index(scene: Scene) -> None:
    scene._client[DATABASE]["users"].drop_index("email_unique")


def _one_byte(scene: Scene) -> None:
    victim = _some_files(scene.uploads)[0]
    facts = victim.stat()
    with victim.open("r+b") as opened:
        first = opened.read(1)[0]
        opened.seek(0)
        opened.write(bytes([first ^ 1]))
    os.utime(victim, ns=(facts.st_atime_ns, facts.st_mtime_ns))


def _one_time(scene: Scene) -> None:
    os.utime(_some_files(scene.uploads)[1], ns=(1, 1))


def _no_configuration(scene: Scene) -> None:
    (scene.configuration / ".env").unlink()


def _some_files(folder: Path) -> list[Path]:
    return sorted(one for one in folder.glob("*/20*/*/*") if one.stat().st_size > 10)


class MeddledScene(Scene):
    """What it holds after the restore is spoiled in all these ways before anybody compares."""

    looks = 0

    def look(self) -> Look:
        MeddledScene.looks += 1
        if MeddledScene.looks == 2:
            for spoil in (_one_field, _one_index, _one_byte, _one_time, _no_configuration):
                spoil(self)
        return super().look()


if __name__ == "__main__":
    demo.Scene = MeddledScene  # type: ignore[misc]
    main()
