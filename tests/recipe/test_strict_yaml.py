from __future__ import annotations

import contextlib
import os
import re
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tune_polar.errors import SpecError
from tune_polar.recipe.strict_yaml import parse_value, read_yaml, written_yaml


def write(folder: Path, content: str | bytes) -> Path:
    path = folder / "file.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-6", 1e-6),
        ("1E5", 1e5),
        ("-2.5e+3", -2500.0),
        (".5", 0.5),
        ("5.", 5.0),
        ("010", 10),
        ("-07", -7),
        ("+3", 3),
        ("no", "no"),
        ("yes", "yes"),
        ("on", "on"),
        ("OFF", "OFF"),
        ("y", "y"),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("1_000", "1_000"),
        ("0x1F", "0x1F"),
        ("1:30", "1:30"),
        ("2020-01-01", "2020-01-01"),
        ("=", "="),
        ("'1'", "1"),
        ('"no"', "no"),
        ("[1, no, 1e-6]", [1, "no", 1e-6]),
        ("{a: 1}", {"a": 1}),
        ("e5", "e5"),
        ("1e", "1e"),
        ("nan", "nan"),
        (".inf", ".inf"),
    ],
)
def test_plain_values_mean_what_people_read(text, value):
    found = parse_value(text, "--set key")
    assert found == value
    assert type(found) is type(value)


@settings(deadline=None)
@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_float_that_python_prints_is_read_back(value):
    assert parse_value(repr(value), "--set key") == value


@settings(deadline=None)
@given(st.integers(-(10**50), 10**50))
def test_every_integer_is_read_back_as_one(value):
    found = parse_value(str(value), "--set key")
    assert found == value
    assert type(found) is int


@pytest.mark.parametrize(
    "text", ["75524930e87", "0123", "1.5", "yes", "null", "~", "", "0x1f", "1_000", "2026-01-02", ".5"]
)
def test_a_word_that_looks_like_something_else_is_read_back_as_a_word(tmp_path, text):
    content = {"configuration": text, text or "nothing": [text]}
    assert read_yaml(write(tmp_path, written_yaml(content))).content == content
    assert read_yaml(write(tmp_path, written_yaml({"inside": content}, flow=True))).content == {"inside": content}


WORDS = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=20) | st.from_regex(
    r"[-+0-9a-fA-FxoeE._:~]{1,12}", fullmatch=True
)
PLAIN = (
    st.none()
    | st.booleans()
    | st.integers(-(10**12), 10**12)
    | st.floats(allow_nan=False, allow_infinity=False)
    | WORDS
)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(WORDS.filter(bool), PLAIN | st.lists(PLAIN, max_size=4), max_size=4))
def test_what_is_written_is_read_back(tmp_path_factory, content):
    path = write(tmp_path_factory.mktemp("written"), written_yaml(content))
    assert read_yaml(path).content == content


def test_values_and_lines_of_a_file(tmp_path):
    file = read_yaml(write(tmp_path, "a: 1\nb:\n  c: [x,\n    y]\n  d/e: 2\n"))
    assert file.content == {"a": 1, "b": {"c": ["x", "y"], "d/e": 2}}
    assert file.line_of(("b", "d/e")) == 5
    assert file.line_of(("b", "c", 1)) == 4
    assert file.line_of(("b", "absent", "deeper")) == 2
    assert file.line_of(("absent",)) is None


@pytest.mark.parametrize("content", [b"\xef\xbb\xbfa: 1\n", b"a: 1\r\n", b"a: 1", b"---\na: 1\n", b"# words\n\na: 1\n"])
def test_byte_order_marks_line_ends_and_comments_change_nothing(tmp_path, content):
    assert read_yaml(write(tmp_path, content)).content == {"a": 1}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", r"file\.yaml: must hold keys and values, got nothing"),
        ("# only words\n", "must hold keys and values, got nothing"),
        ("- 1\n", "must hold keys and values, got a list"),
        ("words\n", "must hold keys and values, got a single value"),
        ("a:\n\tb: 1\n", r"file\.yaml:2: must be plain YAML: found character '\\t'"),
        ("a: [1\nb: 2\n", r"file\.yaml:2: must be plain YAML"),
        ("a: 1\n---\nb: 2\n", r"file\.yaml:2: must be plain YAML: one document, got another after `---`"),
        ("a: 1\na: 2\n", r"file\.yaml:2: a: a key must stand once, also on line 1"),
        ("a: {b: 1, b: 2}\n", r"file\.yaml:1: a\.b: a key must stand once, also on line 1"),
        ("a: [{b: 1}, {c: 1,\n c: 2}]\n", r"file\.yaml:2: a\.1\.c: a key must stand once, also on line 1"),
        (r'a: {b: [x, "y\ud800"]}', r"file\.yaml:1: a\.b\.1: a text must be whole characters, got 'y\\ud800'"),
        (r'"\ud800": 1', r"file\.yaml:1: a key must be whole characters, got '\\ud800'"),
        ("1: a\n", r"file\.yaml:1: a key must be text, got '1'"),
        ("a:\n  true: a\n", r"file\.yaml:2: a: a key must be text, got 'true'"),
        ("null: a\n", "a key must be text, got 'null'"),
        ("a:\n  ? \n  : b\n", "a: a key must be text, got ''"),
        ("? [a]\n: 1\n", r"file\.yaml:1: a key must be text, got a list or section"),
        ("a: &x 1\nb: *x\n", r"file\.yaml:1: must be plain YAML: anchors \(&name\) and aliases \(\*name\)"),
        ("a: {b: 1}\nc:\n  <<: *a\n", r"file\.yaml:3: must be plain YAML: anchors"),
        ("a: &a [*a]\n", r"file\.yaml:1: must be plain YAML: anchors"),
        ("a: 1\nb: !!python/object/apply:os.system [ls]\n", r"file\.yaml:2: .*without the tag '.*os\.system'"),
        ("a: !!set {b}\n", "without the tag 'tag:yaml.org,2002:set'"),
        ("a: !own 1\n", "without the tag '!own'"),
        ("a: !!str 1\n", "without the tag 'tag:yaml.org,2002:str'"),
        ("a: " + "[" * 400_000, r"file\.yaml:1: must be plain YAML: values must nest at most 20 deep"),
        ("a: \x00\n", "must be plain YAML: unacceptable character #x0000"),
        (b"\x89PNG\r\n\x1a\n", "must be UTF-8 text, got byte 0x89 at position 0"),
        ("a: 1\n".encode("utf-16"), "must be UTF-8 text, got byte 0xff at position 0"),
        (b"a: " + b"x" * 1_000_000, "must be at most 1000000 bytes, got more"),
    ],
)
def test_what_is_no_plain_mapping_is_refused_with_its_place(tmp_path, content, message):
    with pytest.raises(SpecError, match=message):
        read_yaml(write(tmp_path, content))


def test_all_duplicate_and_unfit_keys_are_named_at_once(tmp_path):
    with pytest.raises(SpecError) as caught:
        read_yaml(write(tmp_path, "a: 1\nb: {c: 1, c: 2}\na: 3\n4: 5\n"))
    lines = caught.value.problem.splitlines()
    assert [re.sub(r".*file", "file", line) for line in lines] == [
        "file.yaml:2: b.c: a key must stand once, also on line 2",
        "file.yaml:3: a: a key must stand once, also on line 1",
        "file.yaml:4: a key must be text, got '4'",
    ]
    assert caught.value.remedy.count("\n") == 0


def test_a_short_file_cannot_stand_for_a_huge_one(tmp_path):
    laughs = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 40))
    start = time.monotonic()
    with pytest.raises(SpecError, match="aliases"):
        read_yaml(write(tmp_path, laughs))
    assert time.monotonic() - start < 1


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("missing.yaml", "No such file"),
        (".", "Is a directory"),
        ("nul\0.yaml", "null byte"),
        ("x" * 5000 + ".yaml", "too long"),
        ("file.yaml/below.yaml", "Not a directory"),
    ],
)
def test_paths_that_cannot_be_read(tmp_path, path, reason):
    write(tmp_path, "a: 1\n")
    with pytest.raises(SpecError, match=f"cannot be read: .*{reason}"):
        read_yaml(tmp_path / path)


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="no such device here")
def test_an_endless_file_is_refused():
    with pytest.raises(SpecError, match="must be at most 1000000 bytes"):
        read_yaml(Path("/dev/zero"))


def test_a_pipe_is_read(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(b"a: 1\n",))
    writer.start()
    assert read_yaml(pipe).content == {"a": 1}
    writer.join()


@pytest.mark.timeout(10)
def test_a_pipe_that_nobody_writes_to_is_not_waited_for(tmp_path, monkeypatch):
    monkeypatch.setattr("tune_polar.recipe.strict_yaml._PATIENCE_SECONDS", 0.05)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(SpecError, match="nothing was written to this pipe"):
        read_yaml(tmp_path / "pipe")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{x", "--set key: must be plain YAML: expected"),
        ("a: b: c", "--set key: must be plain YAML: mapping values are not allowed here"),
        ("&a 3", "--set key: must be plain YAML: anchors"),
        ("*a", "--set key: must be plain YAML: anchors"),
        ("!!python/name:os.system", "without the tag"),
        ("{x: 1, x: 2}", "--set key: x: a key must stand once"),
        ("{1: 2}", "a key must be text"),
        ("\0", "unacceptable character"),
        ("@", "must be plain YAML"),
    ],
)
def test_option_values_that_are_no_yaml_are_refused(text, message):
    with pytest.raises(SpecError, match=message):
        parse_value(text, "--set key")


@settings(deadline=None)
@given(st.text())
def test_any_text_is_a_value_or_a_spec_error(text):
    with contextlib.suppress(SpecError):
        parse_value(text, "--set key")


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_a_mapping_or_a_spec_error(tmp_path_factory, content):
    path = write(tmp_path_factory.getbasetemp(), content)
    with contextlib.suppress(SpecError):
        assert isinstance(read_yaml(path).content, dict)
