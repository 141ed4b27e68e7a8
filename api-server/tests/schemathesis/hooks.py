"""What the schema alone cannot say: texts of a kind, and fields that depend on each other.

Every `format` here is named in the document; without these, most requests that fit the schema would end at a rule that JSON
Schema has no words for, and nothing behind it would be tried.
"""

import base64
import datetime
import hashlib
import itertools
import os

import schemathesis
from hypothesis import strategies as st
from schemathesis.generation.meta import TestPhase

ASCII = st.characters(min_codepoint=ord("a"), max_codepoint=ord("z"))


def words(size: int) -> st.SearchStrategy[str]:
    return st.text(ASCII, min_size=3, max_size=size)


FORMATS = {
    # 16 letters are a UUID's bytes and a word in one: the key of either kind of list.
    "cursor": st.text(ASCII, min_size=16, max_size=16).map(
        lambda key: base64.urlsafe_b64encode(key.encode()).decode().rstrip("=")
    ),
    "display-name": words(64),
    "ed25519-public-key": st.sampled_from(
        ["11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=", "PUAXw+hDiVqStwqnTRt+vJyYLM8uxJaMwM1V8Sr0Zgw="]
    ),
    "email-address": words(20).map(lambda name: f"{name}@example.org"),
    "engine-version": st.tuples(*[st.integers(0, 20)] * 3).map(lambda v: ".".join(map(str, v))),
    "registered-engine-version": st.just("1.0.0"),
    "game-name": words(64),
    "idempotency-key": st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=128),
    "image-reference": words(40).map(lambda name: f"registry.example/{name}:1"),
    "admin-name": words(40),
    "line": words(60),
    "login-code": st.integers(0, 999_999).map(lambda n: f"{n:06}"),
    # Whatever is easy to draw is among the commonest.
    "password-text": st.integers(0, 2**64).map(lambda n: hashlib.sha256(str(n).encode()).hexdigest()[:40]),
    "language-tag": st.sampled_from(["en", "en-GB", "de", "ru", "zh-Hant"]),
    "race-name": words(32),
    "text": st.text("abcdefghijklmnopqrstuvwxyzÄßéЖя漢字0123456789 .,!?-\n", max_size=200),
    "time-zone": st.sampled_from(["UTC", "Europe/London", "Asia/Tokyo", "America/Sao_Paulo"]),
    "turn-schedule": st.sampled_from(["@every 1h", "@every 90s", "0 6,18 * * *", "*/5 * * * 1-5"]),
    "user-name": words(32),
}
for name, strategy in FORMATS.items():
    schemathesis.openapi.format(name, strategy)


def soon() -> str:
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=30)).isoformat()


calls = itertools.count()


@schemathesis.hook
def before_call(context, case, kwargs):
    """Every request comes from another address, so that no brake hides what is behind it; but an administrator sits in one place,
    since a password is hashed anew for every other one. A request that fits the schema also gets what JSON Schema cannot say:
    fields that depend on each other, and ids of what there is."""
    number = next(calls)
    elsewhere = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
    # Administrators sign in over TLS, which the proxy before it has ended.
    case.headers["X-Forwarded-Proto"] = "https"
    case.headers["X-Forwarded-For"] = "192.0.2.1" if "/admin/" in case.operation.path else elsewhere
    spare(case)
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    if isinstance(case.body, dict):
        fit(case.body)
        if case.operation.definition.raw["operationId"] == "create_invite" and not WAYS & case.body.keys():
            case.body["max_uses"] = 3
        # Bounds of the engine version that games are made with would refuse most games after it.
        if "/engine-versions" in case.operation.path:
            case.body.update({bound: None for bound in ("min_players", "max_players") if bound in case.body})
    # The one list whose key is a number.
    if case.operation.definition.raw["operationId"] == "admin_list_mail_delivery_attempts":
        case.query.pop("cursor", None)
    # The same key with another body is a conflict, and nothing else would be tried.
    if "Idempotency-Key" in case.headers:
        case.headers["Idempotency-Key"] = f"call-{number}"
    # Sequences bring the ids of what they made along. The others get one that exists every other time.
    if case.meta.phase.name != TestPhase.STATEFUL and number % 2:
        for name, known in KNOWN.items():
            if name in case.path_parameters:
                case.path_parameters[name] = known


def spare(case) -> None:
    """Those on whose behalf the run calls must live to its end: what ends an account is done to another one."""
    if case.operation.definition.raw["operationId"] == "delete_account":
        case.headers["X-User-ID"] = KNOWN["user_id"]
    if "/admin/" in case.operation.path or "/internal/" in case.operation.path:
        for name, own, other in (
            ("user_id", os.environ["GALAXY_USER_ID"], KNOWN["user_id"]),
            ("user_name", os.environ["GALAXY_ADMIN_USER"], "grace"),
        ):
            if case.path_parameters.get(name) == own:
                case.path_parameters[name] = other


@schemathesis.hook
def filter_failure(context, failure, case, response):
    """Wrong credentials of administrators are refused with 401, and after some failures of one name with 429: no less so."""
    # The refusal is that of the check's own probe, of which only the failure's words tell; `response` is that of the call before it.
    return not (failure.code == "ST401" and "got `429 " in failure.message)


WAYS = {"invited_user_id", "invited_user_name", "max_uses"}

KNOWN = {
    "game_id": os.environ["GALAXY_GAME_ID"],
    "device_session_id": os.environ["GALAXY_SESSION_ID"],
    "user_id": os.environ["GALAXY_OTHER_USER_ID"],
    "version": "1.0.0",
}


def fit(body: dict) -> None:
    for at in ("enrollment_ends_at", "expires_at", "ends_at"):
        if isinstance(body.get(at), str):
            body[at] = soon()
    least, most = body.get("min_players"), body.get("max_players")
    # Whole numbers may be written `5.0`.
    if isinstance(least, (int, float)) and isinstance(most, (int, float)):
        body["min_players"], body["max_players"] = sorted((least, most))
    if isinstance(body.get("owner_user_id"), str):
        body["owner_user_id"] = os.environ["GALAXY_USER_ID"]
    # Also what was read elsewhere: the name of a deleted account is longer than one that a person may choose.
    if isinstance(body.get("user_name"), str):
        body["user_name"] = body["user_name"][:32]
    if body.get("kind") == "email" and "external_id" in body:
        body["external_id"] = "ada@example.org"
    # Whom an invite is for: said in one of three ways.
    ways = sorted(way for way in WAYS if body.pop(way, None) is not None)
    if ways:
        body[ways[-1]] = {"invited_user_id": KNOWN["user_id"], "invited_user_name": "ada", "max_uses": 3}[ways[-1]]
