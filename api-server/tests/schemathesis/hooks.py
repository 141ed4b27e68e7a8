"""What the schema alone cannot say: texts of a kind, and fields that depend on each other.

Every `format` here is named in the document; without these, most requests that fit the schema would end at a rule that JSON
Schema has no words for, and nothing behind it would be tried.
"""

import base64
import datetime

import schemathesis
from hypothesis import strategies as st

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
    "email": words(20).map(lambda name: f"{name}@example.org"),
    "engine-version": st.tuples(*[st.integers(0, 20)] * 3).map(lambda v: ".".join(map(str, v))) | st.just("1.0.0"),
    "game-name": words(64),
    "idempotency-key": st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=128),
    "image-reference": words(40).map(lambda name: f"registry.example/{name}:1"),
    "language-tag": st.sampled_from(["en", "en-GB", "de", "ru", "zh-Hant"]),
    "race-name": words(32),
    "text": st.text(st.characters(codec="utf-8", exclude_categories=["C"]), max_size=200),
    "time-zone": st.sampled_from(["UTC", "Europe/London", "Asia/Tokyo", "America/Sao_Paulo"]),
    "turn-schedule": st.sampled_from(["@every 1h", "@every 90s", "0 6,18 * * *", "*/5 * * * 1-5"]),
    "user-name": words(32),
}
for name, strategy in FORMATS.items():
    schemathesis.openapi.format(name, strategy)


def soon() -> str:
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=30)).isoformat()


@schemathesis.hook
def map_case(context, case):
    """Fields of a request that fits which depend on each other, or on what there is."""
    if case.meta is None or not case.meta.generation.mode.is_positive or not isinstance(case.body, dict):
        return case
    body = case.body
    for at in ("enrollment_ends_at", "expires_at", "ends_at"):
        if isinstance(body.get(at), str):
            body[at] = soon()
    if isinstance(body.get("min_players"), int) and isinstance(body.get("max_players"), int):
        body["min_players"], body["max_players"] = sorted((body["min_players"], body["max_players"]))
    return case
