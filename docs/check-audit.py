"""Check what `lifeboat audit export FILE` wrote, without Lifeboat: python3 check-audit.py FILE (docs/format.md, section 16)."""

import hashlib
import json
import sys


def canonical(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


with open(sys.argv[1], "rb") as file:
    lines = [json.loads(line) for line in file]
entries = {(one["log"], one["seq"]): one for one in (line["entry"] for line in lines if "entry" in line)}
keys = {one["writer"]["writer"]: one["writer"]["signing_key"] for one in lines if "writer" in one}
wrong, before = [], {}
for (log, seq), entry in sorted(entries.items()):
    expected = entries[log, seq - 1]["hash"] if (log, seq - 1) in entries else None
    expected = hashlib.sha256(b"lifeboat audit log 1\n" + log.encode()).hexdigest() if seq == 1 else expected
    hashed = canonical({name: value for name, value in entry.items() if name != "hash"})
    if hashlib.sha256(b"lifeboat audit entry 1\n" + hashed).hexdigest() != entry["hash"]:
        wrong.append(f"log {log}: entry {seq} was changed")
    elif entry["previous"] != expected:
        wrong.append(f"log {log}: entry {seq} does not go on from entry {seq - 1}")
for name, signed in [(one["anchor"]["name"], one["anchor"]["signed"]) for one in lines if "anchor" in one]:
    body, writer = signed["body"], signed["body"]["writer"]
    if body["previous"] != before.get(writer, body["previous"] if body["number"] == 1 else None):
        wrong.append(f"{name}: an anchor before it is missing")
    before[writer] = name[-64:]  # the SHA-256 of the object in the bucket
    wrong += [f"{name}: entry {e['seq']} differs" for e in body["entries"] if entries.get((e["log"], e["seq"])) != e]
    try:
        import base64

        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

        key, signature = (
            base64.urlsafe_b64decode(text + "==") for text in (keys[writer], signed["signatures"]["writer"])
        )
        Ed25519PublicKey.from_public_bytes(key).verify(signature, b"lifeboat audit anchor 1\n" + canonical(body))
    except ImportError:
        print("signatures not checked: pip install cryptography", file=sys.stderr)
    except Exception:
        wrong.append(f"{name}: not signed by its writer")
print("\n".join(wrong) or f"{len(entries)} entries and {sum(1 for one in lines if 'anchor' in one)} anchors are whole")
sys.exit(3 if wrong else 0)
