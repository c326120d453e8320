"""Texts of records: templates, presets, and what is wrong with a record, by its number."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyuniform.embed.texts import Texts, text_of

RECORD = {"a": "A", "b.c": "BC", "n": 3, "x": 0.5, "t": True, "none": None, "list": ["l"], "{": "?"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a", "A"),
        ("b.c", "BC"),
        ("{a}", "A"),
        ("{a}{a} {b.c}", "AA BC"),
        ("é{{{a}}}\n", "é{A}\n"),
        ("{n} {x} {t}", "3 0.5 true"),
        ("n", "3"),
    ],
)
def test_fields_and_templates(text: str, expected: str) -> None:
    assert text_of(text).make(RECORD) == expected


@pytest.mark.parametrize(
    "text", ["{a.__class__}", "{a[0]}", "{list[0]}", "{a!r}", "{a:>9}", "{0}", "{ a }", "{A}"]
)
def test_names_are_taken_as_they_are_and_nothing_is_looked_up_in_values(text: str) -> None:
    name = text[1:-1]
    assert text_of(text).make({"a": "A", "list": ["l"], name: "found"}) == "found"
    with pytest.raises(ValueError, match="there is no field"):
        text_of(text).make({"a": "A", "list": ["l"]})


@pytest.mark.parametrize("text", ["{", "}", "{a", "a}", "{}", "{a{b}}", "{{a}", "{a}}", "{a}}}{"])
def test_braces_without_their_other(text: str) -> None:
    with pytest.raises(ValueError, match="a brace itself is written twice"):
        text_of(text)


def test_other_mistakes_in_templates() -> None:
    with pytest.raises(ValueError, match="it names no field"):
        text_of("{{a}}")
    with pytest.raises(ValueError, match="it is empty"):
        text_of("")
    with pytest.raises(TypeError, match="text must be a string, got 3"):
        text_of(3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="field 'none' is null"):
        text_of("{a} {none}").make(RECORD)
    with pytest.raises(ValueError, match="field 'list' is a list; text or a number is wanted"):
        text_of("list").make(RECORD)


@given(st.lists(st.tuples(st.text(), st.sampled_from(["{a}", "{bc}", "{é}"])), min_size=1))
def test_templates_are_those_of_str_format(parts: list[tuple[str, str]]) -> None:
    template = "".join(
        plain.replace("{", "{{").replace("}", "}}") + field for plain, field in parts
    )
    record = {"a": "{b}", "bc": "", "é": "É\n"}
    assert text_of(template).make(record) == template.format(**record)
    assert set(text_of(template).needed) == {field[1:-1] for _, field in parts}


def test_alpaca() -> None:
    make = text_of("alpaca").make
    assert make({"instruction": "I", "input": "in", "output": "O"}) == "I\nin\nO"
    for record in ({"input": ""}, {"input": None}, {}):
        assert make({"instruction": "I", "output": "O"} | record) == "I\nO"
    with pytest.raises(ValueError, match="there is no field 'output', but 'instruction'"):
        make({"instruction": "I"})
    # The field of that name can still be had.
    assert text_of("{alpaca}").make({"alpaca": "animal"}) == "animal"


SHAREGPT = [{"from": "human", "value": "Hé?"}, {"from": "gpt", "value": "Ja."}]
OPENAI = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": [{"type": "text", "text": "Hé?"}, {"type": "image_url"}]},
    {"role": "assistant", "content": None, "tool_calls": [{}]},
    {"role": "assistant", "content": "Ja."},
]


def test_conversations() -> None:
    make = text_of("conversations").make
    assert make({"conversations": SHAREGPT}) == "Hé?\nJa."
    assert make({"messages": OPENAI}) == "Be brief.\nHé?\nJa."
    assert make({"messages": None, "conversations": SHAREGPT}) == "Hé?\nJa."
    assert make({"messages": []}) == ""
    for record, message in [
        ({"text": "a"}, "neither 'messages' nor 'conversations', but 'text'"),
        ({"messages": "Hé?"}, "field 'messages' is a str; a list of turns is wanted"),
        ({"messages": ["Hé?"]}, r"field 'messages\[0\]' has neither 'content' nor 'value'"),
        ({"conversations": [*SHAREGPT, {}]}, r"field 'conversations\[2\]' has neither"),
        ({"messages": [{"content": 3}]}, r"field 'messages\[0\]' is a int; text is wanted"),
    ]:
        with pytest.raises(ValueError, match=message):
            make(record)


RECORDS = [{"id": f"é{i}", "text": f"text {i}\u2028", "more": {"deep": [i]}} for i in range(3000)]


def write(records: list[dict], path: Path) -> Path:
    if path.suffix == ".jsonl":
        lines = (json.dumps(record, ensure_ascii=False) + "\n" for record in records)
        path.write_text("\n".join(lines), encoding="utf-8")  # with a blank line after each
    else:
        pq.write_table(pa.Table.from_pylist(records), path, row_group_size=700)
    return path


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet", None])
def test_all_records_in_order_from_any_kind(suffix: str | None, tmp_path: Path) -> None:
    source = RECORDS if suffix is None else write(RECORDS, tmp_path / f"r{suffix}")
    texts = Texts(source, "<{text}>", "id")
    expected = [f"<{record['text']}>" for record in RECORDS]
    assert list(texts) == expected
    facts = texts.facts()
    assert facts.n == 3000
    assert facts.ids is not None
    assert facts.ids.tolist() == [record["id"] for record in RECORDS]
    assert Texts(RECORDS, "<{text}>").facts().digest == facts.digest
    assert Texts(RECORDS, "{text}").facts().digest != facts.digest
    chunks = list(texts.chunks(1024, facts))
    assert [begin for begin, _ in chunks] == [0, 1024, 2048]
    assert [text for _, chunk in chunks for text in chunk] == expected
    with pytest.raises(ValueError, match="has changed while it was read"):
        list(texts.chunks(1000, Texts(RECORDS[:-1], "<{text}>").facts()))


def test_digests_tell_where_texts_end() -> None:
    digests = {
        Texts([{"a": text} for text in texts], "a").facts().digest
        for texts in (["ab", "c"], ["a", "bc"], ["abc"], ["abc", ""], ["", "abc"])
    }
    assert len(digests) == 5


@pytest.mark.parametrize("kind", ["messages", "conversations"])
def test_conversations_in_parquet(kind: str, tmp_path: Path) -> None:
    turns = SHAREGPT if kind == "conversations" else [OPENAI[0], OPENAI[3]]
    path = write([{"id": 1, kind: turns}, {"id": 2, kind: turns[1:]}], tmp_path / "r.parquet")
    assert list(Texts(path, "conversations"))[1] == "Ja."
    with pytest.raises(ValueError, match="no column 'messages' or 'conversations', but"):
        Texts(write([{"id": 1}], tmp_path / "other.parquet"), "conversations", "id")


def test_mistakes_name_the_record(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    for line, message in [
        (b'{"text": "broken', "record 1 of .*r.jsonl is not JSON"),
        (b'"text"', "record 1 of .*r.jsonl is not an object"),
        (b'{"texts": "a"}', "record 1 of .*r.jsonl: there is no field 'text', but 'texts'"),
        (b'{"text": null}', "record 1 of .*r.jsonl: field 'text' is null"),
        (b'{"text": "\\ud800"}', "record 1 of .*r.jsonl: its text has half of a surrogate pair"),
        (b'{"text": "a"}', "record 1 of .*r.jsonl: there is no field 'id'"),
    ]:
        path.write_bytes(b'{"text": "good", "id": 0}\n\n' + line + b"\n")
        with pytest.raises(ValueError, match=message):
            Texts(path, "text", "id").facts()
    path.write_text('{"text": "a", "id": 1}\n{"text": "a", "id": "1"}')
    with pytest.raises(TypeError, match=r"ids of .* must be integers or strings"):
        Texts(path, "text", "id").facts()
    path.write_text("\n\n")
    with pytest.raises(ValueError, match=r"r.jsonl has no records"):
        Texts(path, "text").facts()
    table = write([{"text": None}], tmp_path / "r.parquet")
    with pytest.raises(ValueError, match=r"record 0 of .*r\.parquet: field 'text' is null"):
        Texts(table, "text").facts()
    with pytest.raises(ValueError, match=r"has no column 'nope', but \['text'\]"):
        Texts(table, "{text}{nope}")
    with pytest.raises(TypeError, match="records must be a path or a list of dicts, got generator"):
        Texts((record for record in RECORDS), "text")
    with pytest.raises(TypeError, match="record 0 must be a dict, got str"):
        Texts(["text"], "text").facts()
    with pytest.raises(ValueError, match="must end in one of"):
        Texts(tmp_path / "r.csv", "text")
