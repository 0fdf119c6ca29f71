"""JSON from a stranger: each limit on both sides, each refusal in its words."""

import json

import pytest

from forecaster.bundle.strict_json import AGAIN, complaint, parse
from tests.bundles import message


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b'{"a":1,"b":2,"a":2}', "the key 'a' twice; expected each key once"),
        (b"1\xff", "bytes that are not UTF-8 at 1; expected UTF-8 text"),
        (b"\xef\xbb\xbf1", "a byte-order mark; expected UTF-8 without one"),
        (b"[\n1 2]", "Expecting ',' delimiter at line 2, column 3; expected JSON"),
        (b"[1.1e300]", "the number 1.1e300; expected magnitudes up to 1e300"),
        (b"[-1e999]", "the number -1e999; expected magnitudes up to 1e300"),
        (b"[-Infinity]", "-Infinity; expected finite numbers"),
        (b"[" + b"1" * 19 + b"]", "an integer of 19 digits; expected at most 18"),
        (b"[" * 33 + b"]" * 33, "values nested deeper than 32; expected at most 32 levels"),
        (
            b'{"' + b"x" * 257 + b'":1}',
            "a string with 257 characters; at most 256 are allowed; expected short strings ",
        ),
        (
            b'[["\\u0007"]]',
            "a string with the control character '\\x07'; expected short strings of printable characters",
        ),
    ],
)
def test_json_is_refused_in_these_words(content, words):
    refusal = message(parse, content, "w")
    assert refusal.startswith(f"w: found {words}")
    assert refusal.endswith(AGAIN)


@pytest.mark.parametrize(
    "content",
    [
        b"[1e300, -1e300]",
        b"[" + b"1" * 18 + b", -" + b"1" * 18 + b"]",
        b"[" * 32 + b"]" * 32,
        b"[" + b"[]," * 40 + b"{}]",
        b'["' + b"x" * 256 + b'"]',
        b'["' + b"[" * 40 + b'\\"' + b"{" * 40 + b'"]',
        b'["a\\tb"]',
        '["1\u00a0000 m/s²"]'.encode(),
    ],
)
def test_json_within_its_limits_is_read(content):
    assert parse(content, "w") == json.loads(content)


def test_the_longest_string_is_the_callers_to_say():
    assert parse(b'["xxxx"]', "w", longest=4) == ["xxxx"]
    assert "5 characters; at most 4" in message(parse, b'["xxxxx"]', "w", longest=4)
    assert complaint("x" * 256) is None
    assert complaint("\u2028") == "the control character '\\u2028'"
