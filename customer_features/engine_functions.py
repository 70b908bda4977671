"""The few functions that DuckDB and Spark spell differently; everything else is Ibis."""

import inspect
import math
from dataclasses import dataclass
from typing import Any, cast

import ibis
import ibis.expr.types as ir

from customer_features.errors import FeatureError

TIMESTAMP = "timestamp('UTC', 6)"
NUMBER = "decimal(18, 6)"
"""Values of properties: sums of decimals are exact, so that they do not depend on the order of rows."""


def _builtin(name: str, parameters: tuple[str, ...], result: str) -> Any:
    arguments = [f"a{number}" for number in range(len(parameters))]

    def declared(*_: Any) -> None:
        """Known to the engine by its name."""

    # ibis reads the number of parameters off the signature
    declared.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [inspect.Parameter(argument, inspect.Parameter.POSITIONAL_OR_KEYWORD) for argument in arguments]
    )
    return ibis.udf.scalar.builtin(declared, name=name, signature=(parameters, result))


@dataclass(frozen=True)
class Functions:
    """What an engine calls: microseconds of an instant, an instant of microseconds, and a value in JSON as text."""

    dialect: str
    _micros: Any
    _instant: Any
    _json_text: Any

    def micros(self, instant: ir.Value) -> ir.IntegerValue:
        """Microseconds since 1970 of a timestamp."""
        return cast(ir.IntegerValue, self._micros(instant))

    def instant(self, micros: ir.Value) -> ir.TimestampValue:
        """The timestamp in UTC of microseconds since 1970."""
        return cast(ir.TimestampValue, self._instant(micros))

    def text(self, document: ir.Value, *keys: str) -> ir.StringValue:
        """A value inside a JSON document as text; NULL where there is none, or JSON's null.

        Raises:
            FeatureError: Spark's paths cannot have one of the keys.
        """
        if self.dialect == "duckdb":
            return cast(ir.StringValue, self._json_text(document, "$" + "".join(f'."{key}"' for key in keys)))
        for key in keys:
            if "?" in key:
                raise FeatureError(f"The property {key!r} cannot be read on Spark, whose paths have no ?.")
        return _plain(document, self._json_text(document, "$" + "".join(f"['{key}']" for key in keys)))

    def whole_text(self, document: ir.Value) -> ir.StringValue:
        """A JSON document that is a single value, as text without quotation marks; NULL where it is JSON's null."""
        found = self._json_text(document, "$")
        if self.dialect == "duckdb":
            return cast(ir.StringValue, found)
        null = document.cast("string").strip() == "null"
        return cast(ir.StringValue, ibis.cases((null, ibis.null("string")), else_=_plain(document, found)))

    def double(self, text: ir.StringValue) -> ir.FloatingValue:
        """Text as the double that is nearest to it; NULL where it is no number, or more than a double holds."""
        duckdb = self.dialect == "duckdb"
        found = (text if duckdb else _of_digits(text)).try_cast("float64")
        # text such as NaN is no number, and 1e400 would be infinite
        holds = found.abs() < math.inf
        if duckdb:
            holds = holds & ~text.contains("_")
        return cast(ir.FloatingValue, ibis.cases((holds, found), else_=ibis.null("float64")))

    def number(self, text: ir.StringValue) -> ir.DecimalValue:
        """Text as a decimal with six digits after the point; NULL where it is no number, or 10^12 and more."""
        if self.dialect == "duckdb":
            # it takes 1_000 for a number, and rounds 6e-8 to 0.000001 when it has no more digits to read it with, which
            # take ten times as long
            exponent = text.contains("e") | text.contains("E")
            return cast(
                ir.DecimalValue,
                ibis.cases(
                    (text.contains("_"), ibis.null(NUMBER)),
                    (exponent, text.try_cast("decimal(38, 20)").try_cast(NUMBER)),
                    else_=text.try_cast(NUMBER),
                ),
            )
        return cast(ir.DecimalValue, _of_digits(text).try_cast(NUMBER))


def _of_digits(text: ir.StringValue) -> Any:
    """Text that may be a number, NULL otherwise: Spark also takes the digits of all alphabets, and 1d or NaN."""
    return ibis.cases((text.re_search("^[-+.0-9eE \t\n\v\f\r]+$"), text), else_=ibis.null("string"))


def _plain(document: Any, text: Any) -> ir.StringValue:
    """Spark's text of a value, with numbers as DuckDB spells them.

    Spark spells 10000000.0 as 1.0E7, and 0.0001 as 1.0E-4; DuckDB from 1e21 on, and below 1e-6.
    """
    number = text.re_search("^-?[0-9][.][0-9]+E-?[0-9]+$") & ~document.cast("string").contains('"' + text + '"')
    large = text.re_search("E([7-9]|1[0-9]|20)$")
    small = text.re_search("E-[4-6]$")

    def digits(kind: str) -> Any:
        return text.try_cast(kind).cast("string").re_replace("0+$", "").re_replace("[.]$", ".0")

    spelt = ibis.cases(
        (large, digits("decimal(38, 16)")),
        (small, digits("decimal(38, 28)")),
        else_=text.replace(".0E", "e").replace("E", "e"),
    )
    return cast(ir.StringValue, ibis.cases((number, spelt), else_=text))


FUNCTIONS = {
    "duckdb": Functions(
        "duckdb",
        _builtin("epoch_us", (TIMESTAMP,), "int64"),
        _builtin("make_timestamptz", ("int64",), TIMESTAMP),
        _builtin("json_extract_string", ("json", "string"), "string"),
    ),
    "spark": Functions(
        "spark",
        _builtin("unix_micros", (TIMESTAMP,), "int64"),
        _builtin("timestamp_micros", ("int64",), TIMESTAMP),
        _builtin("get_json_object", ("string", "string"), "string"),
    ),
}


def to_sql(expression: ir.Table, dialect: str) -> str:
    """The SQL of an expression, for `duckdb` or `spark`.

    Raises:
        FeatureError: Spark's package is not installed.
    """
    if dialect == "spark":
        try:
            _ = ibis.pyspark.name  # registers what ibis's own compiler for Spark asks for
        except ImportError:
            raise FeatureError(
                "SQL for Spark needs its package: pip install 'customer-platform-extractor[spark]'."
            ) from None
    return str(ibis.to_sql(expression, dialect={"spark": "pyspark"}.get(dialect, dialect)))
