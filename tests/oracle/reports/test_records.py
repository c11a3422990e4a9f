"""A report as JSON: what the schema asks for, and back to the same report."""

import json
import math
from dataclasses import fields
from importlib.resources import files

import pytest
from jsonschema import Draft202012Validator

from pp_ref.errors import DataError
from pp_ref.oracle.reports import read_report, write_report
from pp_ref.oracle.reports.records import SCHEMA, content, from_record, to_record
from pp_ref.oracle.verdict.findings import Finding, Report, Status, TensorVerdict
from tests.odd_files import ODD
from tests.oracle.reports.sample import REPORTS, sample

TEXT = (files("pp_ref.oracle.reports") / "schemas" / "report.schema.json").read_text("utf-8")
VALIDATOR = Draft202012Validator(json.loads(TEXT))


def strict(data):
    def refuse(constant):
        raise ValueError(constant)

    return json.loads(data, parse_constant=refuse)


def test_the_schema_is_one():
    Draft202012Validator.check_schema(VALIDATOR.schema)


@pytest.mark.parametrize("name", REPORTS)
def test_every_report_is_as_the_schema_says(name):
    VALIDATOR.validate(strict(content(REPORTS[name])))


@pytest.mark.parametrize("name", REPORTS)
def test_a_report_comes_back(name, tmp_path):
    write_report(REPORTS[name], tmp_path / "report.json")
    assert repr(read_report(tmp_path / "report.json")) == repr(REPORTS[name])  # NaN is not equal to NaN


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, -0.0, 5e-324, 0.1, 1.7976931348623157e308])
def test_a_number_comes_back_to_the_bit(value):
    tensor = TensorVerdict("y", (), 2.0, 2.0, (), computed=value, exact=value)
    report = Report("c", "float64", 0, (Finding("i", "o", "r", Status.failed, (tensor,)),))
    record = strict(content(report))
    VALIDATOR.validate(record)
    back = from_record(record).findings[0].tensors[0]
    assert [back.computed.hex(), back.exact.hex()] == [value.hex()] * 2


def test_whole_numbers_come_back_as_floats():
    """Another program may write 1.0 as 1."""
    record = to_record(sample())
    record["seconds"] = 4
    assert repr(from_record(record).seconds) == "4.0"


def test_the_schema_has_the_fields_of_a_report():
    schema, kinds = VALIDATOR.schema, VALIDATOR.schema["$defs"]
    for described, kind, more in (
        (schema, Report, {"schema", "counts", "exit_code", "checksum"}),
        (kinds["finding"], Finding, set()),
        (kinds["tensor"], TensorVerdict, set()),
    ):
        assert set(described["properties"]) == set(described["required"]) == {f.name for f in fields(kind)} | more
    statuses = [str(status) for status in Status]
    assert kinds["finding"]["properties"]["status"]["enum"] == statuses
    assert list(schema["properties"]["counts"]["properties"]) == schema["properties"]["counts"]["required"] == statuses
    assert schema["properties"]["schema"]["const"] == SCHEMA


def change(*path):
    """A record with the value at the path but its last step replaced by that last step."""
    *way, last, value = path
    record = to_record(sample())
    place = record
    for step in way:
        place = place[step]
    place[last] = value
    return record


@pytest.mark.parametrize(
    "record",
    [
        change("schema", "pp_ref.report/1"),
        change("exit_code", 4),
        change("seed", "0"),
        change("counts", "failed", -1),
        change("another", 0),
        change("findings", 0, "status", "fine"),
        change("findings", 0, "another", 0),
        change("findings", 0, "messages", "raised"),
        change("findings", 0, "tensors", 0, "ratio", "NaN"),
        change("findings", 0, "tensors", 0, "ratio", -1.0),
        change("findings", 0, "tensors", 0, "at", 3),
        change("findings", 0, "tensors", 0, "errors", [None]),
        {name: value for name, value in to_record(sample()).items() if name != "seed"},
    ],
    ids=lambda record: "",
)
def test_the_schema_refuses(record):
    assert not VALIDATOR.is_valid(record)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (None, "cannot be read .No such file or directory.: expected the JSON report of a run"),
        (
            "{",
            "is not a report of version pp_ref.report/4, or is damaged .Expecting .*: write it anew with `pp-ref conf",
        ),
        ("[]", "is not a report of version"),
        ("[" * 100_000, "is not a report of version .*RecursionError"),
        ("{}", "KeyError..schema"),
        (json.dumps({"schema": "pp_ref.report/0"}), "schema is 'pp_ref.report/0', expected 'pp_ref.report/4'"),
        (json.dumps(change("another", 0)), "unexpected keyword argument 'another'"),
        (json.dumps(change("findings", 0, "status", "fine")), "'fine' is not a valid Status"),
        (json.dumps(change("findings", 0, None)), "is not a report of version"),
        (json.dumps(change("candidate", "another")), "its content does not have its checksum"),
        (json.dumps(change("findings", 0, "tensors", 0, "ratio", "many")), "could not convert string to float: 'many'"),
    ],
)
def test_what_is_no_report_is_refused(data, message, tmp_path):
    path = tmp_path / "report.json"
    if data is not None:
        path.write_text(data)
    with pytest.raises(DataError, match=message):
        read_report(path)


@pytest.mark.parametrize("kind", ODD)
def test_what_is_no_regular_file(tmp_path, kind):
    make, why = ODD[kind]
    message = rf"file cannot be read \({why}\): expected the JSON report of a run$"
    with make(tmp_path / "file"), pytest.raises(DataError, match=message):
        read_report(tmp_path / "file")
