"""Batch files: what is read from them, and what is wrong with them, where."""

import json
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from api.cli.batchfile.document import Document, Place, Unreadable
from api.cli.batchfile.file import BadBatch, read_batch
from api.cli.batchfile.json_text import read_json
from api.cli.batchfile.yaml_text import read_yaml

EXAMPLES = Path(__file__).resolve().parents[2] / "deploy" / "examples"

BAD = """\
name: no
paralel_limit: 3
storage_backend: disk
operations:
  - id: a
    type: server_batch
    provider: local
    dependencies: [c, a]
    config:
      server_configs:
        - {name: web, plan: p, zonee: z, count: 3}
        - name: web-2
          plan: p
          zone: z
  - id: b
    type: taskserv_batch
    dependencies: [a]
    config: {taskservs: [redis, {name: x, parms: {}}], servers: web}
  - id: b
    type: server
    provider: local
    provider: aws
    dependencies: a
"""

MISTAKES = """\
3:1: storage_backend: Input should be 'filesystem' or 'surrealdb'
8:20: operations[0].dependencies[0]: there is no operation c
8:23: operations[0].dependencies[1]: a depends on itself
11:11: operations[0].config.server_configs[0].zone: is missing
11:32: operations[0].config.server_configs[0].zonee: there is no such field; did you mean zone?
15:5: operations[1].provider: is missing
18:43: operations[1].config.taskservs[1].parms: there is no such field; did you mean params?
18:56: operations[1].config.servers: Input should be a valid array
19:5: operations[2].id: b is the id of operations[1] already
20:5: operations[2].type: Input should be 'server_batch', 'taskserv_batch' or 'cluster_batch'
22:5: operations[2].provider: stands here twice
23:5: operations[2].dependencies: Input should be a valid array
"""


def mistakes(folder: Path, text: str, name: str = "batch.yaml") -> list[str]:
    file = folder / name
    file.write_text(text)
    with pytest.raises(BadBatch) as bad:
        read_batch(str(file))
    return [str(mistake) for mistake in bad.value.mistakes]


def test_every_mistake_is_told_with_its_place(tmp_path: Path) -> None:
    assert mistakes(tmp_path, BAD) == MISTAKES.splitlines()


def test_the_same_mistakes_are_found_in_json(tmp_path: Path) -> None:
    once = BAD.replace("    provider: aws\n", "").replace("dependencies: [c, a]", "dependencies: [c, a]")
    text = json.dumps(yaml.safe_load(once.replace("name: no\n", "name: 'no'\n")), indent=1)
    expected = [line.partition(" ")[2] for line in MISTAKES.splitlines() if "twice" not in line]
    found = mistakes(tmp_path, text, "batch.json")
    assert [line.partition(" ")[2] for line in found] == expected
    at = {line.partition(" ")[2]: line.partition(":")[0] for line in found}
    (line,) = [number for number, words in enumerate(text.splitlines(), 1) if '"zonee"' in words]
    assert at[expected[4]] == str(line)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("name: x\n", "1:1: operations: is missing"),
        ("name: x\noperations: []\n", "2:1: operations: a batch needs at least one operation"),
        ("- name: x\n", "1:1: a batch is an object with name and operations"),
        ("", "1:1: a batch is an object with name and operations"),
        ("name: x\n  y: z\n", "2:4: it is no YAML: mapping values are not allowed"),
        ("name: x\n---\nname: y\n", "2:1: it is no YAML: expected a single document in the stream"),
        ("name: !!set {a}\n", "1:7: it is no YAML: tag:yaml.org,2002:set is not for batches"),
        ("name: &x [*x]\n", "1:7: it is no YAML: too deep, or too much"),
        ("? [a]\n: b\n", "1:3: it is no YAML: a name must be a text"),
        ("name: 1" + "0" * 5000, "1:7: it is no YAML: Exceeds the limit"),
        ("name: 1" + "0" * 400, "1:1: name: "),
    ],
)
def test_what_is_no_batch_is_told_as_well(tmp_path: Path, text: str, told: str) -> None:
    assert mistakes(tmp_path, text)[0].startswith(told)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"name": "x",\n "a" 1}', "2:6: it is no JSON: Expecting ':'"),
        ('{"name": "x"}}', "1:14: it is no JSON: Extra data"),
        ('{"name": NaN}', "1:10: it is no JSON: NaN is no number of JSON"),
        ('{"name": 1e999}', "1:10: it is no JSON: the number is too large"),
        ('{"name": [1,]}', "1:13: it is no JSON: Expecting value"),
        ('{"a": 1,}', "1:9: it is no JSON: Expecting property name in double quotes"),
        ("[" * 70, "1:66: it is no JSON: Nested more than 64 deep"),
        ("", "1:1: it is no JSON: Expecting value"),
    ],
)
def test_what_is_no_json_is_told_with_its_place(tmp_path: Path, text: str, told: str) -> None:
    assert mistakes(tmp_path, text, "batch.json")[0].startswith(told)


def test_half_a_character_is_a_mistake_of_the_file(tmp_path: Path) -> None:
    """JSON can write it, and no request can hold it."""
    operation = {"id": "a", "type": "server_batch", "provider": "local", "dependencies": []}
    text = json.dumps({"name": "x", "operations": [operation | {"config": {"infra": "\ud800"}}]})
    told = mistakes(tmp_path, text, "batch.json")
    assert told and all("half a character" in one for one in told)


def test_a_cycle_is_told_at_its_first_operation(tmp_path: Path) -> None:
    operation = "  - {{id: {}, type: server_batch, provider: local, dependencies: [{}], config: {}}}\n"
    config = "{server_configs: [{name: NAME, plan: p, zone: z}]}"
    text = "name: x\noperations:\n" + "".join(
        operation.format(name, needs, config.replace("NAME", name))
        for name, needs in (("a", ""), ("b", "c"), ("c", "b"))
    )
    (told,) = mistakes(tmp_path, text)
    assert told.endswith(("b -> c -> b", "c -> b -> c"))
    assert told.startswith(("4:", "5:"))


def test_a_server_that_is_made_twice_is_told_at_the_second(tmp_path: Path) -> None:
    operation = "  - {{id: {}, type: server_batch, provider: local, dependencies: [], config: {}}}\n"
    one = "{server_configs: [{name: web, plan: p, zone: z, count: 2}]}"
    other = "{server_configs: [{name: web-2, plan: p, zone: z}]}"
    text = "name: x\noperations:\n" + operation.format("a", one) + operation.format("b", other)
    column = text.splitlines()[3].index("name: web-2") + 1
    assert mistakes(tmp_path, text) == [
        f"4:{column}: operations[1].config.server_configs[0].name: "
        "server default/web-2 is made by operations[0].config.server_configs[0] already"
    ]


def test_what_the_service_would_ignore_is_a_warning(tmp_path: Path) -> None:
    file = tmp_path / "batch.json"
    file.write_text(json.dumps(json.loads((EXAMPLES / "demo.json").read_text()) | {"paralel_limit": 3}))
    (warning,) = read_batch(str(file)).warnings
    assert warning.path == "paralel_limit"
    assert warning.message == "is not known, and ignored; did you mean parallel_limit?"


@pytest.mark.parametrize("name", ["demo.json", "second.json"])
def test_the_examples_are_without_mistakes(name: str, tmp_path: Path) -> None:
    batch = json.loads((EXAMPLES / name).read_text())
    assert read_batch(str(EXAMPLES / name)).body == batch
    written = tmp_path / "batch"  # without an ending: YAML, since it is no JSON
    written.write_text(yaml.safe_dump(batch))
    assert read_batch(str(written)).body == batch


def test_words_of_yaml_mean_what_json_knows() -> None:
    text = "{a: no, b: true, c: 2026-01-02, d: 0x1F, e: 1.50, f: 007, g: ~, h: 1e3, 5: on, i: '5', j: 12:30}"
    expected = {"a": "no", "b": True, "c": "2026-01-02", "d": "0x1F", "e": 1.5, "f": 7, "g": None}
    expected |= {"h": 1000.0, "5": "on", "i": "5", "j": "12:30"}
    assert read_yaml(text).value == expected


def test_yaml_may_repeat_itself_by_reference() -> None:
    text = "base: &b {plan: p, zone: z}\none: {<<: *b, zone: y}\ntwo:\n  <<: [*b]\nlist: [*b]\n"
    document = read_yaml(text)
    assert document.value == {
        "base": {"plan": "p", "zone": "z"},
        "one": {"zone": "y", "plan": "p"},
        "two": {"plan": "p", "zone": "z"},
        "list": [{"plan": "p", "zone": "z"}],
    }
    # A mistake in what is merged stands where that is written.
    assert document.place(("two", "zone")) == Place(1, 20)
    assert document.place(("one", "zone")) == Place(2, 15)


def test_little_yaml_that_stands_for_much_is_refused() -> None:
    bomb = "a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n"
    bomb += "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9))
    with pytest.raises(Unreadable, match="too much"):
        read_yaml(bomb, max_parts=10_000)
    merges = "a0: &a0 {x: 1}\n"
    merges += "".join(f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}], y{n}: 1}}\n" for n in range(1, 40))
    with pytest.raises(Unreadable, match="too much"):
        read_yaml(merges, max_parts=10_000)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
)


@given(values, st.sampled_from([None, 0, 2, "\t"]))
def test_json_is_read_as_the_standard_library_reads_it(value: JsonValue, indent: int | str | None) -> None:
    text = json.dumps(value, indent=indent)
    document = read_json(text)
    assert document.value == value
    _places_are_right(document, text)


@given(values)
def test_yaml_is_read_as_it_was_written(value: JsonValue) -> None:
    assert read_yaml(json.dumps(value, ensure_ascii=True).replace("\\ud", "\\\\ud")).places
    assert read_yaml(yaml.safe_dump(value, allow_unicode=False)).value == value


def _places_are_right(document: Document, text: str) -> None:
    """Where a name is said to stand, it stands."""
    lines = text.split("\n")
    for steps, place in document.places.items():
        here = lines[place.line - 1][place.column - 1 :]
        if steps and isinstance(steps[-1], str):
            assert here.startswith(json.dumps(steps[-1]))
